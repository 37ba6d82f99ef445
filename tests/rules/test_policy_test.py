"""Tests of policies: loaded with every mistake named, run, compared and written as Rego."""

import json

import pytest
import regorus

from rules import PolicyError, compile_policy, parse_policy
from rules.policy_bench import PolicyBench
from rules.policy_test import parse_policy_test, policy_test_schema, run_test
from rules.policy_test_rego import TEST_PATH, emit_rego
from tests.rules.rich import RICH

POLICY = RICH.replace(
    "{id: cards, entities", "{id: cards, destinations: [notes], entities"
).replace(
    '{from: "$.lines[*].amount", under: 100, required: true}', "{from: /lines/0/amount, under: 100}"
)

HEAD = """
apiVersion: aegis/v1
kind: PolicyTest
metadata: {name: t}
fixtures:
  pay:
    agent: finance
    url: https://pay.test/v1/payments
    json: {amount: 40, currency: USD, lines: [{amount: 3}]}
  night: {at: "2026-03-02T23:00:00Z"}
cases:
"""

CASES = """
  - {name: a payment passes, use: [pay],
     expect: {effect: allow, rule: finance-pays, tool: pay.create, reserve: [slow]}}
  - {name: a large one asks, use: [pay], request: {json: {amount: 2000}},
     expect: {effect: require_approval, rule: large, approve: [money]}}
  - {name: and passes with a yes, use: [pay],
     request: {json: {amount: 2000}, approved: [large]}, expect: {effect: allow, approve: []}}
  - {name: too large, use: [pay], request: {json: {amount: 5001}},
     expect: {effect: deny, rule: tool:pay.create/amount.max}}
  - {name: it waits when too many went, use: [pay], request: {exceeded: [slow]},
     expect: {effect: allow, throttle: [slow]}}
  - {name: a list is cleaned, request: {agent: planner, url: "https://PAY.test./v1/payments"},
     expect: {effect: sanitize, tool: pay.list, redact: [lists], observed: {effect: sanitize}}}
  - {name: nobody knows evil, request: {agent: planner, url: "https://evil.test/"},
     expect: {effect: deny, rule: destination-unknown, tool: null, redact: []}}
  - {name: a tunnel, request: {agent: planner, url: "https://pay.test", connect: true},
     expect: {effect: allow, tool: null}}
  - {name: a note at night, use: [night],
     request: {agent: planner, groups: [x], url: "https://notes.test:8443/mcp", mcp: {tool: write}},
     expect: {effect: sanitize, tool: notes.write, redact: [cards]}}
  - {name: the planner is watched, request: {agent: planner, url: "https://model.test/v1"},
     expect: {effect: allow, observed: {effect: deny, rule: watch-planner}, reserve: [daily, team]}}
  - {name: a small picture goes, request: {agent: planner, url: "https://graph.test/other",
     opaque: 1KB}, expect: {effect: deny, rule: default-deny}}
  - {name: a large one does not, request: {agent: planner, url: "https://graph.test/other",
     multipart: {note: x, scan: [{file: a.png, size: 600}, {file: b.png, size: 401B}]}},
     expect: {effect: deny, rule: destination:graph/opaque_bodies}}
  - {name: fields of a multipart form, request: {agent: finance,
     url: "https://pay.test/v1/payments",
     multipart: {currency: USD, amount: {json: 40}, lines: {json: [{amount: 3}]}}}, expect: {effect: allow, rule: finance-pays}}
  - {name: of JSON lines each must hold, request: {agent: finance,
     url: "https://pay.test/v1/payments",
     ndjson: [{amount: 40, currency: USD}, {amount: 5001, currency: USD}]},
     expect: {effect: deny, rule: tool:pay.create/amount.max}}
  - {name: XML cannot be read, request: {agent: finance, url: "https://pay.test/v1/payments",
     xml: <pay/>}, expect: {effect: deny, rule: tool:pay.create/readable}}
  - {name: for another, request: {agent: finance, on_behalf_of: [planner],
     url: "https://pay.test/v1/payments", json: {amount: 2, currency: USD, lines: [{amount: 3}]}},
     expect: {effect: allow}}
  - {name: for a stranger, request: {agent: planner, on_behalf_of: [{id: finance}],
     url: "https://pay.test/v1/payments"}, expect: {effect: deny, rule: delegation-unknown}}
  - {name: the ward reads, request: {agent: nurse, proof: client_certificate,
     url: "https://ehr.test/fhir/Patient/1"}, expect: {effect: sanitize, redact: [clinical]}}
  - {name: deploys ask in production, use: [night], request: {agent: builder, method: POST,
     url: "https://notes.test/deploy/x", at: "2026-03-02T10:00:00+01:00"},
     expect: {effect: deny, rule: read}}
"""


@pytest.fixture(scope="module")
def bench():
    return PolicyBench(compile_policy(parse_policy(POLICY, "rich.yaml")))


