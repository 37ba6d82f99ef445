"""One request for each thing that can be done at a destination, to compare policies by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rules.bundle import Bundle
from rules.decision import HttpRequest, ToolCall
from rules.errors import ToolError
from rules.policy_set import PolicySet
from rules.variants import configuration

ANY_LABEL = "any-name-below"
"""Stands for each name that a wildcard covers."""

OTHER_REQUEST = "any other request"
OTHER_TOOL = "any other MCP tool"
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

    def request(self, endpoint: Endpoint) -> HttpRequest:
        """Make the request to an endpoint."""
        scheme, host, port = endpoint
        return HttpRequest(
            method=self.method,
            scheme=scheme,
            host=sample_host(host),
            port=port,
            path=self.path,
            query={},
            body=self.body,
            body_kind="none" if self.body is None else "json",
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
        if "mcp" in tool:
            if tool["mcp"]["server"] == destination:
                yield _message(f"{name} (MCP {tool['mcp']['tool']})", tool["mcp"]["tool"])
                yield _message(OTHER_TOOL, "any-other-tool")
                yield Action(OTHER_MESSAGE, "POST", "/", {"jsonrpc": "2.0", "method": "initialize"})
        elif tool["http"]["destination"] == destination:
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
    for method in http["methods"] or ["ANY"]:
        yield Action(f"{name} ({method} {http['path']})", method, path, {})


def _message(label: str, tool: str) -> Action:
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool}}
    return Action(label, "POST", "/", message)
