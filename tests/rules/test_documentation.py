"""What the documentation of the language shows is right, and decides as it says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from rules import Policy, compile_policy, load_policy, parse_policy
from rules.policy_bench import PolicyBench
from rules.policy_test import Case, parse_policy_test, run_case, run_test
from rules.user_rego import UserRego

DOCUMENT = Path(__file__).parents[2] / "docs" / "policy.md"
BLOCKS: list[dict[str, Any]] = [
    yaml.safe_load(text)
    for text in re.findall(r"```yaml\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL)
]
REGO = re.search(r"```rego\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL)[1]  # type: ignore[index]
TENANT, TEST = BLOCKS[-2:]


def whole() -> dict[str, Any]:
    """Put the first example and all that add to it together."""
    policy: dict[str, Any] = {**BLOCKS[0]}
    for block in BLOCKS[1:-2]:
        for section, items in block.items():
            policy[section] = [*policy.get(section, []), *items]
    return policy


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    folder = tmp_path_factory.mktemp("policy")
    (folder / "organisation.yaml").write_text(yaml.safe_dump(whole()), "utf-8")
    (folder / "acme.yaml").write_text(yaml.safe_dump(TENANT), "utf-8")
    (folder / "test.yaml").write_text(yaml.safe_dump(TEST), "utf-8")
    return load_policy(folder)


@pytest.fixture(scope="module")
def bench(policy: Policy) -> PolicyBench:
    return PolicyBench(compile_policy(policy))


def test_the_examples_are_right_together(policy: Policy) -> None:
    assert policy.tenants == ["acme"]


def test_the_example_of_tests_passes(bench: PolicyBench) -> None:
    test = parse_policy_test(yaml.safe_dump(TEST), "test.yaml")
    assert [(r.case.name, [*map(str, r.differences)]) for r in run_test(test, bench)] == [
        (case["name"], []) for case in TEST["cases"]
    ]


def test_every_key_of_a_policy_is_told() -> None:
    from rules import schema

    text = DOCUMENT.read_text("utf-8")
    keys = schema()["properties"]
    inner = {
        key
        for section in keys.values()
        for key in section.get("items", {}).get("properties", {})
        if section.get("type") == "array"
    }
    for key in {*keys, *inner, *schema()["properties"]["limits"]["properties"]} - {"id"}:
        assert re.search(rf"\b{key}\b", text), key


REFUND = {
    "agent": "planner",
    "method": "POST",
    "url": "https://pay.example.com/v1/actions/now?version=2",
    "headers": {"X-Target": "payments"},
    "json": {"action": "refund", "reason": "sent the wrong goods", "items": [{"amount": 5}]},
}
PEER = {"agent": "x", "groups": ["office"], "url": "https://travel.example.com/"}
PAYMENT = {**TEST["fixtures"]["payment"]}


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        # What is not known counts against the call.
        ({**PAYMENT, "json": {**PAYMENT["json"], "amount": "9000"}},
         {"effect": "deny", "rule": "tool:payments.create/amount.max"}),
        (REFUND, {"effect": "deny", "rule": "no-refunds-in-production", "tool": "payments.refund"}),
        ({**REFUND, "environment": {"stage": "staging"}}, {"effect": "deny", "rule": "default-deny"}),
        ({**REFUND, "json": {**REFUND["json"], "items": [{"amount": 0}]},
          "environment": {"stage": "staging"}},
         {"effect": "deny", "rule": "tool:payments.refund/amounts.over"}),
        # Of two that deny, a rule comes before a constraint.
        ({**REFUND, "json": {**REFUND["json"], "items": [{"amount": 0}]}},
         {"effect": "deny", "rule": "no-refunds-in-production"}),
        # A payment without an amount needs no approval.
        ({**PAYMENT, "json": {"currency": "EUR"}}, {"effect": "allow"}),
        # Where another agent calls back is pinned, in a message and by a method of its own.
        ({**PEER, "a2a": {"method": "message/send", "params": {"message": {}}}},
         {"effect": "allow", "rule": "travel"}),
        ({**PEER, "a2a": {"method": "message/send", "params": {
            "configuration": {"pushNotificationConfig": {"url": "https://evil.test/"}}}}},
         {"effect": "deny", "rule": "tool:travel.ask/call_back.pattern"}),
        ({**PEER, "a2a": {"method": "tasks/pushNotificationConfig/set", "params": {
            "pushNotificationConfig": {"url": "https://hooks.example.com/1"}}}},
         {"effect": "allow", "rule": "travel"}),
        # A tenant only takes away.
        ({"agent": "x", "groups": ["ward"], "url": "https://notes.example.com/mcp",
          "mcp": {"tool": "write_note"}}, {"effect": "allow", "rule": "ward-may-note"}),
        ({"agent": "x", "tenant": "acme", "groups": ["ward"],
          "url": "https://notes.example.com/mcp", "mcp": {"tool": "write_note"}},
         {"effect": "deny", "rule": "acme/no-notes"}),
        # Data goes to its region.
        ({"agent": "nurse", "url": "https://dictation.example/x", "data": ["phi"],
          "at": "2026-03-02T15:00:00Z"},
         {"effect": "sanitize", "rule": "ward-dictates-by-day", "route": "us.dictation.example",
          "redact": ["no-names", "clinical"]}),
        ({"agent": "nurse", "url": "https://dictation.example/x", "at": "2026-03-01T15:00:00Z"},
         {"effect": "deny", "rule": "default-deny"}),
        # Budgets and rates.
        ({"agent": "planner", "url": "https://api.openai.com/v1/models"},
         {"effect": "sanitize", "reserve": ["daily-dollars", "per-minute"]}),
        ({"agent": "planner", "url": "https://api.openai.com/v1/models",
          "exceeded": ["daily-dollars", "per-minute"]},
         {"effect": "require_approval", "approve": ["treasurers"], "throttle": ["per-minute"]}),
        # Acting for others.
        ({**PAYMENT, "agent": "finance", "on_behalf_of": ["planner"]},
         {"effect": "deny", "rule": "default-deny"}),
        ({**PAYMENT, "on_behalf_of": ["finance"]}, {"effect": "deny", "rule": "delegation-unknown"}),
        # A rule on trial.
        ({"agent": "planner", "url": "https://wiki.example/graphql",
          "json": {"query": 'mutation { sharePage(with: "a@example.com") { id } }'}},
         {"effect": "deny", "rule": "default-deny", "tool": "wiki.share",
          "observed": {"rule": "should-planners-share"}}),
    ],
)  # fmt: skip
def test_what_the_text_says(
    bench: PolicyBench, request_: dict[str, Any], expected: dict[str, Any]
) -> None:
    result = run_case(Case("case", request_, expected, ""), bench)
    assert [*map(str, result.differences)] == []


def test_an_amount_that_is_a_text_needs_the_approval(bench: PolicyBench) -> None:
    written = {**PAYMENT, "json": {**PAYMENT["json"], "amount": "9000"}}
    assert "large-payments" in bench.ask(bench.request(written)).fired


def test_the_rego_of_the_text_finds_what_it_says() -> None:
    rego = UserRego({"payees.rego": REGO})
    tool = {"name": "payments.create", "arguments": {"payee": "Cloud Ltd"}}
    assert rego.evaluate({"tool": tool})["deny"] == []
    for arguments in ({"payee": "Cousin"}, {}):
        found = rego.evaluate({"tool": {**tool, "arguments": arguments}})["deny"]
        assert found == [{"id": "known-payees", "reason": "Ask finance to add the payee."}]


def test_the_first_example_stands_alone() -> None:
    assert parse_policy(yaml.safe_dump(BLOCKS[0]), "clinic.yaml").name == "clinic"
