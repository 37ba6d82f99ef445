"""Recorded decisions asked again of another policy."""

import pytest

from rules import compile_policy, parse_policy
from rules.judge import Judge
from rules.recorded import parse_record
from rules.replay import replay

POLICY = """\
apiVersion: aegis/v1
kind: Policy
metadata: {name: replayed}
agents:
  - {id: planner, groups: [office]}
destinations:
  - {id: model, hosts: [model.test]}
  - {id: pay, hosts: [pay.test]}
  - {id: notes, hosts: [notes.test]}
tools:
  - id: pay.create
    destination: pay
    http: {methods: [POST], path: /v1/payments}
    arguments: {max_amount: 5000}
  - {id: pay.list, destination: pay, http: {methods: [GET], path: /v1/payments}}
  - {id: notes.write, mcp: {server: notes, tool: write}}
rules:
  - {id: models, agents: ["*"], destinations: [model], effect: allow}
  - {id: office-pays, agents: ["group:office"], tools: [pay.create, pay.list], effect: allow}
  - {id: all-write, agents: ["*"], tools: [notes.write], effect: allow}
"""


def policy(*changes):
    text = POLICY
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return compile_policy(parse_policy(text, "p.yaml"))


def record(host="model.test", agent="planner", effect="allow", rule="models", **more):
    request = {"method": more.pop("method", "POST"), "body": "json"}
    place = {"id": "", "scheme": "https", "host": host, "port": 443}
    place |= more.pop("destination", {})
    return {
        "kind": "decision",
        "id": more.pop("id", "d1"),
        "agent": f"spiffe://aegis.local/tenant/default/agent/{agent}",
        "tenant": "default",
        "effect": effect,
        "enforced": True,
        "rule": rule,
        "revision": more.pop("revision", "unknown"),
        "destination": place,
        "request": request,
        "tools": [],
        **more,
    }


def cells(result):
    return {(c.before, c.after, c.depends): c.count for c in result.matrix}


def test_a_policy_gives_its_own_records_again():
    bundle = policy()
    result = replay(
        [
            record(),
            record("else.test", effect="deny", rule="destination-unknown"),
            record("notes.test", tools=["notes.write"], rule="all-write"),
        ],
        Judge(bundle),
    )
    assert (result.replayed, result.same, result.changed, result.open) == (3, 3, 0, 0)


def test_a_change_is_counted_with_samples_of_both_rules():
    stricter = policy(
        ("destinations: [model], effect: allow", "destinations: [model], effect: deny")
    )
    result = replay([record(id=f"d{n}") for n in range(5)], Judge(stricter), samples=2)
    (cell,) = result.matrix
    assert (cell.before, cell.after, cell.count) == ("allow", ("deny",), 5)
    assert [s.id for s in cell.samples] == ["d0", "d1"]
    assert cell.samples[0].old_rule == cell.samples[0].new_rule == "models"
    assert cell.samples[0].destination == "https://model.test:443"
    assert result.changed == 5


def test_refusals_before_the_policy_are_counted_apart():
    records = [
        record(effect="deny", rule="identify", code="credential_missing", agent=""),
        record(effect="deny", rule="framing", code="request_malformed"),
        record(effect="deny", rule="default-deny", code="policy_denied"),
        {"kind": "outcome", "decision": "d1"},
        record() | {"destination": None},
    ]
    result = replay(records, Judge(policy()))
    assert dict(result.apart) == {"credential_missing": 1, "request_malformed": 1, "unreadable": 1}
    assert cells(result) == {("deny", ("allow",), ()): 1}


def test_what_hangs_on_arguments_is_said_so():
    paid = record("pay.test", tools=["pay.create"], rule="office-pays")
    result = replay([paid], Judge(policy()))
    assert cells(result) == {("allow", ("allow", "deny"), ("arguments",)): 1}
    assert (result.changed, result.open) == (0, 1)
    assert result.matrix[0].samples[0].new_rule == "office-pays or tool:pay.create"


