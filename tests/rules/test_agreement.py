"""The bytecode machine and the interpreter give the same whole decision on any input."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import regorus
from hypothesis import HealthCheck, given, settings

from rules import Bundle, EvaluationError, RegorusEngine, compile_policy, load_policy, parse_policy
from rules.own_rego import EMBEDDED, OWN_PATH
from tests.rules.inputs import ALL_INPUTS, VALUES
from tests.rules.rich import RICH
from tests.rules.test_language import TENANT


def interpreter(bundle: Bundle) -> Any:
    """Give regorus' interpreter with a bundle in it."""
    engine = regorus.Engine()
    for path, module in {**bundle.modules, OWN_PATH: EMBEDDED}.items():
        engine.add_policy(path, module)
    engine.add_data_json(json.dumps(bundle.data))
    return engine


def with_tenant() -> Bundle:
    """Compile the rich policy with that of a tenant."""
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "rich.yaml").write_text(RICH, "utf-8")
        (folder / "acme.yaml").write_text(TENANT, "utf-8")
        return compile_policy(load_policy(folder))


BUNDLE = with_tenant()
MACHINE = RegorusEngine(BUNDLE)
INTERPRETER = interpreter(BUNDLE)


@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
@given(ALL_INPUTS)
def test_both_agree(document: dict[str, Any]) -> None:
    INTERPRETER.set_input_json(json.dumps(document))
    for name, evaluate in (("decision", MACHINE.evaluate), ("explanation", MACHINE.explain)):
        expected = json.loads(INTERPRETER.eval_rule_as_json(f"data.aegis.{name}"))
        assert evaluate(document) == expected


@settings(max_examples=300, deadline=None)
@given(VALUES)
def test_what_is_no_input_gives_no_permission(document: Any) -> None:
    try:
        decision = MACHINE.evaluate(document)
    except EvaluationError:
        return
    assert decision["effect"] == "deny"


def test_the_inputs_reach_every_effect_and_most_rules() -> None:
    seen: set[str] = set()
    effects: set[str] = set()

    @settings(max_examples=1000, deadline=None, database=None, derandomize=True)
    @given(ALL_INPUTS)
    def collect(document: dict[str, Any]) -> None:
        explanation = MACHINE.explain(document)
        effects.add(explanation["decision"]["effect"])
        seen.update(rule for _, rule, _ in explanation["causes"] + explanation["observed"])

    collect()
    assert effects == {"allow", "sanitize", "require_approval", "deny"}
    rules = set(parse_policy_rules())
    assert len(rules - seen) <= 2, rules - seen


def parse_policy_rules() -> list[str]:
    """Give the ids of the rules of the rich policy."""
    return [part.item["id"] for part in parse_policy(RICH, "rich.yaml").parts("rules")]
