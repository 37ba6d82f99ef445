"""What every engine does alike: embedded, interpreter, OPA's library and a running OPA."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import regorus

from addons.opa_engine import OpaServerEngine
from rules import (
    AgentRef,
    Bundle,
    Effect,
    EvaluationError,
    Facts,
    PolicySet,
    RegorusEngine,
    ToolCall,
    compile_policy,
    parse_policy,
)
from rules.bundle import make_bundle
from rules.engine import whole_decision
from rules.own_rego import EMBEDDED, OWN_PATH
from tests.rules.rich import RICH
from tests.support.opa import OpaLibrary
from tests.support.opa_server import OpaServer, opa_program

BUNDLE = compile_policy(parse_policy(RICH, "rich.yaml"))

Evaluate = Callable[[Mapping[str, Any]], dict[str, Any]]


class Interpreter:
    """Regorus' interpreter as an engine."""

    def __init__(self, bundle: Bundle) -> None:
        self._engine = regorus.Engine()
        for path, text in {**bundle.modules, OWN_PATH: EMBEDDED}.items():
            self._engine.add_policy(path, text)
        self._engine.add_data_json(json.dumps(bundle.data))

    def evaluate(self, input: Mapping[str, Any]) -> dict[str, Any]:
        try:
            self._engine.set_input_json(json.dumps(input))
            decision = json.loads(self._engine.eval_rule_as_json("data.aegis.decision"))
        except Exception as error:
            raise EvaluationError(str(error)) from None
        if not whole_decision(decision):
            raise EvaluationError("the policy gave no whole decision")
        return dict(decision)


class Server:
    """The engine behind HTTP, asked from outside its loop."""

    def __init__(self, bundle: Bundle, folder: Path, program: str | None = None) -> None:
        self._server = OpaServer(bundle, folder, program=program).start()
        self._runner = asyncio.Runner()
        self._engine = OpaServerEngine(self._server.url, revision=bundle.revision, timeout=20)

    def evaluate(self, input: Mapping[str, Any]) -> dict[str, Any]:
        return self._runner.run(self._engine.evaluate(input))

    def close(self) -> None:
        self._runner.run(self._engine.close())
        self._runner.close()
        self._server.stop()


ENGINES = ("embedded", "interpreter", "library", "server", "program")


@pytest.fixture(scope="module", params=ENGINES)
def make(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[Bundle], Evaluate]]:
    servers: list[Server] = []

    def engine(bundle: Bundle) -> Evaluate:
        if request.param == "embedded":
            return RegorusEngine(bundle).evaluate
        if request.param == "interpreter":
            return Interpreter(bundle).evaluate
        if request.param == "library":
            return OpaLibrary(bundle).evaluate
        program = opa_program() if request.param == "program" else None
        servers.append(Server(bundle, tmp_path_factory.mktemp("opa"), program))
        return servers[-1].evaluate

    yield engine
    for server in servers:
        server.close()


@pytest.fixture(scope="module")
def evaluate(make: Callable[[Bundle], Evaluate]) -> Evaluate:
    return make(BUNDLE)


class Through:
    """An engine for `PolicySet` that does no more than evaluate."""

    revision = BUNDLE.revision

    def __init__(self, evaluate: Evaluate) -> None:
        self.evaluate = evaluate

    def explain(self, input: Mapping[str, Any]) -> dict[str, Any]:
        raise NotImplementedError


@pytest.fixture
def policy(evaluate: Evaluate) -> PolicySet:
    return PolicySet(BUNDLE, Through(evaluate), environment={"stage": "staging"})


GOOD = {"amount": 40, "currency": "USD", "account": "US1234", "items": [[1]]}
PLANNER, FINANCE = AgentRef("planner", groups=("office",)), AgentRef("finance")


def pay(
    policy: PolicySet, agent: AgentRef = FINANCE, facts: Facts | None = None, **changed: Any
) -> Any:
    call = ToolCall("pay.create", "http", {**GOOD, **changed})
    return policy.decide(
        stage="request", agent=agent, scheme="https", host="pay.test", port=443, method="POST",
        body_kind="json", calls=[call], facts=facts or Facts(),
    )  # fmt: skip


