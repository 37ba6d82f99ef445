"""A policy compiled to an OPA bundle: one fixed Rego module and the data it looks things up in."""

from __future__ import annotations

import re
from pathlib import Path as FilePath
from typing import Any

from rules.bundle import Bundle, make_bundle, read_bundle
from rules.hosts import canonical_host
from rules.patterns import portable_pattern
from rules.policy import Policy, load_policy, ports_of

DEFAULT_POLICY = FilePath(__file__).parent / "packs" / "developer.yaml"
"""The policy of a developer's own machine."""

MODULE_FILE = FilePath(__file__).parent / "rego" / "aegis.rego"

DEFAULT_MAX_BODY = 10 * 1000 * 1000
DEFAULT_MAX_RATIO = 100
DEFAULT_THRESHOLD = 0.4

_UNITS = {"": 1, "B": 1, "KB": 1000, "MB": 1000**2, "GB": 1000**3}

Table = dict[str, dict[str, dict[str, list[Any]]]]


def compile_policy(policy: Policy) -> Bundle:
    """Compile a policy; the same policy gives the same bytes and so the same revision."""
    return make_bundle(
        policy.name,
        {"aegis/aegis.rego": MODULE_FILE.read_bytes()},
        {"aegis_cfg": _Compiler(policy).data()},
    )


def load_bundle(path: FilePath) -> Bundle:
    """Compile a policy file, or read one that is compiled already; raises `PolicyError`."""
    if path.name.endswith((".tar.gz", ".tgz")):
        return read_bundle(path)
    return compile_policy(load_policy(path))


