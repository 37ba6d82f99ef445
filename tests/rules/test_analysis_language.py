"""Replay, diff, coverage and suggestions with every part of the language."""

import pytest
import yaml

from rules import compile_policy, load_policy, parse_policy
from rules.coverage import coverage, rule_ids
from rules.diff import MET, UNMET, diff
from rules.judge import Judge
from rules.recorded import parse_record
from rules.suggest import suggest
from tests.rules.rich import RICH
from tests.rules.test_diff import reversed_lists
from tests.rules.test_replay import record


def rich(*changes):
    text = RICH
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return compile_policy(parse_policy(text, "rich.yaml"))


def change(*changes):
    return diff(rich(), rich(*changes))


def ask(asked, bundle=None):
    """Ask about a record that was made under a policy that is known and looked for all labels."""
    then = rich(("limit: 20,", "limit: 21,"))
    verdict = Judge(bundle or rich(), [then]).ask(
        parse_record({**asked, "revision": then.revision})
    )
    return verdict.effects, set(verdict.depends)


MONDAY_NOON = "2026-03-02T12:00:00.000000Z"
SUNDAY_NOON = "2026-03-01T12:00:00.000000Z"
WHOLE = {"groups": [], "data": [], "environment": {}}


# Replay ------------------------------------------------------------------------------------


def test_the_time_of_the_record_decides():
    deploy = record("notes.test", agent="guest", tools=["deploy"], groups=[], data=[])
    deploy["environment"] = {"stage": "test"}
    assert ask({**deploy, "time": MONDAY_NOON}) == (("allow",), set())
    assert ask({**deploy, "time": SUNDAY_NOON}) == (("deny",), set())


def test_data_labels_come_from_the_record_or_stay_open():
    asked = record("model.test", agent="guest", groups=[], environment={})
    assert ask({**asked, "data": []}) == (("allow",), set())
    assert ask({**asked, "data": ["secret"]}) == (("deny",), set())
    assert ask(asked) == (("allow", "deny"), {"data"})
    # Nobody looked for what the candidate looks for.
    other = rich(("{id: secret, entities: [CREDIT_CARD]}", "{id: secret, entities: [IBAN_CODE]}"))
    assert ask({**asked, "data": []}, other) == (("allow", "deny"), {"data"})
    assert ask({**asked, "data": ["secret"]}, other) == (("deny",), set())


def test_environment_labels_come_from_the_record_or_stay_open():
    bundle = rich(
        ("when: {labels: {stage: [production]}}\n    effect: require_approval", "effect: deny"),
        ("when: {data: [secret]}", "when: {labels: {stage: [production]}}"),
    )
    asked = record("model.test", agent="guest", groups=[], data=[])
    assert ask({**asked, "environment": {"stage": "staging"}}, bundle) == (("allow",), set())
    assert ask({**asked, "environment": {"stage": "production"}}, bundle) == (("deny",), set())
    assert ask(asked, bundle) == (("allow", "deny"), {"labels"})


def test_conditions_on_arguments_stay_open():
    pay = record("pay.test", agent="finance", tools=["pay.create"], **WHOLE)
    without = rich(
        ("      max_amount: 5000\n", ""), ("    when: {arguments: {amount: {over: 1000}}}\n", "")
    )
    effects, depends = ask(pay)
    # The constraints on the tool are the same and are known to have held.
    assert (effects, depends) == (("allow", "require_approval"), {"arguments"})
    assert ask(pay, without)[0][0] == "require_approval"


def test_proof_delegation_and_facts_come_from_the_record():
    nurse = record("ehr.test", agent="nurse", tools=["ehr.read"], method="GET", **WHOLE)
    nurse |= {"tenant": "clinic", "groups": ["ward"]}
    assert ask(nurse)[0] == ("deny",)
    assert ask({**nurse, "proof": "client_certificate"})[0] == ("sanitize",)
    listing = record("pay.test", agent="planner", tools=["pay.list"], method="GET", **WHOLE)
    assert ask(listing)[0] == ("sanitize",)
    other = {"id": "guest", "tenant": "default", "groups": []}
    assert ask({**listing, "on_behalf_of": [other]})[0] == ("deny",)
    model = record("model.test", agent="guest", **WHOLE)
    assert ask({**model, "exceeded": ["daily"]})[0] == ("deny",)