def ask(policy: PolicySet, agent: AgentRef, host: str, **more: Any) -> Any:
    asked = {"stage": "request", "scheme": "https", "port": 443, **more}
    return policy.decide(agent=agent, host=host, **asked)


@pytest.mark.parametrize(
    ("opaque", "rule"),
    [
        (0, "graphs"),
        (1000, "graphs"),
        (1001, "destination:graph/opaque_bodies"),
        ("0", "destination:graph/opaque_bodies"),
        (None, "destination:graph/opaque_bodies"),
    ],
)
def test_no_more_goes_of_what_nobody_can_read(
    policy: PolicySet, evaluate: Evaluate, opaque: Any, rule: str
) -> None:
    call = ToolCall("graph.transfer", "graphql", {})
    if type(opaque) is int:
        assert ask(policy, FINANCE, "graph.test", calls=[call], opaque=opaque).rule == rule
    document = {
        "stage": "request",
        "agent": {"id": "finance", "tenant": "default", "groups": [], "proof": "token"},
        "destination": {"scheme": "https", "host": "graph.test", "port": 443},
        "request": {"opaque": opaque},
        "tool": {"name": "graph.transfer", "kind": "graphql", "readable": True, "arguments": {}},
        "data": [],
    }
    assert evaluate(document)["rule"] == rule
    assert evaluate({**document, "request": {}})["rule"] == "destination:graph/opaque_bodies"
    assert ask(policy, FINANCE, "pay.test", opaque=10**9, stage="connect").effect is Effect.ALLOW


def test_what_nobody_allowed_is_denied(policy: PolicySet) -> None:
    assert ask(policy, AgentRef("guest"), "elsewhere.test").rule == "destination-unknown"
    assert ask(policy, AgentRef("guest"), "pay.test").rule == "default-deny"
    assert ask(policy, AgentRef("guest"), "pay.test", stage="connect").effect is Effect.DENY
    assert ask(policy, FINANCE, "pay.test", stage="connect").effect is Effect.ALLOW


def test_a_call_within_its_bounds_is_allowed(policy: PolicySet) -> None:
    decision = pay(policy)
    assert (decision.effect, decision.rule) == (Effect.ALLOW, "finance-pays")
    assert [account.key for account in decision.reserve] == ["tool:pay.create"]


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"amount": 5000.5}, "amount.max"),
        ({"amount": 0}, "amount.min"),
        ({"amount": "40"}, "amount.max"),
        ({"amount": None}, "amount.max"),
        ({"amount": True}, "amount.max"),
        ({"amount": 1e300}, "amount.max"),
        ({"currency": "BTC"}, "currency.enum"),
        ({"currency": ["USD"]}, "currency.enum"),
        ({"account": "us1234"}, "account.pattern"),
        ({"account": "US1234\n"}, "account.pattern"),
        ({"account": "US1"}, "account.min_length"),
        ({"tags": ["a"] * 4}, "tags.max_length"),
        ({"tags": ["a", 7]}, "tags.each.type"),
        ({"tags": ["a" * 9]}, "tags.each.max_length"),
        ({"items": [[1], []]}, "items.required"),
        ({"items": [[100]]}, "items.under"),
        ({"Amount": 9000}, "amount.max"),
        ({"amoun\u0074": 40, "AMOUNT": 40}, "amount.max"),
    ],
)
def test_a_constraint_that_is_not_proven_denies(
    policy: PolicySet, changed: dict[str, Any], rule: str
) -> None:
    decision = pay(policy, **changed)
    assert decision.effect is Effect.DENY
    assert decision.rule == f"tool:pay.create/{rule}"


@pytest.mark.parametrize(
    "changed",
    [
        {"amount": 1000},
        {"amount": 1},
        {"amount": 999.99},
        {"account": "US12"},
        {"account": "US1234567890"},
        {"tags": ["a" * 8] * 3},
        {"items": [[99]]},
    ],
)
def test_values_at_the_bounds_are_allowed(policy: PolicySet, changed: dict[str, Any]) -> None:
    assert pay(policy, **changed).effect is Effect.ALLOW


def test_the_greatest_amount_still_needs_a_person_only(policy: PolicySet) -> None:
    assert pay(policy, amount=5000).rule == "large"
    assert pay(policy, amount=5000.01).effect is Effect.DENY


