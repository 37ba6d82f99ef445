"""A policy put to questions outside the data plane: what it decides, and all that took part."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rules.bundle import Bundle
from rules.decision import Decision, Effect, Explanation, ToolCall
from rules.errors import EvaluationError, ToolError
from rules.policy_set import PolicySet, drive
from rules.policy_test_request import AskedRequest, build_request
from rules.regorus_engine import RegorusEngine

OwnRego = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""Gives what a policy's own Rego finds in an input; raises `EvaluationError`."""

UNREADABLE = "read"
"""The rule of a request that is refused before policy is asked, for it cannot be read."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What becomes of a request; `decision` is None where it comes to none."""

    effect: str
    rule: str
    reason: str
    source: str
    calls: tuple[ToolCall, ...] = ()
    decision: Decision | None = None
    explanations: tuple[Explanation, ...] = ()
    documents: tuple[Mapping[str, Any], ...] = ()

    @property
    def fired(self) -> frozenset[str]:
        """The ids of all rules that took part."""
        causes = {cause.rule for each in self.explanations for cause in each.causes}
        return frozenset(causes | {self.rule})


@dataclass(slots=True)
class _Engine:
    """The engine of a bundle, which adds what own Rego finds and remembers what it was asked."""

    inner: RegorusEngine
    own: OwnRego | None
    asked: list[Mapping[str, Any]] = field(default_factory=list)

    @property
    def revision(self) -> str:
        return self.inner.revision

    def evaluate(self, input: Mapping[str, Any]) -> dict[str, Any]:
        return self.inner.evaluate(self._with_own(input))

    def explain(self, input: Mapping[str, Any]) -> dict[str, Any]:
        self.asked.append(input)
        return self.inner.explain(self._with_own(input))

    def _with_own(self, input: Mapping[str, Any]) -> Mapping[str, Any]:
        return input if self.own is None else {**input, "user": self.own(input)}


class PolicyBench:
    """Asks one bundle; raises `PolicyError` when it does not compile."""

    def __init__(self, bundle: Bundle, own: OwnRego | None = None) -> None:
        self._bundle = bundle
        self._engine = _Engine(RegorusEngine(bundle), own)
        self._sets: dict[tuple[tuple[str, str], ...], PolicySet] = {}
        self.config: Mapping[str, Any] = bundle.data["aegis_cfg"]
        self.revision = bundle.revision
        self.needs_own = bool(self._set({}).user_modules) and own is None

    def request(self, written: Mapping[str, Any]) -> AskedRequest:
        """Build a request that has no mistakes."""
        agents = self.config["agents"]
        return build_request(
            written, {name: item["tenant"] for name, item in agents.items() if item["tenant"]}
        )

    def ask(self, request: AskedRequest) -> Answer:
        """Give what becomes of a request; raises `EvaluationError`."""
        if self.needs_own:
            raise EvaluationError("the policy's own Rego was not given")
        policy = self._set(request.environment)
        http = request.http
        calls: tuple[ToolCall, ...] = ()
        if request.stage == "request":
            try:
                calls = tuple(policy.match_tools(http))
            except ToolError as error:
                return Answer(Effect.DENY, UNREADABLE, str(error), "")
        asked: dict[str, Any] = {
            "stage": request.stage,
            "agent": request.agent,
            "scheme": http.scheme,
            "host": http.host,
            "port": http.port,
            "method": http.method,
            "body_kind": http.body_kind,
            "opaque": http.opaque,
            "on_behalf_of": request.on_behalf_of,
            "data": request.data,
            "asked_regions": policy.asked_regions(http) if request.stage == "request" else (),
            "now": request.now,
            "facts": request.facts,
        }
        decision = drive(policy.asking(calls=calls, **asked), self._engine.evaluate)
        self._engine.asked = []
        explanations = tuple(policy.explain(calls=calls, **asked))
        return Answer(
            decision.effect,
            decision.rule,
            decision.reason,
            decision.source,
            calls,
            decision,
            explanations,
            tuple(self._engine.asked),
        )

    def _set(self, environment: Mapping[str, str]) -> PolicySet:
        key = tuple(sorted(environment.items()))
        if key not in self._sets:
            self._sets[key] = PolicySet(self._bundle, self._engine, environment)
        return self._sets[key]
