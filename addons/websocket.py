"""Websocket: each message that an agent sends through a WebSocket, decided like a request."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Sequence
from typing import Any

import jiter
from mitmproxy import ctx, http
from wsproto.frame_protocol import CloseReason

from addons.exchange import METADATA_KEY, Exchange, Socket, Verdict, exchange_of, new_id
from addons.guard import Guard
from addons.identify import may_call
from addons.services import Services
from addons.socket_answers import SocketAnswers
from addons.way_back import WayBack
from addons.websocket_layer import MAX_ANSWER_BYTES
from ledger import LedgerError

METHOD = "WEBSOCKET"
"""The method by which tools and rules know a message."""

IDLE_SECONDS = 24 * 3600
"""How long a WebSocket may be silent."""

_REASON_BYTES = 123
"""What a close frame has room for (RFC 6455 section 5.5)."""


class Websocket:
    """Takes each message of an agent through the steps of a request, before it goes on."""

    after_denial = True

    def __init__(self, services: Services, steps: Sequence[Any]) -> None:
        self._services = services
        self._request = Guard(steps).hook("request")
        self._way_back = WayBack()

    def websocket_start(self, flow: http.HTTPFlow) -> None:
        """Let an open socket be silent for longer than a request."""
        exchange = exchange_of(flow)
        if exchange.socket is not None:
            exchange.socket.unchanged = exchange.observing
        handlers = ctx.master.addons.get("proxyserver").connections
        handler = handlers.get(flow.client_conn.id)
        if handler is not None:
            handler.timeout_watchdog.timeout = IDLE_SECONDS

    def websocket_message(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Decide on a message; without a verdict it does not pass."""
        return self._decide(flow, exchange_of(flow))

    async def _decide(self, flow: http.HTTPFlow, opened: Exchange) -> None:
        socket, data = opened.socket, flow.websocket
        if socket is None or data is None:
            raise RuntimeError("a message of no open WebSocket")
        content = data.messages[-1].content
        message = self._as_request(flow, opened, content, text=data.messages[-1].is_text)
        exchange = exchange_of(message)
        self._check_agent(exchange)
        waiting = self._request(message)
        if waiting is not None:
            await waiting
        if exchange.denial is not None or not exchange.recorded:
            denial = exchange.denial
            said = f"{denial.code} ({denial.rule})" if denial is not None else "not recorded"
            refused = denial is not None and denial.status < 500
            code = CloseReason.POLICY_VIOLATION if refused else CloseReason.INTERNAL_ERROR
            reason = said.encode()[:_REASON_BYTES].decode("utf-8", "ignore")
            socket.decided(Verdict(None, int(code), reason))
            return
        if exchange.restores:
            await self._restore_answers(socket, exchange)
        socket.messages += 1
        opened.request_bytes += len(content)
        socket.unchanged = exchange.observing
        socket.decided(Verdict(content if exchange.observing else message.request.raw_content))

    async def _restore_answers(self, socket: Socket, exchange: Exchange) -> None:
        """Have the server's messages restored from now on, with all that is known by now."""
        ways = await self._way_back.of(self._services.vault, exchange)
        if ways is None:
            return
        if isinstance(socket.back, SocketAnswers):
            socket.back.use(ways)
        else:
            socket.back = SocketAnswers(ways, MAX_ANSWER_BYTES)

    def _as_request(
        self, flow: http.HTTPFlow, opened: Exchange, content: bytes, *, text: bool
    ) -> http.HTTPFlow:
        """Write a message as a request to where the socket was opened."""
        now = time.time()
        request = flow.request.copy()
        request.method = METHOD
        request.headers = http.Headers(((b"content-type", _kind(content, text).encode()),))
        request.raw_content = content
        message = http.HTTPFlow(flow.client_conn, flow.server_conn)
        message.request = request
        message.metadata[METADATA_KEY] = Exchange(
            id=new_id(now),
            started_at=now,
            started_ns=time.perf_counter_ns(),
            agent=opened.agent,
            token_id=opened.token_id,
            proof=opened.proof,
            on_behalf_of=opened.on_behalf_of,
            vault_session=opened.vault_session,
            destination=opened.destination,
            routed=opened.routed,
            address=opened.address,
            trace_parent=opened.trace_parent,
            session=opened.id,
        )
        return message

    def _check_agent(self, exchange: Exchange) -> None:
        """Refuse what an agent sends whose right to call has ended since the socket was opened."""
        try:
            live = may_call(self._services.agents, exchange)
        except LedgerError as error:
            exchange.deny("agents_unavailable", str(error), rule="identify", status=503)
            return
        if not live:
            exchange.deny(
                "token_revoked",
                "The agent's token was revoked or has expired, or the agent is disabled.",
                rule="identify",
                status=407,
            )

    def websocket_end(self, flow: http.HTTPFlow) -> None:
        """Record what went through the socket."""
        exchange, data = exchange_of(flow), flow.websocket
        if exchange.socket is None or data is None or exchange.settled:
            return
        exchange.settled = True
        self._services.log.submit(
            {
                "kind": "outcome",
                "decision": exchange.id,
                "status": 101,
                "request_bytes": exchange.request_bytes,
                "response_bytes": exchange.socket.response_bytes,
                "messages": exchange.socket.messages,
                "answers": exchange.socket.answers,
                "close_code": data.close_code,
                "duration_us": (time.perf_counter_ns() - exchange.started_ns) // 1000,
                "error": None,
            }
        )


def _kind(content: bytes, text: bool) -> str:
    if not text:
        return "application/octet-stream"
    try:
        jiter.from_json(content)
    except ValueError:
        return "text/plain"
    return "application/json"
