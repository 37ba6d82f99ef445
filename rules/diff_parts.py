"""What changes between two policies beside their decisions: constraints, and all that is set."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rules.bundle import Bundle
from rules.judge import match_of
from rules.own_rego import USER_PATH
from rules.variants import configuration

ADDED, REMOVED, CHANGED = "added", "removed", "changed"
TIGHTENED, LOOSENED = "tightened", "loosened"

Tables = Mapping[str, Any]

_SECTIONS = {
    "mode": "mode",
    "on_error": "onError",
    "limits": "limits",
    "agents": "agent",
    "delegation": "delegation",
    "destinations": "destination",
    "labels": "data",
    "approvals": "approval",
    "redaction": "redaction",
    "recognizers": "recognizer",
    "budgets": "budget",
}
"""Tables whose meaning is not all in decisions, and what people call an item of each."""
_DERIVED = frozenset({"regions", "id", "mcp", "a2a"})
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_UNSET: tuple[Any, ...] = ("", [], {}, None)


@dataclass(frozen=True, slots=True)
class ConstraintChange:
    """A constraint on a tool's argument that comes, goes or moves."""

    tool: str
    argument: str
    kind: str
    change: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class SettingChange:
    """Anything else that a policy sets: in which section, of which item, under which key."""

    section: str
    item: str
    key: str
    change: str
    before: str
    after: str


def compare_constraints(old: Tables, new: Tables) -> list[ConstraintChange]:
    """Compare the constraints of all tools, and how requests are matched to them."""
    return list(_constraints(old["tools"], new["tools"]))


def compare_settings(old: Bundle, new: Bundle) -> list[SettingChange]:
    """Compare what is set beside tools and rules, the conditions of rules and own Rego."""
    before, after = settings_of(old), settings_of(new)
    return [
        change
        for section in dict.fromkeys((*before, *after))
        for change in _compare(section, before.get(section, {}), after.get(section, {}))
    ]


def settings_of(bundle: Bundle) -> dict[str, dict[str, Any]]:
    """Give what a policy sets by section and item, without order and without where it stands."""
    tables = configuration(bundle)
    found = {name: _by_item(key, tables.get(key, {})) for key, name in _SECTIONS.items()}
    found["conditions of rule"] = {
        name: sorted(_condition(part) for part in parts) for name, parts in tables["guards"].items()
    }
    found["region"] = {
        fence["id"]: _own(plain(fence))
        for layer in tables["layers"].values()
        for fence in layer["regions"]
    }
    found["own rules"] = {
        path.removeprefix(USER_PATH): hashlib.sha256(content).hexdigest()[:12]
        for path, content in bundle.files.items()
        if path.startswith(USER_PATH)
    }
    return found


def _constraints(old: Tables, new: Tables) -> Iterator[ConstraintChange]:
    for tool in sorted({*old, *new}):
        before, after = old.get(tool), new.get(tool)
        if before is None or after is None:
            change = ADDED if before is None else REMOVED
            yield ConstraintChange(tool, "", "tool", change, _match(before), _match(after))
        elif plain(match_of(before)) != plain(match_of(after)):
            yield ConstraintChange(tool, "", "match", CHANGED, _match(before), _match(after))
        sides = _checks(before), _checks(after)
        for argument, kind in sorted({*sides[0], *sides[1]}):
            was, becomes = (side.get((argument, kind)) for side in sides)
            if was != becomes:
                yield ConstraintChange(
                    tool,
                    argument,
                    kind,
                    _direction(kind, was, becomes),
                    _shown(was),
                    _shown(becomes),
                )


def _checks(tool: Mapping[str, Any] | None) -> dict[tuple[str, str], Any]:
    """Give the bounds of a tool by argument and kind."""
    found: dict[tuple[str, str], Any] = {}
    for check in (tool or {}).get("checks", ()):
        if check["argument"]:
            # `each` stands between the two.
            label = str(check["id"]).partition("/")[2].removeprefix(f"{check['argument']}.")
            bound = plain(check["bound"])
            key = (check["argument"], label)
            # The shorthand and the long form may both name one bound: the narrower of them holds.
            if key in found and _direction(label, found[key], bound) != TIGHTENED:
                continue
            found[key] = bound
    for argument, origin in ((tool or {}).get("from") or {}).items():
        found[(argument, "from")] = origin
    return found


