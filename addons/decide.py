"""Decide: may it, by the policy in force."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Awaitable
from typing import Any

from mitmproxy import http

from addons.exchange import Exchange, exchange_of
from addons.services import Services
from rules import AgentRef, Decision, Effect, EvaluationError, PolicySet
from rules.opaque_bodies import is_opaque_rule

logger = logging.getLogger(__name__)


class Decide:
    """Asks the policy about each tunnel and each request."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def http_connect(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Decide whether the agent may have a tunnel to this destination at all."""
        return self._decide(flow, exchange_of(flow), "connect")

    def requestheaders(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Decide on a request whose body goes through in pieces, before it starts."""
        exchange = exchange_of(flow)
        return self._decide(flow, exchange, "request") if exchange.streamed else None

    def request(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Decide on a request that was read whole."""
        exchange = exchange_of(flow)
        return None if exchange.streamed else self._decide(flow, exchange, "request")

    def _decide(
        self, flow: http.HTTPFlow, exchange: Exchange, stage: str
    ) -> Awaitable[None] | None:
        agent, destination = exchange.agent, exchange.destination
        if agent is None or destination is None:
            raise RuntimeError("decide ran before identify and locate")
        question: dict[str, Any] = {
            "stage": stage,
            "agent": AgentRef(agent.id, agent.tenant, tuple(agent.groups), exchange.proof),
            "scheme": destination.scheme,
            "host": destination.host,
            "port": destination.port,
            "method": flow.request.method,
            "body_kind": exchange.body.kind,
            "opaque": exchange.body.opaque,
            "calls": exchange.calls,
            "on_behalf_of": exchange.on_behalf_of,
            "data": exchange.data,
            "asked_regions": exchange.asked_regions,
            "now": exchange.started_at,
        }
        policy, candidate = self._services.policy, self._services.candidate
        evaluator = self._services.evaluator
        if stage == "connect":
            candidate = None
        if evaluator.asks(policy) or (candidate is not None and evaluator.asks(candidate)):
            return self._ask(exchange, policy, candidate, question)
        if candidate is not None:
            with contextlib.suppress(EvaluationError):
                exchange.candidate = candidate.decide(**_beside(exchange, question))
        try:
            decision = policy.decide(**question)
        except EvaluationError as error:
            no_decision(exchange, error)
        else:
            settle(exchange, decision, policy)
        return None

    async def _ask(
        self,
        exchange: Exchange,
        policy: PolicySet,
        candidate: PolicySet | None,
        question: dict[str, Any],
    ) -> None:
        """Decide where something outside of this process has to be asked."""
        evaluator = self._services.evaluator
        if candidate is not None:
            # Whether it answers or not changes nothing.
            with contextlib.suppress(EvaluationError):
                beside = _beside(exchange, question)
                exchange.candidate = await evaluator.decide(candidate, beside, remote=False)
        try:
            decision = await evaluator.decide(policy, question)
        except EvaluationError as error:
            no_decision(exchange, error)
        else:
            settle(exchange, decision, policy)


def _beside(exchange: Exchange, question: dict[str, Any]) -> dict[str, Any]:
    """Give the same question for the policy in the shadow, by the labels it looks for itself."""
    return {**question, "data": exchange.candidate_data}


def no_decision(exchange: Exchange, error: Exception) -> None:
    """Refuse what the policy gave no decision on."""
    known = isinstance(error, EvaluationError)
    logger.warning("No decision: %s.", error if known else type(error).__name__)
    exchange.deny(
        "policy_error",
        "The policy gave no decision on this request, so it was not sent. "
        "Its owner finds the cause with `aegis policy validate`.",
        rule="fail-closed:decide",
        status=503,
    )


def _code(decision: Decision) -> str:
    if decision.effect is Effect.REQUIRE_APPROVAL:
        return "approval_required"
    return "body_opaque" if is_opaque_rule(decision.rule) else "policy_denied"


def settle(exchange: Exchange, decision: Decision, policy: PolicySet) -> None:
    """Take a decision into the exchange, and refuse what it does not let through."""
    exchange.decision = decision
    exchange.options = policy.destination_options(decision.destination)
    if exchange.observing:
        return
    if decision.effect in (Effect.DENY, Effect.REQUIRE_APPROVAL):
        exchange.deny(
            _code(decision),
            decision.reason,
            rule=decision.rule,
            source=decision.source,
        )
    elif decision.reserve:
        # An obligation that is not met means deny.
        exchange.deny(
            "obligation_unmet",
            f"The policy books this call on the budget '{decision.reserve[0].id}', and this "
            "firewall keeps no budgets, so it was not sent.",
            rule=decision.reserve[0].id,
        )
