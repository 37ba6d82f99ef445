"""Decide: may it, by the policy in force."""

from __future__ import annotations

from mitmproxy import http

from addons.exchange import Exchange, exchange_of
from addons.services import Services
from rules import AgentRef, Effect, EvaluationError


class Decide:
    """Asks the policy about each tunnel and each request."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def http_connect(self, flow: http.HTTPFlow) -> None:
        """Decide whether the agent may have a tunnel to this destination at all."""
        self._decide(flow, exchange_of(flow), "connect")

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Decide on a request whose body goes through in pieces, before it starts."""
        exchange = exchange_of(flow)
        if exchange.streamed:
            self._decide(flow, exchange, "request")

    def request(self, flow: http.HTTPFlow) -> None:
        """Decide on a request that was read whole."""
        exchange = exchange_of(flow)
        if not exchange.streamed:
            self._decide(flow, exchange, "request")

    def _decide(self, flow: http.HTTPFlow, exchange: Exchange, stage: str) -> None:
        agent, destination = exchange.agent, exchange.destination
        if agent is None or destination is None:
            raise RuntimeError("decide ran before identify and locate")
        policy = self._services.policy
        try:
            decision = policy.decide(
                stage=stage,
                agent=AgentRef(agent.id, agent.tenant, tuple(agent.groups)),
                scheme=destination.scheme,
                host=destination.host,
                port=destination.port,
                method=flow.request.method,
                body_kind=exchange.body.kind,
                calls=exchange.calls,
            )
        except EvaluationError:
            exchange.deny(
                "policy_error",
                "The policy gave no decision on this request, so it was not sent. "
                "Its owner finds the cause with `aegis policy validate`.",
                rule="fail-closed:decide",
                status=503,
            )
            return
        exchange.decision = decision
        if decision.effect in (Effect.DENY, Effect.REQUIRE_APPROVAL) and not exchange.observing:
            exchange.deny(
                "policy_denied" if decision.effect is Effect.DENY else "approval_required",
                decision.reason,
                rule=decision.rule,
                source=decision.source,
            )
