"""A flow for what the proxy refuses before there is a request, so that it is recorded too."""

from __future__ import annotations

from weakref import WeakKeyDictionary, WeakSet

from mitmproxy import connection, flow, http
from mitmproxy.proxy.layers.http._hooks import HttpErrorHook

from addons.exchange import exchange_of
from ledger import Agent

agents: WeakKeyDictionary[connection.Client, tuple[Agent, str, str]] = WeakKeyDictionary()
"""Who is behind each connection, the id of its token and what proved it, as far as is known."""

answered: WeakSet[connection.Client] = WeakSet()
"""Connections of which a request was refused."""


def refusal(client: connection.Client, code: str, message: str, status: int = 400) -> HttpErrorHook:
    """Give the hook that has a refusal recorded; no byte of what was refused is in it."""
    made = http.HTTPFlow(client, connection.Server(address=None))
    made.request = http.Request(
        host="",
        port=0,
        method=b"?",
        scheme=b"",
        authority=b"",
        path=b"",
        http_version=b"?",
        headers=http.Headers(),
        content=None,
        trailers=None,
        timestamp_start=0,
        timestamp_end=None,
    )
    made.error = flow.Error(code)
    exchange = exchange_of(made)
    exchange.deny(code, message, rule="framing", status=status)
    if client in agents:
        exchange.agent, exchange.token_id, exchange.proof = agents[client]
    return HttpErrorHook(made)
