"""What a policy decides, by the example that its documentation gives."""

import re
from pathlib import Path
from typing import Any

import pytest

from rules import (
    AgentRef,
    Bundle,
    Decision,
    Effect,
    HttpRequest,
    PolicySet,
    ToolError,
    compile_policy,
    parse_policy,
)

DOCUMENT = Path(__file__).parents[2] / "docs" / "policy.md"
TEXT = re.search(r"```yaml\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL)[1]  # type: ignore[index]
POLICY = PolicySet(compile_policy(parse_policy(TEXT, "clinic.yaml")))
PLANNER, NURSE, GUEST = AgentRef("planner"), AgentRef("nurse"), AgentRef("guest")


def ask(
    agent: AgentRef, host: str, *, policy: PolicySet = POLICY, stage: str = "request", **more: Any
) -> Decision:
    return policy.decide(stage=stage, agent=agent, scheme="https", host=host, port=443, **more)


def pay(agent: AgentRef = PLANNER, account: str = "DE123456", **body: Any) -> Decision:
    return send(agent, f"/v1/accounts/{account}/payments", {"currency": "USD", **body})


def send(agent: AgentRef, path: str, body: Any, kind: str = "json", **query: list[str]) -> Decision:
    request = HttpRequest("POST", "https", "pay.example.com", 443, path, query, body, kind)
    return ask(agent, "pay.example.com", calls=POLICY.match_tools(request), body_kind=kind)


def test_what_no_rule_allows_is_denied() -> None:
    decision = ask(GUEST, "pay.example.com")
    assert (decision.effect, decision.rule) == (Effect.DENY, "default-deny")
    decision = ask(GUEST, "example.com")
    assert (decision.effect, decision.rule) == (Effect.DENY, "destination-unknown")


def test_everybody_may_ask_the_model_and_is_redacted() -> None:
    decision = ask(GUEST, "api.openai.com")
    assert decision.effect is Effect.SANITIZE
    assert decision.redact == ("no-numbers-of-people",)
    assert decision.rule == "everybody-may-ask"
    line = int(decision.source.removeprefix("clinic.yaml:"))
    assert "everybody-may-ask" in TEXT.splitlines()[line - 1]


def test_groups_of_the_policy_and_of_the_ledger_count() -> None:
    assert pay(PLANNER, amount=40).effect is Effect.ALLOW
    assert pay(AgentRef("other", groups=("office",)), amount=40).effect is Effect.ALLOW
    assert pay(GUEST, amount=40).effect is Effect.DENY


def test_a_denial_is_stronger_than_any_permission() -> None:
    both = AgentRef("planner", groups=("ward",))
    decision = ask(both, "ehr.clinic.internal")
    assert (decision.effect, decision.rule) == (Effect.DENY, "planner-stays-out")
    assert ask(NURSE, "ehr.clinic.internal").effect is Effect.SANITIZE
    assert ask(NURSE, "ehr.clinic.internal").dial == ("10.0.0.0/8",)


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        ({"amount": 5001}, "amount.max"),
        ({"amount": "40"}, "amount.max"),
        ({"amount": None}, "amount.max"),
        ({"amount": True}, "amount.max"),
        ({"amount": [40]}, "amount.max"),
        ({"amount": 1e308}, "amount.max"),
        ({"amount": 40, "currency": "BTC"}, "currency.enum"),
        ({"amount": 40, "currency": None}, "currency"),
        ({"amount": 40, "payee": {"name": "x" * 81}}, "payee.max_length"),
        ({"amount": 40, "payee": {"name": 7}}, "payee"),
    ],
)
def test_a_constraint_that_is_not_proven_denies(body: dict[str, Any], rule: str) -> None:
    decision = pay(**body)
    assert decision.effect is Effect.DENY
    assert decision.rule.startswith("tool:payments.create/")
    assert rule in decision.rule
    assert decision.source.startswith("clinic.yaml:")
    assert not any(str(value) in decision.reason for value in (9001, "BTC", "x" * 81))


@pytest.mark.parametrize("amount", [5000, 0, 4999.99, -3])
def test_values_within_the_bounds_are_allowed(amount: float) -> None:
    assert pay(amount=amount, payee={"name": "Ada"}).effect is Effect.ALLOW


def test_path_parameters_are_arguments_too() -> None:
    assert pay(account="x'; --", amount=1).rule == "tool:payments.create/account.pattern"


def test_an_argument_with_two_values_keeps_to_nothing() -> None:
    path = "/v1/accounts/DE123456/payments"
    body = {"currency": "USD", "amount": 40}
    assert send(PLANNER, path, body, amount=["9000"]).effect is Effect.DENY
    assert send(PLANNER, path, body, currency=["USD"]).effect is Effect.ALLOW


