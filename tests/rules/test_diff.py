"""What changes in meaning between two policies."""

import pytest
import yaml

from rules import DEFAULT_POLICY, compile_policy, load_bundle, parse_policy
from rules.diff import ANY_OTHER, EVERY, diff

POLICY = """\
apiVersion: aegis/v1
kind: Policy
metadata: {name: compared}
agents:
  - {id: planner, groups: [office]}
  - {id: nurse, groups: [ward]}
  - {id: doctor, groups: [ward]}
destinations:
  - {id: model, hosts: [model.test, "*.model.test"]}
  - {id: pay, hosts: [pay.test], region: us}
  - {id: notes, hosts: [notes.test]}
tools:
  - id: pay.create
    destination: pay
    http: {methods: [POST], path: "/v1/{account}/payments"}
    arguments:
      max_amount: 5000
      currency: {enum: [USD, EUR]}
  - {id: pay.list, destination: pay, http: {methods: [GET], path: /v1/payments}}
  - {id: notes.write, mcp: {server: notes, tool: write}}
rules:
  - {id: models, agents: ["*"], destinations: [model], effect: allow}
  - {id: office-pays, agents: ["group:office"], tools: [pay.create, pay.list], effect: allow}
  - {id: ward-writes, agents: ["group:ward"], tools: [notes.write], effect: allow}
redaction:
  - {id: numbers, destinations: [notes], entities: [US_SSN]}
"""


def compiled(*changes, text=POLICY):
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return compile_policy(parse_policy(text, "p.yaml"))


def change(*changes):
    return diff(compiled(), compiled(*changes))


def reversed_lists(value):
    if isinstance(value, dict):
        return {key: reversed_lists(value[key]) for key in reversed(value)}
    if isinstance(value, list):
        return [reversed_lists(item) for item in reversed(value)]
    return value


def test_format_and_order_are_no_meaning():
    document = reversed_lists(yaml.safe_load(POLICY))
    again = compiled(text="# another text\n" + yaml.safe_dump(document, sort_keys=False))
    assert again.revision != compiled().revision
    found = diff(compiled(), again)
    assert found.same, found


def test_rules_that_overlap_may_stand_in_any_order():
    also = "  - {id: also, agents: [planner], destinations: [pay], effect: allow}\n"
    before = compiled(("rules:\n", "rules:\n" + also))
    after = compiled(("redaction:\n", also + "redaction:\n"))
    assert diff(before, after).same


def test_the_policy_of_developers_is_like_itself():
    bundle = load_bundle(DEFAULT_POLICY)
    assert diff(bundle, bundle).same


def test_endpoints_come_go_and_move():
    found = change(
        ("hosts: [pay.test]", "hosts: [pay.test, new.test]"),
        ("hosts: [notes.test]", "hosts: [notes.test, a.model.test]"),
        ('hosts: [model.test, "*.model.test"]', 'hosts: ["*.model.test"]'),
    )
    assert {(e.endpoint, e.change, e.before, e.after) for e in found.endpoints} == {
        ("https://new.test:443", "added", "", "pay"),
        ("https://model.test:443", "removed", "model", ""),
        ("https://a.model.test:443", "moved", "model", "notes"),
    }


def test_a_host_that_a_wildcard_covers_anyway_changes_nothing():
    assert change(('"*.model.test"]', '"*.model.test", a.model.test]')).same


def test_a_port_is_another_endpoint():
    found = change(("hosts: [pay.test],", "hosts: [pay.test], ports: [443, 8443],"))
    assert [(e.endpoint, e.change) for e in found.endpoints] == [("https://pay.test:8443", "added")]


def test_who_may_do_what_otherwise_is_told_together():
    found = change(("tools: [pay.create, pay.list]", "tools: [pay.list]"))
    (decision,) = found.decisions
    assert set(decision.agents) == {"planner", "any other agent of group office"}
    assert decision.destination == "pay"
    assert decision.actions == ["pay.create (POST /v1/{account}/payments)"]
    assert (decision.before.effect, decision.before.rule) == ("allow", "office-pays")
    assert (decision.after.effect, decision.after.rule) == ("deny", "default-deny")
    assert (found.endpoints, found.constraints, found.settings) == ([], [], [])


def test_a_change_for_all_is_told_once():
    found = change(("destinations: [model], effect: allow", "destinations: [model], effect: deny"))
    (decision,) = found.decisions
    assert decision.agents == (EVERY,)


def test_any_other_agent_is_asked_too():
    found = change(
        (
            'agents: ["*"], destinations: [model]',
            "agents: [planner, nurse], destinations: [model]",
        )
    )
    (decision,) = found.decisions
    assert ANY_OTHER in decision.agents
    assert not {"planner", "nurse"} & set(decision.agents)


