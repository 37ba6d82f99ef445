"""Refusals as the client sees them: JSON for agents, JSON-RPC errors for MCP clients."""

from __future__ import annotations

from typing import Any

import orjson
from mitmproxy import http

from addons.exchange import Denial, Exchange

RPC_DENIED = -32003
"""JSON-RPC error code of a refusal; -32000 to -32099 are for implementations."""

REALM = "Aegis"


def render(exchange: Exchange) -> http.Response:
    """Make the response that tells a client of its exchange's denial."""
    denial = exchange.denial or UNDECIDED
    error = {
        "code": denial.code,
        "message": denial.message,
        "rule": denial.rule,
        "decision_id": exchange.id,
    }
    headers = {"content-type": "application/json", "x-aegis-decision": exchange.id}
    if denial.status == 407:
        headers["proxy-authenticate"] = f'Basic realm="{REALM}", Bearer realm="{REALM}"'
    if exchange.rpc_ids:
        return http.Response.make(200, orjson.dumps(_rpc_errors(exchange, error)), headers)
    response = http.Response.make(denial.status, orjson.dumps({"error": error}), headers)
    # Clients show no body of a refused CONNECT, but most show the reason phrase.
    response.reason = f"Refused by Aegis: {denial.code} ({denial.rule})"
    return response


def _rpc_errors(exchange: Exchange, error: dict[str, str]) -> Any:
    data = {key: error[key] for key in ("code", "rule", "decision_id")}
    answers = [
        {
            "jsonrpc": "2.0",
            "id": rpc_id,
            "error": {"code": RPC_DENIED, "message": error["message"], "data": data},
        }
        for rpc_id in exchange.rpc_ids or ()
    ]
    return answers if exchange.rpc_batch else answers[0]


UNDECIDED = Denial(
    "internal_error",
    "The firewall could not decide on this request, so it was not sent. "
    "Ask its operator to look at the firewall's own messages.",
    rule="fail-closed",
    status=503,
)