def test_own_rego_that_was_not_asked_is_said_so(tmp_path):
    (tmp_path / "policy.yaml").write_text(RICH)
    (tmp_path / "own.rego").write_text('package aegis.user.own\n\ndeny contains "x" if false\n')
    bundle = compile_policy(load_policy(tmp_path))
    asked = record("model.test", agent="guest", **WHOLE)
    assert ask(asked, bundle) == (("allow", "deny"), {"own rules"})


# Diff --------------------------------------------------------------------------------------


def test_order_is_no_meaning_in_any_part():
    # Of the rules that reach a server, the first decides on messages that call no tool: there a
    # rule that sanitizes and one that allows may not change places.
    text = RICH.replace("effect: sanitize, redact: [cards]", "effect: allow")
    document = reversed_lists(yaml.safe_load(text))
    before, after = (
        compile_policy(parse_policy(policy, "p.yaml"))
        for policy in (text, yaml.safe_dump(document))
    )
    assert before.revision != after.revision
    found = diff(before, after)
    assert found.same, found


def test_a_condition_that_comes_changes_where_it_does_not_hold():
    everybody = '{id: everybody-models, agents: ["*"], destinations: [model],'
    found = change((everybody, everybody + " when: {labels: {stage: [test]}},"))
    assert {d.when for d in found.decisions} == {UNMET}
    assert {(d.before.effect, d.after.effect) for d in found.decisions} == {("allow", "deny")}
    assert [(s.section, s.item, s.change) for s in found.settings] == [
        ("conditions of rule", "everybody-models", "added")
    ]


def test_a_condition_that_moves_is_a_change_though_no_decision_is():
    found = change(('from: "09:00"', 'from: "08:00"'))
    assert found.decisions == []
    assert [(s.section, s.item, s.change) for s in found.settings] == [
        ("conditions of rule", "office-hours", "changed")
    ]
    assert "mon,tue,wed,thu,fri 08:00-17:00 Europe/Berlin" in found.settings[0].after


def test_a_conditional_rule_with_another_effect():
    found = change(
        (
            "when: {data: [secret]}\n    effect: deny",
            "when: {data: [secret]}\n    effect: require_approval",
        )
    )
    assert {d.when for d in found.decisions} == {MET}
    assert {(d.before.effect, d.after.effect) for d in found.decisions} == {
        ("deny", "require_approval")
    }


@pytest.mark.parametrize(
    ("old", "new", "section", "item"),
    [
        ("limit: 20,", "limit: 30,", "budget", "daily"),
        ("limit: 5,", "limit: 6,", "budget", "slow"),
        ("approvers: 2", "approvers: 3", "approval", "money"),
        ("data: [phi], allow: [us]", "data: [phi], allow: [us, eu]", "region", "phi-in-us"),
        (
            "agents: [finance], for: [planner,",
            "agents: [finance], for: [builder,",
            "delegation",
            "agent:finance",
        ),
        (
            "{id: secret, entities: [CREDIT_CARD]}",
            "{id: secret, entities: [IBAN_CODE]}",
            "data",
            "secret",
        ),
        ("proof: [token]", "proof: [socket_owner]", "agent", "finance"),
        ("operator: mask", "operator: hash", "redaction", "clinical"),
        (
            "mode: enforce\nagents",
            "mode: enforce\nonError: require_approval\nagents",
            "onError",
            "",
        ),
    ],
)
def test_settings(old, new, section, item):
    found = change((old, new))
    assert (section, item) in {(s.section, s.item) for s in found.settings}


def test_obligations_are_compared():
    found = change(
        ("effect: sanitize, redact: [cards]}", "effect: sanitize, redact: [clinical]}"),
    )
    assert {o for d in found.decisions for o in d.after.obligations} >= {"redact clinical"}
    routed = change(("endpoints: {eu: eu.model.test, us: model.test}", "tier: x"))
    assert not routed.same


def test_what_hangs_on_data_labels_is_compared():
    lenient = (
        "when: {data: [secret]}\n    effect: deny",
        "when: {data: [secret]}\n    effect: allow",
    )
    fence = ("data: [phi], allow: [us]", "data: [phi], allow: [eu, us]")
    before, after = (
        rich(lenient),
        rich(lenient, ("data: [phi], allow: [us]", "data: [phi], allow: [eu]")),
    )
    assert diff(rich(lenient), rich(lenient, fence)).settings
    (decision,) = {(d.when, d.destination, d.after.obligations[-1]) for d in diff(before, after).decisions
                   if d.destination == "model"}  # fmt: skip
    assert decision == (MET, "model", "routed to eu.model.test")