@pytest.mark.parametrize("kind", ["opaque", "text", "uninspected"])
def test_a_body_that_was_not_read_proves_nothing(kind: str) -> None:
    decision = send(PLANNER, "/v1/accounts/DE123456/payments", None, kind)
    assert decision.rule == "tool:payments.create/readable"


def test_an_array_in_place_of_members_proves_nothing() -> None:
    assert send(PLANNER, "/v1/accounts/DE123456/payments", [{"amount": 9000}]).effect is Effect.DENY


def test_a_rule_for_tools_allows_nothing_else() -> None:
    assert send(PLANNER, "/v1/accounts/DE123456/refunds", {"amount": 1}).rule == "default-deny"


@pytest.mark.parametrize(
    ("host", "known"),
    [
        ("pay.example.com", True),
        ("a.pay.example.com", True),
        ("a.b.pay.example.com", True),
        ("evilpay.example.com", False),
        ("example.com", False),
        ("pay.example.com.evil.test", False),
        ("com", False),
    ],
)
def test_wildcards_cover_whole_labels_only(host: str, known: bool) -> None:
    assert (ask(PLANNER, host, stage="connect").effect is Effect.ALLOW) is known


def test_ports_and_schemes_count() -> None:
    question = {"stage": "request", "agent": GUEST, "host": "api.openai.com"}
    assert POLICY.decide(**question, scheme="https", port=443).effect is Effect.SANITIZE
    assert POLICY.decide(**question, scheme="https", port=8443).rule == "destination-unknown"
    assert POLICY.decide(**question, scheme="http", port=443).rule == "destination-unknown"


def rpc(name: Any, **more: Any) -> dict[str, Any]:
    return {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": name, "arguments": {}},
        **more,
    }


def note(agent: AgentRef, body: Any, kind: str = "json", method: str = "POST") -> Decision:
    request = HttpRequest(method, "https", "notes.example.com", 443, "/mcp", {}, body, kind)
    return ask(agent, "notes.example.com", calls=POLICY.match_tools(request), body_kind=kind)


def test_mcp_tools_are_called_by_name() -> None:
    assert note(NURSE, rpc("write_note")).effect is Effect.ALLOW
    assert note(GUEST, rpc("write_note")).effect is Effect.DENY
    assert note(NURSE, rpc("delete_all")).rule == "tool-unknown"
    assert note(NURSE, [rpc("write_note"), rpc("delete_all")]).effect is Effect.DENY
    assert note(NURSE, rpc("x", method="tools/list")).effect is Effect.ALLOW
    assert note(NURSE, None, "none", "GET").effect is Effect.ALLOW
    assert note(GUEST, rpc("x", method="initialize")).effect is Effect.DENY


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (rpc(7), "json"),
        (rpc("write_note", params=[1]), "json"),
        (rpc("write_note", params={"name": "write_note", "arguments": []}), "json"),
        ([rpc("write_note")] * 65, "json"),
        ({"hello": 1}, "json"),
        (None, "opaque"),
        ("text", "text"),
        (None, "none"),
    ],
)
def test_what_an_mcp_server_could_read_as_a_call_must_be_readable(body: Any, kind: str) -> None:
    with pytest.raises(ToolError):
        note(NURSE, body, kind)


def test_observe_comes_through_and_changes_no_effect() -> None:
    watching = PolicySet(
        compile_policy(parse_policy(TEXT.replace("mode: enforce", "mode: observe"), "clinic.yaml"))
    )
    decision = ask(GUEST, "pay.example.com", policy=watching)
    assert (decision.mode, decision.effect) == ("observe", Effect.DENY)


def test_a_decision_is_kept_only_for_the_same_question() -> None:
    assert ask(GUEST, "api.openai.com") is ask(GUEST, "api.openai.com")
    assert ask(NURSE, "ehr.clinic.internal") != ask(PLANNER, "ehr.clinic.internal")
    assert pay(amount=40) is pay(amount=40)
    assert pay(amount=9000).effect is Effect.DENY
    assert pay(amount="40").effect is Effect.DENY
    assert pay(amount=40).effect is Effect.ALLOW
    path = "/v1/accounts/DE123456/payments"
    assert send(PLANNER, path, {"amount": 40, "currency": "USD"}, "opaque").effect is Effect.DENY


def test_a_bundle_is_the_policy() -> None:
    bundle = compile_policy(parse_policy(TEXT, "clinic.yaml"))
    again = compile_policy(parse_policy(TEXT, "clinic.yaml"))
    assert bundle.to_bytes() == again.to_bytes()
    read = PolicySet(Bundle.from_bytes(bundle.to_bytes()))
    assert read.revision == bundle.revision
    assert ask(GUEST, "api.openai.com", policy=read) == ask(GUEST, "api.openai.com")
    other = compile_policy(parse_policy(TEXT.replace("5000", "5001"), "clinic.yaml"))
    assert other.revision != bundle.revision
