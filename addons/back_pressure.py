"""Read no more from a client while what it sent already waits for a hook, a dial or an answer.

mitmproxy reads on and queues in its layers what comes meanwhile, without a bound: an agent could
fill the memory with a body whose head is still being decided on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

from mitmproxy.proxy import mode_servers, server
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layer import Layer
from mitmproxy.proxy.layers.http import HttpLayer
from mitmproxy.proxy.layers.http._http1 import Http1Connection

HELD_BYTES = 2 * 1024 * 1024
"""What may wait of one client connection; reads are at most 64 KiB each."""

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
        while _reads_client(self) and held(self.layer.context) > HELD_BYTES:
            await asyncio.sleep(POLL_SECONDS)

    drain_writers.bounded = True  # type: ignore[attr-defined]
    return drain_writers


def held(context: Context) -> int:
    """Count the bytes that wait in a connection's layers."""
    return sum(_held_by(layer) for layer in _layers(context, set()))


def _reads_client(handler: server.ConnectionHandler) -> bool:
    io = handler.transports.get(handler.client)
    return io is not None and io.handler is asyncio.current_task()


def _held_by(layer: Layer) -> int:
    size = sum(len(getattr(event, "data", b"")) for event in layer._paused_event_queue)
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
