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
import h2.stream
from h2.connection import ConnectionState as Http2State
from hyperframe.frame import GoAwayFrame
from mitmproxy.connection import Connection, ConnectionState
from mitmproxy.proxy import events
from mitmproxy.proxy.commands import CloseConnection, SendData
from mitmproxy.proxy.layers.http import DropStream, GetHttpConnection, HttpStream, SendHttp
from mitmproxy.proxy.layers.http._base import HttpEvent, ReceiveHttp
from mitmproxy.proxy.layers.http._events import (
    ErrorCode,
    RequestProtocolError,
    ResponseEndOfMessage,
    ResponseProtocolError,
)
from mitmproxy.proxy.layers.http._http1 import Http1Server
from mitmproxy.proxy.layers.http._http2 import Http2Client, Http2Connection, Http2Server
from mitmproxy.proxy.layers.http._http_h2 import BufferedH2Connection

_send_response = HttpStream.send_response
_server_event = Http2Server._handle_event
_h2_event = Http2Client.handle_h2_event
_goaway = h2.connection.H2Connection._receive_goaway_frame
_fits = GetHttpConnection.connection_spec_matches
_wait = Http1Server.wait
_mark_done = Http1Server.mark_done


@dataclass
class Goodbye(h2.events.Event):
    """An upstream takes no more streams; those up to the last it names it still answers."""

    last_stream_id: int


@dataclass
class StopSending(HttpEvent):
    """Tells a client's connection that the rest of a request is not wanted."""


def install() -> None:
    """Have mitmproxy end each side by itself."""
    HttpStream.send_response = _end_with_the_answer  # type: ignore[method-assign]
    Http2Server._handle_event = _stop_sending  # type: ignore[method-assign]
    BufferedH2Connection._receive_goaway_frame = _hear_goodbye  # type: ignore[method-assign,assignment]
    Http2Client.handle_h2_event = _let_finish  # type: ignore[method-assign]
    GetHttpConnection.connection_spec_matches = _still_fits  # type: ignore[method-assign]
    Http1Server.wait = _wait_on  # type: ignore[method-assign,assignment]
    Http1Server.mark_done = _close_after  # type: ignore[method-assign]


def _end_with_the_answer(self: HttpStream, already_streamed: bool = False) -> Any:
    """End an exchange with its answer, although its request still goes on.

    What else the client sends is thrown away: its outcome is recorded already.
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
    if self.context.client.alpn == b"h2":
        yield SendHttp(StopSending(self.stream_id), self.context.client)


def _stop_sending(self: Http2Server, event: events.Event) -> Any:
    """Tell a client that has its whole answer to stop sending, which is no error."""
    if isinstance(event, StopSending | ResponseProtocolError):
        stream = self.h2_conn.streams.get(event.stream_id)
        half = h2.stream.StreamState.HALF_CLOSED_LOCAL
        if stream is not None and stream.state_machine.state is half:
            self.h2_conn.reset_stream(event.stream_id, h2.errors.ErrorCodes.NO_ERROR)
            yield SendData(self.conn, self.h2_conn.data_to_send())
            return
        if isinstance(event, StopSending):
            return
    yield from _server_event(self, event)


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
    for stream_id in [number for number in self.streams if number > event.last_stream_id]:
        del self.streams[stream_id]
        code = self.ReceiveProtocolError.code
        yield ReceiveHttp(ResponseProtocolError(stream_id, "server closed connection", code))
    if not self.streams:
        yield from Http2Connection.close_connection(self, "server closed connection")
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