def run(bench, cases, head=HEAD):
    return run_test(parse_policy_test(head + cases, "t.yaml"), bench)


def test_cases_of_every_kind_pass(bench):
    results = run(bench, CASES)
    assert [f"{r.case.name}: {d}" for r in results for d in r.differences] == []
    assert len(results) == 19
    assert results[1].case.source == "t.yaml:15"
    assert "large" in results[1].fired
    assert "finance-pays" in results[1].fired


@pytest.mark.parametrize(
    ("expect", "says"),
    [
        ("effect: deny", "effect: expected deny, got allow"),
        ("effect: allow, rule: other", "rule: expected other, got finance-pays"),
        ("effect: allow, tool: pay.list", "tool: expected pay.list, got pay.create"),
        ("effect: allow, tool: null", "tool: expected none, got pay.create"),
        ("effect: allow, redact: [cards]", "redact: expected cards, got none"),
        ("effect: allow, approve: [money]", "approve: expected money, got none"),
        ("effect: allow, reserve: []", "reserve: expected none, got slow"),
        ("effect: allow, throttle: [slow]", "throttle: expected slow, got none"),
        ("effect: allow, route: eu.pay.test", "route: expected eu.pay.test, got none"),
        ("effect: allow, observed: {effect: deny}", "observed.effect: expected deny, got allow"),
        (
            "effect: allow, observed: {rule: x}",
            "observed.rule: expected x, got finance-pays",
        ),
    ],
)
def test_what_differs_is_told(bench, expect, says):
    (result,) = run(bench, f"  - {{name: x, use: [pay], expect: {{{expect}}}}}\n")
    assert not result.passed
    assert [str(difference) for difference in result.differences] == [says]


def test_lists_compare_as_sets_and_fixtures_merge_deep(bench):
    cases = """
  - {name: x, use: [pay, night], request: {json: {currency: EUR, tags: [a]}},
     expect: {effect: allow, reserve: [slow, slow]}}
"""
    (result,) = run(bench, cases)
    assert result.passed
    assert result.case.request["json"] == {
        "amount": 40,
        "currency": "EUR",
        "lines": [{"amount": 3}],
        "tags": ["a"],
    }
    assert result.case.request["at"] == "2026-03-02T23:00:00Z"


def test_the_time_and_the_environment_are_those_of_the_case():
    policy = """
apiVersion: aegis/v1
kind: Policy
metadata: {name: p}
destinations: [{id: d, hosts: [d.test]}]
rules:
  - {id: hours, agents: ["*"], destinations: [d], effect: allow,
     when: {time: [{from: "09:00", to: "17:00", zone: Europe/Berlin}], labels: {stage: [test]}}}
"""
    timed = PolicyBench(compile_policy(parse_policy(policy, "p.yaml")))
    case = (
        "  - {{name: '{at} {stage}', request: {{agent: a, url: 'https://d.test/x', at: '{at}', "
        "environment: {{stage: {stage}}}}}, expect: {{effect: {effect}}}}}\n"
    )
    results = run(
        timed,
        case.format(at="2026-03-02T08:00:00Z", stage="test", effect="allow")
        + case.format(at="2026-03-02T08:00:00+02:00", stage="test", effect="deny")
        + case.format(at="2026-03-02T08:00:00Z", stage="live", effect="deny"),
    )
    assert all(result.passed for result in results)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("  - {name: x, use: [pya], expect: {effect: deny}}", "t.yaml:12:21: cases[0].use[0]: there is no fixture 'pya'. Did you mean 'pay'?"),
        ("  - {name: x, expect: {effect: deny}}", "the request has no agent. Add `agent: ID`."),
        ("  - {name: x, request: {agent: a}, expect: {effect: deny}}", "the request has no url"),
        ("  - {name: x, use: [pay], expect: {effect: alow}}", "Did you mean 'allow'?"),
        ("  - {name: x, use: [pay], expect: {}}", "the key 'effect' is missing"),
        ("  - {name: x, use: [pay], expct: {effect: deny}, expect: {effect: deny}}", "Did you mean 'expect'?"),
        ("  - {name: x, use: [pay], request: {josn: 1}, expect: {effect: deny}}", "Did you mean 'json'?"),
        ("  - {name: x, use: [pay], request: {text: a}, expect: {effect: deny}}", "the request has json and text. Give it one body."),
        ("  - {name: x, use: [pay], request: {at: noon}, expect: {effect: deny}}", "'noon' is no time"),
        ("  - {name: x, use: [pay], request: {at: 2026-03-02T10:00:00}, expect: {effect: deny}}", "the time has no zone"),
        ("  - {name: x, use: [pay], request: {url: pay.test}, expect: {effect: deny}}", "cases[0].request.url: 'pay.test' is no URL of http or https"),
        ("  - {name: x, use: [pay], request: {url: 'https://a b/'}, expect: {effect: deny}}", "its host is none"),
        ("  - {name: x, use: [pay], request: {url: 'https://a:99999/'}, expect: {effect: deny}}", "is no URL"),
        ("  - {name: x, use: [pay], request: {url: 'https://a.test/x/../y'}, expect: {effect: deny}}", "dot segments"),
        ("  - {name: x, use: [pay], request: {url: 'https://u@a.test/'}, expect: {effect: deny}}", "a user or a fragment"),
        ("  - {name: x, use: [pay], expect: {effect: deny}}\n  - {name: x, use: [pay], expect: {effect: deny}}", "a case of this name stands in line 12"),
        ("  []", "cases: this is empty"),
    ],
)  # fmt: skip
def test_each_mistake_is_named_with_its_place_and_mend(text, says):
    with pytest.raises(PolicyError) as caught:
        parse_policy_test(HEAD + text, "t.yaml")
    assert says in str(caught.value)
    assert "t.yaml:" in str(caught.value)


