"""A policy compiled to an OPA bundle: one fixed Rego module and the data it looks things up in."""

from __future__ import annotations

from pathlib import Path as FilePath
from typing import Any

from rules.bundle import Bundle, make_bundle, read_bundle
from rules.checks import ports_of
from rules.compile_arguments import compile_checks
from rules.compile_layer import LayerCompiler, qualified
from rules.errors import refused
from rules.hosts import canonical_host
from rules.opaque_bodies import ANY_SIZE, opaque_bound, opaque_message, opaque_rule
from rules.own_rego import OWN_PATH, USER_PATH, own_module
from rules.policy import ORGANISATION, Part, Policy, load_policy
from rules.regions import region_names
from rules.units import seconds, size

DEFAULT_POLICY = FilePath(__file__).parent / "packs" / "developer.yaml"
"""The policy of a developer's own machine."""

MODULES = FilePath(__file__).parent / "rego"
"""The Rego that is the same for all policies."""

DEFAULT_MAX_BODY = 10 * 1000 * 1000
DEFAULT_MAX_RATIO = 100
DEFAULT_THRESHOLD = 0.4
DEFAULT_EXPIRY = "15m"


def compile_policy(policy: Policy, tenant: str | None = None) -> Bundle:
    """Compile a policy; the same policy gives the same bytes and so the same revision.

    With a tenant the bundle holds the organisation's policy and that tenant's, and no other's.
    Raises `PolicyError` when there is no such tenant.
    """
    if tenant is not None and tenant not in policy.tenants:
        known = ", ".join(policy.tenants) or "none"
        raise refused(policy.file, f"there is no tenant '{tenant}'", f"Tenants: {known}.")
    tenants = policy.tenants if tenant is None else [tenant]
    modules = {f"{USER_PATH}{name}": text.encode() for name, text in policy.modules.items()}
    for file in sorted(MODULES.glob("*.rego")):
        modules[f"aegis/{file.name}"] = file.read_bytes()
    modules[OWN_PATH] = own_module(policy.modules).encode()
    name = policy.name if tenant is None else f"{policy.name}.{tenant}"
    return make_bundle(name, modules, {"aegis_cfg": _Compiler(policy, tenants).data(name)})


def load_bundle(path: FilePath) -> Bundle:
    """Compile a policy file or folder, or read what is compiled already; raises `PolicyError`."""
    if path.name.endswith((".tar.gz", ".tgz")):
        return read_bundle(path)
    return compile_policy(load_policy(path))


