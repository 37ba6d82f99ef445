"""Calls of other agents by A2A, from request to decision."""

from __future__ import annotations

from typing import Any

import pytest

from rules import AgentRef, HttpRequest, PolicySet, ToolError, compile_policy, parse_policy

POLICY = """
apiVersion: aegis/v1
kind: Policy
metadata: {name: peers}
mode: enforce
destinations:
  - {id: peer, hosts: [peer.example.com]}
tools:
  - id: peer.ask
    a2a: {agent: peer, methods: [message/send, message/stream]}
    arguments:
      call_back: {from: /configuration/pushNotificationConfig/url, pattern: "https://ok[.]test/.*"}
  - {id: peer.follow, a2a: {agent: peer, methods: [tasks/get, tasks/cancel]}}
  - id: peer.call-back
    a2a: {agent: peer, methods: [tasks/pushNotificationConfig/set]}
    arguments:
      url: {from: /pushNotificationConfig/url, required: true, pattern: "https://ok[.]test/.*"}
rules:
  - {id: all, agents: [a], tools: [peer.ask, peer.follow, peer.call-back], effect: allow}
"""


@pytest.fixture(scope="module")
def policy() -> PolicySet:
    return PolicySet(compile_policy(parse_policy(POLICY, "policy.yaml")))


def decide(policy: PolicySet, request: HttpRequest, agent: str = "a") -> tuple[list[str], str, str]:
    calls = policy.match_tools(request)
    place = {"scheme": request.scheme, "host": request.host, "port": request.port}
    decision = policy.decide(stage="request", agent=AgentRef(agent), calls=calls, **place)
    return [call.name for call in calls], str(decision.effect), decision.rule


def http(method: str, path: str, body: Any = None, kind: str = "") -> HttpRequest:
    kind = kind or ("none" if body is None else "json")
    return HttpRequest(method, "https", "peer.example.com", 443, path, {}, body, kind)


def rpc(method: str, params: Any = None) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params or {}}


def push(url: str, key: str = "pushNotificationConfig") -> dict[str, Any]:
    return {"message": {}, "configuration": {key: {"url": url}}}


OK, EVIL = "https://ok.test/x", "https://evil.test/x"


@pytest.mark.parametrize(
    "params",
    [push(EVIL, "PushNotificationConfig"), {"Configuration": push(EVIL)["configuration"]}],
)
def test_a_name_in_another_case_is_no_way_around(policy: PolicySet, params: Any) -> None:
    with pytest.raises(ToolError, match="upper and lower case"):
        policy.match_tools(http("POST", "/", rpc("message/send", params)))


@pytest.mark.parametrize(
    ("message", "tool", "effect"),
    [
        (rpc("message/send", {"message": {}}), "peer.ask", "allow"),
        (rpc("message/stream", push(OK)), "peer.ask", "allow"),
        (rpc("message/send", push(EVIL)), "peer.ask", "deny"),
        (rpc("message/send", push(EVIL, "push_notification_config")), "peer.ask", "deny"),
        (rpc("tasks/get", {"id": "t"}), "peer.follow", "allow"),
        (rpc("tasks/pushNotificationConfig/set", {"taskId": "t"}), "peer.call-back", "deny"),
        (
            rpc("tasks/pushNotificationConfig/set", {"pushNotificationConfig": {"url": OK}}),
            "peer.call-back",
            "allow",
        ),
        (rpc("tasks/delete"), "a2a:peer/tasks/delete", "deny"),
    ],
)
def test_messages(policy: PolicySet, message: Any, tool: str, effect: str) -> None:
    assert decide(policy, http("POST", "/", message))[:2] == ([tool], effect)
    assert decide(policy, http("POST", "/", message), "b")[1] == "deny"


@pytest.mark.parametrize(
    ("method", "path", "tool", "effect"),
    [
        ("GET", "/v1/tasks/7", "peer.follow", "allow"),
        ("POST", "/a/v1/tasks/7:cancel", "peer.follow", "allow"),
        ("POST", "/v1/message:send", "peer.ask", "deny"),
        ("POST", "/v1/tasks/7/pushNotificationConfigs", "peer.call-back", "deny"),
        ("GET", "/v1/tasks", "a2a:peer/tasks/list", "deny"),
    ],
)
def test_the_rest_form_proves_no_argument(
    policy: PolicySet, method: str, path: str, tool: str, effect: str
) -> None:
    body = {"message": {}} if method == "POST" else None
    assert decide(policy, http(method, path, body))[:2] == ([tool], effect)


def test_the_card_is_for_those_who_may_call(policy: PolicySet) -> None:
    card = http("GET", "/.well-known/agent-card.json")
    assert decide(policy, card) == ([], "allow", "all")
    assert decide(policy, card, "b")[1] == "deny"


def test_every_call_of_a_batch_counts(policy: PolicySet) -> None:
    batch = [rpc("tasks/get"), rpc("tasks/delete")]
    assert decide(policy, http("POST", "/", batch))[1] == "deny"


@pytest.mark.parametrize(
    "request_",
    [
        http("POST", "/", [rpc("tasks/get")] * 65),
        http("POST", "/", []),
        http("POST", "/", {"method": "message/send"}),
        http("POST", "/", {"jsonrpc": "2.0", "id": 1, "result": {}}),
        http("POST", "/", {"jsonrpc": "2.0", "method": "message/send", "params": [1]}),
        http("POST", "/", "x", "text"),
        http("GET", "/anything"),
        http("PUT", "/", rpc("message/send")),
        http("PROPFIND", "/.well-known/agent-card.json"),
    ],
)
def test_anything_else_is_refused(policy: PolicySet, request_: HttpRequest) -> None:
    with pytest.raises(ToolError):
        policy.match_tools(request_)
