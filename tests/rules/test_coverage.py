"""How much of a policy says something on purpose and was tried."""

from rules.coverage import coverage, rule_ids
from rules.judge import Judge
from tests.rules.test_replay import policy, record


def test_each_part_is_measured_and_the_least_is_the_coverage():
    judge = Judge(policy())
    records = [
        record(),
        record(),
        record(),
        record("else.test", effect="deny", rule="destination-unknown"),
        record(effect="deny", rule="framing", code="request_malformed"),
    ]
    found = coverage(judge, records, {"models", "office-pays"})
    assert [(p.name, p.covered, p.total) for p in found.parts] == [
        ("tools", 1, 3),
        ("traffic", 3, 4),
        ("rules", 2, 3),
    ]
    assert round(found.percent) == 33
    assert found.tools.uncovered == ("pay.list", "notes.write")
    assert found.traffic.uncovered == (
        "planner POST https://else.test:443 (destination-unknown): 1",
    )
    assert found.rules.uncovered == ("all-write",)


def test_traffic_is_judged_by_the_policy_in_question():
    found = coverage(Judge(policy(("hosts: [model.test]", "hosts: [gpt.test]"))), [record()])
    assert (found.traffic.covered, found.traffic.total) == (0, 1)


def test_what_cannot_be_measured_is_left_out():
    found = coverage(Judge(policy()), [], None)
    assert (found.traffic, found.rules) == (None, None)
    assert [part.name for part in found.parts] == ["tools"]


def test_a_constraint_that_decides_is_a_named_rule():
    paid = record("pay.test", tools=["pay.create"], rule="office-pays")
    found = coverage(Judge(policy()), [paid])
    assert found.traffic.covered == 1


def test_rules_stand_in_their_order():
    assert rule_ids(policy()) == ["models", "office-pays", "all-write"]
