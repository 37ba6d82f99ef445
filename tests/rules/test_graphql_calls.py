"""What a GraphQL request calls, however it is written."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rules import HttpRequest, PolicySet, ToolCall, ToolError, compile_policy, parse_policy

POLICY = PolicySet(
    compile_policy(
        parse_policy(
            """
apiVersion: aegis/v1
kind: Policy
metadata: {name: graph}
destinations: [{id: api, hosts: [api.test]}]
tools:
  - id: transfer
    destination: api
    graphql: {type: mutation, fields: [transfer], path: /graphql}
    arguments: {amount: {max: 100, required: true}}
  - id: read
    destination: api
    graphql: {type: query, fields: [me, account]}
  - id: report
    destination: api
    graphql: {type: query, fields: [report], operations: [Weekly]}
""",
            "graph.yaml",
        )
    )
)


def calls(
    body: Any = None, kind: str = "json", method: str = "POST", **query: str
) -> list[tuple[str, dict[str, Any]]]:
    found: list[ToolCall] = POLICY.match_tools(
        HttpRequest(
            method, "https", "api.test", 443, "/graphql",
            {name: [value] for name, value in query.items()}, body,
            "none" if body is None else kind,
        )
    )  # fmt: skip
    return [(call.name, dict(call.arguments)) for call in found]


def asked(query: str, **rest: Any) -> list[tuple[str, dict[str, Any]]]:
    return calls({"query": query, **rest})


@pytest.mark.parametrize(
    "query",
    [
        "mutation { transfer(amount: 5) }",
        "mutation M { harmless: transfer(amount: 5) { id } }",
        "mutation { ...f } fragment f on Mutation { transfer(amount: 5) }",
        "mutation { ... on Mutation { transfer(amount: 5) } }",
        "mutation { ... { transfer(amount: 5) } }",
        "mutation { transfer(amount: 5) @skip(if: true) }",
        "mutation ($a: Int = 5) { transfer(amount: $a) }",
        "#x\nmutation{transfer(amount:5)}",
    ],
)
def test_no_way_of_writing_hides_a_call(query: str) -> None:
    assert asked(query) == [("transfer", {"amount": 5})]


def test_arguments_come_from_variables() -> None:
    query = 'mutation ($a: Int, $to: In) { transfer(amount: $a, to: $to, note: "x") }'
    assert asked(query, variables={"a": 900, "to": {"iban": "DE"}}) == [
        ("transfer", {"amount": 900, "to": {"iban": "DE"}, "note": "x"})
    ]
    assert asked(query) == [("transfer", {"note": "x"})]


def test_every_field_is_a_call() -> None:
    assert asked("{ me { id } account { id } __schema { types { name } } }") == [
        ("read", {}),
        ("read", {}),
        ("graphql:api/query.__schema", {}),
    ]


def test_the_operation_that_runs_is_the_one_named() -> None:
    query = "query A { me } mutation B { transfer(amount: 1) }"
    assert asked(query, operationName="A") == [("read", {})]
    assert asked(query, operationName="B") == [("transfer", {"amount": 1})]
    # Where the name fits none a server may run any.
    assert len(asked(query)) == 2
    assert len(asked(query, operationName="C")) == 2


def test_operation_names_narrow_a_tool() -> None:
    assert asked("query Weekly { report }") == [("report", {})]
    assert asked("query Daily { report }") == [("graphql:api/query.report", {})]


def test_batches_text_and_get_are_read() -> None:
    batch = [{"query": "{ me }"}, {"query": "mutation { transfer(amount: 2) }"}]
    assert calls(batch) == [("read", {}), ("transfer", {"amount": 2})]
    assert calls("{ me }", kind="text") == [("read", {})]
    got = calls(
        method="GET", query="mutation ($a: Int) { transfer(amount: $a) }",
        variables=json.dumps({"a": 3}),
    )  # fmt: skip
    assert got == [("transfer", {"amount": 3})]
    both = calls({"query": "{ me }"}, query="mutation { transfer(amount: 4) }")
    assert sorted(both) == [("read", {}), ("transfer", {"amount": 4})]


@pytest.mark.parametrize(
    "body",
    [
        {"extensions": {"persistedQuery": {"sha256Hash": "x"}}},
        {"query": ""},
        {"query": "mutation {"},
        {"query": "{ ...a } fragment a on Q { ...b } fragment b on Q { ...a }"},
        {"query": "{ ...none }"},
        {"query": "{ me }", "variables": "x"},
        {"query": "mutation { transfer(amount: 1, amount: 2) }"},
        {"query": "{" + " me" * 11_000 + " }"},
        {"query": "{" + " me" * 300 + " }"},
        {"query": "{ a" * 5000},
        "text",
        [1],
        [{"query": "{ me }"}] * 33,
    ],
)
def test_what_cannot_be_read_is_refused(body: Any) -> None:
    with pytest.raises(ToolError):
        calls(body)
    with pytest.raises(ToolError):
        calls(b"\0", kind="opaque")
