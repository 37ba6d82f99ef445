"""Which tools a request calls, by path, query, headers and body."""

from __future__ import annotations

from typing import Any

import pytest

from rules import HttpRequest, PolicySet, ToolError, compile_policy, parse_policy
from rules.tools import MAX_BATCH

POLICY = PolicySet(
    compile_policy(
        parse_policy(
            """
apiVersion: aegis/v1
kind: Policy
metadata: {name: tools}
destinations: [{id: api, hosts: [api.test]}]
tools:
  - id: delete
    destination: api
    http: {methods: [GET, POST], path: /do, query: {action: [delete, purge]}}
  - id: act
    destination: api
    http: {methods: [GET, POST], path: /do}
  - id: put-item
    destination: api
    http: {methods: [POST], path: /, headers: {X-Amz-Target: Dynamo.PutItem}}
  - id: transfer
    destination: api
    http: {methods: [POST], path: /rpc, body: {/method: transfer, "$.params.kind": [1, "2"]}}
  - id: other-rpc
    destination: api
    http: {methods: [POST], path: /rpc}
  - id: pay
    destination: api
    http: {methods: [POST], path: /pay}
    arguments: {amounts: {from: "$.lines[*].amount", max: 10}}
""",
            "tools.yaml",
        )
    )
)


def names(
    method: str, path: str, body: Any = None, kind: str = "json", *,
    query: dict[str, list[str]] | None = None, headers: dict[str, list[str]] | None = None,
) -> list[tuple[str, bool]]:  # fmt: skip
    request = HttpRequest(
        method, "https", "api.test", 443, path, query or {}, body,
        "none" if body is None else kind, headers or {},
    )  # fmt: skip
    return [(call.name, call.readable) for call in POLICY.match_tools(request)]


@pytest.mark.parametrize(
    ("query", "tool"),
    [
        ({"action": ["delete"]}, "delete"),
        ({"action": ["read", "purge"]}, "delete"),
        ({"action": ["read"]}, "act"),
        ({"Action": ["delete"]}, "act"),
        ({}, "act"),
    ],
)
def test_by_query(query: dict[str, list[str]], tool: str) -> None:
    assert names("GET", "/do", query=query) == [(tool, True)]


@pytest.mark.parametrize(
    ("values", "tools"),
    [
        (["Dynamo.PutItem"], [("put-item", True)]),
        (["Other, Dynamo.PutItem"], [("put-item", True)]),
        (["Other", "Dynamo.PutItem"], [("put-item", True)]),
        (["Other"], []),
    ],
)
def test_by_header(values: list[str], tools: list[Any]) -> None:
    assert names("POST", "/", {}, headers={"x-amz-target": values}) == tools


@pytest.mark.parametrize(
    ("body", "tools"),
    [
        ({"method": "transfer", "params": {"kind": 1}}, [("transfer", True)]),
        ({"method": "transfer", "params": {"kind": 2}}, [("transfer", True)]),
        ({"method": "transfer", "params": {"kind": 1.0}}, [("transfer", True)]),
        ({"method": "transfer", "params": {"kind": True}}, [("other-rpc", True)]),
        ({"method": "read", "params": {"kind": 1}}, [("other-rpc", True)]),
        ({"method": "transfer"}, [("other-rpc", True)]),
        ([], [("other-rpc", False)]),
    ],
)
def test_by_body(body: Any, tools: list[Any]) -> None:
    assert names("POST", "/rpc", body) == tools


@pytest.mark.parametrize("kind", ["text", "opaque", "uninspected"])
def test_a_body_that_cannot_be_read_may_call_either(kind: str) -> None:
    found = names("POST", "/rpc", "x", kind)
    assert found == [("transfer", False), ("other-rpc", False)]


def test_what_a_path_with_each_finds() -> None:
    request = HttpRequest(
        "POST", "https", "api.test", 443, "/pay", {},
        {"lines": [{"amount": 5}, {}], "amounts": 999}, "json",
    )  # fmt: skip
    (call,) = POLICY.match_tools(request)
    # What stands under the argument's own name is not it.
    assert call.arguments["amounts"] == [[5], []]


@pytest.mark.parametrize("name", ["Method", "METHOD"])
def test_a_name_in_another_case_is_not_looked_past(name: str) -> None:
    for body in ({name: "transfer"}, {"method": "read", name: "transfer"}):
        with pytest.raises(ToolError, match="upper and lower case"):
            names("POST", "/rpc", body)
    for body in ({"Lines": [{"amount": 99}]}, {"lines": [{"amount": 1, "Amount": 99}]}):
        with pytest.raises(ToolError):
            names("POST", "/pay", body)


def calls(path: str, body: Any, kind: str, **more: Any) -> list[Any]:
    request = HttpRequest("POST", "https", "api.test", 443, path, {}, body, kind, **more)
    return [(call.name, call.readable, call.arguments) for call in POLICY.match_tools(request)]


def test_fields_of_a_multipart_form_are_arguments() -> None:
    body = {"a": ["1"], "b": ["1", "2"], "c": [{"d": 1}]}
    assert calls("/do", body, "multipart") == [
        ("act", True, {"a": "1", "b": {"$ambiguous": True}, "c": {"d": 1}})
    ]
    assert calls("/do", None, "multipart", ambiguous=True) == [("act", False, {})]


def test_each_json_line_is_a_call() -> None:
    lines = [{"a": 1}, {"a": 2}]
    assert calls("/do", lines, "ndjson") == [("act", True, {"a": 1}), ("act", True, {"a": 2})]
    assert calls("/pay", [{"lines": [{"amount": 5}]}], "ndjson") == [
        ("pay", True, {"lines": [{"amount": 5}], "amounts": [[5]]})
    ]
    assert calls("/do", [{"a": 1}, 7], "ndjson") == [("act", True, {"a": 1}), ("act", False, {})]
    for odd in ([], [{"a": 1}] * (MAX_BATCH + 1)):
        assert calls("/do", odd, "ndjson") == [("act", False, {})]


@pytest.mark.parametrize(
    ("kind", "body"), [("ndjson", [{"method": "read"}]), ("xml", None), ("multipart", None)]
)
def test_conditions_on_a_body_of_these_kinds_stay_open(kind: str, body: Any) -> None:
    found = calls("/rpc", body, kind, ambiguous=kind == "multipart")
    assert [name for name, _, _ in found] == ["transfer", "other-rpc"]
    assert not found[0][1]


def test_what_may_be_json_and_a_form_is_not_readable() -> None:
    body = {"method": "read"}
    assert calls("/rpc", body, "json", ambiguous=True) == [
        ("transfer", False, {}), ("other-rpc", False, {"method": "read"})
    ]  # fmt: skip
