"""Client connections, counted and cut off when they hold a place and do nothing with it."""

from __future__ import annotations

import asyncio
import logging
import resource
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mitmproxy import connection
from mitmproxy.proxy import mode_servers, server
from mitmproxy.proxy.layer import NextLayer
from mitmproxy.proxy.layers.http import HttpLayer, HttpStream
from mitmproxy.proxy.layers.http._http1 import Http1Server
from mitmproxy.proxy.layers.http._http2 import Http2Server
from mitmproxy.proxy.layers.websocket import WebsocketLayer

from addons import refused
from addons.back_pressure import layers_of
from addons.exchange import exchange_of
from addons.passthrough_layer import PassthroughLayer
from ledger import Agent

logger = logging.getLogger(__name__)

BODY_BYTES_PER_SECOND = 500
"""What a body must arrive with on average."""

SLICE = 50
"""Connections looked at before others have their turn on the event loop."""

SPARE_FILES = 256

FULL = (
    b"HTTP/1.1 503 Refused by Aegis: too_many_connections\r\nretry-after: 1\r\n"
    b"content-length: 0\r\nconnection: close\r\n\r\n"
)


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many connections there may be and how long each may keep the firewall waiting."""

    connections: int = 4096
    per_agent: int = 1024
    head_seconds: float = 30.0
    body_seconds: float = 60.0
    idle_seconds: float = 300.0


class Watch:
    """Knows all client connections of the process."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._handlers: dict[connection.Client, Any] = {}
        self._strangers: dict[connection.Client, None] = {}
        """Those of nobody yet, oldest first."""
        self._agents: dict[connection.Client, str] = {}
        self._counts: Counter[str] = Counter()
        self._marks: dict[connection.Client, dict[Any, tuple[float, int]]] = {}
        self._sweeper: asyncio.Task[None] | None = None
        self._told = 0.0

    def enter(self, handler: Any) -> bool:
        """Take a connection in; False when there is no place, not even a stranger's."""
        if len(self._handlers) >= self._bounds.connections:
            self._tell()
            if not self._strangers:
                return False
            oldest = next(iter(self._strangers))
            del self._strangers[oldest]
            _cut(self._handlers[oldest])
        client = handler.client
        self._handlers[client] = handler
        self._strangers[client] = None
        if self._sweeper is None:
            self._sweeper = asyncio.get_running_loop().create_task(self._sweep())
        return True

    def leave(self, client: connection.Client) -> None:
        """Forget a connection that has ended."""
        self._handlers.pop(client, None)
        self._strangers.pop(client, None)
        self._marks.pop(client, None)
        agent = self._agents.pop(client, None)
        if agent is not None:
            self._counts[agent] -= 1
            if not self._counts[agent]:
                del self._counts[agent]

    def identified(self, client: connection.Client, agent: Agent) -> bool:
        """Note whose a connection is; False when that agent has too many already."""
        if client in self._agents or client not in self._handlers:
            return True
        if self._counts[agent.spiffe_id] >= self._bounds.per_agent:
            return False
        self._strangers.pop(client, None)
        self._agents[client] = agent.spiffe_id
        self._counts[agent.spiffe_id] += 1
        return True

    def _tell(self) -> None:
        now = time.monotonic()
        if now - self._told > 10:
            self._told = now
            logger.warning(
                "All %d client connections are taken (aegis_max_connections).",
                self._bounds.connections,
            )

    async def _sweep(self) -> None:
        shortest = min(
            self._bounds.head_seconds, self._bounds.body_seconds, self._bounds.idle_seconds
        )
        pause = min(max(shortest / 5, 0.05), 5.0)
        while self._handlers:
            await asyncio.sleep(pause)
            for index, (client, handler) in enumerate(list(self._handlers.items())):
                if index % SLICE == SLICE - 1:
                    await asyncio.sleep(0)
                if client in self._handlers:
                    try:
                        self._look(client, handler)
                    except Exception as error:
                        logger.warning("A connection was cut (%s).", type(error).__name__)
                        _cut(handler)
        self._sweeper = None

    def _look(self, client: connection.Client, handler: Any) -> None:
        """Cut a connection off that has kept the firewall waiting for too long."""
        now, old = time.monotonic(), self._marks.get(client, {})
        new: dict[Any, tuple[float, int]] = {}
        for key, allowed, size, stream in self._waits(client, handler):
            since, before = old.get(key, (now, size))
            if now - since > allowed:
                if size - before < BODY_BYTES_PER_SECOND * (now - since):
                    self._end(client, handler, key[0], stream)
                    return
                since, before = now, size
            new[key] = since, before
        if new:
            self._marks[client] = new
        else:
            self._marks.pop(client, None)

    def _waits(
        self, client: connection.Client, handler: Any
    ) -> Iterator[tuple[tuple[Any, ...], float, int, HttpStream | None]]:
        """Say what a client is waited for: what it is, how long, its size so far."""
        bounds = self._bounds
        inner: HttpLayer | None = None
        for layer in layers_of(handler.layer.context):
            if isinstance(layer, HttpLayer):
                inner = layer
        if inner is None:
            yield ("greeting",), bounds.head_seconds, 0, None
            return
        busy = False
        for number, stream in inner.streams.items():
            if _is_taken_over(stream):
                # Both ends may be silent in it for as long as they like.
                busy = True
            elif getattr(stream, "_handle_event", None) == stream.passthrough:
                # A tunnel in which no HTTP is spoken yet.
                yield ("handshake",), bounds.head_seconds, 0, None
                busy = True
            elif stream.client_state == stream.state_errored:
                continue
            elif (
                stream._paused is None and stream.client_state == stream.state_consume_request_body
            ):
                yield ("body", number), bounds.body_seconds, len(stream.request_body_buf), stream
                busy = True
            else:
                busy = True
        if busy:
            return
        conn = inner.connections.get(client)
        stranger = client in self._strangers
        idle = bounds.head_seconds if stranger else bounds.idle_seconds
        if isinstance(conn, Http1Server) and conn._paused is None:
            if conn.buf or conn.state == conn.read_body:
                yield ("head", conn.stream_id), bounds.head_seconds, 0, None
            else:
                yield ("idle", conn.stream_id), idle, 0, None
        elif isinstance(conn, Http2Server) and conn._paused is None:
            unfinished = conn.h2_conn.incoming_buffer
            last = conn.h2_conn.highest_inbound_stream_id
            if unfinished._headers_buffer or unfinished._data:
                yield ("head", last), bounds.head_seconds, 0, None
            else:
                yield ("idle", last), idle, 0, None

    def _end(
        self, client: connection.Client, handler: Any, what: str, stream: HttpStream | None
    ) -> None:
        self._marks.pop(client, None)
        if stream is not None:
            # Its error is recorded when the connection ends.
            exchange_of(stream.flow).deny("client_too_slow", SLOW["body"], rule="time", status=408)
        elif what in SLOW:
            hook = refused.refusal(client, "client_too_slow", SLOW[what], 408)
            task = asyncio.get_running_loop().create_task(handler.master.addons.trigger_event(hook))
            _tasks.add(task)
            task.add_done_callback(_tasks.discard)
        _cut(handler)


