"""Which tools a request calls, and with which arguments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from rules.a2a_calls import A2aTool, a2a_calls, a2a_tool
from rules.decision import HttpRequest, ToolCall
from rules.errors import ToolError
from rules.json_path import EACH, Step, parse_path, resolve

MAX_BATCH = 64
AMBIGUOUS = "$ambiguous"
"""Stands for an argument that has several values; no constraint on one value holds for it."""

FILE, UNREADABLE = "$file", "$unreadable"
"""Stand for a multipart field that is a file, and for one whose text readers could disagree on."""

_FIELDS = frozenset({"form", "multipart"})
"""Kinds of bodies that have a list of values for each name."""

_READABLE = frozenset({"json", *_FIELDS})

_BODILESS = frozenset({"GET", "HEAD", "OPTIONS", "DELETE"})


@dataclass(frozen=True, slots=True)
class _Template:
    tool: str
    methods: frozenset[str]
    segments: tuple[str, ...]
    rest: str
    origins: Mapping[str, tuple[Step, ...]]
    query: Mapping[str, frozenset[Any]] = field(default_factory=dict)
    headers: Mapping[str, frozenset[Any]] = field(default_factory=dict)
    body: Sequence[tuple[tuple[Step, ...], frozenset[Any]]] = ()

    @property
    def weight(self) -> tuple[int, int, int, int]:
        literal = sum(1 for segment in self.segments if not segment.startswith("{"))
        conditions = len(self.query) + len(self.headers) + len(self.body)
        return (literal, len(self.segments), 0 if self.rest else 1, conditions)

    @property
    def conditional(self) -> bool:
        return bool(self.query or self.headers or self.body)

    def meets(self, request: HttpRequest) -> bool | None:
        """Say whether a request is what the tool wants beside its path; None when unreadable."""
        for given, wanted in ((request.query, self.query), (request.headers, self.headers)):
            for name, values in wanted.items():
                if values.isdisjoint(map(_comparable, _parts(given.get(name, ()), given, request))):
                    return False
        if not self.body:
            return True
        if request.body_kind == "none":
            return False
        if request.body_kind not in _READABLE or request.ambiguous:
            return None
        for path, values in self.body:
            found = _found(request, path)
            if values.isdisjoint(map(_comparable, found)):
                return False
        return True

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


@dataclass(frozen=True, slots=True)
class _GraphqlTool:
    tool: str
    path: str
    type: str
    fields: frozenset[str]
    operations: frozenset[str]


class ToolIndex:
    """Matches requests to the tools of a policy, by destination."""

    def __init__(self, tools: Mapping[str, Mapping[str, Any]]) -> None:
        self._http: dict[str, list[_Template]] = {}
        self._mcp: dict[str, dict[str, str]] = {}
        self._a2a: dict[str, list[A2aTool]] = {}
        self._graphql: dict[str, list[_GraphqlTool]] = {}
        for name, tool in tools.items():
            if "mcp" in tool:
                self._mcp.setdefault(tool["mcp"]["server"], {})[tool["mcp"]["tool"]] = name
            elif "a2a" in tool:
                self._a2a.setdefault(tool["a2a"]["destination"], []).append(a2a_tool(name, tool))
            elif "graphql" in tool:
                wanted = tool["graphql"]
                self._graphql.setdefault(wanted["destination"], []).append(
                    _GraphqlTool(
                        name,
                        wanted["path"],
                        wanted["type"],
                        frozenset(wanted["fields"]),
                        frozenset(wanted["operations"]),
                    )
                )
            else:
                template = _template(name, tool)
                self._http.setdefault(tool["http"]["destination"], []).append(template)
        for templates in self._http.values():
            templates.sort(key=lambda template: template.weight, reverse=True)

    def of_server(self, destination: str) -> Mapping[str, str] | None:
        """Give the tools of an MCP server by their names there, None for what is no such server."""
        return self._mcp.get(destination)

    def match(self, destination: str, request: HttpRequest) -> list[ToolCall]:
        """Give the tools that a request calls; raises `ToolError` for a call that is unreadable."""
        server = self._mcp.get(destination)
        calls = list(self._mcp_calls(destination, server or {}, request))
        if server is not None and not calls:
            _check_protocol(request)
        if destination in self._a2a:
            calls += a2a_calls(destination, self._a2a[destination], request)
        if destination in self._graphql:
            calls += self._graphql_calls(destination, request)
        templates = self._http.get(destination)
        if templates:
            path = request.path.split("/")[1:]
            for template in templates:
                found = template.match(request.method, path)
                if found is None:
                    continue
                met = template.meets(request) if template.conditional else True
                if met is None:
                    # It may be this call or another: the rules of both hold.
                    calls.append(ToolCall(template.tool, "http", found, readable=False))
                elif met:
                    calls += _http_calls(template, found, request)
                    break
        return calls

    def _graphql_calls(self, destination: str, request: HttpRequest) -> Iterator[ToolCall]:
        tools = [tool for tool in self._graphql[destination] if tool.path == request.path]
        if not tools:
            return
        # The parser is loaded only where a policy has GraphQL tools.
        from rules.graphql_calls import field_calls

        for call in field_calls(request):
            name = next(
                (
                    tool.tool
                    for tool in tools
                    if call.field in tool.fields
                    and tool.type in ("", call.type)
                    and (not tool.operations or call.operation in tool.operations)
                ),
                f"graphql:{destination}/{call.type}.{call.field}",
            )
            yield ToolCall(name, "graphql", call.arguments)

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
    http = tool["http"]
    segments = http["path"].split("/")[1:]
    rest = ""
    if segments and segments[-1].startswith("{") and segments[-1].endswith("*}"):
        rest = segments.pop()[1:-2]
    return _Template(
        name,
        frozenset(http["methods"]),
        tuple(segments),
        rest,
        {argument: parse_path(path) for argument, path in tool.get("from", {}).items()},
        {key: _wanted(values) for key, values in http.get("query", {}).items()},
        {key: _wanted(values) for key, values in http.get("headers", {}).items()},
        [(parse_path(item["path"]), _wanted(item["values"])) for item in http.get("body", ())],
    )


def _wanted(values: Sequence[Any]) -> frozenset[Any]:
    return frozenset(map(_comparable, values))


def _comparable(value: Any) -> Any:
    """Give a value in a form in which URL, header and JSON are the same: 1, "1" and 1.0 alike."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value) if isinstance(value, str | int | float) else None


