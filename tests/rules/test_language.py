"""What each part of the language decides."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from rules import (
    AgentRef,
    Decision,
    Effect,
    Facts,
    PolicyError,
    PolicySet,
    ToolCall,
    compile_policy,
    load_policy,
    parse_policy,
)
from tests.rules.rich import RICH

POLICY = PolicySet(compile_policy(parse_policy(RICH, "rich.yaml")))
MONDAY_NOON = datetime(2026, 3, 2, 11, 0, tzinfo=UTC).timestamp()
PAYMENT: dict[str, Any] = {
    "amount": 40,
    "currency": "USD",
    "account": "US1234",
    "items": [[40], [2]],
}


def ask(
    agent: str,
    host: str,
    tool: str = "",
    arguments: dict[str, Any] | None = None,
    *,
    policy: PolicySet = POLICY,
    kind: str = "http",
    readable: bool = True,
    **rest: Any,
) -> Decision:
    calls = [ToolCall(tool, kind, arguments or {}, readable=readable)] if tool else []
    who = agent if isinstance(agent, AgentRef) else AgentRef(agent)
    asked = {"stage": "request", "scheme": "https", "port": 443, "now": MONDAY_NOON, **rest}
    return policy.decide(agent=who, host=host, calls=calls, **asked)


def pay(agent: str = "finance", policy: PolicySet = POLICY, **arguments: Any) -> Decision:
    facts = arguments.pop("facts", Facts())
    given = {name: value for name, value in {**PAYMENT, **arguments}.items() if value is not ...}
    return ask(agent, "pay.test", "pay.create", given, policy=policy, facts=facts)


def test_a_call_within_its_constraints_is_allowed() -> None:
    decision = pay()
    assert (decision.effect, decision.rule) == (Effect.ALLOW, "finance-pays")


@pytest.mark.parametrize(
    ("given", "broken"),
    [
        ({"amount": 5001}, "amount.max"),
        ({"amount": "40"}, "amount.max"),
        ({"amount": True}, "amount.max"),
        ({"currency": "GBP"}, "currency.enum"),
        ({"currency": ...}, "currency.required"),
        ({"account": "us12"}, "account.pattern"),
        ({"account": "US"}, "account.pattern"),
        ({"tags": ["a", "b", "c", "d"]}, "tags.max_length"),
        ({"tags": ["a", 1]}, "tags.each.type"),
        ({"tags": ["a" * 9]}, "tags.each.max_length"),
        ({"items": [[40], [100]]}, "items.under"),
        ({"items": [[40], []]}, "items.required"),
        ({"items": ...}, "items.required"),
    ],
)
def test_each_constraint_refuses_what_breaks_it(given: dict[str, Any], broken: str) -> None:
    decision = pay(**given)
    assert decision.effect is Effect.DENY
    assert decision.rule == f"tool:pay.create/{broken}"
    assert decision.source.startswith("rich.yaml:")


def test_elements_within_their_constraint_pass() -> None:
    assert pay(tags=["a", "b"]).effect is Effect.ALLOW
    assert pay(tags=[]).effect is Effect.ALLOW


def test_what_is_large_needs_a_person() -> None:
    decision = pay(amount=1001)
    assert (decision.effect, decision.rule) == (Effect.REQUIRE_APPROVAL, "large")
    (approval,) = decision.approve
    assert (approval.id, approval.rule) == ("money", "large")
    assert (approval.channel, approval.approvers, approval.expires_seconds) == ("#money", 2, 3600)
    assert pay(amount=1000).effect is Effect.ALLOW
    assert pay(amount=1001, facts=Facts(approved=("large",))).effect is Effect.ALLOW
    assert pay(amount=1001, facts=Facts(approved=("other",))).effect is Effect.REQUIRE_APPROVAL


def test_no_approval_lifts_a_denial() -> None:
    facts = Facts(approved=("large", "tool:pay.create/amount.max", "not-euros"))
    assert pay(amount=5001, facts=facts).effect is Effect.DENY


def test_a_denial_needs_all_its_conditions_unless_they_cannot_be_excluded() -> None:
    assert pay("planner", currency="EUR", account="US1234").effect is Effect.ALLOW
    refused = pay("planner", currency="EUR", account="DE1234")
    assert (refused.effect, refused.rule) == (Effect.DENY, "not-euros")
    assert pay("finance", currency="EUR", account="DE1234").effect is Effect.ALLOW


@pytest.mark.parametrize("amount", ["9001", None, [9001], {"$gt": 1}])
def test_a_condition_is_not_talked_around_by_another_type(amount: Any) -> None:
    policy = PolicySet(
        compile_policy(parse_policy(RICH.replace("      max_amount: 5000\n", ""), "p.yaml"))
    )
    causes = policy.explain(
        stage="request", agent=AgentRef("finance"), scheme="https", host="pay.test", port=443,
        calls=[ToolCall("pay.create", "http", {**PAYMENT, "amount": amount})],
    )[0].causes  # fmt: skip
    assert ("large", Effect.REQUIRE_APPROVAL) in [(c.rule, c.effect) for c in causes]


def test_a_call_that_cannot_be_read_is_not_proven() -> None:
    decision = ask("finance", "pay.test", "pay.create", PAYMENT, readable=False)
    assert decision.effect is Effect.DENY
    assert decision.rule == "tool:pay.create/readable"


@pytest.mark.parametrize(
    ("when", "effect"),
    [
        (datetime(2026, 3, 2, 7, 59, tzinfo=UTC), Effect.DENY),
        (datetime(2026, 3, 2, 8, 0, tzinfo=UTC), Effect.ALLOW),
        (datetime(2026, 3, 2, 15, 59, tzinfo=UTC), Effect.ALLOW),
        (datetime(2026, 3, 2, 16, 0, tzinfo=UTC), Effect.DENY),
        (datetime(2026, 3, 1, 11, 0, tzinfo=UTC), Effect.DENY),
        # In summer Berlin is two hours ahead.
        (datetime(2026, 7, 6, 7, 0, tzinfo=UTC), Effect.ALLOW),
    ],
)
def test_an_allowance_by_time(when: datetime, effect: Effect) -> None:
    decision = ask("planner", "notes.test", now=when.timestamp(), method="GET")
    connect = ask("planner", "notes.test", now=when.timestamp(), stage="connect")
    assert connect.effect is Effect.ALLOW
    # The notes are an MCP server: what calls no tool there only has to reach it.
    assert decision.effect is not Effect.DENY
    tool = ask("planner", "notes.test", "deploy", {"count": 1}, now=when.timestamp())
    assert tool.effect is effect


def test_a_tunnel_needs_what_shows_before_the_call() -> None:
    text = RICH.replace("  - {id: writes, agents:", "  - {id: writes, agents: [nurse], x:")
    text = text.replace(' [nurse], x: ["*"]', " [nurse]")
    policy = PolicySet(compile_policy(parse_policy(text, "p.yaml")))
    sunday = datetime(2026, 3, 1, 11, 0, tzinfo=UTC).timestamp()
    for stage in ("connect", "request"):
        asked = {"policy": policy, "stage": stage}
        assert ask("planner", "notes.test", **asked).effect is Effect.ALLOW
        assert ask("planner", "notes.test", now=sunday, **asked).rule == "default-deny"
    # A condition on arguments shows only in the call.
    pays = RICH.replace(
        "agents: [finance, planner], tools: [pay.create], effect: allow",
        "agents: [finance], tools: [pay.create], effect: allow, "
        "when: {arguments: {amount: {max: 5}}}",
    )
    policy = PolicySet(compile_policy(parse_policy(pays, "p.yaml")))
    assert ask("finance", "pay.test", policy=policy, stage="connect").effect is Effect.ALLOW


def test_a_denial_by_time_over_midnight() -> None:
    for hour, effect in ((23, Effect.DENY), (3, Effect.DENY), (8, Effect.REQUIRE_APPROVAL)):
        now = datetime(2026, 3, 2, hour, 30, tzinfo=UTC).timestamp()
        assert ask("builder", "notes.test", "deploy", {"count": 1}, now=now).effect is effect


def test_environment_labels_of_the_firewall_and_of_the_agent() -> None:
    deploy = ("notes.test", "deploy", {"count": 1})
    bundle = compile_policy(parse_policy(RICH, "rich.yaml"))
    production = PolicySet(bundle, environment={"stage": "production"})
    staging = PolicySet(bundle, environment={"stage": "staging"})
    assert ask("finance", *deploy, policy=production).effect is Effect.REQUIRE_APPROVAL
    assert ask("finance", *deploy, policy=staging).effect is Effect.ALLOW
    # Where the stage is not known it may be production.
    assert ask("finance", *deploy).effect is Effect.REQUIRE_APPROVAL
    assert ask("planner", *deploy, policy=production).effect is Effect.ALLOW
    assert ask("builder", *deploy, policy=staging).effect is Effect.REQUIRE_APPROVAL


def test_data_labels_decide_and_route() -> None:
    assert ask("finance", "model.test").effect is Effect.ALLOW
    assert ask("finance", "model.test").route_host == ""
    secret = ask("finance", "model.test", data=("secret",))
    assert (secret.effect, secret.rule) == (Effect.DENY, "secrets-stay")
    phi = ask("finance", "model.test", data=("phi",))
    assert (phi.effect, phi.redact) == (Effect.SANITIZE, ("phi-out",))


def test_data_stays_in_its_region() -> None:
    text = RICH.replace("region: us, endpoints", "region: asia, endpoints")
    policy = PolicySet(compile_policy(parse_policy(text, "p.yaml")))
    plain = ask("finance", "model.test", policy=policy)
    assert (plain.effect, plain.route_host) == (Effect.ALLOW, "")
    routed = ask("finance", "model.test", policy=policy, data=("phi",))
    assert (routed.route_host, routed.route_region) == ("model.test", "us")
    refused = ask("finance", "graph.test", "graph.transfer", kind="graphql", data=("phi",))
    assert (refused.effect, refused.rule) == (Effect.DENY, "phi-in-us")
    unknown = ask("finance", "notes.test", "notes.write", kind="mcp", data=("phi",))
    assert unknown.rule == "phi-in-us"


def test_what_a_tool_carries_by_declaration_counts() -> None:
    nurse = AgentRef("nurse", "clinic", proof="client_certificate")
    decision = ask(nurse, "ehr.test", "ehr.read")  # type: ignore[arg-type]
    assert (decision.effect, decision.redact) == (Effect.SANITIZE, ("clinical",))
    moved = RICH.replace("hosts: [ehr.test], region: us", "hosts: [ehr.test], region: eu")
    policy = PolicySet(compile_policy(parse_policy(moved, "p.yaml")))
    refused = ask(nurse, "ehr.test", "ehr.read", policy=policy)  # type: ignore[arg-type]
    assert refused.rule == "phi-in-us"


def test_the_agent_must_be_proven_as_policy_wants_and_in_its_tenant() -> None:
    token = AgentRef("nurse", "clinic")
    assert ask(token, "ehr.test", "ehr.read").rule == "proof-missing"  # type: ignore[arg-type]
    other = AgentRef("nurse", "other", proof="client_certificate")
    assert ask(other, "ehr.test", "ehr.read").rule == "tenant-mismatch"  # type: ignore[arg-type]


def test_acting_for_another_needs_the_rights_of_both() -> None:
    both = ask("finance", "pay.test", "pay.create", PAYMENT, on_behalf_of=(AgentRef("planner"),))
    assert both.effect is Effect.ALLOW
    euros = {**PAYMENT, "currency": "EUR", "account": "DE1234"}
    theirs = ask("finance", "pay.test", "pay.create", euros, on_behalf_of=(AgentRef("planner"),))
    assert (theirs.effect, theirs.rule) == (Effect.DENY, "not-euros")
    lacking = ask("finance", "pay.test", "pay.create", PAYMENT,
                  on_behalf_of=(AgentRef("nurse", "clinic"),))  # fmt: skip
    assert (lacking.effect, lacking.rule) == (Effect.DENY, "default-deny")
    unknown = ask("planner", "pay.test", "pay.create", PAYMENT,
                  on_behalf_of=(AgentRef("finance"),))  # fmt: skip
    assert (unknown.effect, unknown.rule) == (Effect.DENY, "delegation-unknown")


def test_a_policy_without_delegation_allows_none() -> None:
    text = (
        "apiVersion: aegis/v1\nkind: Policy\nmetadata: {name: n}\n"
        "destinations: [{id: a, hosts: [a.test]}]\n"
        "rules: [{id: r, agents: ['*'], destinations: [a], effect: allow}]\n"
    )
    policy = PolicySet(compile_policy(parse_policy(text, "p.yaml")))
    assert ask("x", "a.test", policy=policy).effect is Effect.ALLOW
    decision = ask("x", "a.test", policy=policy, on_behalf_of=(AgentRef("y"),))
    assert decision.rule == "delegation-unknown"


def test_budgets_and_rates_are_obligations_and_come_back_as_facts() -> None:
    decision = ask("planner", "model.test")
    assert [(r.id, r.key) for r in decision.reserve] == [
        ("daily", "agent:planner"),
        ("team", "group:office"),
    ]
    assert decision.reserve[0].limit == 20
    assert decision.reserve[0].window_seconds == 86400
    over = ask("planner", "model.test", facts=Facts(exceeded=("daily",)))
    assert (over.effect, over.rule) == (Effect.DENY, "daily")
    asked = ask("planner", "model.test", facts=Facts(exceeded=("team",)))
    assert (asked.effect, asked.approve[0].id) == (Effect.REQUIRE_APPROVAL, "money")
    granted = ask("planner", "model.test", facts=Facts(exceeded=("team",), approved=("team",)))
    assert granted.effect is Effect.ALLOW
    slow = pay(facts=Facts(exceeded=("slow",)))
    assert (slow.effect, slow.throttle) == (Effect.ALLOW, ("slow",))


def test_rules_that_only_observe_change_nothing_and_are_told() -> None:
    decision = ask("planner", "model.test")
    assert decision.effect is Effect.ALLOW
    assert decision.would == (Effect.DENY, "watch-planner")
    nurse = AgentRef("nurse", "clinic", proof="client_certificate")
    decision = ask(nurse, "pay.test", "pay.list")  # type: ignore[arg-type]
    assert (decision.effect, decision.rule) == (Effect.DENY, "default-deny")
    assert decision.would == (Effect.SANITIZE, "try-list")


def test_a_rule_that_sanitizes_brings_its_redactions() -> None:
    decision = ask("planner", "notes.test", "notes.write", kind="mcp", data=())
    assert (decision.effect, decision.rule) == (Effect.SANITIZE, "writes")
    assert decision.redact == ("cards",)


def test_redaction_by_tool() -> None:
    assert ask("planner", "pay.test", "pay.list").redact == ("lists",)
    assert pay("planner").redact == ()


def test_graphql_fields_that_are_not_named_are_refused() -> None:
    unnamed = ask("planner", "graph.test", "graphql:graph/mutation.drop", kind="graphql")
    assert (unnamed.effect, unnamed.rule) == (Effect.DENY, "tool-unknown")
    assert ask("planner", "graph.test", "graph.transfer", kind="graphql").effect is Effect.ALLOW


def test_of_several_calls_the_strictest_holds_with_all_obligations() -> None:
    calls = [
        ToolCall("pay.list", "http", {}),
        ToolCall("pay.create", "http", {**PAYMENT, "amount": 2000}),
    ]
    decision = POLICY.decide(
        stage="request", agent=AgentRef("planner"), scheme="https", host="pay.test", port=443,
        calls=calls,
    )  # fmt: skip
    assert decision.effect is Effect.REQUIRE_APPROVAL
    assert decision.redact == ("lists",)
    assert {r.id for r in decision.reserve} >= {"team", "slow"}


def test_an_explanation_names_all_that_took_part() -> None:
    (explanation,) = POLICY.explain(
        stage="request", agent=AgentRef("planner"), scheme="https", host="pay.test", port=443,
        calls=[ToolCall("pay.create", "http", {**PAYMENT, "amount": 6000, "currency": "GBP"})],
    )  # fmt: skip
    assert [cause.rule for cause in explanation.causes] == [
        "tool:pay.create/amount.max",
        "tool:pay.create/currency.enum",
        "large",
        "finance-pays",
    ]
    assert explanation.decision.rule == "tool:pay.create/amount.max"


TENANT = """
apiVersion: aegis/v1
kind: Policy
metadata: {name: acme, tenant: acme}
agents: [{id: planner}]
approvals: [{id: boss, channel: "#acme"}]
rules:
  - {id: no-lists, agents: ["*"], tools: [pay.list], effect: deny}
  - id: ask
    agents: ["*"]
    tools: [pay.create]
    when: {arguments: {amount: {over: 10}}}
    effect: require_approval
    approval: boss