def test_an_agent_that_leaves_a_group_loses_what_the_group_may():
    found = change(("id: nurse, groups: [ward]", "id: nurse, groups: [office]"))
    assert {(d.agents, d.before.effect, d.after.effect) for d in found.decisions} == {
        (("nurse",), "deny", "allow"),
        (("nurse",), "sanitize", "deny"),
    }
    assert [(s.section, s.item) for s in found.settings] == [("agent", "nurse")]


def test_another_rule_that_allows_the_same_is_told():
    found = change(("id: models", "id: everybody-asks"))
    (decision,) = found.decisions
    assert (decision.before.effect, decision.after.effect) == ("allow", "allow")
    assert (decision.before.rule, decision.after.rule) == ("models", "everybody-asks")


def test_a_tool_of_an_mcp_server_and_those_it_does_not_name():
    tool = "  - {id: notes.burn, mcp: {server: notes, tool: burn}}\n"
    found = change(
        ("rules:\n", tool + "rules:\n"),
        ("tools: [notes.write]", "tools: [notes.write, notes.burn]"),
    )
    (decision,) = found.decisions
    assert decision.actions == ["notes.burn (MCP burn)"]
    assert (decision.before.rule, decision.after.rule) == ("tool-unknown", "ward-writes")
    # A rule for the whole server lets no tool through that the policy does not name.
    assert change(("tools: [notes.write], effect", "destinations: [notes], effect")).same


@pytest.mark.parametrize(
    ("old", "new", "kind", "direction"),
    [
        ("max_amount: 5000", "max_amount: 100", "max", "tightened"),
        ("max_amount: 5000", "max_amount: 9000", "max", "loosened"),
        ("max_amount: 5000", "amount: {max: 5000, min: 1}", "min", "added"),
        ("      max_amount: 5000\n", "", "max", "removed"),
        ("enum: [USD, EUR]", "enum: [USD]", "enum", "tightened"),
        ("enum: [USD, EUR]", "enum: [EUR, USD, GBP]", "enum", "loosened"),
        ("enum: [USD, EUR]", "enum: [USD, GBP]", "enum", "changed"),
        ("enum: [USD, EUR]", "enum: [USD, EUR], required: true", "required", "added"),
        ("path: /v1/payments", "path: /v2/payments", "match", "changed"),
        ("max_amount: 5000", "amount: {max: 5000, from: /a}", "from", "added"),
    ],
)
def test_constraints(old, new, kind, direction):
    found = change((old, new))
    assert [(c.kind, c.change) for c in found.constraints] == [(kind, direction)]
    # Who may call the tool at all stays as it was.
    assert found.decisions == [] or kind == "match"


def test_the_long_form_of_a_constraint_means_the_same():
    assert change(("max_amount: 5000", "amount: {max: 5000}")).same


def test_redaction_and_the_rest():
    found = change(
        ("entities: [US_SSN]", "entities: {US_SSN: mask, PERSON: replace}"),
        ("region: us", "region: eu"),
        ("agents:\n", "mode: observe\nlimits: {max_body: 1MB}\nagents:\n"),
    )
    told = {(s.section, s.item, s.key, s.before, s.after) for s in found.settings}
    assert told == {
        ("destination", "pay", "region", "us", "eu"),
        ("limits", "", "max_body_bytes", "10000000", "1000000"),
        ("mode", "", "", "enforce", "observe"),
        ("redaction", "numbers", "entities.PERSON", "", '{"operator": "replace"}'),
        ("redaction", "numbers", "entities.US_SSN.operator", "replace", "mask"),
    }


def test_a_redaction_for_another_destination_changes_decisions():
    found = change(("id: numbers, destinations: [notes]", "id: numbers, destinations: [model]"))
    told = {(d.destination, d.before.effect, d.after.effect) for d in found.decisions}
    assert told == {("notes", "sanitize", "allow"), ("model", "allow", "sanitize")}
    assert {d.after.obligations for d in found.decisions} == {(), ("redact numbers",)}


def test_a_tool_that_goes_takes_its_constraints_along():
    old = compiled(("tools: [pay.create, pay.list]", "destinations: [pay]"))
    text = POLICY.replace("tools: [pay.create, pay.list]", "destinations: [pay]")
    start, end = text.index("  - id: pay.create"), text.index("  - {id: pay.list")
    found = diff(old, compiled(text=text[:start] + text[end:]))
    assert not found.decisions
    assert {(c.kind, c.change) for c in found.constraints} == {
        ("tool", "removed"),
        ("max", "removed"),
        ("enum", "removed"),
    }
