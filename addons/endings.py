"""Messages and connections that end before the other side does, each for itself.

mitmproxy ends a response only with its request, takes a client that has said all for one that is
gone, and drops every stream of an upstream that says that it will go (GOAWAY).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import h2.connection
import h2.errors
import h2.events
from h2.connection import ConnectionState as Http2State
from hyperframe.frame import GoAwayFrame
from mitmproxy.connection import Connection, ConnectionState
from mitmproxy.proxy import events
from mitmproxy.proxy.commands import CloseConnection
from mitmproxy.proxy.layers.http import DropStream, GetHttpConnection, HttpStream, SendHttp
from mitmproxy.proxy.layers.http._base import ReceiveHttp
from mitmproxy.proxy.layers.http._events import (
    ErrorCode,
    RequestProtocolError,
    ResponseEndOfMessage,
    ResponseProtocolError,
)
from mitmproxy.proxy.layers.http._http1 import Http1Server
from mitmproxy.proxy.layers.http._http2 import Http2Client, Http2Connection
from mitmproxy.proxy.layers.http._http_h2 import BufferedH2Connection

GONE = "server closed connection"

_send_response = HttpStream.send_response
_h2_event = Http2Client.handle_h2_event
_goaway = h2.connection.H2Connection._receive_goaway_frame
_fits = GetHttpConnection.connection_spec_matches
_wait = Http1Server.wait
_mark_done = Http1Server.mark_done


@dataclass
class Goodbye(h2.events.Event):
    """An upstream takes no more streams; those up to the last it names it still answers."""

    last_stream_id: int


def install() -> None:
    """Have mitmproxy end each side by itself."""
    HttpStream.send_response = _end_with_the_answer  # type: ignore[method-assign]
    BufferedH2Connection._receive_goaway_frame = _hear_goodbye  # type: ignore[method-assign,assignment]
    Http2Client.handle_h2_event = _let_finish  # type: ignore[method-assign]
    GetHttpConnection.connection_spec_matches = _still_fits  # type: ignore[method-assign]
    Http1Server.wait = _wait_on  # type: ignore[method-assign,assignment]
    Http1Server.mark_done = _close_after  # type: ignore[method-assign]


def _end_with_the_answer(self: HttpStream, already_streamed: bool = False) -> Any:
    """End an exchange with its answer, although its request still goes on.

    What else the client sends is thrown away: its outcome is recorded already. It is not told to
    stop, because some clients would then miss their answer.
    """
    yield from _send_response(self, already_streamed)
    going_on = self.client_state == self.state_stream_request_body
    if not going_on or self.server_state != self.state_done:
        return
    self.client_state = self.state_errored
    self.flow.live = False
    yield DropStream(self.stream_id)
    cancelled = RequestProtocolError(self.stream_id, "answered already", ErrorCode.CANCEL)
    yield SendHttp(cancelled, self.context.server)
    yield SendHttp(ResponseEndOfMessage(self.stream_id), self.context.client)


def _hear_goodbye(self: BufferedH2Connection, frame: GoAwayFrame) -> Any:
    graceful = frame.error_code == h2.errors.ErrorCodes.NO_ERROR
    if graceful and self.state_machine.state is Http2State.CLIENT_OPEN:
        return [], [Goodbye(frame.last_stream_id)]
    return _goaway(self, frame)


def _let_finish(self: Http2Client, event: Any) -> Any:
    """Let the streams finish that an upstream which goes still answers."""
    if not isinstance(event, Goodbye):
        return (yield from _h2_event(self, event))
    self.conn.__dict__["leaving"] = True
    unheard = [number for number in self.streams if number > event.last_stream_id]
    for outer_id in self.stream_queue:
        # Not sent yet, for which it has no number on this connection.
        self.their_stream_id[-1 - outer_id] = outer_id
        unheard.append(-1 - outer_id)
    self.stream_queue.clear()
    for stream_id in unheard:
        self.streams.pop(stream_id, None)
        error = ResponseProtocolError(stream_id, GONE, ErrorCode.GENERIC_SERVER_ERROR)
        yield ReceiveHttp(error)
    if not self.streams:
        yield from Http2Connection.close_connection(self, GONE)
        return True
    return False


def _still_fits(self: GetHttpConnection, connection: Connection) -> bool:
    return "leaving" not in connection.__dict__ and _fits(self, connection)


def _wait_on(self: Http1Server, event: events.Event) -> Any:
    """Answer a client that has said all; within TLS nobody says so and stays."""
    if (
        isinstance(event, events.ConnectionClosed)
        and not self.conn.tls
        and self.conn.state is ConnectionState.CAN_WRITE
    ):
        return
    yield from _wait(self, event)


def _close_after(self: Http1Server, *, request: bool = False, response: bool = False) -> Any:
    yield from _mark_done(self, request=request, response=response)
    if self.conn.state is ConnectionState.CAN_WRITE and not self.conn.tls and not self.request:
        yield CloseConnection(self.conn)
        self.state = self.done