"""


@pytest.fixture
def tenants(tmp_path: Any) -> Any:
    (tmp_path / "org.yaml").write_text(RICH, "utf-8")
    (tmp_path / "acme.yaml").write_text(TENANT, "utf-8")
    return tmp_path


def test_a_tenants_policy_only_tightens(tenants: Any) -> None:
    policy = PolicySet(compile_policy(load_policy(tenants)))
    acme, plain = AgentRef("finance", "acme"), AgentRef("finance")

    def decide(agent: AgentRef, **arguments: Any) -> Decision:
        return ask(agent, "pay.test", "pay.create", {**PAYMENT, **arguments}, policy=policy)  # type: ignore[arg-type]

    assert decide(plain).effect is Effect.ALLOW
    asked = decide(acme)
    assert (asked.effect, asked.rule) == (Effect.REQUIRE_APPROVAL, "acme/ask")
    assert asked.approve[0].id == "acme/boss"
    assert asked.source.startswith("acme.yaml:")
    assert decide(acme, amount=5).effect is Effect.ALLOW
    assert decide(acme, amount=6000).effect is Effect.DENY
    both = decide(acme, amount=2000)
    assert {a.rule for a in both.approve} == {"large", "acme/ask"}


def test_a_tenants_allowances_take_everything_else_away(tenants: Any) -> None:
    extra = '  - {id: only, agents: ["*"], tools: [pay.create], effect: allow}\n'
    extra += '  - {id: more, agents: ["*"], destinations: [ehr], effect: allow}\n'
    (tenants / "acme.yaml").write_text(TENANT + extra, "utf-8")
    policy = PolicySet(compile_policy(load_policy(tenants)))
    acme = AgentRef("finance", "acme")
    assert ask(acme, "model.test", policy=policy).rule == "default-deny"  # type: ignore[arg-type]
    # What the organisation does not allow stays refused.
    assert ask(acme, "ehr.test", policy=policy).rule == "default-deny"  # type: ignore[arg-type]
    assert ask("finance", "model.test", policy=policy).effect is Effect.ALLOW


def test_the_bundle_of_one_tenant_holds_no_other(tenants: Any) -> None:
    (tenants / "other.yaml").write_text(TENANT.replace("acme", "rival"), "utf-8")
    bundle = compile_policy(load_policy(tenants), "acme")
    assert sorted(bundle.data["aegis_cfg"]["layers"]) == ["", "acme"]
    assert b"rival" not in bundle.files["data.json"]
    with pytest.raises(PolicyError, match="Tenants: acme, rival"):
        compile_policy(load_policy(tenants), "none")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (TENANT + "limits: {max_body: 1MB}\n", "is not a tenant's to say"),
        (TENANT.replace("pay.list", "pay.lst"), "Did you mean 'pay.list'"),
        (TENANT.replace(", tenant: acme", ""), "the id 'planner' is taken, in acme.yaml:5"),
    ],
)
def test_mistakes_across_documents_are_named(tenants: Any, text: str, words: str) -> None:
    (tenants / "acme.yaml").write_text(text, "utf-8")
    with pytest.raises(PolicyError, match=words):
        load_policy(tenants)


def test_a_tenants_policy_does_not_stand_alone() -> None:
    with pytest.raises(PolicyError, match="does not stand alone"):
        parse_policy(TENANT, "acme.yaml")