class _Compiler:
    """Turns the parts of a policy into look-up tables."""

    def __init__(self, policy: Policy, tenants: list[str]) -> None:
        self._policy = policy
        self._layers = [ORGANISATION, *tenants]
        self._sources: dict[str, str] = {}
        self._messages: dict[str, str] = {}
        self._places = {part.item["id"]: part for part in policy.parts("destinations")}
        self._destinations = {name: part.item for name, part in self._places.items()}
        self._tools = {part.item["id"]: part for part in policy.parts("tools")}
        self._servers = {
            part.item["mcp"]["server"] for part in self._tools.values() if "mcp" in part.item
        }
        self._peers = {
            part.item["a2a"]["agent"] for part in self._tools.values() if "a2a" in part.item
        }

    def data(self, name: str) -> dict[str, Any]:
        hosts, suffixes = self._hosts()
        compiled: dict[str, Any] = {
            "name": name,
            "mode": self._policy.setting("mode") or "enforce",
            "on_error": self._policy.setting("onError") or "deny",
            "limits": self._limits(),
            "agents": self._agents(),
            "delegation": self._delegation(),
            "hosts": hosts,
            "suffixes": suffixes,
            "destinations": {
                name: self._destination(item) for name, item in self._destinations.items()
            },
            "tools": {name: self._tool(part) for name, part in self._tools.items()},
            "labels": {
                part.item["id"]: {
                    key: sorted(part.item.get(key) or [])
                    for key in ("entities", "tools", "destinations")
                }
                for part in self._policy.parts("data")
            },
            "own": bool(self._policy.modules),
            "approvals": {},
            "redaction": {},
            "recognizers": {
                part.item["name"]: part.item for part in self._policy.parts("recognizers")
            },
            "budgets": {},
            "rules": {},
            "guards": {},
            "sets": {},
            "layers": {},
        }
        for part in self._policy.parts("data"):
            self._sources[f"data:{part.item['id']}"] = part.source()
        for part in self._policy.parts("recognizers"):
            self._sources[f"recognizer:{part.item['name']}"] = part.source()
        for layer in self._layers:
            self._add_layer(layer, compiled)
        compiled["shadow"] = any(
            layer["shadow_restrict"] or layer["shadow_permit"]
            for layer in compiled["layers"].values()
        )
        compiled["uses"] = _uses(compiled)
        self._explain_defaults()
        return {**compiled, "messages": self._messages, "sources": self._sources}

    def _add_layer(self, layer: str, compiled: dict[str, Any]) -> None:
        for part in self._policy.parts("approvals", layer):
            item = part.item
            compiled["approvals"][qualified(layer, item["id"])] = {
                "channel": item.get("channel", ""),
                "approvers": item.get("approvers", 1),
                "expires_seconds": seconds(item.get("expires", DEFAULT_EXPIRY)),
            }
        for part in self._policy.parts("redaction", layer):
            name = qualified(layer, part.item["id"])
            compiled["redaction"][name] = {"id": name, **_redaction(part.item)}
            self._sources[name] = part.source()
        places = LayerCompiler(
            self._policy, layer, self._destinations, self._tools, self._sources, self._messages
        )
        compiled["layers"][layer] = places.compile(compiled)

    def _limits(self) -> dict[str, Any]:
        limits = self._policy.setting("limits") or {}
        return {
            "max_body_bytes": size(limits.get("max_body", DEFAULT_MAX_BODY)),
            "larger_bodies": limits.get("larger_bodies", "deny"),
            "max_ratio": limits.get("max_ratio", DEFAULT_MAX_RATIO),
        }

    def _agents(self) -> dict[str, dict[str, Any]]:
        return {
            part.item["id"]: {
                "groups": sorted(part.item.get("groups") or []),
                "tenant": part.item.get("tenant", layer),
                "proof": sorted(part.item.get("proof") or []),
                "users": sorted(part.item.get("users") or []),
                "sources": sorted(part.item.get("sources") or []),
                "labels": part.item.get("labels") or {},
            }
            for layer in self._layers
            for part in self._policy.parts("agents", layer)
        }

    def _delegation(self) -> dict[str, list[str]]:
        found: dict[str, set[str]] = {}
        for part in self._policy.parts("delegation"):
            for agent in part.item["agents"]:
                found.setdefault(agent_key(agent), set()).update(map(agent_key, part.item["for"]))
        return {agent: sorted(others) for agent, others in found.items()}

    def _hosts(self) -> tuple[dict[str, dict[str, str]], dict[str, dict[str, str]]]:
        exact: dict[str, dict[str, str]] = {}
        suffixes: dict[str, dict[str, str]] = {}
        for name, destination in self._destinations.items():
            for text in destination["hosts"]:
                wild = text.startswith("*.")
                host = canonical_host(text[2:] if wild else text)
                ends = (suffixes if wild else exact).setdefault(host, {})
                for port in ports_of(destination):
                    # Whether it is http or https shows only inside the tunnel.
                    ends.setdefault(f"connect:{port}", name)
                    for scheme in destination.get("schemes") or ["https"]:
                        ends[f"{scheme}:{port}"] = name
        return exact, suffixes

    def _destination(self, item: dict[str, Any]) -> dict[str, Any]:
        return {
            "addresses": sorted(item.get("addresses") or []),
            "region": item.get("region", ""),
            "regions": list(region_names(item.get("region", ""))),
            "tier": item.get("tier", ""),
            "tls": item.get("tls", "intercept"),
            "websocket": item.get("websocket", "deny"),
            "endpoints": [
                [region, canonical_host(host), list(region_names(region))]
                for region, host in (item.get("endpoints") or {}).items()
            ],
            "trace_context": item.get("trace_context", "strip"),
            "mcp": item["id"] in self._servers,
            "a2a": item["id"] in self._peers,
            "request_streams": item.get("request_streams", "read"),
            **self._opaque(item),
            **{key: item[key] for key in ("via", "trust", "client_certificate") if key in item},
            "tool_changes": item.get("tool_changes", "hide"),
        }

    def _opaque(self, item: dict[str, Any]) -> dict[str, Any]:
        """Say how many bytes that nobody can read a destination takes, and which rule says so."""
        limits = self._policy.setting("limits") or {}
        own = "opaque_bodies" in item
        bound = opaque_bound((item if own else limits).get("opaque_bodies", "allow"))
        rule = opaque_rule(item["id"] if own else None)
        if bound != ANY_SIZE and rule not in self._sources:
            self._messages[rule] = opaque_message(bound)
            self._sources[rule] = (
                self._places[item["id"]].source("opaque_bodies")
                if own
                else self._policy.source("limits", "opaque_bodies")
            )
        return {"opaque_bodies": bound, "opaque_rule": rule}

    def _tool(self, part: Part) -> dict[str, Any]:
        tool = part.item
        checks, origins = compile_checks(part, self._sources, self._messages)
        compiled: dict[str, Any] = {"named": True, "checks": checks, "from": origins}
        if "mcp" in tool:
            return {**compiled, "mcp": tool["mcp"]}
        if "a2a" in tool:
            a2a = {"destination": tool["a2a"]["agent"], "methods": sorted(tool["a2a"]["methods"])}
            return {**compiled, "a2a": a2a}
        if "graphql" in tool:
            graphql = tool["graphql"]
            return {
                **compiled,
                "graphql": {
                    "destination": tool["destination"],
                    "path": graphql.get("path", "/graphql"),
                    "type": graphql.get("type", ""),
                    "fields": sorted(graphql["fields"]),
                    "operations": sorted(graphql.get("operations") or []),
                },
            }
        http = tool["http"]
        return {
            **compiled,
            "http": {
                "destination": tool["destination"],
                "methods": sorted(http.get("methods") or []),
                "path": http["path"],
                "query": {
                    name: _values(wanted) for name, wanted in (http.get("query") or {}).items()
                },
                "headers": {
                    name.lower(): _values(wanted)
                    for name, wanted in (http.get("headers") or {}).items()
                },
                "body": [
                    {"path": path, "values": _values(wanted)}
                    for path, wanted in (http.get("body") or {}).items()
                ],
            },
        }

    def _explain_defaults(self) -> None:
        file = f"{self._policy.file}:1"
        for name, message in _DEFAULTS.items():
            self._sources[name] = file
            self._messages[name] = message


