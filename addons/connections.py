"""Connections: no agent takes more of them than its share."""

from __future__ import annotations

from mitmproxy import http

from addons import refused
from addons.exchange import exchange_of
from addons.services import Services


class Connections:
    """Refuses an agent's connections beyond its bound."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def http_connect(self, flow: http.HTTPFlow) -> None:
        """Count a tunnel to its agent."""
        self._count(flow)

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Count the connection of a request to its agent."""
        self._count(flow)

    def _count(self, flow: http.HTTPFlow) -> None:
        exchange = exchange_of(flow)
        agent = exchange.agent
        if agent is None or self._services.watch is None:
            return
        refused.agents[flow.client_conn] = agent, exchange.token_id, exchange.proof
        if not self._services.watch.identified(flow.client_conn, agent):
            exchange.deny(
                "too_many_connections",
                "This agent has too many connections open; close some, or have the operator "
                "raise aegis_max_connections_per_agent.",
                rule="connections",
                status=429,
            )
