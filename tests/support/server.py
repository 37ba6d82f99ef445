"""A real server on 127.0.0.1, TLS with HTTP/1.1 and HTTP/2, that remembers all it was sent."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import socket
import ssl
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import parse_qs, unquote

from tests.support.authority import LocalCa

_JSON = ("content-type", "application/json")
KEPT_BYTES = 8 << 20
"""How much of a connection's bytes is kept to be looked at."""


@dataclass(slots=True, eq=False)
class Connection:
    """One TCP connection as the upstream saw it; `raw` is what came in, after TLS."""

    number: int
    sni: str | None = None
    protocol: str = ""
    handshake_done: bool = False
    bytes_received: int = 0
    closed: bool = False
    raw: bytearray = field(default_factory=bytearray, repr=False)

    def feed(self, data: bytes) -> None:
        """Count bytes that came in, and keep the first ones."""
        self.bytes_received += len(data)
        if len(self.raw) < KEPT_BYTES:
            self.raw += data


@dataclass(frozen=True, slots=True)
class Request:
    """One request as the upstream saw it; `headers` keep order and case of the wire."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    protocol: str
    connection: Connection = field(repr=False)

    @property
    def path(self) -> str:
        """The decoded path, without the query."""
        return unquote(self.target.partition("?")[0])

    @property
    def query(self) -> dict[str, list[str]]:
        """The decoded query."""
        return parse_qs(self.target.partition("?")[2], keep_blank_values=True)

    def header(self, name: str) -> str | None:
        """Give the first value of a header, or None."""
        return next((v for n, v in self.headers if n.lower() == name.lower()), None)

    def json(self) -> Any:
        """Parse the body; raises `ValueError` when it is not JSON."""
        return json.loads(self.body)


@dataclass(slots=True)
class Reply:
    """An answer; a body that is an iterator is sent piece by piece as it comes.

    After a status of 101 `taken_over` has the connection, with what came in already.
    """

    status: int = 200
    headers: Sequence[tuple[str, str]] = ()
    body: bytes | AsyncIterator[bytes] = b""
    taken_over: Callable[[asyncio.StreamReader, asyncio.StreamWriter, bytes], Any] | None = None


class HangUp(Exception):  # noqa: N818 - an order, not an error
    """Raised by a handler to close the connection without an answer."""


def json_reply(document: Any, status: int = 200, *headers: tuple[str, str]) -> Reply:
    """Answer with JSON."""
    kind = [] if any(n == "content-type" for n, _ in headers) else [_JSON]
    return Reply(status, [*kind, *headers], json.dumps(document).encode())


class Upstream:
    """An upstream: subclasses say what it answers, this class counts and remembers.

    A context manager: `with Upstream(ca, "api.example.test") as up: ...`. Without a CA it speaks
    plain HTTP.
    """

    names: tuple[str, ...] = ()
    """The names it goes by when the maker gives none."""

    def __init__(self, ca: LocalCa | None, *names: str, http2: bool = True) -> None:
        self.ca = ca
        self.names = names or self.names or ("upstream.example.test",)
        self.connections: list[Connection] = []
        self.requests: list[Request] = []
        self._tls: ssl.SSLContext | None = None
        if ca is not None:
            alpn = ("h2", "http/1.1") if http2 else ("http/1.1",)
            self._tls = ca.server_context(*self.names, "localhost", "127.0.0.1", alpn=alpn)
            self._tls.sni_callback = _note_sni
        self._listener: socket.socket | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self.port = 0

    async def handle(self, request: Request) -> Reply:
        """Answer a request."""
        return json_reply({"ok": True, "path": request.path})

    # Life ---------------------------------------------------------------------------------

    def start(self) -> Self:
        """Listen on a free port of 127.0.0.1."""
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self._listener.setblocking(False)
        self.port = self._listener.getsockname()[1]
        _run(self._start())
        return self

    def stop(self) -> None:
        """Close the listener and every connection."""
        if self._listener is not None:
            _run(self._stop())
            self._listener.close()
            self._listener = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    async def opened(self) -> None:
        """Start what runs beside the requests."""

    async def closed(self) -> None:
        """End what `opened` started."""

    # What it saw --------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """Its first name."""
        return self.names[0]

    @property
    def url(self) -> str:
        """Its address by name; only a resolver that knows the name reaches it."""
        return f"{'https' if self._tls else 'http'}://{self.name}:{self.port}"

    @property
    def local_url(self) -> str:
        """Its address by loopback name, which reaches it without a hosts file."""
        return f"{'https' if self._tls else 'http'}://localhost:{self.port}"

    @property
    def server_names(self) -> list[str | None]:
        """The SNI of each connection, in order."""
        return [connection.sni for connection in self.connections]

    @property
    def bytes_received(self) -> int:
        """Bytes of all connections, after TLS."""
        return sum(connection.bytes_received for connection in self.connections)

    @property
    def untouched(self) -> bool:
        """Tell whether nobody even connected."""
        return not self.connections

    def everything(self) -> bytes:
        """Give all that came in: bytes of the wire and, for HTTP/2, the unpacked headers."""
        wire = b"".join(bytes(connection.raw) for connection in list(self.connections))
        rest = (
            "\n".join([r.method, r.target, *(f"{n}: {v}" for n, v in r.headers)]).encode() + r.body
            for r in list(self.requests)
        )
        return wire + b"".join(rest)

    def wait_for(self, requests: int, seconds: float = 10) -> list[Request]:
        """Wait until so many requests have come; raises `TimeoutError`."""
        end = time.monotonic() + seconds
        while len(self.requests) < requests:
            if time.monotonic() > end:
                raise TimeoutError(f"{self.name}: {len(self.requests)} of {requests} requests.")
            time.sleep(0.01)
        return self.requests

    def forget(self) -> None:
        """Forget what was seen so far."""
        self.connections.clear()
        self.requests.clear()

    # Inside -------------------------------------------------------------------------------

    async def _start(self) -> None:
        await self.opened()
        self._spawn(self._accept())

    async def _stop(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.closed()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        assert self._listener is not None
        while True:
            accepted, _ = await loop.sock_accept(self._listener)
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = Connection(len(self.connections) + 1)
            self.connections.append(connection)
            self._spawn(self._serve(accepted, connection))

    async def _serve(self, accepted: socket.socket, connection: Connection) -> None:
        from tests.support import http1, http2

        loop = asyncio.get_running_loop()
        reader = _CountingReader(connection.feed)
        protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
        try:
            transport, _ = await loop.connect_accepted_socket(
                lambda: protocol, accepted, ssl=self._tls
            )
        except (OSError, ssl.SSLError):
            connection.closed = True
            return
        connection.handshake_done = self._tls is not None
        tls = transport.get_extra_info("ssl_object")
        if tls is not None:
            connection.sni = getattr(tls, "noted_sni", None)
        speaks_http2 = tls is not None and tls.selected_alpn_protocol() == "h2"
        connection.protocol = "HTTP/2" if speaks_http2 else "HTTP/1.1"
        writer = asyncio.StreamWriter(transport, protocol, reader, loop)
        serve = http2.serve if speaks_http2 else http1.serve
        try:
            await serve(reader, writer, connection, self._answer)
        except (OSError, HangUp, asyncio.IncompleteReadError):
            pass
        finally:
            connection.closed = True
            transport.abort()

    async def _answer(self, request: Request) -> Reply:
        self.requests.append(request)
        try:
            return await self.handle(request)
        except HangUp:
            raise
        except Exception as error:
            return json_reply({"error": f"{type(error).__name__}: {error}"}, 500)


Answer = Callable[[Request], Coroutine[Any, Any, Reply]]


class _CountingReader(asyncio.StreamReader):
    def __init__(self, feed: Callable[[bytes], None]) -> None:
        super().__init__(limit=1 << 20, loop=asyncio.get_running_loop())
        self._feed = feed

    def feed_data(self, data: Any) -> None:
        self._feed(data)
        super().feed_data(data)


async def pieces(
    body: AsyncIterator[bytes], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> AsyncIterator[bytes]:
    """Give the pieces of a body until its end or until the client is gone."""
    iterator = aiter(body)
    ended = object()

    async def following() -> bytes | object:
        return await anext(iterator, ended)

    next_piece: asyncio.Task[bytes | object] | None = None
    try:
        while True:
            next_piece = asyncio.ensure_future(following())
            while not (await asyncio.wait({next_piece}, timeout=0.2))[0]:
                if reader.at_eof() or writer.is_closing():
                    raise HangUp
            piece = next_piece.result()
            if not isinstance(piece, bytes):
                return
            yield piece
    finally:
        if next_piece is not None and not next_piece.done():
            next_piece.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await next_piece
        close = getattr(iterator, "aclose", None)
        if close is not None:
            await close()


def _note_sni(tls: Any, name: str | None, _: ssl.SSLContext) -> None:
    tls.noted_sni = name


@functools.cache
def _loop() -> asyncio.AbstractEventLoop:
    """Give the loop on which all upstreams of the process run, in a thread of its own."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="upstreams", daemon=True).start()
    return loop


def _run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run_coroutine_threadsafe(work, _loop()).result(timeout=20)