def test_lengths_are_counted_in_characters(policy: PolicySet) -> None:
    smile = "\U0001f600"
    assert pay(policy, tags=[smile * 8]).effect is Effect.ALLOW
    assert pay(policy, tags=[smile * 9]).effect is Effect.DENY


def test_an_approval_is_asked_for_and_given(policy: PolicySet) -> None:
    decision = pay(policy, amount=1001)
    assert (decision.effect, decision.rule) == (Effect.REQUIRE_APPROVAL, "large")
    assert [(item.id, item.approvers) for item in decision.approve] == [("money", 2)]
    assert pay(policy, amount=1001, facts=Facts(approved=("large",))).effect is Effect.ALLOW


def test_the_strictest_of_several_calls_holds(policy: PolicySet) -> None:
    calls = [ToolCall("pay.create", "http", {**GOOD, "amount": n}) for n in (1, 1001, 6000)]
    assert ask(policy, FINANCE, "pay.test", calls=calls).effect is Effect.DENY
    assert ask(policy, FINANCE, "pay.test", calls=calls[:2]).effect is Effect.REQUIRE_APPROVAL


def test_data_clock_labels_and_budgets_count(policy: PolicySet) -> None:
    assert ask(policy, FINANCE, "model.test", data=("secret",)).rule == "secrets-stay"
    assert ask(policy, FINANCE, "model.test").effect is Effect.ALLOW
    spent = ask(policy, FINANCE, "model.test", facts=Facts(exceeded=("daily",)))
    assert (spent.effect, spent.rule) == (Effect.DENY, "daily")
    call = [ToolCall("deploy", "http", {"count": 1})]
    monday, sunday = 1_772_449_200.0, 1_772_362_800.0
    assert ask(policy, FINANCE, "notes.test", now=monday, calls=call).rule == "office-hours"
    assert ask(policy, FINANCE, "notes.test", now=sunday, calls=call).rule == "default-deny"
    decision = ask(policy, AgentRef("builder"), "notes.test", now=monday, calls=call)
    assert (decision.effect, decision.rule) == (Effect.REQUIRE_APPROVAL, "production")


def test_rules_that_observe_change_nothing(policy: PolicySet) -> None:
    decision = ask(policy, PLANNER, "model.test")
    assert decision.effect is Effect.ALLOW
    assert decision.would == (Effect.DENY, "watch-planner")


def test_who_acts_for_another_needs_the_rights_of_both(policy: PolicySet) -> None:
    listing = [ToolCall("pay.list", "http", {})]
    asked = {"calls": listing, "on_behalf_of": [PLANNER]}
    assert ask(policy, FINANCE, "pay.test", **asked).effect is Effect.DENY
    asked = {"calls": listing, "on_behalf_of": [FINANCE]}
    assert ask(policy, PLANNER, "pay.test", **asked).rule == "delegation-unknown"


def test_what_is_no_decision_is_an_error(make: Callable[[Bundle], Evaluate]) -> None:
    """A bundle whose decision is undefined for some inputs, and half a one for others."""
    module = re.sub(
        r"(?s)# METADATA\n# description: The decision on the input.*?(?=# METADATA\n# description: Every)",
        'decision := half if {\n\tinput.stage == "half"\n} else := decided if input.stage != "none"\n\n'
        'half := {"effect": "allow", "rule": "r"}\n\n'
        'decided := {"effect": "deny", "rule": "r", "reason": "", "destination": "", "mode": "", '
        '"dial": [], "redact": [], "route": {}, "approve": [], "reserve": [], "throttle": [], '
        '"would": {"effect": "deny", "rule": "r"}}\n\n',
        BUNDLE.files["aegis/aegis.rego"].decode(),
    )
    files = {**BUNDLE.files, "aegis/aegis.rego": module.encode()}
    evaluate = make(_resealed(Bundle(BUNDLE.revision, files, BUNDLE.data)))
    for stage in ("half", "none"):
        with pytest.raises(EvaluationError):
            evaluate({"stage": stage})
    assert evaluate({"stage": "other"})["effect"] == "deny"


def _resealed(bundle: Bundle) -> Bundle:
    modules = {p: data for p, data in bundle.files.items() if p.endswith(".rego")}
    return make_bundle("rich", modules, bundle.data)
