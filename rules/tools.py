"""Which tools a request calls, and with which arguments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rules.decision import HttpRequest, ToolCall
from rules.errors import ToolError

MAX_BATCH = 64
AMBIGUOUS = "$ambiguous"
"""Stands for an argument that has several values; no constraint on one value holds for it."""

_BODILESS = frozenset({"GET", "HEAD", "OPTIONS", "DELETE"})


@dataclass(frozen=True, slots=True)
class _Template:
    tool: str
    methods: frozenset[str]
    segments: tuple[str, ...]
    rest: str
    origins: Mapping[str, str]

    @property
    def weight(self) -> tuple[int, int, int]:
        literal = sum(1 for segment in self.segments if not segment.startswith("{"))
        return (literal, len(self.segments), 0 if self.rest else 1)

    def match(self, method: str, path: list[str]) -> dict[str, str] | None:
        if self.methods and method not in self.methods:
            return None
        size = len(self.segments)
        if len(path) < size or (len(path) > size and not self.rest):
            return None
        found: dict[str, str] = {}
        for segment, actual in zip(self.segments, path, strict=False):
            if segment.startswith("{"):
                found[segment[1:-1]] = actual
            elif segment != actual:
                return None
        if self.rest:
            found[self.rest] = "/".join(path[size:])
        return found


class ToolIndex:
    """Matches requests to the tools of a policy, by destination."""

    def __init__(self, tools: Mapping[str, Mapping[str, Any]]) -> None:
        self._http: dict[str, list[_Template]] = {}
        self._mcp: dict[str, dict[str, str]] = {}
        for name, tool in tools.items():
            if "mcp" in tool:
                self._mcp.setdefault(tool["mcp"]["server"], {})[tool["mcp"]["tool"]] = name
            elif "http" in tool:
                template = _template(name, tool)
                self._http.setdefault(tool["http"]["destination"], []).append(template)
        for templates in self._http.values():
            templates.sort(key=lambda template: template.weight, reverse=True)

    def match(self, destination: str, request: HttpRequest) -> list[ToolCall]:
        """Give the tools that a request calls; raises `ToolError` for a call that is unreadable."""
        server = self._mcp.get(destination)
        calls = list(self._mcp_calls(destination, server or {}, request))
        if server is not None and not calls:
            _check_protocol(request)
        templates = self._http.get(destination)
        if templates:
            path = request.path.split("/")[1:]
            for template in templates:
                found = template.match(request.method, path)
                if found is not None:
                    calls.append(_http_call(template, found, request))
                    break
        return calls

    def _mcp_calls(
        self, destination: str, server: Mapping[str, str], request: HttpRequest
    ) -> Iterator[ToolCall]:
        body = request.body
        if request.body_kind != "json" or not isinstance(body, dict | list):
            return
        messages = body if isinstance(body, list) else [body]
        asking = [item for item in messages if _asks(item)]
        if len(asking) > MAX_BATCH:
            raise ToolError(f"More than {MAX_BATCH} tool calls in one batch; send fewer at a time.")
        for message in asking:
            params = message.get("params")
            if not isinstance(params, dict) or not isinstance(params.get("name"), str):
                raise ToolError("A tools/call needs params with the tool's name as a text.")
            arguments = params.get("arguments")
            if arguments is None:
                arguments = {}
            if not isinstance(arguments, dict):
                raise ToolError("The arguments of a tools/call must be a JSON object.")
            name = params["name"]
            yield ToolCall(
                server.get(name, f"mcp:{destination}/{name}"), "mcp", arguments, message.get("id")
            )


def _asks(message: Any) -> bool:
    return (
        isinstance(message, dict)
        and message.get("jsonrpc") == "2.0"
        and message.get("method") == "tools/call"
    )


def _check_protocol(request: HttpRequest) -> None:
    """Let to an MCP server only what is readable as its protocol, so that no call is missed."""
    if request.body_kind == "none" and request.method in _BODILESS:
        return
    body = request.body
    messages = body if isinstance(body, list) else [body]
    if request.body_kind == "json" and all(
        isinstance(item, dict)
        and item.get("jsonrpc") == "2.0"
        and isinstance(item.get("method", ""), str)
        for item in messages
    ):
        return
    raise ToolError("This MCP server takes JSON-RPC 2.0 messages only.")


def _template(name: str, tool: Mapping[str, Any]) -> _Template:
    segments = tool["http"]["path"].split("/")[1:]
    rest = ""
    if segments and segments[-1].startswith("{") and segments[-1].endswith("*}"):
        rest = segments.pop()[1:-2]
    return _Template(
        name, frozenset(tool["http"]["methods"]), tuple(segments), rest, tool.get("from", {})
    )


def _http_call(template: _Template, path: dict[str, str], request: HttpRequest) -> ToolCall:
    """Gather the arguments of a call from path, query and body."""
    arguments: dict[str, Any] = dict(path)
    readable = request.body_kind in ("json", "form", "none")
    for name, values in request.query.items():
        for value in values:
            _add(arguments, name, value)
    if request.body_kind == "form" and isinstance(request.body, dict):
        for name, values in request.body.items():
            for value in values:
                _add(arguments, name, value)
    elif request.body_kind == "json":
        if isinstance(request.body, dict):
            for name, value in request.body.items():
                _add(arguments, name, value)
        else:
            readable = False
    for name, pointer in template.origins.items():
        arguments.pop(name, None)
        found, value = _resolve(request.body, pointer)
        if found:
            arguments[name] = value
    return ToolCall(template.tool, "http", arguments, readable=readable)


def _add(arguments: dict[str, Any], name: str, value: Any) -> None:
    if name not in arguments:
        arguments[name] = value
    elif arguments[name] != value or type(arguments[name]) is not type(value):
        arguments[name] = {AMBIGUOUS: True}


def _resolve(document: Any, pointer: str) -> tuple[bool, Any]:
    """Follow a JSON Pointer (RFC 6901)."""
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(document, dict) and key in document:
            document = document[key]
        elif isinstance(document, list) and key.isdecimal() and int(key) < len(document):
            document = document[int(key)]
        else:
            return False, None
    return True, document
