"""A suggested policy as text: YAML whose comments say what each part comes from."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from rules.policy import REACHED_BY_DEFAULT, Policy

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
    document = base.marked.data if base is not None else {}
    for key in _KEPT_SETTINGS:
        if key in document:
            yield from _block({key: document[key]})
    yield "agents:"
    declared = [item for item in document.get("agents") or [] if item["id"] == agent]
    yield from _item(declared[0] if declared else {"id": agent}, _calls(used))
    yield "destinations:"
    for place in places:
        yield from _item(_destination(place), _from(place))
    tools: list[tuple[dict[str, Any], int, str]] = []
    copies = {item["id"]: item for item in document.get("tools") or []}
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
    redaction = list(
        _redaction(document, [place.id for place in places], {t["id"] for t, *_ in tools})
    )
    if redaction:
        yield "redaction:"
        for item in redaction:
            yield from _item(item, f"as in {base.name if base else ''}")


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


def _redaction(
    document: dict[str, Any], places: list[str], tools: set[str]
) -> Iterator[dict[str, Any]]:
    """Give the base's redactions as far as they are about what is reached."""
    for item in document.get("redaction") or []:
        kept = dict(item)
        for key, known in (("destinations", set(places)), ("tools", tools)):
            wanted = item.get(key)
            if wanted is not None and "*" not in wanted:
                kept[key] = [name for name in wanted if name in known]
        if all(kept.get(key) != [] for key in ("destinations", "tools")):
            yield kept


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
