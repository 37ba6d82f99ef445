"""A proxy of a corporate network: takes CONNECT alone, counts, and may want a credential."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Self

from tests.support.authority import LocalCa
from tests.support.server import _run


@dataclass(frozen=True, slots=True)
class Asked:
    """One CONNECT as it came."""

    authority: str
    headers: Mapping[str, str]


class ConnectProxy:
    """Tunnels to 127.0.0.1, whatever name is asked for; with a CA it speaks TLS itself.

    `answer` is what it says instead of opening a tunnel, empty for nothing at all.
    """

    name = "proxy.example.test"

    def __init__(self, ca: LocalCa | None = None, *, credential: str = "") -> None:
        self._tls: ssl.SSLContext | None = ca.server_context(self.name) if ca else None
        self._credential = credential
        self.answer: bytes | None = None
        self.connections = 0
        self.asked: list[Asked] = []
        self.bytes_up = 0
        self.port = 0
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """Its address by name."""
        return f"{'https' if self._tls else 'http'}://{self.name}:{self.port}"

    def forget(self) -> None:
        """Forget what was seen, and answer as usual again."""
        self.answer, self.connections, self.bytes_up = None, 0, 0
        self.asked.clear()

    def __enter__(self) -> Self:
        _run(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        _run(self._stop())

    @contextlib.contextmanager
    def away(self, other: LocalCa | None = None) -> Iterator[None]:
        """Be gone for a while, or with a CA have a certificate that it signed."""
        usual = self._tls
        _run(self._stop())
        if other is not None:
            self._tls = other.server_context(self.name)
            _run(self._start())
        try:
            yield
        finally:
            if other is not None:
                _run(self._stop())
            self._tls = usual
            _run(self._start())

    async def _start(self) -> None:
        self._server = await asyncio.start_server(
            self._serve, "127.0.0.1", self.port, ssl=self._tls
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def _stop(self) -> None:
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            await self._tunnel(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _tunnel(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.split("\r\n")
        method, authority, _ = first.split(" ")
        pairs = [line.partition(": ") for line in lines if line]
        headers = {name.lower(): value for name, _, value in pairs}
        self.asked.append(Asked(authority, headers))
        if self.answer is not None:
            writer.write(self.answer)
            await writer.drain()
            if not self.answer:
                await reader.read()
            return
        wanted = "Basic " + base64.b64encode(self._credential.encode()).decode()
        if self._credential and headers.get("proxy-authorization") != wanted:
            writer.write(
                b"HTTP/1.1 407 Proxy Authentication Required\r\n"
                b'Proxy-Authenticate: Basic realm="corporate"\r\nContent-Length: 0\r\n\r\n'
            )
            await writer.drain()
            return
        if method != "CONNECT":
            writer.write(b"HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()
            return
        port = int(authority.rpartition(":")[2])
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await asyncio.gather(
            self._pump(reader, far_writer, up=True), self._pump(far_reader, writer)
        )

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, up: bool = False
    ) -> None:
        while data := await reader.read(1 << 16):
            if up:
                self.bytes_up += len(data)
            writer.write(data)
            await writer.drain()
        with contextlib.suppress(OSError, RuntimeError, NotImplementedError):
            if writer.can_write_eof():
                writer.write_eof()
            else:
                writer.close()
