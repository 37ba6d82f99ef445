"""A suggested policy as text: YAML whose comments say what each part comes from."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from rules.checks import REACHED_BY_DEFAULT
from rules.policy import Policy

_KEPT_SETTINGS = ("limits", "onError")
"""What a base policy sets for all agents and a suggestion keeps."""


@dataclass(slots=True)
class Place:
    """A destination of the suggestion: what was reached there, how often and by what."""

    id: str
    base: dict[str, Any] | None
    """The destination of the base policy that it is copied from."""
    hosts: Counter[str] = field(default_factory=Counter)
    schemes: set[str] = field(default_factory=set)
    ports: set[int] = field(default_factory=set)
    addresses: set[str] = field(default_factory=set)
    copied: Counter[str] = field(default_factory=Counter)
    """Tools of the base policy."""
    messages: Counter[str] = field(default_factory=Counter)
    """MCP tools that the base policy does not name."""
    methods: Counter[str] = field(default_factory=Counter)
    """Methods of requests that called no known tool."""

    @property
    def calls(self) -> int:
        """How many requests went there."""
        return sum(self.hosts.values())


def write_policy(
    agent: str,
    places: list[Place],
    base: Policy | None,
    used: int,
    times: tuple[str, str],
) -> str:
    """Write the policy; the same records give the same text."""
    return "\n".join(_lines(agent, places, base, used, times)) + "\n"


def _lines(
    agent: str, places: list[Place], base: Policy | None, used: int, times: tuple[str, str]
) -> Iterator[str]:
    yield _plain(f"# What {agent} did in {_calls(used)}, recorded from {times[0]} to {times[1]}.")
    yield "# Review it before it is enforced: what was recorded may be what nobody wants."
    yield "apiVersion: aegis/v1"
    yield "kind: Policy"
    yield from _block({"metadata": {"name": _name(agent), "description": f"For {agent} alone."}})
    yield "mode: enforce"
    for key in _KEPT_SETTINGS:
        if base is not None and (setting := base.setting(key)) is not None:
            yield from _block({key: setting})
    yield "agents:"
    declared = [item for item in items_of(base, "agents") if item["id"] == agent]
    yield from _item(declared[0] if declared else {"id": agent}, _calls(used))
    yield "destinations:"
    for place in places:
        yield from _item(_destination(place), _from(place))
    tools: list[tuple[dict[str, Any], int, str]] = []
    copies = {item["id"]: item for item in items_of(base, "tools")}
    taken = set(copies)
    rules: list[tuple[dict[str, Any], int]] = []
    rule_ids: set[str] = set()
    for place in places:
        named: list[str] = []
        for tool, count in place.copied.most_common():
            tools.append((copies[tool], count, f", as in {base.name if base else ''}"))
            named.append(tool)
        for tool, count in place.messages.most_common():
            name = _free(f"{place.id}.{tool}", taken)
            tools.append(({"id": name, "mcp": {"server": place.id, "tool": tool}}, count, ""))
            named.append(name)
        if not _is_server(place, copies):
            for method, count in place.methods.most_common():
                name = _free(f"{place.id}.{method.lower()}", taken)
                http = {"methods": [method], "path": "/{rest*}"}
                item = {"id": name, "destination": place.id, "http": http}
                tools.append((item, count, ", any path"))
                named.append(name)
        rule: dict[str, Any] = {"id": _free(f"allow-{place.id}", rule_ids), "agents": [agent]}
        rule |= {"tools": named} if named else {"destinations": [place.id]}
        rules.append(({**rule, "effect": "allow"}, place.calls))
    if tools:
        yield "tools:"
        for item, count, note in tools:
            yield from _item(item, _calls(count) + note)
    yield "rules:"
    for item, count in rules:
        yield from _item(item, _calls(count))
    by_id = {item["id"]: item for item, *_ in tools}
    kept = _Kept(base, agent, [place.id for place in places], by_id)
    sections = ("data", "approvals", "budgets", "rates", "regions", "redaction", "recognizers")
    for section in sections:
        items = kept.items(section)
        if items:
            yield f"{section}:"
        for kept_item in items:
            yield from _item(kept_item, f"as in {base.name if base else ''}")


class _Kept:
    """What a base policy says beside its rules, as far as it is about what is reached."""

    def __init__(
        self, base: Policy | None, agent: str, places: list[str], tools: dict[str, dict[str, Any]]
    ) -> None:
        self._base = base
        self._tools = tools
        self._known = {"destinations": set(places), "tools": set(tools)}
        declared = [item for item in items_of(base, "agents") if item["id"] == agent]
        groups = declared[0].get("groups") or [] if declared else []
        self._names = {agent, "*", *(f"group:{group}" for group in groups)}
        self._known["data"] = {item["id"] for item in self.items("data")}

    def items(self, section: str) -> list[dict[str, Any]]:
        """Give the items of a section that still have something to be about."""
        written = items_of(self._base, section)
        if section == "recognizers":
            # What finds an entity is about no destination.
            return written
        if section == "approvals":
            named = {
                item.get("approval") for other in ("budgets", "rates") for item in self.items(other)
            }
            return [item for item in written if item["id"] in named]
        narrowed = map(self._label if section == "data" else self._narrowed, written)
        return [item for item in narrowed if item is not None]

    def _narrowed(self, item: dict[str, Any]) -> dict[str, Any] | None:
        kept = dict(item)
        for key, known in (*self._known.items(), ("agents", self._names)):
            if key in item and "*" not in item[key]:
                kept[key] = [name for name in item[key] if name in known]
                if not kept[key]:
                    return None
        return kept

    def _label(self, item: dict[str, Any]) -> dict[str, Any] | None:
        kept = {"id": item["id"], "entities": item.get("entities") or []}
        for key in ("tools", "destinations"):
            kept[key] = [name for name in item.get(key) or [] if name in self._known[key]]
        kept["tools"] += [
            name
            for name, tool in self._tools.items()
            if item["id"] in (tool.get("data") or []) and name not in kept["tools"]
        ]
        kept = {key: value for key, value in kept.items() if value}
        return kept if len(kept) > 1 else None


def items_of(policy: Policy | None, section: str) -> list[dict[str, Any]]:
    """Give a section of the organisation's policy as it was written."""
    return [part.item for part in policy.parts(section)] if policy is not None else []