def _uses(compiled: dict[str, Any]) -> dict[str, bool]:
    """Say what a policy has, so that the Rego module need not look for the rest."""
    layers = compiled["layers"].values()
    return {
        "agents": bool(compiled["agents"] or compiled["delegation"]),
        "regions": any(layer["regions"] for layer in layers),
        "budgets": bool(compiled["budgets"]),
        "redaction": any(layer["redact"] for layer in layers),
        "sanitize": any(rule["effect"] == "sanitize" for rule in compiled["rules"].values()),
        "own": compiled["own"],
        "opaque_bodies": any(
            place["opaque_bodies"] != ANY_SIZE for place in compiled["destinations"].values()
        ),
    }


def agent_key(written: str) -> str:
    """Give the key under which tables know an agent, a group or everybody."""
    return written if written == "*" or written.startswith("group:") else f"agent:{written}"


def _values(wanted: Any) -> list[Any]:
    return list(wanted) if isinstance(wanted, list) else [wanted]


def _redaction(item: dict[str, Any]) -> dict[str, Any]:
    named, profile = item.get("operator"), item.get("profile", "")
    usual = "replace" if named is None else named
    entities = item.get("entities") or {}
    if isinstance(entities, list):
        entities = dict.fromkeys(entities, usual)
    compiled = {
        "entities": {
            entity: operator if isinstance(operator, dict) else {"operator": operator}
            for entity, operator in entities.items()
        },
        "profile": profile,
        "tools": sorted(item.get("tools") or []),
        "data": sorted(item.get("data") or []),
    }
    # A profile has operators and a threshold of its own, which only what is written replaces.
    if named is not None or not profile:
        compiled["operator"] = usual if isinstance(usual, dict) else {"operator": usual}
    if "threshold" in item or not profile:
        compiled["threshold"] = item.get("threshold", DEFAULT_THRESHOLD)
    for key in ("models", "languages"):
        if key in item:
            compiled[key] = sorted(item[key])
    # What is said as it is anyway is not said, so that two policies that mean one thing are one.
    for key, usually in _REDACTION_DEFAULTS.items():
        if item.get(key, usually) != usually:
            compiled[key] = item[key]
    if "ttl" in item:
        compiled["ttl_seconds"] = seconds(item["ttl"])
    return compiled


_REDACTION_DEFAULTS = {"direction": "request", "on_failure": "deny", "images": "refuse"}

_DEFAULTS = {
    "destination-unknown": "This destination (host, port and scheme) is not in the policy. "
    "Add it under `destinations` and allow it with a rule.",
    "default-deny": "No rule allows this agent to do this here. Add a rule that does.",
    "tool-unknown": "This tool is not in the policy, which names the tools of this server. "
    "Add it under `tools` and allow it with a rule.",
    "delegation-unknown": "This agent may not act on behalf of the agent it names. "
    "Add it under `delegation`.",
    "proof-missing": "The policy wants another proof of this agent than the one it gave.",
    "tenant-mismatch": "The policy knows this agent under another tenant.",
}
