"""HTTP/2 windows that open only as far as the other side takes what has come.

mitmproxy gives each peer a window of 2 GB and opens it again at once: what a slow client or
upstream does not take would pile up here. Here a stream's window stays shut while bytes of it still
wait for the other side's window, a hook or a dial. No connection stops being read for that, so that
the other streams go on and two sides that wait for one another cannot lock.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import MethodType
from typing import Any

import h2.connection
import h2.events
import h2.exceptions
from mitmproxy.connection import Connection
from mitmproxy.proxy.commands import SendData
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layer import Layer
from mitmproxy.proxy.layers.http import HttpLayer, HttpStream
from mitmproxy.proxy.layers.http._base import HttpEvent, ReceiveHttp
from mitmproxy.proxy.layers.http._http2 import (
    Http2Client,
    Http2Connection,
    Http2Server,
    StreamState,
)
from mitmproxy.proxy.layers.http._http_h2 import BufferedH2Connection

STREAM_WINDOW = 1024 * 1024
"""Bytes that one stream may have on their way."""

CONNECTION_WINDOW = 16 * 1024 * 1024
"""Bytes that all streams of a connection may have on their way."""

_init = BufferedH2Connection.__init__
_handle_h2_event = Http2Connection.handle_h2_event
_handle_event = Http2Connection._handle_event


@dataclass
class GiveRoom(HttpEvent):
    """Tells a connection that bytes of a stream have been taken."""

    size: int


def install() -> None:
    """Have mitmproxy's HTTP/2 connections open their windows by need."""
    BufferedH2Connection.__init__ = _narrow  # type: ignore[method-assign]
    BufferedH2Connection.initiate_connection = _initiate  # type: ignore[method-assign]
    Http2Connection.handle_h2_event = _receive  # type: ignore[method-assign]
    Http2Connection._handle_event = _give_room  # type: ignore[method-assign]


def _narrow(self: BufferedH2Connection, config: Any) -> None:
    _init(self, config)
    self.local_settings.initial_window_size = STREAM_WINDOW
    self.local_settings.acknowledge()


def _initiate(self: BufferedH2Connection) -> None:
    h2.connection.H2Connection.initiate_connection(self)
    self.increment_flow_control_window(CONNECTION_WINDOW - self.inbound_flow_control_window)


def _receive(self: Http2Connection, event: Any) -> Any:
    """Hand data on and open the window again, now or once it has been taken."""
    if (
        not isinstance(event, h2.events.DataReceived)
        or self.streams.get(event.stream_id) is StreamState.EXPECTING_HEADERS
    ):
        return (yield from _handle_h2_event(self, event))
    if event.stream_id in self.streams and (event.data or not event.stream_ended):
        yield ReceiveHttp(self.ReceiveData(event.stream_id, event.data))
    size = event.flow_controlled_length
    layer = _layer_of(self.context)
    if layer is not None and _waits(layer, self, event.stream_id):
        owed: dict[int, int] = self.__dict__.setdefault("owed", {})
        owed[event.stream_id] = owed.get(event.stream_id, 0) + size
        owing: dict[Http2Connection, None] = layer.__dict__.setdefault("owing", {})
        if not owing:
            # Only for as long as there is something to release.
            layer.__dict__["_handle_event"] = MethodType(_and_release, layer)
        owing[self] = None
    else:
        self.h2_conn.acknowledge_received_data(size, event.stream_id)
    return False


def _give_room(self: Http2Connection, event: Any) -> Any:
    if not isinstance(event, GiveRoom):
        yield from _handle_event(self, event)
        return
    try:
        self.h2_conn.acknowledge_received_data(event.size, event.stream_id)
    except h2.exceptions.ProtocolError:
        return  # the connection has ended
    data = self.h2_conn.data_to_send()
    if data:
        yield SendData(self.conn, data)


def _and_release(self: HttpLayer, event: Any) -> Any:
    yield from HttpLayer._handle_event(self, event)
    yield from _release(self)
    if not self.__dict__["owing"]:
        del self.__dict__["_handle_event"]


def _release(layer: HttpLayer) -> Any:
    """Open the windows of streams whose bytes have been taken meanwhile."""
    owing: dict[Http2Connection, None] = layer.__dict__["owing"]
    for connection in list(owing):
        owed: dict[int, int] = connection.__dict__["owed"]
        child = layer.connections.get(connection.conn)
        for stream_id, size in list(owed.items()):
            if child is not None and _waits(layer, connection, stream_id):
                continue
            del owed[stream_id]
            if child is not None:
                outer = _outer_id(connection, stream_id)
                yield from layer.event_to_child(child, GiveRoom(outer, size))
        if not owed:
            del owing[connection]


def _waits(layer: HttpLayer, connection: Http2Connection, stream_id: int) -> bool:
    """Say whether bytes that came on a stream are still here."""
    stream = layer.streams.get(_outer_id(connection, stream_id))
    if stream is None:
        return False
    return stream._paused is not None or any(
        pieces for pieces in _unsent(layer, stream, isinstance(connection, Http2Server))
    )


def unsent(layer: HttpLayer, stream: HttpStream, *, upwards: bool) -> int:
    """Count the bytes of a stream that wait for the window of the peer they go to."""
    return sum(
        len(getattr(piece, "data", b""))
        for pieces in _unsent(layer, stream, upwards)
        for piece in pieces
    )


def _unsent(layer: HttpLayer, stream: HttpStream, upwards: bool) -> Iterator[Any]:
    peer = stream.context.server if upwards else layer.context.client
    target = innermost(layer, peer)
    if isinstance(target, Http2Client):
        yield target.stream_queue.get(stream.stream_id) or ()
        ours = target.our_stream_id.get(stream.stream_id, 0)
        yield target.h2_conn.stream_buffers.get(ours) or ()
    elif isinstance(target, Http2Server):
        yield target.h2_conn.stream_buffers.get(stream.stream_id) or ()


def innermost(layer: HttpLayer, peer: Connection) -> Layer | None:
    """Give what speaks HTTP with a peer, beneath which there may be TLS."""
    child = layer.connections.get(peer)
    return child.context.layers[-1] if child is not None else None


def _outer_id(connection: Http2Connection, stream_id: int) -> int:
    """Give the number by which the HTTP layer knows a stream of a connection."""
    if isinstance(connection, Http2Client):
        return connection.their_stream_id.get(stream_id, 0)
    return stream_id


def _layer_of(context: Context) -> HttpLayer | None:
    return next((layer for layer in reversed(context.layers) if isinstance(layer, HttpLayer)), None)
