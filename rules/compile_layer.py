"""The rules of one layer (the organisation's or a tenant's), compiled to tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rules.compile_arguments import OPPOSITES, flat, one_check
from rules.policy import ORGANISATION, Part, Policy
from rules.units import days, minute, seconds

RANKS = {"deny": 0, "require_approval": 1, "sanitize": 2, "allow": 3}
"""Effects from strict to weak, as the Rego module sorts them."""

LARGE_RULE = 8
"""Agents beyond which a rule names a set of them, so that tables stay small."""

Table = dict[str, dict[str, dict[str, list[list[Any]]]]]


def qualified(layer: str, name: str) -> str:
    """Name a part of a tenant's policy apart from all others."""
    return name if layer == ORGANISATION else f"{layer}/{name}"


class LayerCompiler:
    """Compiles what one layer says of agents, destinations and tools."""

    def __init__(
        self,
        policy: Policy,
        layer: str,
        destinations: Mapping[str, dict[str, Any]],
        tools: Mapping[str, Part],
        sources: dict[str, str],
        messages: dict[str, str],
    ) -> None:
        self._policy = policy
        self._layer = layer
        self._destinations = destinations
        self._tools = tools
        self._sources = sources
        self._messages = messages
        # A tenant that observes restricts nothing yet; the organisation's mode is that of all.
        self._observing = layer != ORGANISATION and policy.setting("mode", layer) == "observe"

    def compile(self, shared: dict[str, Any]) -> dict[str, Any]:
        """Give the tables of this layer; what it has to share goes into `shared`."""
        tables: dict[str, Table] = {
            "restrict": {},
            "permit": {},
            "shadow_restrict": {},
            "shadow_permit": {},
        }
        reach: dict[str, dict[str, list[list[Any]]]] = {}
        permits = False
        for order, part in enumerate(self._policy.parts("rules", self._layer)):
            rule = part.item
            name = qualified(self._layer, rule["id"])
            rank = RANKS[rule["effect"]]
            self._explain(name, part)
            shared["rules"][name] = {
                "effect": rule["effect"],
                "approval": qualified_approval(self._policy, self._layer, rule.get("approval")),
                "redact": [qualified(self._layer, item) for item in rule.get("redact") or []],
            }
            guard = self._guard(name, part, shared["guards"])
            observed = self._observing or rule.get("mode") == "observe"
            permits = permits or (rank >= RANKS["sanitize"] and not observed)
            kind = "restrict" if rank < RANKS["sanitize"] else "permit"
            table = tables[f"shadow_{kind}" if observed else kind]
            entry = [rank, order, name, guard]
            keys = self._keys(rule["agents"], name, shared["sets"])
            for destination, tool in self._targets(rule):
                for key in keys:
                    cell = table.setdefault(destination, {}).setdefault(tool, {})
                    add_entry(cell.setdefault(key, []), entry)
                    if kind == "permit" and not observed:
                        add_entry(reach.setdefault(destination, {}).setdefault(key, []), entry)
        return {
            # A tenant without rules that allow only takes away from what the organisation allows.
            "open": self._layer != ORGANISATION and not permits,
            **tables,
            "reach": reach,
            "redact": self._redact(),
            "budgets": self._budgets(shared["budgets"], shared["sets"]),
            "regions": self._regions(),
        }

    def _explain(self, name: str, part: Part) -> None:
        rule = part.item
        self._sources[name] = part.source()
        why = f" {rule['description']}" if rule.get("description") else ""
        self._messages[name] = {
            "allow": f"Allowed by the rule '{name}'.",
            "sanitize": f"Allowed by the rule '{name}', without the data it takes out.",
            "require_approval": f"The rule '{name}' wants a person to approve this.{why}",
            "deny": f"The rule '{name}' denies this.{why} Ask the owner of the policy.",
        }[rule["effect"]]

    def _keys(self, agents: list[str], name: str, sets: dict[str, list[str]]) -> list[str]:
        keys = [
            agent if agent == "*" or agent.startswith("group:") else f"agent:{agent}"
            for agent in agents
        ]
        if len(keys) <= LARGE_RULE:
            return keys
        for key in keys:
            sets.setdefault(key, []).append(f"set:{name}")
        return [f"set:{name}"]

    def _targets(self, rule: dict[str, Any]) -> Iterator[tuple[str, str]]:
        """Give the pairs of destination and tool (`*` for any) that a rule is about."""
        wanted = rule.get("destinations")
        if not rule.get("tools"):
            yield from ((place, "*") for place in covered(wanted, self._destinations))
            return
        for name in rule["tools"]:
            tool = self._tools[name].item
            owner = owner_of(tool)
            if covered(wanted, [owner]):
                yield owner, name

    def _guard(self, name: str, part: Part, guards: dict[str, list[dict[str, Any]]]) -> str:
        """Compile the conditions of a rule; gives their name, empty where there are none."""
        when = part.item.get("when")
        if not when:
            return ""
        parts: list[dict[str, Any]] = []
        if "time" in when:
            windows = [window for item in when["time"] for window in _windows(item)]
            parts.append({"kind": "time", "windows": windows})
        for label, wanted in (when.get("labels") or {}).items():
            values = wanted if isinstance(wanted, list) else [wanted]
            parts.append({"kind": "label", "name": label, "values": values})
        if "data" in when:
            parts.append({"kind": "data", "labels": when["data"]})
        for argument, condition in (when.get("arguments") or {}).items():
            for kind, bound, each in flat(self._located(part.item["tools"], argument, condition)):
                parts.append(
                    {
                        "kind": "argument",
                        "check": one_check(argument, kind, bound, each),
                        "opposite": one_check(argument, OPPOSITES[kind], bound, each),
                    }
                )
        guards[name] = parts
        return name

    def _located(
        self, tools: list[str], argument: str, condition: dict[str, Any]
    ) -> dict[str, Any]:
        """Add where the tools of a rule have an argument, which tells whether it is one or many."""
        for name in tools:
            stated = (self._tools[name].item.get("arguments") or {}).get(argument)
            if isinstance(stated, dict) and "from" in stated:
                return {"from": stated["from"], **condition}
        return condition

    def _redact(self) -> dict[str, list[str]]:
        named = {
            item
            for part in self._policy.parts("rules", self._layer)
            for item in part.item.get("redact") or []
        }
        selectors = ("destinations", "tiers", "tools", "data")
        by_place: dict[str, list[str]] = {}
        for part in self._policy.parts("redaction", self._layer):
            item = part.item
            # One that a rule names and that says nothing of its own is the rule's alone.
            if item["id"] in named and not any(key in item for key in selectors):
                continue
            for place in covered(item.get("destinations"), self._destinations):
                if covered(item.get("tiers"), [self._destinations[place].get("tier", "")]):
                    by_place.setdefault(place, []).append(qualified(self._layer, item["id"]))
        return by_place

    def _budgets(self, budgets: dict[str, Any], sets: dict[str, list[str]]) -> dict[str, list[str]]:
        by_place: dict[str, list[str]] = {}
        parts = [*self._policy.parts("budgets", self._layer)]
        parts += self._policy.parts("rates", self._layer)
        for order, part in enumerate(parts):
            item = part.item
            rate = part.section == "rates"
            name = qualified(self._layer, item["id"])
            exceeded = item.get("on_exceed", "throttle" if rate else "deny")
            budgets[name] = {
                "order": order,
                "agents": self._keys(item.get("agents") or ["*"], f"budget:{name}", sets),
                "groups": sorted(
                    agent[6:] for agent in item.get("agents") or [] if agent.startswith("group:")
                ),
                "tools": sorted(item.get("tools") or []),
                "scope": item["scope"],
                "unit": item.get("unit", "calls"),
                "limit": item["limit"],
                "window_seconds": seconds(item["window"]),
                "on_exceed": exceeded,
                "approval": qualified_approval(self._policy, self._layer, item.get("approval")),
            }
            self._sources[name] = part.source()
            self._messages[name] = (
                f"The {'rate' if rate else 'budget'} '{name}' of {item['limit']} "
                f"{budgets[name]['unit']} in {item['window']} is used up."
            )
            for place in covered(item.get("destinations"), self._destinations):
                by_place.setdefault(place, []).append(name)
        return by_place

    def _regions(self) -> list[dict[str, Any]]:
        compiled = []
        for order, part in enumerate(self._policy.parts("regions", self._layer)):
            item = part.item
            name = qualified(self._layer, item["id"])
            self._sources[name] = part.source()
            data = ", ".join(item.get("data") or ["everything"])
            self._messages[name] = (
                f"'{name}' keeps {data} in {', '.join(item['allow'])}; this destination is "
                "elsewhere, or the policy does not say where."
            )
            compiled.append(
                {
                    "id": name,
                    "order": order,
                    "data": sorted(item.get("data") or []),
                    "allow": item["allow"],
                }
            )
        return compiled


