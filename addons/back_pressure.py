"""Read no more from a peer while what it sent still waits for a hook, a dial or the other side.

mitmproxy reads on and queues in its layers what comes meanwhile, without a bound: an agent could
fill the memory with a body whose head is still being decided on. Between two HTTP/2 peers the
windows do it, see `http2_windows`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

from mitmproxy.connection import Connection
from mitmproxy.proxy import mode_servers, server
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layer import Layer
from mitmproxy.proxy.layers.http import HttpLayer
from mitmproxy.proxy.layers.http._http1 import Http1Connection

from addons.http2_windows import CONNECTION_WINDOW, innermost, unsent

HELD_BYTES = 2 * 1024 * 1024
"""What may wait of one connection; reads are at most 64 KiB each."""

HELD_BYTES_HTTP2 = 2 * CONNECTION_WINDOW
"""The same of a client with windows: only a flood of small frames comes to so much.

Less would stop streams that go on for the sake of those that wait.
"""

EVENT_BYTES = 256
"""What an event takes beside its data; a flood of small ones counts, too."""

READS_PER_LOOK = 16
POLL_SECONDS = 0.02

Drain = Callable[[server.ConnectionHandler], Coroutine[Any, Any, None]]


def install() -> None:
    """Have mitmproxy's connection handlers look at what is held before they read on."""
    handlers = mode_servers.ProxyConnectionHandler
    if not hasattr(handlers.drain_writers, "bounded"):
        handlers.drain_writers = _bounded(handlers.drain_writers)  # type: ignore[method-assign]


def _bounded(drain: Drain) -> Drain:
    """Wrap what a handler does between two reads."""

    async def drain_writers(self: server.ConnectionHandler) -> None:
        await drain(self)
        reads = self.__dict__["_reads"] = self.__dict__.get("_reads", 0) + 1
        if reads % READS_PER_LOOK:
            return
        peer = _peer_read_by(self, asyncio.current_task())
        while peer is not None and peer in self.transports and _full(self, peer):
            await asyncio.sleep(POLL_SECONDS)

    drain_writers.bounded = True  # type: ignore[attr-defined]
    return drain_writers


def _full(handler: server.ConnectionHandler, peer: Connection) -> bool:
    context = handler.layer.context
    if peer is handler.client:
        bound = HELD_BYTES_HTTP2 if peer.alpn == b"h2" else HELD_BYTES
        if held(context) > bound:
            return True
    return _waiting_for_window(context, peer) > HELD_BYTES


def held(context: Context) -> int:
    """Count the bytes that wait in a connection's layers."""
    return sum(_held_by(layer) for layer in _layers(context, set()))


def _waiting_for_window(context: Context, peer: Connection) -> int:
    """Count the bytes from an HTTP/1 peer that wait for the window of an HTTP/2 peer."""
    size = 0
    for layer in _layers(context, set()):
        if not isinstance(layer, HttpLayer):
            continue
        source = innermost(layer, peer)
        if isinstance(source, Http1Connection) and source.stream_id in layer.streams:
            stream = layer.streams[source.stream_id]
            size += unsent(layer, stream, upwards=peer is layer.context.client)
    return size


def _peer_read_by(
    handler: server.ConnectionHandler, task: asyncio.Task[Any] | None
) -> Connection | None:
    return next((peer for peer, io in handler.transports.items() if io.handler is task), None)


def _held_by(layer: Layer) -> int:
    size = sum(
        len(getattr(event, "data", b"")) + EVENT_BYTES for event in layer._paused_event_queue
    )
    if isinstance(layer, HttpLayer):
        for connection in layer.connections.values():
            if isinstance(connection, Http1Connection):
                size += len(connection.buf)
    return size


def layers_of(context: Context) -> Iterator[Layer]:
    """Give all layers of a connection, outer ones first."""
    return _layers(context, set())


def _layers(context: Context, seen: set[int]) -> Iterator[Layer]:
    for layer in context.layers:
        if id(layer) in seen:
            continue
        seen.add(id(layer))
        yield layer
        if isinstance(layer, HttpLayer):
            for stream in list(layer.streams.values()):
                yield from _layers(stream.context, seen)