def test_all_mistakes_are_named_at_once():
    text = """
  - {name: x, use: [pya], request: {at: noon}, expect: {effect: deny}}
  - {name: y, request: {url: "ftp://x/"}, expect: {effect: deny}}
"""
    with pytest.raises(PolicyError) as caught:
        parse_policy_test(HEAD + text, "t.yaml")
    assert len(caught.value.problems) == 3


def test_the_schema_describes_every_key():
    def undescribed(node, path):
        for key, value in node.get("properties", {}).items():
            if "description" not in value and "$ref" not in value:
                yield f"{path}.{key}"
            yield from undescribed(value, f"{path}.{key}")
            yield from undescribed(value.get("items", {}), f"{path}.{key}[]")

    schema = policy_test_schema()
    assert schema["$schema"].endswith("2020-12/schema")
    assert list(undescribed(schema, "")) == []
    assert list(undescribed(schema["$defs"]["request"], "")) == []


def rego_tests(bundle, module):
    """Run a Rego test module on a bundle as `opa test` does: each rule must be true."""
    engine = regorus.Engine()
    for path, text in {**bundle.modules, TEST_PATH: module}.items():
        engine.add_policy(path, text)
    engine.add_data_json(json.dumps(bundle.data))
    engine.set_input_json("{}")
    return json.loads(engine.eval_rule_as_json("data.aegis_test.names"))


def outcomes(bundle, module):
    names = [line.split(" ")[0] for line in module.splitlines() if line.startswith("test_")]
    told = "".join(f'names contains "{name}" if {name}\n\n' for name in [*names, "true"])
    passed = rego_tests(bundle, module + "\n" + told)
    return {name: name in passed for name in names}


def test_the_cases_as_rego_pass_where_the_cases_pass():
    bundle = compile_policy(parse_policy(POLICY, "rich.yaml"))
    results = run(PolicyBench(bundle), CASES)
    module = emit_rego(results)
    told = outcomes(bundle, module)
    assert len(told) == 18
    assert all(told.values()), told
    assert "# deploys ask in production: is refused before the policy is asked." in module
    assert "\t" in module
    assert not any(line.endswith((" ", "\t")) for line in module.splitlines())


def test_the_cases_as_rego_fail_where_the_cases_fail():
    bundle = compile_policy(parse_policy(POLICY, "rich.yaml"))
    wrong = [
        "effect: deny",
        "effect: allow, rule: other",
        "effect: allow, reserve: []",
        "effect: allow, approve: [money]",
        "effect: allow, throttle: [slow]",
        "effect: allow, route: eu.pay.test",
        "effect: allow, observed: {rule: x}",
    ]
    cases = "".join(
        f"  - {{name: case {n}, use: [pay], expect: {{{w}}}}}\n" for n, w in enumerate(wrong)
    )
    told = outcomes(bundle, emit_rego(run(PolicyBench(bundle), cases)))
    assert told == {f"test_case_{n}": False for n in range(len(wrong))}


def test_a_batch_of_calls_as_rego():
    bundle = compile_policy(parse_policy(POLICY, "rich.yaml"))
    calls = ", ".join(
        f'{{jsonrpc: "2.0", id: 1, method: tools/call, params: {{name: {name}}}}}'
        for name in ("write", "erase")
    )
    case = (
        "  - {name: a batch, request: {agent: planner, at: '2026-03-01T10:00:00Z', "
        f"url: 'https://notes.test/', json: [{calls}]}}, expect: WANTED}}\n"
    )
    results = run(
        PolicyBench(bundle),
        case.replace("WANTED", "{effect: deny, rule: tool-unknown, tool: notes.write}"),
    )
    assert [str(d) for r in results for d in r.differences] == []
    assert outcomes(bundle, emit_rego(results)) == {"test_a_batch": True}
    results = run(PolicyBench(bundle), case.replace("WANTED", "{effect: sanitize, rule: writes}"))
    assert not results[0].passed
    assert outcomes(bundle, emit_rego(results)) == {"test_a_batch": False}
