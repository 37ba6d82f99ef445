"""An HTTP/2 client of which every frame and window is the test's to choose."""

from __future__ import annotations

import base64
import select
import socket
import ssl
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

import h2.config
import h2.connection
import h2.events

Fields = Iterable[tuple[str, str]]


@dataclass
class Stream:
    """What has come on one stream so far."""

    id: int
    headers: list[tuple[str, str]] = field(default_factory=list)
    data: bytearray = field(default_factory=bytearray)
    received: int = 0
    """Bytes of data, kept or not."""
    trailers: list[tuple[str, str]] = field(default_factory=list)
    ended: bool = False
    reset: int | None = None

    @property
    def status(self) -> int:
        """The status, 0 while there is none."""
        return int(dict(self.headers).get(":status", "0"))

    @property
    def done(self) -> bool:
        """Whether nothing more comes."""
        return self.ended or self.reset is not None


class Http2Client:
    """One connection through the firewall (`proxy` is its URL with a token) to `host:port`.

    A stream has a window of 65,535 bytes. With `acknowledge` False it is not opened again, so that
    the client is one that does not read; with `keep` False data is counted only.
    """

    def __init__(
        self,
        proxy: str,
        host: str,
        port: int,
        ca: Path,
        *,
        keep: bool = True,
    ) -> None:
        self.authority = f"{host}:{port}"
        self.acknowledge = True
        self.keep = keep
        self.streams: dict[int, Stream] = {}
        self.terminated = False
        self.closed = False
        self._plain = connect(proxy, self.authority)
        trust = ssl.create_default_context(cafile=str(ca))
        trust.set_alpn_protocols(["h2"])
        self._tls = trust.wrap_socket(self._plain, server_hostname=host)
        assert self._tls.selected_alpn_protocol() == "h2"
        self._tls.settimeout(10)
        self.http = h2.connection.H2Connection(
            h2.config.H2Configuration(
                client_side=True,
                header_encoding="utf-8",
                validate_outbound_headers=False,
                normalize_outbound_headers=False,
            )
        )
        self.http.initiate_connection()
        self.http.increment_flow_control_window(2**30)
        self._flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._tls.close()

    def open(
        self,
        path: str,
        *fields: tuple[str, str],
        method: str = "GET",
        authority: str = "",
        end: bool = True,
    ) -> Stream:
        """Send a head."""
        number = self.http.get_next_available_stream_id()
        pseudo = [
            (":method", method),
            (":scheme", "https"),
            (":authority", authority or self.authority),
            (":path", path),
        ]
        self.http.send_headers(number, [*pseudo, *fields], end_stream=end)
        stream = self.streams[number] = Stream(number)
        self._flush()
        return stream

    def send(self, stream: Stream, data: bytes, *, end: bool = False) -> None:
        """Send a body's bytes, waiting for room to send them in."""
        view = memoryview(data)
        while view:
            size = min(self.room(stream), len(view))
            if not size:
                self.wait(lambda: self.room(stream) > 0 or stream.done)
                if stream.done:
                    return
                continue
            self.http.send_data(stream.id, bytes(view[:size]))
            view = view[size:]
            self._flush()
        if end:
            self.http.end_stream(stream.id)
            self._flush()

    def room(self, stream: Stream) -> int:
        """Say how many bytes may be sent at once."""
        return min(
            self.http.local_flow_control_window(stream.id), self.http.max_outbound_frame_size
        )

    def send_trailers(self, stream: Stream, *fields: tuple[str, str]) -> None:
        """Send trailers, which end a body."""
        self.http.send_headers(stream.id, list(fields), end_stream=True)
        self._flush()

    def reset(self, stream: Stream, code: int = 8) -> None:
        """Cancel a stream."""
        self.http.reset_stream(stream.id, code)
        self._flush()

    def give_room(self, stream: Stream, size: int) -> None:
        """Let more come on a stream."""
        self.http.increment_flow_control_window(size, stream.id)
        self.http.increment_flow_control_window(size)
        self._flush()

    def finish(self, *streams: Stream, seconds: float = 10) -> None:
        """Wait until nothing more comes on the streams."""
        self.wait(lambda: all(stream.done for stream in streams), seconds)

    def wait(self, until: Callable[[], bool], seconds: float = 10) -> None:
        """Take in what comes until something is so; raises `TimeoutError`."""
        end = time.monotonic() + seconds
        while not until():
            if self.closed:
                raise ConnectionResetError("the connection was closed")
            if time.monotonic() > end:
                raise TimeoutError(f"nothing came: {list(self.streams.values())}"[:2000])
            self.take(0.05)

    def take(self, seconds: float = 0) -> None:
        """Take in what has come, waiting no longer than this for it."""
        if not self._tls.pending() and not select.select([self._tls], [], [], seconds)[0]:
            return
        try:
            data = self._tls.recv(1 << 16)
        except OSError:
            data = b""
        if not data:
            self.closed = True
            for stream in self.streams.values():
                if not stream.ended and stream.reset is None:
                    stream.reset = -1
            return
        for event in self.http.receive_data(data):
            self._take(event)
        self._flush()

    def _take(self, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.ConnectionTerminated):
            self.terminated = True
            return
        stream = self.streams.get(getattr(event, "stream_id", 0) or 0)
        if stream is None:
            return
        if isinstance(event, h2.events.ResponseReceived):
            stream.headers = [(str(name), str(value)) for name, value in event.headers]
        elif isinstance(event, h2.events.DataReceived):
            stream.received += len(event.data)
            if self.keep:
                stream.data += event.data
            if self.acknowledge and event.flow_controlled_length:
                self.http.acknowledge_received_data(event.flow_controlled_length, stream.id)
        elif isinstance(event, h2.events.TrailersReceived):
            stream.trailers = [(str(name), str(value)) for name, value in event.headers]
        elif isinstance(event, h2.events.StreamEnded):
            stream.ended = True
        elif isinstance(event, h2.events.StreamReset):
            stream.reset = int(event.error_code)

    def _flush(self) -> None:
        data = self.http.data_to_send()
        end = time.monotonic() + 10
        while data:
            if time.monotonic() > end:
                raise TimeoutError("the firewall does not read")
            # A peer that does not read must not stop this client from reading.
            self._tls.setblocking(False)
            try:
                data = data[self._tls.send(data) :]
            except (ssl.SSLWantWriteError, BlockingIOError):
                select.select([], [self._tls], [], 0.05)
            except OSError:
                self.closed = True
                return
            finally:
                self._tls.settimeout(10)


def connect(proxy: str, authority: str) -> socket.socket:
    """Open a tunnel through the firewall."""
    parts = urlsplit(proxy)
    assert parts.hostname is not None
    plain = socket.create_connection((parts.hostname, parts.port or 0), timeout=10)
    token = base64.b64encode(f"{parts.username}:{parts.password}".encode()).decode()
    head = f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\nProxy-Authorization: Basic {token}\r\n\r\n"
    plain.sendall(head.encode())
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += plain.recv(1)
    if not answer.startswith(b"HTTP/1.1 200 "):
        raise ConnectionRefusedError(answer.partition(b"\r\n")[0].decode())
    return plain
