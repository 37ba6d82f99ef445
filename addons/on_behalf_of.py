"""OnBehalfOf: for which other agents this call is made, as the caller says."""

from __future__ import annotations

from mitmproxy import http

from addons.exchange import exchange_of
from addons.services import Services
from ledger import LedgerError, UnknownAgent
from rules import AgentRef

HEADER = "aegis-on-behalf-of"
_HEADER = HEADER.encode()
MAX_AGENTS = 4


class OnBehalfOf:
    """Reads the header `Aegis-On-Behalf-Of: AGENT[, AGENT]` and takes it off the request.

    Naming another agent only takes rights away: the call needs those of all of them.
    """

    def __init__(self, services: Services) -> None:
        self._services = services

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Find the agents that the header names."""
        exchange = exchange_of(flow)
        values = exchange.header(flow.request, _HEADER)
        if not values:
            return
        del flow.request.headers[HEADER]
        names = [name.strip() for name in b",".join(values).decode("latin-1").split(",")]
        if len(names) > MAX_AGENTS:
            exchange.deny(
                "on_behalf_of_refused",
                f"A call can be made on behalf of {MAX_AGENTS} agents at most.",
                rule="on-behalf-of",
                status=400,
            )
            return
        try:
            known = [self._services.agents.get(name) for name in names]
        except UnknownAgent:
            exchange.deny(
                "on_behalf_of_refused",
                "The header Aegis-On-Behalf-Of names an agent that does not exist. "
                "`aegis agents list` names those that do.",
                rule="on-behalf-of",
            )
            return
        except LedgerError as error:
            exchange.deny("agents_unavailable", str(error), rule="on-behalf-of", status=503)
            return
        exchange.on_behalf_of = tuple(
            AgentRef(agent.id, agent.tenant, tuple(agent.groups)) for agent in known
        )
