"""The bench's upstream: as little work per request as Python allows, in a process of its own.

Prints one JSON line with its ports when it listens. Answers every POST with the same bytes, except
POST /echo, and GET /bytes/N with N bytes. A further plain port takes OTLP spans and counts them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import ssl
from typing import Any

REPLY_BYTES = 400
_BLOCK = bytes(1 << 16)
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)


def _answer(body: bytes, kind: bytes = b"application/json") -> bytes:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: %s\r\ncontent-length: %d\r\n\r\n"
    return head % (kind, len(body)) + body


_FILLER = REPLY_BYTES - len('{"id":"r_1","status":"ok","note":""}')
_REPLY = _answer(b'{"id":"r_1","status":"ok","note":"%s"}' % (b"x" * _FILLER))


class Server(asyncio.Protocol):
    """One connection of keep-alive HTTP/1.1."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._transport: Any = None
        self._missing = 0
        self._paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._data += data
        while (end := self._data.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._data[:end])
            if _CHUNKED.search(head):
                last = self._data.find(b"0\r\n\r\n", end)
                if last < 0:
                    return
                stop = last + 5
            else:
                length = _LENGTH.search(head)
                stop = end + 4 + (int(length[1]) if length else 0)
            if len(self._data) < stop:
                return
            self._transport.write(self._reply(head, bytes(self._data[end + 4 : stop])))
            del self._data[:stop]

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._pour()

    def _pour(self) -> None:
        """Write what is missing of a download, as fast as it is taken."""
        while self._missing and not self._paused:
            block = _BLOCK[: self._missing]
            self._missing -= len(block)
            self._transport.write(block)

    def _reply(self, head: bytes, body: bytes) -> bytes:
        target = head.split(b" ", 2)[1]
        if target.startswith(b"/bytes/"):
            self._missing = int(target[7:])
            asyncio.get_running_loop().call_soon(self._pour)
            return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % self._missing
        return _answer(body) if target == b"/echo" else _REPLY


class Sink(Server):
    """Takes OTLP/HTTP posts; GET /count tells how many there were."""

    posts = 0

    def _reply(self, head: bytes, body: bytes) -> bytes:
        if head.startswith(b"POST /v1/traces"):
            Sink.posts += 1
            return _answer(b"", b"application/x-protobuf")
        return _answer(str(Sink.posts).encode())


async def _main(chain: str, key: str, ports: int) -> None:
    loop = asyncio.get_running_loop()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    context.set_alpn_protocols(["http/1.1"])
    servers = [
        await loop.create_server(Server, "127.0.0.1", 0, ssl=context, backlog=256)
        for _ in range(ports)
    ]
    sink = await loop.create_server(Sink, "127.0.0.1", 0)
    numbers = [server.sockets[0].getsockname()[1] for server in (*servers, sink)]
    print(json.dumps({"ports": numbers[:-1], "otlp": numbers[-1]}), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("chain")
    parser.add_argument("key")
    parser.add_argument("--ports", type=int, default=3)
    given = parser.parse_args()
    asyncio.run(_main(given.chain, given.key, given.ports))
