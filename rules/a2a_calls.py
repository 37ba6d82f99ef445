"""Calls of other agents by A2A: JSON-RPC, and the REST form as far as its method goes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rules.decision import HttpRequest, ToolCall
from rules.errors import ToolError
from rules.json_path import EACH, Step, parse_path, resolve

MAX_BATCH = 64

_CARD = re.compile(r"(?:/[^/]+)*/\.well-known/agent(?:-card)?\.json")
_REST = (
    ("POST", r"/message:send", "message/send"),
    ("POST", r"/message:stream", "message/stream"),
    ("GET", r"/tasks", "tasks/list"),
    ("GET", r"/tasks/[^/:]+", "tasks/get"),
    ("POST", r"/tasks/[^/:]+:cancel", "tasks/cancel"),
    ("GET", r"/tasks/[^/:]+:subscribe", "tasks/resubscribe"),
    ("POST", r"/tasks/[^/:]+:subscribe", "tasks/resubscribe"),
    ("POST", r"/tasks/[^/:]+/pushNotificationConfigs", "tasks/pushNotificationConfig/set"),
    ("GET", r"/tasks/[^/:]+/pushNotificationConfigs", "tasks/pushNotificationConfig/list"),
    ("GET", r"/tasks/[^/:]+/pushNotificationConfigs/[^/]+", "tasks/pushNotificationConfig/get"),
    (
        "DELETE",
        r"/tasks/[^/:]+/pushNotificationConfigs/[^/]+",
        "tasks/pushNotificationConfig/delete",
    ),
    ("GET", r"/card|/extendedAgentCard", "agent/getAuthenticatedExtendedCard"),
)
_PATHS = [(verb, re.compile(rf"(?:/[^/]+)*(?:{path})"), name) for verb, path, name in _REST]


@dataclass(frozen=True, slots=True)
class A2aTool:
    """One tool of a policy: the methods that call it and where its arguments stand in params."""

    tool: str
    methods: frozenset[str]
    origins: Mapping[str, tuple[Step, ...]]


def a2a_tool(name: str, tool: Mapping[str, Any]) -> A2aTool:
    """Take a tool from a compiled policy."""
    origins = {argument: parse_path(path) for argument, path in tool.get("from", {}).items()}
    for check in tool.get("checks", ()):
        if check["argument"]:
            origins.setdefault(check["argument"], (check["argument"],))
    return A2aTool(name, frozenset(tool["a2a"]["methods"]), origins)


def a2a_calls(destination: str, tools: list[A2aTool], request: HttpRequest) -> Iterator[ToolCall]:
    """Give the calls in a request to an A2A agent; raises `ToolError` for what is no A2A."""
    if request.body_kind == "json" and request.method == "POST":
        messages = request.body if isinstance(request.body, list) else [request.body]
        if messages and all(_is_rpc(item) for item in messages):
            if len(messages) > MAX_BATCH:
                raise ToolError(f"More than {MAX_BATCH} messages in one batch; send fewer.")
            for message in messages:
                yield _rpc_call(destination, tools, message)
            return
    bodiless = request.body_kind == "none" and request.method in ("GET", "HEAD")
    if bodiless and _CARD.fullmatch(request.path):
        return
    for verb, path, method in _PATHS:
        if request.method == verb and path.fullmatch(request.path):
            # Servers read members under several spellings, so nothing is proven of them.
            found = _tool(tools, method)
            name = found.tool if found is not None else f"a2a:{destination}/{method}"
            yield ToolCall(name, "a2a", {}, readable=False)
            return
    raise ToolError(
        "This agent takes A2A only: JSON-RPC 2.0 messages or the paths of its REST form."
    )


def _rpc_call(destination: str, tools: list[A2aTool], message: dict[str, Any]) -> ToolCall:
    method, params = message["method"], message.get("params")
    found = _tool(tools, method)
    if params is None:
        params = {}
    if not isinstance(params, dict):
        raise ToolError("The params of an A2A method must be a JSON object.")
    if found is None:
        return ToolCall(f"a2a:{destination}/{method}", "a2a", params, message.get("id"))
    arguments = dict(params)
    for name, path in found.origins.items():
        arguments.pop(name, None)
        there, value = resolve(params, path)
        if there:
            arguments[name] = value
    readable = all(_is_usual(key) for key in params) and not any(
        _otherwise_spelt(params, path) for path in found.origins.values()
    )
    return ToolCall(found.tool, "a2a", arguments, message.get("id"), readable=readable)


def _tool(tools: list[A2aTool], method: str) -> A2aTool | None:
    return next((tool for tool in tools if method in tool.methods), None)


def _is_rpc(message: Any) -> bool:
    return (
        isinstance(message, dict)
        and message.get("jsonrpc") == "2.0"
        and isinstance(message.get("method"), str)
    )


def _otherwise_spelt(value: Any, path: tuple[Step, ...]) -> bool:
    """Say whether a member on a path is there in a spelling that some servers take for it."""
    if not path:
        return False
    step, rest = path[0], path[1:]
    if step is EACH:
        return isinstance(value, list) and any(_otherwise_spelt(item, rest) for item in value)
    if isinstance(value, list):
        index = int(step) if isinstance(step, int) or step.isdecimal() else len(value)
        return index < len(value) and _otherwise_spelt(value[index], rest)
    if not isinstance(value, dict):
        return False
    plain = _plain(str(step))
    if any(key != step and _plain(key) == plain for key in value):
        return True
    return step in value and _otherwise_spelt(value[step], rest)


def _is_usual(name: str) -> bool:
    """Say whether a name is spelt as the protocol does, taskId and not task_id or TaskId."""
    return name[:1].islower() and "_" not in name


def _plain(name: str) -> str:
    return name.replace("_", "").casefold()