def qualified_approval(policy: Policy, layer: str, name: str | None) -> str:
    """Give the approval that a part of a layer names: its own, else the organisation's."""
    if name is None:
        return ""
    own = {part.item["id"] for part in policy.parts("approvals", layer)}
    return qualified(layer, name) if name in own else name


def owner_of(tool: Mapping[str, Any]) -> str:
    """Give the destination that a tool, as it is written, is called at."""
    if "mcp" in tool:
        return str(tool["mcp"]["server"])
    return str(tool["a2a"]["agent"] if "a2a" in tool else tool["destination"])


def covered(wanted: Iterable[str] | None, names: Iterable[str]) -> list[str]:
    """Give those of the names that a list, which may be left out or hold `*`, covers."""
    listed = set(["*"] if wanted is None else wanted)
    return [name for name in names if "*" in listed or name in listed]


def add_entry(cell: list[list[Any]], entry: list[Any]) -> None:
    """Add a rule to those of a cell, unless an earlier one makes it void.

    What sanitizes or asks a person adds up with what the others of its kind demand.
    """
    adds_up = entry[0] in (RANKS["sanitize"], RANKS["require_approval"])
    if adds_up or not any(other[0] == entry[0] and other[3] == "" for other in cell):
        cell.append(entry)


def _windows(item: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Give windows that lie within one day each."""
    wanted = days(item.get("days") or ["mon-sun"])
    begin, end = minute(item.get("from", "00:00")), minute(item.get("to", "24:00"))
    zone = item.get("zone", "UTC")
    if begin < end:
        yield {"zone": zone, "days": wanted, "from": begin, "to": end}
        return
    yield {"zone": zone, "days": wanted, "from": begin, "to": 1440}
    yield {"zone": zone, "days": [(day + 1) % 7 for day in wanted], "from": 0, "to": end}
