"""Every engine gives the identical whole decision, on inputs made at random.

600 inputs a run, AEGIS_FUZZ says how many others; AEGIS_FUZZ_SEED repeats a run.
"""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import regorus

from rules import (
    DEFAULT_POLICY,
    Bundle,
    EvaluationError,
    RegorusEngine,
    compile_policy,
    load_bundle,
    load_policy,
)
from rules.own_rego import EMBEDDED, OWN_PATH, USER_PATH
from tests.rules.rich import RICH
from tests.rules.test_language import TENANT
from tests.support.opa import OpaLibrary
from tests.support.policy_inputs import PolicyInputs

COUNT = int(os.environ.get("AEGIS_FUZZ", "600"))
SEED = int(os.environ.get("AEGIS_FUZZ_SEED") or random.randrange(2**32))

pytestmark = pytest.mark.timeout(120 + COUNT // 20)

Evaluate = Callable[[Mapping[str, Any]], Any]


def interpreter(bundle: Bundle) -> Evaluate:
    """Give regorus' interpreter, with the modules that the embedded engine takes."""
    engine = regorus.Engine()
    modules = {p: text for p, text in bundle.modules.items() if not p.startswith(USER_PATH)}
    for path, text in {**modules, OWN_PATH: EMBEDDED}.items():
        engine.add_policy(path, text)
    engine.add_data_json(json.dumps(bundle.data))

    def evaluate(document: Mapping[str, Any]) -> Any:
        engine.set_input_json(json.dumps(document))
        return json.loads(engine.eval_rule_as_json("data.aegis.decision"))

    return evaluate


@dataclass(frozen=True)
class Engines:
    bundle: Bundle
    machine: Evaluate
    interpreter: Evaluate
    opa: Evaluate
    own: Evaluate | None
    """What the policy's own Rego says, which the embedded engine takes from the input."""

    @classmethod
    def of(cls, bundle: Bundle) -> Engines:
        opa = OpaLibrary(bundle)
        has_own = any(path.startswith(USER_PATH) for path in bundle.modules)
        return cls(
            bundle,
            RegorusEngine(bundle).evaluate,
            interpreter(bundle),
            opa.evaluate,
            (lambda document: opa.document("aegis.own.findings", document)) if has_own else None,
        )

    def compare(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """Give the decision that all agree on."""
        expected = self.opa(document)
        if self.own is not None:
            document = {**document, "user": self.own(document)}
        for name, evaluate in (("machine", self.machine), ("interpreter", self.interpreter)):
            found = evaluate(document)
            assert found == expected, (
                f"seed {SEED}: the {name} differs from OPA on\n{json.dumps(document)}\n"
                + "\n".join(
                    f"{key}: {found.get(key)!r}, OPA: {expected.get(key)!r}"
                    for key in expected
                    if found.get(key) != expected.get(key)
                )
            )
        assert isinstance(expected, dict)
        return expected


def rich(folder: Path) -> Bundle:
    """Compile the policy that uses every part of the language, with a tenant's."""
    (folder / "rich.yaml").write_text(RICH, "utf-8")
    (folder / "acme.yaml").write_text(TENANT, "utf-8")
    return compile_policy(load_policy(folder))


OWN = """package aegis.user.limits

deny contains {"id": "stranger", "reason": "Who is this?"} if input.agent.id == "guest"

deny contains "late" if input.clock.UTC.minute > 1400

approve contains {"id": "secret"} if "secret" in input.data

approve contains 7 if input.tool.arguments.other

redact contains "cards" if input.tool.kind == "mcp"
"""


@pytest.fixture(scope="module", params=["rich", "developer", "own"])
def engines(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Engines:
    if request.param == "developer":
        return Engines.of(load_bundle(DEFAULT_POLICY))
    folder = tmp_path_factory.mktemp("policy")
    if request.param == "own":
        (folder / "own.rego").write_text(OWN, "utf-8")
    return Engines.of(rich(folder))


def test_all_engines_give_the_same_whole_decision(engines: Engines) -> None:
    seen: Counter[str] = Counter()
    for document in PolicyInputs(engines.bundle.data, SEED).many(COUNT):
        decision = engines.compare(document)
        seen[decision["effect"]] += 1
        seen[decision["rule"]] += 1
    # Else the comparison would say little.
    assert seen["deny"] > COUNT // 20
    assert seen["allow"] + seen["sanitize"] > COUNT // 20
    assert len(seen) > 5


# What own Rego says is put into documents of the right form only.
@pytest.mark.parametrize("engines", ["rich", "developer"], indirect=True)
def test_on_what_the_firewall_never_writes_no_engine_is_more_lenient(engines: Engines) -> None:
    """OPA calls some of it an error, of which the embedded engine may make a decision."""
    inputs = PolicyInputs(engines.bundle.data, SEED)
    decided = 0
    for _ in range(COUNT // 4):
        document = inputs.broken()
        opa, machine = _effects(engines, document)
        if opa == "error":
            continue
        decided += 1
        assert machine in (opa, "error"), f"seed {SEED}: {json.dumps(document)}"
    assert decided > COUNT // 20


def _effects(engines: Engines, document: Mapping[str, Any]) -> Iterator[str]:
    for evaluate in (engines.opa, engines.machine):
        try:
            yield evaluate(document)["effect"]
        except EvaluationError:
            yield "error"


def test_the_same_seed_makes_the_same_inputs(engines: Engines) -> None:
    one, other = (list(PolicyInputs(engines.bundle.data, 7).many(50)) for _ in range(2))
    assert one == other
