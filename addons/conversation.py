"""Conversation: which of an agent's conversations a call belongs to, as its surrogates are kept."""

from __future__ import annotations

import re

from mitmproxy import http

from addons.exchange import exchange_of

HEADER = "aegis-session"
_HEADER = HEADER.encode()
_NAME = re.compile(rb"[A-Za-z0-9._-]{1,64}")


class Conversation:
    """Reads the header `Aegis-Session: NAME` and takes it off the request.

    Without it all calls of an agent are one conversation. A name only tells the conversations of
    one agent apart; those of others are out of its reach.
    """

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Name the conversation."""
        exchange = exchange_of(flow)
        values = exchange.header(flow.request, _HEADER)
        name = b""
        if values:
            del flow.request.headers[HEADER]
            name = values[0]
            if len(values) > 1 or not _NAME.fullmatch(name):
                exchange.deny(
                    "session_malformed",
                    "The header Aegis-Session names a conversation by 1 to 64 of the characters "
                    "A-Z a-z 0-9 . _ and -, once.",
                    rule="conversation",
                    status=400,
                )
                return
        if exchange.agent is not None:
            # No SPIFFE id has a fragment.
            exchange.vault_session = f"{exchange.agent.spiffe_id}#{name.decode()}"
