"""Settle: what came back, counted as it passes and recorded at its end."""

from __future__ import annotations

import time
from typing import Any

from mitmproxy import http

from addons.exchange import Exchange, exchange_of
from addons.grpc_call import is_grpc, media_type
from addons.services import Services


class Settle:
    """Lets responses through as they arrive and records the outcome."""

    after_denial = True

    def __init__(self, services: Services) -> None:
        self._services = services

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        """Stream the response, counting its bytes."""
        exchange = exchange_of(flow)
        if flow.response is None or exchange.denial is not None:
            return
        if flow.response.status_code == 101:
            return  # it has no body
        if exchange.whole_answer is None and exchange.answer_denial is None:
            flow.response.stream = exchange.stream

    def response(self, flow: http.HTTPFlow) -> None:
        """Record the outcome of an exchange that was answered."""
        exchange = exchange_of(flow)
        if flow.websocket is not None:
            return  # it has just begun
        if exchange.denial is None and flow.response is not None:
            self._settle(flow, exchange, status=flow.response.status_code, error=None)

    def error(self, flow: http.HTTPFlow) -> None:
        """Record the outcome of an exchange that broke off."""
        exchange = exchange_of(flow)
        if exchange.recorded and exchange.denial is None:
            status = flow.response.status_code if flow.response is not None else None
            self._settle(flow, exchange, status=status, error=broken(_text(flow)))

    def _settle(
        self, flow: http.HTTPFlow, exchange: Exchange, *, status: int | None, error: str | None
    ) -> None:
        if exchange.settled:
            return
        exchange.settled = True
        grpc_status = _grpc_status(flow)
        entry: dict[str, Any] = {
            "kind": "outcome",
            "decision": exchange.id,
            "status": exchange.answer_status or status,
            "request_bytes": exchange.request_bytes,
            "response_bytes": exchange.response_bytes,
            "duration_us": (time.perf_counter_ns() - exchange.started_ns) // 1000,
            "error": error,
        }
        if exchange.answer_refused:
            failed = exchange.answer_problem == "search_failed"
            entry["error"] = "redaction_failed" if failed else "answer_unreadable"
        if exchange.answer_problem:
            entry["answer_problem"] = exchange.answer_problem
        if exchange.redacted_answer:
            entry["redacted_answer"] = dict(exchange.redacted_answer)
        if exchange.tools_left_out:
            entry["tools_left_out"] = exchange.tools_left_out
        if grpc_status is not None:
            entry["grpc_status"] = grpc_status
        dialled = flow.server_conn.peername if flow.server_conn is not None else None
        if dialled is not None and exchange.proxy is None and dialled[0] != exchange.address:
            entry["address"] = dialled[0]
        self._services.log.submit(entry)


def _grpc_status(flow: http.HTTPFlow) -> int | None:
    """Give the status that a gRPC call ended with, which is not that of HTTP."""
    response = flow.response
    if response is None or not is_grpc(media_type(response)):
        return None
    for fields in (response.trailers, response.headers):
        value = fields.get("grpc-status", "") if fields else ""
        if value.isascii() and value.isdigit() and len(value) <= 3:
            return int(value)
    return None


def _text(flow: http.HTTPFlow) -> str:
    return flow.error.msg if flow.error is not None else ""


def broken(text: str) -> str:
    """Name what broke, without the text of the error, which may quote the exchange."""
    if text in CUTS:
        return text
    return next((name for name, signs in _BREAKS.items() if text.startswith(signs)), "broken_off")


CUTS = frozenset(
    {"token_revoked", "policy_denied", "policy_changed", "address_refused", "not_decided"}
)
"""Why the firewall itself ended what was open."""

_BREAKS = {
    "upstream_untrusted": ("Certificate verify failed", "Could not establish TLS", "TLS"),
    "upstream_proxy_refused": ("The upstream proxy refused",),
    "upstream_proxy_failed": ("The upstream proxy",),
    "upstream_unreachable": (
        "The destination cannot be reached",
        "[Errno",
        "Multiple exceptions",
        "Connect call failed",
    ),
    "refused_dial": ("Connection killed",),
    "client_gone": ("Client disconnected", "Client closed", "stream reset by client"),
    "upstream_gone": ("Server disconnected", "server closed", "stream reset by server"),
}
"""What mitmproxy's own words for an error begin with."""