def test_rules_that_only_observe_are_compared():
    found = change(("effect: deny, mode: observe}", "effect: require_approval, mode: observe}"))
    (decision,) = {d.agents for d in found.decisions}
    assert decision == ("planner",)


def test_another_layer_of_a_tenant(tmp_path):
    (tmp_path / "a.yaml").write_text(RICH)
    before = compile_policy(load_policy(tmp_path))
    (tmp_path / "b.yaml").write_text(
        "apiVersion: aegis/v1\nkind: Policy\nmetadata: {name: t, tenant: clinic}\n"
        "rules: [{id: none, agents: ['*'], destinations: [model], effect: deny}]\n"
    )
    found = diff(before, compile_policy(load_policy(tmp_path)))
    assert {a for d in found.decisions for a in d.agents} == {
        "any other agent of tenant clinic",
        "nurse",
    }


def test_own_rego_is_compared_as_text(tmp_path):
    (tmp_path / "a.yaml").write_text(RICH)
    before = compile_policy(load_policy(tmp_path))
    (tmp_path / "own.rego").write_text("package aegis.user.own\n")
    found = diff(before, compile_policy(load_policy(tmp_path)))
    assert [(s.section, s.item, s.change) for s in found.settings] == [
        ("own rules", "own.rego", "added")
    ]


# Coverage and suggestions ------------------------------------------------------------------


def test_coverage_knows_all_rules():
    found = coverage(Judge(rich()), None, {"large"})
    assert (found.rules.covered, found.rules.total) == (1, len(rule_ids(rich())))
    assert "night" in found.rules.uncovered
    assert found.tools.covered == 2


def test_a_suggestion_keeps_what_restricts():
    policy = parse_policy(RICH, "rich.yaml")
    bundle = compile_policy(policy)
    records = [
        record("ehr.test", agent="builder", method="GET", tools=["ehr.read"], effect="sanitize",
               rule="x", revision=bundle.revision, **WHOLE),
        record("model.test", agent="builder", revision=bundle.revision, **WHOLE),
    ]  # fmt: skip
    found = suggest("builder", records, policy, [bundle])
    assert (found.used, found.allowed) == (2, 2)
    document = yaml.safe_load(found.text)
    assert {item["id"] for item in document["redaction"]} == {"cards", "clinical", "phi-out"}
    assert [item["id"] for item in document["regions"]] == ["phi-in-us", "secrets-in-eu"]
    assert {item["id"] for item in document["budgets"]} == {"daily", "team"}
    assert "rates" not in document
    assert [item["id"] for item in document["approvals"]] == ["money"]
    assert document["data"][0] == {
        "id": "phi",
        "entities": ["US_SSN", "MEDICAL_RECORD_NUMBER"],
        "tools": ["ehr.read"],
        "destinations": ["ehr"],
    }


MATCHED = """\
apiVersion: aegis/v1
kind: Policy
metadata: {name: matched}
destinations: [{id: api, hosts: [api.test]}, {id: graph, hosts: [graph.test]}]
tools:
  - id: api.pay
    destination: api
    http:
      methods: [POST]
      path: /v1
      query: {action: [pay, refund]}
      headers: {X-Target: a}
      body: {/kind: transfer, "$.lines[0].sort": x}
  - {id: graph.send, destination: graph, graphql: {type: mutation, fields: [transfer]}}
rules:
  - {id: pays, agents: [planner], tools: [api.pay], effect: allow}
  - {id: sends, agents: [planner], tools: [graph.send], effect: allow}
"""


def test_the_sample_of_a_tool_is_matched_to_it():
    old, new = (
        compile_policy(parse_policy(text, "m.yaml"))
        for text in (MATCHED, MATCHED.replace("agents: [planner]", "agents: [finance]"))
    )
    told = {(d.agents, d.actions[0], d.before.rule, d.after.rule) for d in diff(old, new).decisions}
    assert told == {
        (("finance",), "api.pay (POST /v1)", "default-deny", "pays"),
        (("finance",), "graph.send (mutation transfer)", "default-deny", "sends"),
        (("planner",), "api.pay (POST /v1)", "pays", "default-deny"),
        (("planner",), "graph.send (mutation transfer)", "sends", "default-deny"),
    }
