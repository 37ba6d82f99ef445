"""What a GraphQL request calls: each root field, whatever alias or fragment hides it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSyntaxError,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    parse,
    value_from_ast_untyped,
)

from rules.decision import HttpRequest
from rules.errors import ToolError

MAX_QUERY = 100_000
MAX_TOKENS = 10_000
MAX_FIELDS = 200
MAX_BATCH = 32


@dataclass(frozen=True, slots=True)
class FieldCall:
    """One field of a root type that is selected; `type` is query, mutation or subscription."""

    type: str
    field: str
    operation: str
    arguments: Mapping[str, Any]


def field_calls(request: HttpRequest) -> list[FieldCall]:
    """Give every field of a root type that a request may call; raises `ToolError`."""
    found: list[FieldCall] = []
    for asked in _requests(request):
        found += _calls(asked)
        if len(found) > MAX_FIELDS:
            raise ToolError(f"More than {MAX_FIELDS} GraphQL fields in one request; send fewer.")
    return found


def _requests(request: HttpRequest) -> Iterator[Mapping[str, Any]]:
    in_query = "query" in request.query
    if in_query:
        if any(len(values) != 1 for values in request.query.values()):
            raise ToolError("A GraphQL request has each parameter once.")
        asked: dict[str, Any] = {name: values[0] for name, values in request.query.items()}
        if "variables" in asked:
            try:
                asked["variables"] = json.loads(asked["variables"])
            except ValueError:
                raise ToolError("The variables of a GraphQL request are a JSON object.") from None
        yield asked
    body = request.body
    if request.body_kind == "json":
        batch = body if isinstance(body, list) else [body]
        if len(batch) > MAX_BATCH:
            raise ToolError(f"More than {MAX_BATCH} GraphQL requests in one batch; send fewer.")
        for item in batch:
            if not isinstance(item, dict):
                raise ToolError("A GraphQL request is a JSON object with a `query`.")
            yield item
    elif request.body_kind == "text":
        yield {"query": body}
    elif request.body_kind != "none" or not in_query:
        raise ToolError("This endpoint takes GraphQL requests as JSON only.")


def _calls(asked: Mapping[str, Any]) -> Iterator[FieldCall]:
    query, variables = asked.get("query"), asked.get("variables")
    if not isinstance(query, str) or not query.strip():
        raise ToolError(
            "A GraphQL request needs the text of its query; a stored query cannot be decided on."
        )
    if variables is not None and not isinstance(variables, dict):
        raise ToolError("The variables of a GraphQL request are a JSON object.")
    document = _parsed(query)
    fragments = {
        node.name.value: node
        for node in document.definitions
        if isinstance(node, FragmentDefinitionNode)
    }
    operations = [
        node for node in document.definitions if isinstance(node, OperationDefinitionNode)
    ]
    wanted = asked.get("operationName")
    named = [node for node in operations if node.name and node.name.value == wanted]
    # Servers differ in what they run when the name fits none or several: all may be meant.
    for operation in named if len(named) == 1 else operations:
        given = {**_defaults(operation), **(variables or {})}
        for field in _fields(operation.selection_set, fragments, ()):
            yield FieldCall(
                operation.operation.value,
                field.name.value,
                operation.name.value if operation.name else "",
                _arguments(field, given),
            )


def _parsed(query: str) -> DocumentNode:
    if len(query) > MAX_QUERY:
        raise ToolError(f"A GraphQL query may have {MAX_QUERY} characters.")
    try:
        return parse(query, no_location=True, max_tokens=MAX_TOKENS)
    except (GraphQLSyntaxError, GraphQLError, RecursionError):
        raise ToolError("The GraphQL query cannot be read.") from None


def _defaults(operation: OperationDefinitionNode) -> dict[str, Any]:
    return {
        node.variable.name.value: value_from_ast_untyped(node.default_value)
        for node in operation.variable_definitions or ()
        if node.default_value is not None
    }


def _fields(
    selected: SelectionSetNode,
    fragments: Mapping[str, FragmentDefinitionNode],
    inside: Sequence[str],
) -> Iterator[FieldNode]:
    """Give the fields of a selection, those of its fragments among them, run or skipped."""
    for node in selected.selections:
        if isinstance(node, FieldNode):
            yield node
        elif isinstance(node, InlineFragmentNode):
            yield from _fields(node.selection_set, fragments, inside)
        elif isinstance(node, FragmentSpreadNode):
            name = node.name.value
            if name not in fragments or name in inside or len(inside) > 20:
                raise ToolError("The GraphQL query has a fragment that is missing or in a circle.")
            yield from _fields(fragments[name].selection_set, fragments, (*inside, name))


def _arguments(field: FieldNode, given: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for node in field.arguments or ():
        if node.name.value in found:
            raise ToolError("A GraphQL field has an argument twice.")
        if isinstance(node.value, VariableNode) and node.value.name.value not in given:
            continue  # as if it were not there
        found[node.name.value] = value_from_ast_untyped(node.value, dict(given))
    return found
