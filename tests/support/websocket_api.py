"""A WebSocket server, and a client that comes to it through the firewall."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any, Self

import wsproto.events as ws
from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.extensions import PerMessageDeflate
from wsproto.utilities import generate_accept_token

from tests.support.authority import LocalCa
from tests.support.firewall import Firewall
from tests.support.server import Reply, Request, Upstream, json_reply

DEFLATE = "permessage-deflate"


class SocketApi(Upstream):
    """GET anything opens a WebSocket that echoes texts; `got` holds what came in, in order.

    The text `close` makes it close with 4001, `ping` send a ping, `many N SIZE` send N messages.
    """

    names = ("socket.example.test",)

    def __init__(self, ca: LocalCa | None, *names: str) -> None:
        super().__init__(ca, *names, http2=False)
        self.got: list[Any] = []

    def forget(self) -> None:
        """Forget what was seen so far."""
        super().forget()
        self.got.clear()

    async def handle(self, request: Request) -> Reply:
        """Answer a request."""
        key = request.header("sec-websocket-key")
        if request.path == "/unasked":
            return Reply(101, [("upgrade", "other")], taken_over=_nothing)
        if not key:
            return json_reply({"error": "no WebSocket asked for"}, 426)
        headers = [
            ("upgrade", "websocket"),
            ("connection", "Upgrade"),
            ("sec-websocket-accept", generate_accept_token(key.encode()).decode()),
        ]
        extensions = []
        if DEFLATE in (request.header("sec-websocket-extensions") or ""):
            deflate = PerMessageDeflate()
            deflate.accept(DEFLATE)
            extensions.append(deflate)
            headers.append(("sec-websocket-extensions", DEFLATE))
        protocol = Connection(ConnectionType.SERVER, extensions)
        return Reply(101, headers, taken_over=lambda *io: self._talk(protocol, *io))

    async def _talk(
        self,
        protocol: Connection,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        early: bytes,
    ) -> None:
        protocol.receive_data(early)
        whole = ""
        while True:
            for event in protocol.events():
                if isinstance(event, ws.TextMessage):
                    whole += event.data
                    if event.message_finished:
                        self.got.append(whole)
                        writer.write(self._said(protocol, whole))
                        whole = ""
                elif isinstance(event, ws.CloseConnection):
                    self.got.append(("close", event.code, event.reason))
                    if protocol.state is ConnectionState.REMOTE_CLOSING:
                        writer.write(protocol.send(event.response()))
                    return
                else:
                    kind = type(event).__name__
                    content = event.data if isinstance(event, ws.BytesMessage) else event.payload  # type: ignore[attr-defined]
                    self.got.append((kind, bytes(content)))
                    if isinstance(event, ws.Ping):
                        writer.write(protocol.send(event.response()))
            await writer.drain()
            protocol.receive_data(await reader.read(65536) or None)

    def _said(self, protocol: Connection, text: str) -> bytes:
        word, _, rest = text.partition(" ")
        if word == "close":
            return protocol.send(ws.CloseConnection(4001, "as asked"))
        if word == "ping":
            return protocol.send(ws.Ping(b"are you there"))
        if word == "many":
            count, size = map(int, rest.split())
            return b"".join(protocol.send(ws.TextMessage("x" * size)) for _ in range(count))
        return protocol.send(ws.TextMessage(text))


async def _nothing(*_: object) -> None:
    await asyncio.sleep(0.1)


class SocketClient:
    """A WebSocket through the firewall's proxy port; raises `Refused` when it is not opened."""

    def __init__(
        self,
        firewall: Firewall,
        upstream: Upstream,
        path: str = "/chat",
        *,
        deflate: bool = False,
        headers: tuple[tuple[str, str], ...] = (),
        token: str | None = None,
    ) -> None:
        token = token or (firewall.home / "default.token").read_text().strip()
        self._stream: socket.socket = socket.create_connection(firewall.address, timeout=15)
        authority = f"{upstream.name}:{upstream.port}"
        credential = base64.b64encode(f"aegis:{token}".encode()).decode()
        proxy = f"Proxy-Authorization: Basic {credential}\r\n"
        target = path
        if upstream.ca is not None:
            self._stream.sendall(
                f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n{proxy}\r\n".encode()
            )
            head = self._head()
            if b" 200 " not in head:
                raise Refused(head, b"")
            trust = ssl.create_default_context(cafile=str(firewall.ca_bundle))
            self._stream = trust.wrap_socket(self._stream, server_hostname=upstream.name)
            proxy = ""
        else:
            target = f"http://{authority}{path}"
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [
            f"GET {target} HTTP/1.1",
            f"Host: {authority}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Key: {key}",
            *(f"{name}: {value}" for name, value in headers),
        ]
        extensions = []
        if deflate:
            lines.append(f"Sec-WebSocket-Extensions: {DEFLATE}")
        self._stream.sendall(("\r\n".join(lines) + f"\r\n{proxy}\r\n").encode())
        head = self._head()
        if b" 101 " not in head.partition(b"\r\n")[0]:
            self._stream.settimeout(2)
            raise Refused(head, self._stream.recv(65536))
        if DEFLATE.encode() in head:
            extension = PerMessageDeflate()
            extension.finalize(DEFLATE)
            extensions.append(extension)
        self.protocol = Connection(ConnectionType.CLIENT, extensions)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def _head(self) -> bytes:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            piece = self._stream.recv(1)
            if not piece:
                raise Refused(head, b"")
            head += piece
        return head

    def send(self, *events: ws.Event) -> None:
        """Send events as frames."""
        self._stream.sendall(b"".join(self.protocol.send(event) for event in events))

    def send_raw(self, data: bytes) -> None:
        """Send bytes that need not be frames."""
        self._stream.sendall(data)

    def say(self, content: Any) -> None:
        """Send a text, or a document in JSON."""
        text = content if isinstance(content, str) else json.dumps(content)
        self.send(ws.TextMessage(text))

    def receive(
        self, seconds: float = 10, until: Callable[[ws.Event], bool] = lambda event: True
    ) -> ws.Event:
        """Give the next event for which `until` holds; the end of the stream is a close (1006)."""
        end = time.monotonic() + seconds
        while True:
            for event in self.protocol.events():
                if until(event):
                    return event
            self._stream.settimeout(max(0.01, end - time.monotonic()))
            try:
                data = self._stream.recv(65536)
            except (ConnectionError, ssl.SSLError):
                data = b""
            if self.protocol.state is ConnectionState.CLOSED:
                return ws.CloseConnection(1006)
            self.protocol.receive_data(data or None)

    def text(self, seconds: float = 10) -> str:
        """Give the next whole text."""
        whole = ""
        while True:
            event = self.receive(seconds)
            assert isinstance(event, ws.TextMessage), event
            whole += event.data
            if event.message_finished:
                return whole

    def closed(self, seconds: float = 10) -> tuple[int, str]:
        """Wait for the close; gives its code and reason."""
        event = self.receive(seconds, lambda event: isinstance(event, ws.CloseConnection))
        assert isinstance(event, ws.CloseConnection)
        return int(event.code), event.reason or ""


class Refused(Exception):  # noqa: N818 - what the firewall did
    """The WebSocket was not opened; holds the answer's head and body."""

    def __init__(self, head: bytes, body: bytes) -> None:
        super().__init__(head.partition(b"\r\n")[0].decode("latin-1"))
        self.head, self.body = head, body