def _match(tool: Mapping[str, Any] | None) -> str:
    if tool is None:
        return ""
    if "mcp" in tool:
        return f"MCP {tool['mcp']['tool']} of {tool['mcp']['server']}"
    if "a2a" in tool:
        return f"A2A {', '.join(tool['a2a']['methods'])} of {tool['a2a']['destination']}"
    if "http" in tool:
        http: Mapping[str, Any] = tool["http"]
        what = f"{','.join(http['methods']) or 'any method'} {http['path']} of "
        more = {k: v for k, v in http.items() if k not in ("methods", "path", "destination") and v}
        return f"{what}{http['destination']}" + (f" {_shown(plain(more))}" if more else "")
    return _shown(plain(match_of(tool)))


def _direction(kind: str, was: Any, becomes: Any) -> str:
    """Say what a change of a bound does: fewer calls keep to it, more, or others."""
    if was is None:
        return ADDED
    if becomes is None:
        return REMOVED
    narrower = _NARROWER.get(kind.removeprefix("each."))
    if narrower is None:
        return CHANGED
    try:
        if narrower(was, becomes):
            return TIGHTENED
        return LOOSENED if narrower(becomes, was) else CHANGED
    except TypeError:
        return CHANGED


def _smaller(was: Any, becomes: Any) -> bool:
    return bool(becomes < was)


def _larger(was: Any, becomes: Any) -> bool:
    return bool(becomes > was)


def _subset(was: Any, becomes: Any) -> bool:
    first, second = ({json.dumps(item, sort_keys=True) for item in side} for side in (was, becomes))
    return second < first


_NARROWER: dict[str, Callable[[Any, Any], bool]] = {
    "max": _smaller,
    "under": _smaller,
    "max_length": _smaller,
    "min": _larger,
    "over": _larger,
    "min_length": _larger,
    "enum": _subset,
    "type": lambda was, becomes: (was, becomes) == ("number", "integer"),
}


def _compare(
    section: str, was: Mapping[str, Any], becomes: Mapping[str, Any]
) -> Iterator[SettingChange]:
    for item in sorted({*was, *becomes}):
        before, after = was.get(item), becomes.get(item)
        if item and (before is None or after is None):
            change = ADDED if before is None else REMOVED
            # A destination comes and goes with its endpoints.
            if section != "destination":
                yield SettingChange(section, item, "", change, _shown(before), _shown(after))
            continue
        for key, (left, right) in sorted(_leaves(before, after)):
            yield SettingChange(section, item, key, CHANGED, _shown(left), _shown(right))


def _by_item(section: str, value: Any) -> dict[str, Any]:
    """Give the items of a section by their id, a section without items under an empty one."""
    if section == "limits" or not isinstance(value, Mapping):
        return {"": plain(value)}
    items = {str(name): _own(plain(item)) for name, item in value.items()}
    if section == "agents":
        # To be declared without anything is like not to be declared.
        items = {
            name: {key: value for key, value in item.items() if value not in _UNSET}
            for name, item in items.items()
        }
    return {name: item for name, item in items.items() if item not in _UNSET}


def _condition(part: Mapping[str, Any]) -> str:
    """Write a condition of a rule in one line."""
    if part["kind"] == "label":
        return f"label {part['name']} is {_shown(plain(part['values']))}"
    if part["kind"] == "data":
        return f"data {_shown(plain(part['labels']))}"
    if part["kind"] == "argument":
        check = part["check"]
        return f"argument {check['argument']} {check['kind']} {_shown(plain(check['bound']))}"
    return "time " + " or ".join(sorted(map(_window, part.get("windows", ()))))


def _window(window: Mapping[str, Any]) -> str:
    days = ",".join(_DAYS[day] for day in sorted(window["days"]))
    times = (f"{at // 60:02}:{at % 60:02}" for at in (window["from"], window["to"]))
    return f"{days} {'-'.join(times)} {window['zone']}"


def _leaves(before: Any, after: Any, key: str = "") -> Iterator[tuple[str, tuple[Any, Any]]]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in {*before, *after}:
            inner = f"{key}.{name}" if key else str(name)
            yield from _leaves(before.get(name), after.get(name), inner)
    elif before != after:
        yield key, (before, after)


def _own(item: Any) -> Any:
    """Give an item without what the compiler derives from other sections."""
    if not isinstance(item, Mapping):
        return item
    return {key: value for key, value in item.items() if key not in _DERIVED}


def plain(value: Any) -> Any:
    """Give a value without the order of its lists and without what only says where it stands."""
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in sorted(value.items()) if k != "order"}
    if isinstance(value, list | tuple):
        return sorted((plain(item) for item in value), key=lambda item: json.dumps(item))
    return value


def _shown(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
