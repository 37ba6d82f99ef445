"""One OpenTelemetry span per decision; the only module that knows the conventions' names.

The GenAI and MCP semantic conventions are in status Development, so their names may move.
"""

from __future__ import annotations

import logging
import time
from typing import Any

from mitmproxy import http
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from addons.exchange import Exchange

EXPORT_SECONDS = 5

_PROPAGATOR = TraceContextTextMapPropagator()


class Spans:
    """Sends a span for each decision to a collector; does nothing when none is configured."""

    def __init__(self, endpoint: str) -> None:
        self._provider: TracerProvider | None = None
        if not endpoint:
            return
        exporter = OTLPSpanExporter(
            endpoint=endpoint.rstrip("/") + "/v1/traces", timeout=EXPORT_SECONDS
        )
        self._provider = TracerProvider(
            resource=Resource.create({"service.name": "aegis"}), shutdown_on_exit=False
        )
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("aegis")
        # An unreachable collector is no news on every batch.
        logging.getLogger("opentelemetry").setLevel(logging.ERROR)

    def decided(self, flow: http.HTTPFlow, exchange: Exchange) -> None:
        """Make the span of a decision, with no value of the request in it."""
        if self._provider is None and not exchange.trace_parent:
            return
        parent = _PROPAGATOR.extract({"traceparent": exchange.trace_parent})
        context = trace.get_current_span(parent).get_span_context()
        if context.is_valid:
            exchange.trace_id = f"{context.trace_id:032x}"
        if self._provider is None:
            return
        span = self._tracer.start_span(
            _name(flow, exchange),
            context=parent,
            kind=SpanKind.CLIENT,
            attributes=_attributes(flow, exchange),
            start_time=int(exchange.started_at * 1e9),
        )
        if exchange.denial is not None:
            span.set_status(StatusCode.ERROR, exchange.denial.code)
        exchange.trace_id = f"{span.get_span_context().trace_id:032x}"
        span.end(end_time=time.time_ns())

    def close(self) -> None:
        """Send what is waiting and stop."""
        if self._provider is not None:
            self._provider.shutdown()
            self._provider = None


def _name(flow: http.HTTPFlow, exchange: Exchange) -> str:
    if exchange.calls:
        call = exchange.calls[0]
        return f"{'tools/call' if call.kind == 'mcp' else 'execute_tool'} {call.name}"
    return flow.request.method if flow.request.method.isalpha() else "HTTP"


def _attributes(flow: http.HTTPFlow, exchange: Exchange) -> dict[str, Any]:
    decision, denial = exchange.decision, exchange.denial
    attributes: dict[str, Any] = {
        "aegis.decision.id": exchange.id,
        "aegis.effect": "deny" if denial is not None else str(decision.effect) if decision else "",
        "aegis.rule": denial.rule if denial is not None else decision.rule if decision else "",
        "http.request.method": flow.request.method if flow.request.method.isalpha() else "_OTHER",
    }
    if decision is not None:
        attributes["aegis.policy.revision"] = decision.revision
        attributes["aegis.mode"] = decision.mode
        attributes["aegis.destination.id"] = decision.destination
    if exchange.destination is not None and decision is not None and decision.destination:
        attributes["server.address"] = exchange.destination.host
        attributes["server.port"] = exchange.destination.port
        attributes["url.scheme"] = exchange.destination.scheme
    if exchange.agent is not None:
        attributes["gen_ai.agent.id"] = exchange.agent.spiffe_id
        attributes["aegis.tenant"] = exchange.agent.tenant
    if exchange.calls:
        call = exchange.calls[0]
        attributes["gen_ai.tool.name"] = call.name
        attributes["gen_ai.operation.name"] = "execute_tool"
        if call.kind == "mcp":
            attributes["mcp.method.name"] = "tools/call"
    for entity, count in exchange.redacted.items():
        attributes[f"aegis.redacted.{entity}"] = count
    return attributes