def test_the_constraints_of_the_same_policy_are_known_to_have_held():
    old = policy()
    new = policy(("destinations: [model], effect: allow", "destinations: [model], effect: deny"))
    paid = record("pay.test", tools=["pay.create"], rule="office-pays", revision=old.revision)
    broke = record(
        "pay.test",
        tools=["pay.create"],
        effect="deny",
        rule="tool:pay.create/amount.max",
        code="policy_denied",
        revision=old.revision,
    )
    result = replay([paid, broke], Judge(new, [old]))
    assert cells(result) == {("allow", ("allow",), ()): 1, ("deny", ("deny",), ()): 1}
    asked = parse_record(broke)
    assert Judge(new, [old]).ask(asked).answers == (("deny", "tool:pay.create/amount.max"),)
    # A bound that moved is another constraint.
    moved = policy(("max_amount: 5000", "max_amount: 10"))
    assert replay([paid], Judge(moved, [old])).open == 1


def test_a_tool_that_may_have_been_called_hangs_on_the_path():
    unnamed = record("pay.test", method="GET", effect="deny", rule="default-deny")
    result = replay([unnamed], Judge(policy()))
    assert cells(result) == {("deny", ("allow", "deny"), ("path",)): 1}
    # The same request by the same policy's own record did not call it.
    bundle = policy()
    same = replay([{**unnamed, "revision": bundle.revision}], Judge(bundle))
    assert same.same == 1
    # A template that takes every path leaves nothing open.
    every = policy(("methods: [GET], path: /v1/payments", 'methods: [GET], path: "/{rest*}"'))
    assert cells(replay([unnamed], Judge(every))) == {("deny", ("allow",), ()): 1}


def test_groups_come_from_the_record_then_from_those_given():
    listed = record("pay.test", agent="clerk", tools=["pay.list"], method="GET", rule="office-pays")
    judge = Judge(policy())
    assert replay([listed], judge).changed == 1
    assert replay([{**listed, "groups": ["office"]}], judge).changed == 0
    given = replay([listed], Judge(policy(), groups={"clerk": ["office"]}))
    assert (given.changed, given.without_groups) == (0, 1)
    # What the record holds was so then, whatever is given now.
    assert replay([{**listed, "groups": []}], Judge(policy(), groups={"clerk": ["office"]})).changed


@pytest.mark.parametrize(
    ("tool", "effect"), [("mcp:notes/write", "allow"), ("mcp:notes/burn", "deny")]
)
def test_an_mcp_tool_is_found_by_the_name_it_was_called_by(tool, effect):
    called = record("notes.test", tools=[tool], effect=effect)
    assert replay([called], Judge(policy())).same == 1


def test_a_tunnel_is_asked_as_a_tunnel():
    tunnel = record("pay.test", method="CONNECT", effect="deny", rule="default-deny", agent="guest")
    judge = Judge(policy())
    assert replay([tunnel], judge).same == 1
    assert judge.ask(parse_record({**tunnel, "groups": ["office"]})).effects == ("allow",)


def test_a_host_whose_numbers_are_blanked_out_is_not_guessed():
    result = replay([record("host-########.test", effect="deny")], Judge(policy()))
    assert (result.replayed, dict(result.apart)) == (0, {"host_blanked": 1})


def test_what_nobody_could_read_counts_again():
    bounded = policy(("hosts: [model.test]}", "hosts: [model.test], opaque_bodies: 1KB}"))
    judge = Judge(bounded)

    def asked(**request):
        told = record()
        told["request"] |= request
        return judge.ask(parse_record(told)).answers

    refused = (("deny", "destination:model/opaque_bodies"),)
    assert asked(body="opaque", opaque=1001, bytes=400) == refused
    assert asked(body="multipart", opaque=1001) == refused
    assert asked(body="uninspected", bytes=2_000_000) == refused
    assert asked(body="opaque", opaque=1000) == (("allow", "models"),)
    assert asked(body="json", bytes=2_000_000) == (("allow", "models"),)
