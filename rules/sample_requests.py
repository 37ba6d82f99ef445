"""One request for each thing that can be done at a destination, to compare policies by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rules.bundle import Bundle
from rules.decision import HttpRequest, ToolCall
from rules.errors import ToolError
from rules.json_path import parse_path
from rules.judge import owner_of
from rules.policy_set import PolicySet
from rules.variants import configuration

ANY_LABEL = "any-name-below"
"""Stands for each name that a wildcard covers."""

OTHER_REQUEST = "any other request"
OTHER_TOOL = "any other MCP tool"
OTHER_METHOD = "any other A2A method"
OTHER_MESSAGE = "any other MCP message"

Endpoint = tuple[str, str, int]
"""Scheme, host (`*.` in front of a wildcard's) and port."""


@dataclass(frozen=True, slots=True)
class Action:
    """A request that stands for all of its kind; `label` says which."""

    label: str
    method: str
    path: str
    body: Any = None
    query: Mapping[str, list[str]] = field(default_factory=dict)
    headers: Mapping[str, list[str]] = field(default_factory=dict)

    def request(self, endpoint: Endpoint) -> HttpRequest:
        """Make the request to an endpoint."""
        scheme, host, port = endpoint
        return HttpRequest(
            method=self.method,
            scheme=scheme,
            host=sample_host(host),
            port=port,
            path=self.path,
            query=self.query,
            body=self.body,
            body_kind="none" if self.body is None else "json",
            headers=self.headers,
        )


def sample_host(host: str) -> str:
    """Give a name that a host of the policy covers."""
    return f"{ANY_LABEL}.{host[2:]}" if host.startswith("*.") else host


def endpoints(bundle: Bundle) -> set[Endpoint]:
    """Give all endpoints that a policy names."""
    tables = configuration(bundle)
    found = set()
    for prefix, hosts in (("", tables["hosts"]), ("*.", tables["suffixes"])):
        for host, ends in hosts.items():
            for end in ends:
                scheme, _, port = end.partition(":")
                if scheme != "connect":
                    found.add((scheme, prefix + host, int(port)))
    return found


def actions(bundle: Bundle, destination: str) -> Iterator[Action]:
    """Give the actions that a policy tells apart at a destination."""
    for name, tool in configuration(bundle)["tools"].items():
        if owner_of(tool) != destination:
            continue
        if "mcp" in tool:
            yield _message(f"{name} (MCP {tool['mcp']['tool']})", tool["mcp"]["tool"])
            yield _message(OTHER_TOOL, "any-other-tool")
            yield Action(OTHER_MESSAGE, "POST", "/", {"jsonrpc": "2.0", "method": "initialize"})
        elif "a2a" in tool:
            for method in tool["a2a"]["methods"]:
                yield _rpc(f"{name} (A2A {method})", method)
            yield _rpc(OTHER_METHOD, "any/otherMethod")
        elif "graphql" in tool:
            yield from _operations(name, tool["graphql"])
        else:
            yield from _requests(name, tool["http"])
    yield Action(OTHER_REQUEST, "OTHER", f"/{ANY_LABEL}/{ANY_LABEL}")


def calls_of(policy: PolicySet, action: Action, endpoint: Endpoint) -> Sequence[ToolCall] | None:
    """Give the tools that an action calls under a policy, None when it is refused as unreadable."""
    try:
        return policy.match_tools(action.request(endpoint))
    except ToolError:
        return None


def _requests(name: str, http: Mapping[str, Any]) -> Iterator[Action]:
    path = "/".join(
        f"any-{segment.strip('{}*')}" if segment.startswith("{") else segment
        for segment in http["path"].split("/")
    )
    query, headers = (
        {key: [str(values[0])] for key, values in (http.get(part) or {}).items()}
        for part in ("query", "headers")
    )
    body: dict[str, Any] = {}
    for wanted in http.get("body") or ():
        _put(body, parse_path(wanted["path"]), wanted["values"][0])
    for method in http["methods"] or ["ANY"]:
        label = f"{name} ({method} {http['path']})"
        yield Action(label, method, path, body, query, headers)


def _operations(name: str, graphql: Mapping[str, Any]) -> Iterator[Action]:
    kind, operations = graphql["type"] or "query", graphql["operations"]
    for field_name in graphql["fields"]:
        operation = operations[0] if operations else "Any"
        body: dict[str, Any] = {
            "query": f"{kind} {operation} {{ {field_name} }}",
            "operationName": operation,
            "variables": {},
        }
        yield Action(f"{name} ({kind} {field_name})", "POST", graphql["path"], body)


def _put(document: dict[str, Any], path: Sequence[object], value: Any) -> None:
    """Put a value where a path leads, as far as it is one of names and numbers."""
    here: Any = document
    for index, part in enumerate(path):
        key = part if isinstance(part, str | int) else 0
        last = index == len(path) - 1
        following = path[index + 1] if not last else None
        fresh: Any = value if last else ({} if isinstance(following, str) else [])
        if isinstance(here, dict):
            here = here.setdefault(str(key), fresh)
        elif isinstance(here, list):
            if not here:
                here.append(fresh)
            here = here[0]


def _message(label: str, tool: str) -> Action:
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool}}
    return Action(label, "POST", "/", message)


def _rpc(label: str, method: str) -> Action:
    return Action(label, "POST", "/", {"jsonrpc": "2.0", "id": 1, "method": method, "params": {}})
