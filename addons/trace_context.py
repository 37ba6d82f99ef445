"""Trace context: an agent's trace is continued, and handed on only where policy says so."""

from __future__ import annotations

from mitmproxy import http

from addons.exchange import exchange_of
from addons.services import Services

TRACE_HEADERS = ("traceparent", "tracestate", "baggage")


class TraceContext:
    """Reads `traceparent` (W3C Trace Context) and keeps it from destinations not named."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Remember the agent's trace."""
        exchange = exchange_of(flow)
        values = exchange.header(flow.request, b"traceparent")
        if len(values) == 1:
            exchange.trace_parent = values[0].decode("latin-1")
        if exchange.streamed:
            # Its head leaves before the next hook.
            self.request(flow)

    def request(self, flow: http.HTTPFlow) -> None:
        """Take trace headers off, except for destinations that policy names for them."""
        exchange = exchange_of(flow)
        decision = exchange.decision
        if decision is None or exchange.observing:
            return
        present = [name for name in TRACE_HEADERS if exchange.header(flow.request, name.encode())]
        if not present:
            return
        options = self._services.policy.destination_options(decision.destination)
        for name in present:
            if name == "baggage" or options.trace_context != "forward":
                flow.request.headers.pop(name, None)
