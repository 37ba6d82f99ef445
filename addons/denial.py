"""Refusals as the client sees them, each kind of client in its own dialect."""

from __future__ import annotations

from typing import Any

import orjson
from mitmproxy import http

from addons.denials.anthropic_api import anthropic_api
from addons.denials.aws_api import aws_api
from addons.denials.google_api import google_api
from addons.denials.grpc_api import grpc_api
from addons.denials.openai_api import openai_api
from addons.denials.plain import plain
from addons.denials.refusal import Call, Refusal, Shape
from addons.exchange import Denial, Exchange

RPC_DENIED = -32003
"""JSON-RPC error code of a refusal; -32000 to -32099 are for implementations."""

SHAPES: tuple[Shape, ...] = (grpc_api, aws_api, google_api, anthropic_api, openai_api)
"""Dialects, the first that a call speaks is used; a call that speaks none gets plain JSON."""

POINTLESS = frozenset({"obligation_unmet", "policy_error"})
"""Codes of refusals that stay although something failed."""


def render(exchange: Exchange, request: http.Request | None = None) -> http.Response:
    """Make the response that tells a client of its exchange's denial.

    The dialect is chosen by what the client sent: whoever lies there gets a denial he cannot read.
    """
    denial = exchange.denial or UNDECIDED
    refusal = Refusal(
        code=denial.code,
        message=denial.message,
        rule=denial.rule,
        status=denial.status,
        decision_id=exchange.id,
        retry=(denial.status >= 500 or denial.status == 429) and denial.code not in POINTLESS,
    )
    if exchange.rpc_ids:
        headers = {"content-type": "application/json", "x-aegis-decision": exchange.id}
        return http.Response.make(200, orjson.dumps(_rpc_errors(exchange, refusal)), headers)
    call = Call()
    try:
        if request is not None and request.method != "CONNECT":
            call = _call(exchange, request)
            for shape in SHAPES:
                made = shape(refusal, call)
                if made is not None:
                    return made
    except Exception:  # noqa: S110 - what a client sent must not keep it from its denial
        pass
    return plain(refusal, call)


def _call(exchange: Exchange, request: http.Request) -> Call:
    destination = exchange.destination
    return Call(
        scheme=destination.scheme if destination is not None else request.scheme,
        host=destination.host if destination is not None else "",
        path=request.path.partition("?")[0],
        http2=request.is_http2,
        headers={
            name.decode("latin-1").lower(): value.decode("latin-1")
            for name, value in request.headers.fields
        },
    )


def _rpc_errors(exchange: Exchange, refusal: Refusal) -> Any:
    data = {
        "code": refusal.code,
        "rule": refusal.rule,
        "decision_id": refusal.decision_id,
    }
    answers = [
        {
            "jsonrpc": "2.0",
            "id": rpc_id,
            "error": {"code": RPC_DENIED, "message": refusal.message, "data": data},
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