class _Compiler:
    """Turns the parts of a policy into look-up tables."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._document: dict[str, Any] = policy.marked.data
        self._sources: dict[str, str] = {}
        self._messages: dict[str, str] = {}
        self._tools = {tool["id"]: tool for tool in policy.section("tools")}
        self._destinations = [item["id"] for item in policy.section("destinations")]

    def data(self) -> dict[str, Any]:
        hosts, suffixes = self._hosts()
        tools = self._compile_tools()
        allow, deny, reach = self._compile_rules()
        self._explain_defaults()
        return {
            "name": self._policy.name,
            "file": self._policy.marked.name,
            "mode": self._document.get("mode", "enforce"),
            "limits": self._limits(),
            "groups": {
                agent["id"]: sorted(agent.get("groups") or [])
                for agent in self._policy.section("agents")
            },
            "hosts": hosts,
            "suffixes": suffixes,
            "destinations": self._compile_destinations(),
            "tools": tools,
            "allow": allow,
            "deny": deny,
            "reach": reach,
            "redaction": self._compile_redaction(),
            "messages": self._messages,
            "sources": self._sources,
        }

    def _limits(self) -> dict[str, Any]:
        limits = self._document.get("limits") or {}
        size = limits.get("max_body", DEFAULT_MAX_BODY)
        if isinstance(size, str):
            match = re.fullmatch(r"([0-9]+) ?([A-Z]*)", size)
            assert match is not None
            size = int(match[1]) * _UNITS[match[2]]
        return {
            "max_body_bytes": size,
            "larger_bodies": limits.get("larger_bodies", "deny"),
            "max_ratio": limits.get("max_ratio", DEFAULT_MAX_RATIO),
        }

    def _hosts(self) -> tuple[dict[str, dict[str, str]], dict[str, dict[str, str]]]:
        exact: dict[str, dict[str, str]] = {}
        suffixes: dict[str, dict[str, str]] = {}
        for destination in self._policy.section("destinations"):
            for text in destination["hosts"]:
                wild = text.startswith("*.")
                host = canonical_host(text[2:] if wild else text)
                ends = (suffixes if wild else exact).setdefault(host, {})
                for port in ports_of(destination):
                    # Whether it is http or https shows only inside the tunnel.
                    ends.setdefault(f"connect:{port}", destination["id"])
                    for scheme in destination.get("schemes") or ["https"]:
                        ends[f"{scheme}:{port}"] = destination["id"]
        return exact, suffixes

    def _compile_destinations(self) -> dict[str, dict[str, Any]]:
        servers = {tool["mcp"]["server"] for tool in self._tools.values() if "mcp" in tool}
        compiled = {}
        for destination in self._policy.section("destinations"):
            name = destination["id"]
            compiled[name] = {
                "addresses": sorted(destination.get("addresses") or []),
                "region": destination.get("region", ""),
                "tier": destination.get("tier", ""),
                "trace_context": destination.get("trace_context", "strip"),
                "mcp": name in servers,
                "redact": [
                    item["id"]
                    for item in self._policy.section("redaction")
                    if _covers(item.get("destinations"), name)
                ],
            }
        return compiled

    def _compile_tools(self) -> dict[str, dict[str, Any]]:
        compiled = {}
        for index, tool in enumerate(self._policy.section("tools")):
            checks: list[dict[str, Any]] = []
            origins: dict[str, str] = {}
            here = ("tools", index, "arguments")
            for name, constraint in (tool.get("arguments") or {}).items():
                if isinstance(constraint, dict):
                    if "from" in constraint:
                        origins[name] = constraint["from"]
                    for kind, bound in constraint.items():
                        if kind != "from" and not (kind == "required" and not bound):
                            place = (*here, name, kind)
                            checks.append(self._check(tool["id"], name, kind, bound, place))
                else:
                    checks.append(
                        self._check(tool["id"], name[4:], name[:3], constraint, (*here, name))
                    )
            if checks:
                checks.insert(0, self._check(tool["id"], "", "readable", True, ("tools", index)))
            for order, check in enumerate(checks):
                check["order"] = order
            match: dict[str, Any] = (
                {"mcp": tool["mcp"]}
                if "mcp" in tool
                else {
                    "http": {
                        "destination": tool["destination"],
                        "methods": sorted(tool["http"].get("methods") or []),
                        "path": tool["http"]["path"],
                    }
                }
            )
            compiled[tool["id"]] = {"named": True, "checks": checks, "from": origins, **match}
        return compiled

    def _check(
        self, tool: str, argument: str, kind: str, bound: Any, place: tuple[str | int, ...]
    ) -> dict[str, Any]:
        label = f"{argument}.{kind}" if argument else kind
        name = f"tool:{tool}/{label}"
        self._sources[name] = self._policy.source(*place)
        self._messages[name] = _CHECK_MESSAGES[kind].format(
            argument=argument, tool=tool, bound=_plain(bound)
        )
        if kind == "pattern":
            bound = portable_pattern(bound)
        return {"id": name, "kind": kind, "argument": argument, "bound": bound}

    def _compile_rules(self) -> tuple[Table, Table, Table]:
        allow: Table = {}
        deny: Table = {}
        reach: Table = {}
        for order, rule in enumerate(self._policy.section("rules")):
            name, permits = rule["id"], rule["effect"] == "allow"
            self._sources[name] = self._policy.source("rules", order)
            self._messages[name] = (
                f"Allowed by the rule '{name}'."
                if permits
                else f"The rule '{name}' denies this. Ask the owner of the policy."
            )
            keys = [
                agent if agent == "*" or agent.startswith("group:") else f"agent:{agent}"
                for agent in rule["agents"]
            ]
            for destination, tool in self._targets(rule):
                for key in keys:
                    entry = [order, name]
                    table = allow if permits else deny
                    table.setdefault(destination, {}).setdefault(tool, {}).setdefault(key, entry)
                    if permits:
                        reached = reach.setdefault(destination, {}).setdefault("*", {})
                        reached.setdefault(key, entry)
        return allow, deny, reach

    def _targets(self, rule: dict[str, Any]) -> list[tuple[str, str]]:
        """Give the pairs of destination and tool (`*` for any) that a rule is about."""
        wanted = rule.get("destinations")
        places = self._destinations if wanted is None or "*" in wanted else wanted
        if not rule.get("tools"):
            return [(place, "*") for place in places]
        return [
            (owner, name)
            for name in rule["tools"]
            if (owner := _owner(self._tools[name])) in places
        ]

    def _compile_redaction(self) -> dict[str, dict[str, Any]]:
        compiled = {}
        for index, item in enumerate(self._policy.section("redaction")):
            usual = item.get("operator", "replace")
            entities = item["entities"]
            if isinstance(entities, list):
                entities = dict.fromkeys(entities, usual)
            compiled[item["id"]] = {
                "id": item["id"],
                "entities": {
                    entity: operator if isinstance(operator, dict) else {"operator": operator}
                    for entity, operator in entities.items()
                },
                "threshold": item.get("threshold", DEFAULT_THRESHOLD),
            }
            self._sources[item["id"]] = self._policy.source("redaction", index)
        return compiled

    def _explain_defaults(self) -> None:
        file = f"{self._policy.marked.name}:1"
        for name, message in (
            (
                "destination-unknown",
                "This destination (host, port and scheme) is not in the policy. "
                "Add it under `destinations` and allow it with a rule.",
            ),
            (
                "default-deny",
                "No rule allows this agent to do this here. Add a rule that does.",
            ),
            (
                "tool-unknown",
                "This MCP tool is not in the policy, which names the tools of this server. "
                "Add it under `tools` and allow it with a rule.",
            ),
        ):
            self._sources[name] = file
            self._messages[name] = message


def _covers(wanted: list[str] | None, name: str) -> bool:
    return wanted is None or "*" in wanted or name in wanted


def _owner(tool: dict[str, Any]) -> str:
    return str(tool["mcp"]["server"] if "mcp" in tool else tool["destination"])


def _plain(bound: Any) -> str:
    return ", ".join(str(item) for item in bound) if isinstance(bound, list) else str(bound)


_CHECK_MESSAGES = {
    "readable": "The arguments of the tool {tool} could not be read, and the policy constrains "
    "them. Send them as JSON or as a form.",
    "required": "The tool {tool} needs the argument {argument}.",
    "type": "The argument {argument} of the tool {tool} must be of the type {bound}.",
    "min": "The argument {argument} of the tool {tool} must be a number of at least {bound}.",
    "max": "The argument {argument} of the tool {tool} must be a number of at most {bound}.",
    "enum": "The argument {argument} of the tool {tool} must be one of: {bound}.",
    "pattern": "The argument {argument} of the tool {tool} must match the pattern {bound}",
    "min_length": "The argument {argument} of the tool {tool} must have at least {bound} "
    "characters.",
    "max_length": "The argument {argument} of the tool {tool} must have at most {bound} "
    "characters.",
}
