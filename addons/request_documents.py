"""A request taken apart into the documents in which personal data is looked for."""

from __future__ import annotations

from mitmproxy import http

from addons.exchange import Exchange
from addons.redactor import Part, RawBody
from redaction import HeaderDocument, Opaque, UrlDocument

UNTOUCHED_HEADERS = frozenset(
    {
        # Framing and what the proxy itself sets.
        "host",
        "content-length",
        "content-encoding",
        "transfer-encoding",
        "connection",
        # Credentials of the destination, which it needs whole.
        "authorization",
        "x-api-key",
        "api-key",
        "x-goog-api-key",
    }
)

Sent = list[tuple[int, str, str]]
"""Index among the request's fields, name and value of each header that is looked at."""


def parts_of(
    request: http.Request, exchange: Exchange, opaque: Opaque = "refuse"
) -> tuple[list[Part], Sent]:
    """Give URL, headers and, where there is one, body; raises `RedactionError`.

    `opaque` says what becomes of what nobody can search in the body: `refuse` or `pass`.
    """
    sent = [
        (index, name.decode("latin-1"), value.decode("utf-8", "surrogateescape"))
        for index, (name, value) in enumerate(request.headers.fields)
        if name.decode("latin-1").lower() not in UNTOUCHED_HEADERS
    ]
    parts: list[Part] = [
        UrlDocument(request.path),
        HeaderDocument([(name, value) for _, name, value in sent]),
    ]
    if exchange.body.data:
        declared = request.headers.get("content-type", "")
        parts.append(RawBody(declared, exchange.body.data, opaque))
    return parts, sent