SLOW = {
    "head": "The request's head did not arrive in time.",
    "handshake": "The TLS handshake in the tunnel was not finished in time.",
    "body": "The request's body arrived too slowly.",
}

_tasks: set[asyncio.Task[None]] = set()
_watch: Watch | None = None


def install(bounds: Bounds) -> Watch:
    """Have mitmproxy's connection handlers come and go under watch."""
    global _watch
    _watch = Watch(_with_files(bounds))
    handlers = mode_servers.ProxyConnectionHandler
    if not hasattr(handlers.handle_client, "watched"):
        handlers.handle_client = _watched(handlers.handle_client)  # type: ignore[method-assign]
    return _watch


def _watched(original: Any) -> Any:
    async def handle_client(self: server.ConnectionHandler) -> None:
        watch = _watch
        if watch is None or watch.enter(self):
            try:
                await original(self)
            finally:
                if watch is not None:
                    watch.leave(self.client)
            return
        writer = self.transports.pop(self.client).writer
        assert writer is not None
        writer.write(FULL)
        writer.close()

    handle_client.watched = True  # type: ignore[attr-defined]
    return handle_client


def _is_taken_over(stream: HttpStream) -> bool:
    """Say whether a WebSocket or an open tunnel that passes through has taken a stream's place."""
    child: Any = stream.child_layer
    if isinstance(child, NextLayer):
        child = child.layer
    return isinstance(child, WebsocketLayer) or (
        isinstance(child, PassthroughLayer) and child.child is not None
    )


def _cut(handler: Any) -> None:
    io = handler.transports.get(handler.client)
    if io is not None and io.handler is not None:
        io.handler.cancel("cut off")


def _with_files(bounds: Bounds) -> Bounds:
    """Raise the bound of open files as far as it goes, and take no more connections than fit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY:
        hard = max(soft, 1 << 20)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    # Each connection may need one more to an upstream.
    fitting = (hard - SPARE_FILES) // 2
    if fitting >= bounds.connections:
        return bounds
    logger.warning(
        "Only %d files may be open (ulimit -n), so no more than %d connections are taken.",
        hard,
        fitting,
    )
    return Bounds(
        max(fitting, 16),
        min(bounds.per_agent, max(fitting, 16)),
        bounds.head_seconds,
        bounds.body_seconds,
        bounds.idle_seconds,
    )
