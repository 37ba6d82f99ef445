"""The bytecode machine and the interpreter give the same whole decision on any input."""

import json
from typing import Any

import regorus
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rules import EvaluationError, RegorusEngine, compile_policy, parse_policy
from tests.rules.test_decisions import TEXT

BUNDLE = compile_policy(parse_policy(TEXT, "clinic.yaml"))
MACHINE = RegorusEngine(BUNDLE)
INTERPRETER = regorus.Engine()
for path, module in BUNDLE.modules.items():
    INTERPRETER.add_policy(path, module)
INTERPRETER.add_data_json(json.dumps(BUNDLE.data))

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**53), 2**53),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
    st.sampled_from(["USD", "40", "DE123456", "", "Ada", "x" * 81, "\u0130", "\0"]),
    st.text(max_size=10),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
INPUTS = st.fixed_dictionaries(
    {
        "stage": st.sampled_from(["request", "connect"]),
        "agent": st.fixed_dictionaries(
            {
                "id": st.sampled_from(["planner", "nurse", "guest", ""]),
                "tenant": st.just("default"),
                "groups": st.lists(st.sampled_from(["office", "ward", "x"]), max_size=3),
            }
        ),
        "destination": st.fixed_dictionaries(
            {
                "scheme": st.sampled_from(["https", "http"]),
                "host": st.sampled_from(
                    [
                        "pay.example.com",
                        "a.b.pay.example.com",
                        "evilpay.example.com",
                        "com",
                        "",
                        "api.openai.com",
                        "ehr.clinic.internal",
                        "notes.example.com",
                        "10.0.0.1",
                    ]
                ),
                "port": st.sampled_from([443, 80, 0]),
            }
        ),
    },
    optional={
        "tool": st.fixed_dictionaries(
            {
                "name": st.sampled_from(["payments.create", "notes.write", "mcp:notes/x", ""]),
                "kind": st.sampled_from(["http", "mcp"]),
                "readable": st.booleans(),
                "arguments": st.dictionaries(
                    st.sampled_from(["amount", "currency", "account", "payee", "other"]), VALUES
                ),
            }
        )
    },
)


@settings(max_examples=2000, deadline=None, suppress_health_check=list(HealthCheck))
@given(INPUTS)
def test_both_agree(document: dict[str, Any]) -> None:
    INTERPRETER.set_input_json(json.dumps(document))
    expected = json.loads(INTERPRETER.eval_rule_as_json("data.aegis.decision"))
    assert MACHINE.evaluate(document) == expected


@settings(max_examples=300, deadline=None)
@given(VALUES)
def test_what_is_no_input_gives_no_permission(document: Any) -> None:
    try:
        decision = MACHINE.evaluate(document)
    except EvaluationError:
        return
    assert decision["effect"] == "deny"
