"""The load: a few threads with blocking sockets that send requests encoded beforehand."""

from __future__ import annotations

import base64
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

CONNECTIONS = 8
TIMEOUT = 60.0


class LoadError(RuntimeError):
    """An answer was not what the load expects."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """Where a proxy listens, the token it wants ("" for none) and the CA it signs with."""

    port: int
    token: str
    ca: Path

    def trust(self) -> ssl.SSLContext:
        """Make a client's context that trusts the proxy's CA alone."""
        context = ssl.create_default_context(cafile=str(self.ca))
        context.set_alpn_protocols(["http/1.1"])
        return context


@dataclass(slots=True)
class Result:
    """What a load measured; latencies in seconds, of each request, connecting included if new."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Requests per second."""
        return len(self.latencies) / self.seconds

    def percentile(self, percent: float) -> float:
        """Give a percentile of the latencies in milliseconds."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))] * 1000


class Client:
    """One tunnel through a proxy to localhost:port."""

    def __init__(self, proxy: Proxy, port: int, trust: ssl.SSLContext) -> None:
        plain = socket.create_connection(("127.0.0.1", proxy.port), timeout=TIMEOUT)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket: socket.socket = plain
        self._rest = b""
        credential = ""
        if proxy.token:
            basic = base64.b64encode(f"{proxy.token}:".encode()).decode()
            credential = f"Proxy-Authorization: Basic {basic}\r\n"
        target = f"localhost:{port}"
        head = f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{credential}\r\n"
        plain.sendall(head.encode())
        if (status := self._head()[0]) != 200:
            plain.close()
            raise LoadError(f"CONNECT was answered with {status}")
        self._socket = trust.wrap_socket(plain, server_hostname="localhost")

    def exchange(self, request: bytes) -> tuple[int, bytes]:
        """Send a request and read its whole answer; gives status and body."""
        self._socket.sendall(request)
        status, length, chunked = self._head()
        if chunked:
            return status, self._chunks()
        parts, missing = [self._rest[:length]], length - len(self._rest)
        self._rest = self._rest[length:]
        while missing > 0:
            parts.append(self._receive())
            missing -= len(parts[-1])
        return status, b"".join(parts)

    def first_byte(self, request: bytes) -> tuple[float, float]:
        """Send a request; gives the seconds to the first byte of the body and to its last."""
        start = time.perf_counter()
        self._socket.sendall(request)
        _, length, chunked = self._head()
        if not self._rest:
            self._rest = self._receive()
        first = time.perf_counter() - start
        if chunked:
            self._chunks()
        else:
            missing = length - len(self._rest)
            while missing > 0:
                missing -= len(self._receive())
        self._rest = b""
        return first, time.perf_counter() - start

    def close(self) -> None:
        """Close it."""
        self._socket.close()

    def _head(self) -> tuple[int, int, bool]:
        data = self._rest
        while (end := data.find(b"\r\n\r\n")) < 0:
            data += self._receive()
        self._rest = data[end + 4 :]
        lines = data[:end].lower().split(b"\r\n")
        fields = dict(line.split(b":", 1) for line in lines[1:])
        length = int(fields.get(b"content-length", b"0"))
        return int(lines[0].split()[1]), length, b"chunked" in fields.get(b"transfer-encoding", b"")

    def _chunks(self) -> bytes:
        body = bytearray()
        while True:
            while (end := self._rest.find(b"\r\n")) < 0:
                self._rest += self._receive()
            size = int(self._rest[:end], 16)
            while len(self._rest) < end + 4 + size:
                self._rest += self._receive()
            body += self._rest[end + 2 : end + 2 + size]
            self._rest = self._rest[end + 4 + size :]
            if not size:
                return bytes(body)

    def _receive(self) -> bytes:
        data = self._socket.recv(1 << 18)
        if not data:
            raise LoadError("the proxy closed the connection")
        return data


def post(path: str, port: int, body: bytes, kind: str = "application/json") -> bytes:
    """Encode a POST."""
    head = f"POST {path} HTTP/1.1\r\nHost: localhost:{port}\r\nContent-Type: {kind}\r\n"
    head += f"User-Agent: bench\r\nAccept: */*\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def get(path: str, port: int) -> bytes:
    """Encode a GET."""
    return f"GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\nUser-Agent: bench\r\n\r\n".encode()


def endless(request: bytes) -> Callable[[int], Iterator[bytes]]:
    """Give every connection the same request for as long as it wants one."""

    def requests(_: int) -> Iterator[bytes]:
        while True:
            yield request

    return requests


def run(
    proxy: Proxy,
    port: int,
    requests: Callable[[int], Iterable[bytes]],
    *,
    seconds: float = TIMEOUT,
    connection_each: bool = False,
    connections: int = CONNECTIONS,
) -> Result:
    """Send each connection's requests one after another until they or the time end.

    Raises `LoadError` when an answer is not 200.
    """
    trust = proxy.trust()
    result, failures = Result(), list[BaseException]()
    started: list[float] = []
    barrier = threading.Barrier(connections, action=lambda: started.append(time.perf_counter()))

    def work(number: int) -> None:
        latencies: list[float] = []
        client: Client | None = None
        try:
            if not connection_each:
                client = Client(proxy, port, trust)
            barrier.wait(TIMEOUT)
            for request in requests(number):
                start = time.perf_counter()
                if start >= started[0] + seconds:
                    break
                current = client or Client(proxy, port, trust)
                status, body = current.exchange(request)
                latencies.append(time.perf_counter() - start)
                if status != 200:
                    raise LoadError(f"answered with {status}: {body[:300].decode()}")
                if client is None:
                    current.close()
        except BaseException as error:
            failures.append(error)
            barrier.abort()
        finally:
            if client is not None:
                client.close()
            result.latencies += latencies

    threads = [threading.Thread(target=work, args=(n,), daemon=True) for n in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT + seconds)
    if failures:
        raise LoadError(str(next((f for f in failures if isinstance(f, LoadError)), failures[0])))
    result.seconds = time.perf_counter() - started[0]
    return result
