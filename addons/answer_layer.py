"""mitmproxy's way with answers where the firewall has to wait, to refuse or to speak by itself.

A piece of an answer may have to be searched by another process before it goes on; an answer that
cannot be searched is refused in its place; and what is held back of a stream goes on after a while
although the server is silent.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from mitmproxy import http
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.layers.http import HttpStream, SendHttp
from mitmproxy.proxy.layers.http._events import (
    ErrorCode,
    RequestProtocolError,
    ResponseData,
    ResponseEndOfMessage,
    ResponseHeaders,
)

from addons.exchange import METADATA_KEY, Exchange

QUIET_SECONDS = 1.0
"""How long what is held back of a stream waits for the server."""

_wait_for_head = HttpStream.state_wait_for_response_headers
_stream_body = HttpStream.state_stream_response_body
_handle_event = HttpStream._handle_event

installed = False


@dataclass
class AnswerPieceHook(commands.StartHook):
    """A piece of an answer has come, or nothing has for a while, and what is held is due."""

    flow: http.HTTPFlow


def install() -> None:
    """Have mitmproxy's streams wait for the firewall."""
    global installed
    HttpStream.state_wait_for_response_headers = _after_head  # type: ignore[method-assign]
    HttpStream.state_stream_response_body = _stream  # type: ignore[method-assign]
    HttpStream._handle_event = _or_wake  # type: ignore[method-assign]
    installed = True


def _of(stream: HttpStream) -> Exchange | None:
    found = stream.flow.metadata.get(METADATA_KEY)
    return found if isinstance(found, Exchange) else None


def _after_head(self: HttpStream, event: ResponseHeaders) -> Any:
    yield from _wait_for_head(self, event)
    exchange = _of(self)
    waiting = self.server_state == self.state_consume_response_body
    if exchange is not None and exchange.answer_denial is not None and waiting:
        yield from _refuse(self)


def check_size(self: HttpStream) -> Any:
    """Look whether an answer that is read whole outgrows its bound; True ends it."""
    exchange = _of(self)
    size = len(self.response_body_buf)
    if exchange is None or exchange.whole_answer is None or size <= exchange.whole_answer.bound:
        return False
    if exchange.whole_answer.outgrown():
        yield from _refuse(self)
        return True
    assert self.flow.response is not None
    held = bytes(self.response_body_buf)
    self.response_body_buf.clear()
    yield from self.start_response_stream()
    yield from _stream(self, ResponseData(self.stream_id, held))
    return False


def _refuse(self: HttpStream) -> Any:
    """Answer in the server's place, and read nothing more from it."""
    self.response_body_buf.clear()
    yield from _cut(self, already_streamed=False)


def _cut(self: HttpStream, already_streamed: bool = True) -> Any:
    """End an answer here; other streams of the server's connection go on."""
    cancelled = RequestProtocolError(self.stream_id, "answer refused", ErrorCode.CANCEL)
    yield SendHttp(cancelled, self.context.server)
    yield from self.send_response(already_streamed)
    self.server_state = self.state_errored


def _stream(self: HttpStream, event: events.Event) -> Any:
    exchange = _of(self)
    if exchange is None or exchange.slow is None:
        yield from _stream_body(self, event)
    else:
        if isinstance(event, ResponseData | ResponseEndOfMessage):
            exchange.piece = event.data if isinstance(event, ResponseData) else b""
            yield AnswerPieceHook(self.flow)
            if (yield from self.check_killed(True)):
                return
        yield from _stream_body(self, event)
    if exchange is None:
        return
    if exchange.answer_cut and self.server_state == self.state_stream_response_body:
        yield from _cut(self)
        return
    exchange.last_piece = time.monotonic()
    yield from _set_clock(self, exchange, QUIET_SECONDS)


def _set_clock(self: HttpStream, exchange: Exchange, seconds: float) -> Any:
    held = exchange.held
    if held is None or not held.holding or self.__dict__.get("clock"):
        return
    if self.server_state == self.state_stream_response_body:
        self.__dict__["clock"] = True
        yield commands.RequestWakeup(seconds)


def _or_wake(self: HttpStream, event: events.Event) -> Any:
    if not isinstance(event, events.Wakeup):
        yield from _handle_event(self, event)
        return
    self.__dict__["clock"] = False
    exchange = _of(self)
    if exchange is None or exchange.held is None or not exchange.held.holding:
        return
    if self.server_state != self.state_stream_response_body:
        return
    left = exchange.last_piece + QUIET_SECONDS - time.monotonic()
    if left > 0:
        yield from _set_clock(self, exchange, left)
        return
    if exchange.slow is not None:
        exchange.piece = None
        yield AnswerPieceHook(self.flow)
        if (yield from self.check_killed(True)):
            return
        pieces, exchange.pieces = exchange.pieces, []
    else:
        pieces = exchange.held.release()
    for piece in pieces:
        if piece:
            yield SendHttp(ResponseData(self.stream_id, piece), self.context.client)
    if exchange.answer_cut:
        yield from _cut(self)
