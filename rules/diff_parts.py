"""What changes between two policies beside their decisions: constraints, and all that is set."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rules.recorded import match_of

ADDED, REMOVED, CHANGED = "added", "removed", "changed"
TIGHTENED, LOOSENED = "tightened", "loosened"

Tables = Mapping[str, Any]

_BY_DECISION = frozenset({"hosts", "suffixes", "allow", "deny", "reach"})
"""Tables whose meaning is in the decisions that they lead to."""
_NO_MEANING = frozenset({"name", "file", "messages", "sources"})
_DERIVED = frozenset({"id", "mcp", "redact"})
_SINGULAR = {"destinations": "destination", "redaction": "redaction", "groups": "agent"}


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


def compare_settings(old: Tables, new: Tables) -> list[SettingChange]:
    """Compare what is set beside tools and rules."""
    return list(_settings(old, new))


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
    found: dict[tuple[str, str], Any] = {}
    for check in (tool or {}).get("checks", ()):
        if check["argument"]:
            key = (check["argument"], check["kind"])
            bound = plain(check["bound"])
            # The shorthand and the long form may both name one bound: the narrower of them holds.
            if key in found and _direction(check["kind"], found[key], bound) != TIGHTENED:
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
    narrower = _NARROWER.get(kind)
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


def _settings(old: Tables, new: Tables) -> Iterator[SettingChange]:
    for section in sorted({*old, *new} - _BY_DECISION - _NO_MEANING - {"tools"}):
        was, becomes = _by_item(section, old.get(section)), _by_item(section, new.get(section))
        for item in sorted({*was, *becomes}):
            before, after = was.get(item), becomes.get(item)
            if item and (before is None or after is None):
                change = ADDED if before is None else REMOVED
                # A destination comes and goes with its endpoints.
                if section != "destinations":
                    yield _setting(section, item, "", change, before, after)
                continue
            for key, (left, right) in sorted(_leaves(before, after)):
                yield _setting(section, item, key, CHANGED, left, right)


def _setting(
    section: str, item: str, key: str, change: str, before: Any, after: Any
) -> SettingChange:
    name = _SINGULAR.get(section, section)
    return SettingChange(name, item, key, change, _shown(before), _shown(after))


def _by_item(section: str, value: Any) -> dict[str, Any]:
    """Give the items of a section by their id, a section without items under an empty one."""
    if section == "limits" or not isinstance(value, Mapping | list):
        return {"": plain(value)}
    if isinstance(value, list):
        value = {str(item.get("id", index)): item for index, item in enumerate(value)}
    items = {str(name): _own(plain(item)) for name, item in value.items()}
    return {name: item for name, item in items.items() if item not in ([], {})}


def _own(item: Any) -> Any:
    """Give an item without what the compiler derives from other sections."""
    if not isinstance(item, Mapping):
        return item
    return {key: value for key, value in item.items() if key not in _DERIVED}


def _leaves(before: Any, after: Any, key: str = "") -> Iterator[tuple[str, tuple[Any, Any]]]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in {*before, *after}:
            inner = f"{key}.{name}" if key else str(name)
            yield from _leaves(before.get(name), after.get(name), inner)
    elif before != after:
        yield key, (before, after)


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
