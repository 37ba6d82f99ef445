"""Refusals as gRPC tells errors: a status in the head of an answer without a body."""

from __future__ import annotations

from mitmproxy import http

from addons.denials.refusal import Call, Refusal, response
from addons.grpc_call import is_grpc

MAX_MESSAGE = 1000
"""Characters of a message; clients bound the size of all headers together."""

PERMISSION_DENIED, UNAVAILABLE = 7, 14
_STATUSES = {
    400: 3,  # INVALID_ARGUMENT
    404: 5,  # NOT_FOUND
    407: 16,  # UNAUTHENTICATED
    413: 8,  # RESOURCE_EXHAUSTED
    422: 3,
    429: 8,
    431: 3,
}


def grpc_api(refusal: Refusal, call: Call) -> http.Response | None:
    """Tell a refusal by `grpc-status` and `grpc-message`."""
    if not is_grpc(call.media):
        return None
    usual = UNAVAILABLE if refusal.status >= 500 else PERMISSION_DENIED
    headers = {
        "grpc-status": str(_STATUSES.get(refusal.status, usual)),
        "grpc-message": _percent_encoded(refusal.message[:MAX_MESSAGE]),
        "aegis-code": refusal.code,
        "aegis-rule": _percent_encoded(refusal.rule),
    }
    made = response(refusal, b"", call.media, status=200, headers=headers)
    made.headers.pop("retry-after", None)
    if call.http2:
        # Its end is that of the head.
        made.headers.pop("content-length", None)
    return made


def _percent_encoded(text: str) -> str:
    """Write a text as gRPC wants it: printable ASCII as it is, all other bytes as %XX."""
    return "".join(
        chr(byte) if 0x20 <= byte <= 0x7E and byte != 0x25 else f"%{byte:02X}"
        for byte in text.encode("utf-8", "replace")
    )
