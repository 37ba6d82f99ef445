"""The layers of a tunnel that nobody reads: bytes counted both ways, each end closed by itself."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mitmproxy import connection, ctx
from mitmproxy.connection import ConnectionState
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http._upstream_proxy import HttpUpstreamProxy
from mitmproxy.proxy.layers.tls import parse_client_hello
from mitmproxy.proxy.server import ConnectionHandler
from mitmproxy.tls import ClientHello

IDLE_PROBE_SECONDS = 60
"""After how long without a byte the system asks whether the other side is still there."""

MAX_HELLO = 16 * 1024
"""How much of a ClientHello is waited for."""

ACCESS_DENIED = 49
INTERNAL_ERROR = 80


class Relay:
    """What is known of one tunnel: its bytes, its end and how to bring that about.

    `ended` is called once, when nothing goes through any more.
    """

    def __init__(self, client: connection.Client, ended: Callable[[Relay], None]) -> None:
        self.client = client
        self.up = self.down = 0
        self.error: str | None = None
        self._ended: Callable[[Relay], None] | None = ended
        self._awake = contextlib.ExitStack()

    def opened(self, server: connection.Connection) -> None:
        """Let the tunnel be idle for as long as both ends are there."""
        handler = self._handler()
        if handler is None:
            return
        # mitmproxy would end a connection that says nothing for ten minutes.
        self._awake.enter_context(handler.timeout_watchdog.disarm())
        for end in (self.client, server):
            io = handler.transports.get(end)
            writer = io.writer if io is not None else None
            if isinstance(writer, asyncio.StreamWriter):
                plain = writer.get_extra_info("socket")
                with contextlib.suppress(OSError):
                    plain.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, IDLE_PROBE_SECONDS)

    def half_close(self, end: connection.Connection) -> None:
        """Say to one end that the other has said all, once what it said is on its way."""
        # mitmproxy closes both ways inside of a CONNECT.
        asyncio.get_running_loop().call_soon(self._half_close, end)

    def _half_close(self, end: connection.Connection) -> None:
        handler = self._handler()
        if handler is not None and end in handler.transports:
            handler.close_connection(end, half_close=True)

    def cut(self, why: str) -> None:
        """End the tunnel at once, with what still waits to be sent."""
        self.error = self.error or why
        handler = self._handler()
        if handler is None:
            self.end()
            return
        for io in list(handler.transports.values()):
            if isinstance(io.writer, asyncio.StreamWriter):
                io.writer.transport.abort()
        client = handler.transports.get(self.client)
        if client is not None and client.handler is not None:
            client.handler.cancel("cut by the firewall")

    def end(self, error: str | None = None) -> None:
        """Tell that nothing goes through any more."""
        self.error = self.error or error
        self._awake.close()
        ended, self._ended = self._ended, None
        if ended is not None:
            ended(self)

    def _handler(self) -> ConnectionHandler | None:
        found: Any = ctx.master.addons.get("proxyserver").connections.get(self.client.id)
        return found if isinstance(found, ConnectionHandler) else None


class PassthroughLayer(layer.Layer):
    """Waits for the first message in a tunnel, has it judged, and is then what was decided.

    The hook `passthrough` puts the layer that carries the tunnel into `child`; where it does not,
    the tunnel is closed.
    """

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.received = bytearray()
        self.hello: ClientHello | None = None
        """The message, None where it is none."""
        self.child: layer.Layer | None = None

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        client = self.context.client
        if isinstance(event, events.ConnectionClosed) and event.connection is client:
            yield commands.CloseConnection(client)
        if not isinstance(event, events.DataReceived) or event.connection is not client:
            return
        self.received += event.data
        with contextlib.suppress(ValueError):
            self.hello = read_hello(bytes(self.received))
            if self.hello is None:
                return  # there is more to come
        yield PassthroughHook(self)
        if self.child is None:
            self._handle_event = _done  # type: ignore[method-assign,assignment]
            yield from _refuse(self.context, ACCESS_DENIED)
            return
        self._handle_event = self.child.handle_event  # type: ignore[method-assign]
        yield from self.child.handle_event(events.Start())
        yield from self.child.handle_event(events.DataReceived(client, bytes(self.received)))
        self.received.clear()


@dataclass
class PassthroughHook(commands.StartHook):
    """The first message in a tunnel that may pass through unread has come, or is none."""

    data: PassthroughLayer


def read_hello(data: bytes) -> ClientHello | None:
    """Read a ClientHello, None while there is more to come; raises `ValueError` for others."""
    if not b"\x16\x03".startswith(data[:2]) or data[5:6] not in (b"", b"\x01"):
        raise ValueError
    if len(data) < 9 or len(data) < 5 + int.from_bytes(data[3:5]):
        if len(data) > MAX_HELLO:
            raise ValueError
        return None
    hello = parse_client_hello(data)
    if hello is None and len(data) > MAX_HELLO:
        raise ValueError
    return hello


class _Carrier(layer.Layer):
    """Carries bytes between a client and a server that a recorded decision opened."""

    def __init__(self, context: Context, relay: Relay) -> None:
        super().__init__(context)
        self._relay = relay
        self._outer: connection.Connection | None = context.server

    def through(self, proxy: HttpUpstreamProxy, *, secure: bool) -> None:
        """Learn of the proxy that the server is behind; TLS to it has no half-close."""
        self._outer = None if secure else proxy.tunnel_connection

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        assert isinstance(event, events.Start)
        error = yield commands.OpenConnection(self.context.server)
        if error:
            self._handle_event = _done  # type: ignore[method-assign,assignment]
            self._relay.end(error)
            yield from _refuse(self.context, INTERNAL_ERROR)
            return
        self._relay.opened(self._outer or self.context.server)
        self._handle_event = self._carry  # type: ignore[method-assign]

    def _carry(self, event: events.Event) -> layer.CommandGenerator[None]:
        client, server = self.context.client, self.context.server
        if isinstance(event, events.DataReceived):
            if event.connection is client:
                self._relay.up += len(event.data)
                yield commands.SendData(server, event.data)
            else:
                self._relay.down += len(event.data)
                yield commands.SendData(client, event.data)
        elif isinstance(event, events.ConnectionClosed):
            from_client = event.connection is client
            reading = (client.state | server.state) & ConnectionState.CAN_READ
            gone = event.connection.state is ConnectionState.CLOSED
            if not reading or gone or (from_client and self._outer is None):
                self._handle_event = _done  # type: ignore[method-assign,assignment]
                if server.state is not ConnectionState.CLOSED:
                    yield commands.CloseConnection(server)
                if client.state is not ConnectionState.CLOSED:
                    yield commands.CloseConnection(client)
                self._relay.end()
            elif from_client and self._outer is not None:
                self._relay.half_close(self._outer)
            else:
                self._relay.half_close(client)


def _done(_: events.Event) -> layer.CommandGenerator[None]:
    yield from ()


def stack(context: Context, relay: Relay) -> layer.Layer:
    """Make the layers that carry a tunnel: through the proxy where its server is behind one."""
    via = context.server.via
    if via is None:
        return _Carrier(context, relay)
    layers = HttpUpstreamProxy.make(context, True)
    inner = _Carrier(context, relay)
    proxy = layers._stack[-1]
    assert isinstance(proxy, HttpUpstreamProxy)
    inner.through(proxy, secure=via[0] == "https")
    layers /= inner
    return layers[0]


def _refuse(context: Context, alert: int) -> layer.CommandGenerator[None]:
    """Send a fatal TLS alert and close."""
    yield commands.SendData(context.client, bytes((21, 3, 3, 0, 2, 2, alert)))
    yield commands.CloseConnection(context.client)