def _destination(place: Place) -> dict[str, Any]:
    item: dict[str, Any] = {"id": place.id, "hosts": sorted(place.hosts)}
    schemes, ports = sorted(place.schemes, reverse=True), sorted(place.ports)
    if schemes != ["https"]:
        item["schemes"] = schemes
    if ports != [REACHED_BY_DEFAULT[scheme] for scheme in schemes]:
        item["ports"] = ports
    for key, value in (place.base or {}).items():
        if key not in ("id", "hosts", "hosts_from", "schemes", "ports"):
            item[key] = value
    if place.addresses:
        item["addresses"] = [*item.get("addresses", []), *sorted(place.addresses)]
    return item


def _from(place: Place) -> str:
    text = _calls(place.calls)
    if len(place.hosts) > 1:
        text += ": " + ", ".join(f"{host} {count}" for host, count in place.hosts.most_common())
    return text


def _is_server(place: Place, copies: dict[str, Any]) -> bool:
    """Say whether the place takes MCP messages only, so that its methods are no tools."""
    return bool(place.messages) or any("mcp" in copies[tool] for tool in place.copied)


def _item(item: dict[str, Any], comment: str) -> Iterator[str]:
    yield f"  # {_plain(comment)}"
    text = yaml.safe_dump(item, sort_keys=False, default_flow_style=None, width=96)
    for index, line in enumerate(text.splitlines()):
        yield ("  - " if index == 0 else "    ") + line


def _block(item: dict[str, Any]) -> Iterable[str]:
    text = yaml.safe_dump(item, sort_keys=False, default_flow_style=None, width=96)
    return text.splitlines()


def _plain(text: str) -> str:
    """Keep a comment on its line."""
    return "".join(c if c.isprintable() else "?" for c in text)


def _calls(count: int) -> str:
    return "1 call" if count == 1 else f"{count} calls"


def _name(agent: str) -> str:
    return f"{agent}-suggested"[:63]


def _free(wanted: str, taken: set[str]) -> str:
    """Give an id that is valid and not taken yet, and take it."""
    stem = re.sub(r"[^a-z0-9._-]", "-", wanted.lower()).lstrip("._-")[:58] or "tool"
    name, count = stem, 2
    while name in taken:
        name, count = f"{stem}-{count}", count + 1
    taken.add(name)
    return name