def _parts(
    values: Sequence[str], given: Mapping[str, list[str]], request: HttpRequest
) -> Iterator[str]:
    """Give each value of a parameter, and of a header each of its list too."""
    for value in values:
        yield value
        if given is request.headers:
            yield from (part.strip() for part in value.split(","))


def _found(request: HttpRequest, path: tuple[Step, ...]) -> list[Any]:
    if request.body_kind in _FIELDS:
        return list(request.body.get(path[0], ())) if len(path) == 1 else []
    found, value = resolve(request.body, path)
    if not found:
        return []
    many = EACH in path
    return [item for one in value for item in one] if many else [value]


def _http_calls(
    template: _Template, path: dict[str, str], request: HttpRequest
) -> Iterator[ToolCall]:
    """Give the call of a request; of JSON lines each is a call of its own."""
    body = request.body
    if request.body_kind != "ndjson" or not isinstance(body, list):
        yield _http_call(template, path, request)
        return
    readable = 0 < len(body) <= MAX_BATCH
    for record in body if readable else [None]:
        one = replace(request, body=record, body_kind="json", ambiguous=not readable)
        yield _http_call(template, path, one)


def _http_call(template: _Template, path: dict[str, str], request: HttpRequest) -> ToolCall:
    """Gather the arguments of a call from path, query and body."""
    arguments: dict[str, Any] = dict(path)
    readable = request.body_kind == "none" or (
        request.body_kind in _READABLE and not request.ambiguous
    )
    for name, values in request.query.items():
        for value in values:
            _add(arguments, name, value)
    if request.body_kind in _FIELDS and isinstance(request.body, dict):
        for name, values in request.body.items():
            for value in values:
                _add(arguments, name, value)
    elif request.body_kind == "json":
        if isinstance(request.body, dict):
            for name, value in request.body.items():
                _add(arguments, name, value)
        else:
            readable = False
    for name, path_to in template.origins.items():
        arguments.pop(name, None)
        found, value = resolve(request.body, path_to)
        if found:
            arguments[name] = value
    return ToolCall(template.tool, "http", arguments, readable=readable)


def _add(arguments: dict[str, Any], name: str, value: Any) -> None:
    if name not in arguments:
        arguments[name] = value
    elif arguments[name] != value or type(arguments[name]) is not type(value):
        arguments[name] = {AMBIGUOUS: True}
