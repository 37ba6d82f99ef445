"""A request taken apart into the documents in which personal data is looked for."""

from __future__ import annotations

import asyncio

from mitmproxy import http

from addons.exchange import Exchange
from redaction import Document, HeaderDocument, UrlDocument, parse_document

LARGE_BYTES = 64 * 1024
"""Bytes of a body beyond which taking it apart would hold other exchanges up."""

UNTOUCHED_HEADERS = frozenset(
    {
        # Framing and what the proxy itself sets.
        "host",
        "content-length",
        "content-type",
        "content-encoding",
        "transfer-encoding",
        "connection",
        "te",
        "expect",
        "accept",
        "accept-encoding",
        # Credentials of the destination, which it needs whole.
        "authorization",
        "x-api-key",
        "api-key",
        "x-goog-api-key",
    }
)

Sent = list[tuple[int, str, str]]
"""Index among the request's fields, name and value of each header that is looked at."""


async def documents_of(request: http.Request, exchange: Exchange) -> tuple[list[Document], Sent]:
    """Give URL, headers and, where there is one, body; raises `RedactionError`."""
    sent = [
        (index, name.decode("latin-1"), value.decode("utf-8", "surrogateescape"))
        for index, (name, value) in enumerate(request.headers.fields)
        if name.decode("latin-1").lower() not in UNTOUCHED_HEADERS
    ]
    documents: list[Document] = [
        UrlDocument(request.path),
        HeaderDocument([(name, value) for _, name, value in sent]),
    ]
    if exchange.body.data:
        declared = request.headers.get("content-type", "")
        documents.append(
            await asyncio.to_thread(parse_document, declared, exchange.body.data)
            if len(exchange.body.data) > LARGE_BYTES
            else parse_document(declared, exchange.body.data)
        )
    return documents, sent
