"""One firewall for a table of attacks, and ways to speak to it that no client library has."""

from __future__ import annotations

import select
import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import pytest

from tests.integration.conftest import World
from tests.integration.test_boundary import connect, read
from tests.support.firewall import Firewall
from tests.support.upstreams import FileApi


@dataclass
class Target:
    """A firewall and what stands behind it; `old` speaks HTTP/1 alone."""

    firewall: Firewall
    world: World
    old: FileApi

    @property
    def authority(self) -> str:
        """What a tunnel to the HTTP/1 upstream names."""
        return f"{self.old.name}:{self.old.port}"

    @property
    def touched(self) -> list[str]:
        """Names of the upstreams that somebody connected to."""
        return self.world.touched + ([] if self.old.untouched else [self.old.name])

    def forget(self) -> None:
        """Forget what the upstreams saw so far."""
        self.world.forget()
        self.old.forget()

    def tunnel(self, alpn: str = "http/1.1", authority: str = "", sni: str = "") -> ssl.SSLSocket:
        """Open a tunnel with TLS in it."""
        authority = authority or self.authority
        plain = socket.create_connection(self.firewall.address, timeout=20)
        plain.sendall(connect(self.firewall, authority))
        assert plain.recv(4096).startswith(b"HTTP/1.1 200 ")
        trust = ssl.create_default_context(cafile=str(self.firewall.ca_bundle))
        trust.check_hostname = False
        trust.set_alpn_protocols([alpn])
        return trust.wrap_socket(plain, server_hostname=sni or authority.rpartition(":")[0])

    def codes(self, after: int, count: int = 1, seconds: float = 5) -> list[str]:
        """Wait for decisions beyond the first `after` and give their codes, `""` for allowed."""
        end = time.monotonic() + seconds
        while len(found := self.firewall.decisions()[after:]) < count and time.monotonic() < end:
            time.sleep(0.01)
        return [str(record.get("code", "")) for record in found]

    def recorded(self) -> int:
        """Count the decisions so far."""
        return len(self.firewall.decisions())


def answers(stream: socket.socket, seconds: float = 5, quiet: float = 0.15) -> bytes:
    """Read until the other side closes, or says nothing more after it has said something."""
    received, end = b"", time.monotonic() + seconds
    while time.monotonic() < end:
        pending = isinstance(stream, ssl.SSLSocket) and stream.pending()
        if not pending and not select.select([stream], [], [], quiet)[0]:
            if received:
                break
            continue
        try:
            piece = stream.recv(65536)
        except (ssl.SSLError, OSError):
            break
        if not piece:
            break
        received += piece
    return received


def first(stream: socket.socket) -> bytes:
    """Read one answer, or nothing where the other side just closes."""
    try:
        return read(stream)
    except OSError:
        return b""


class Http2:
    """An HTTP/2 client that sends whatever it is told to."""

    def __init__(self, stream: ssl.SSLSocket) -> None:
        self.stream = stream
        self.http = h2.connection.H2Connection(
            h2.config.H2Configuration(
                client_side=True,
                validate_outbound_headers=False,
                normalize_outbound_headers=False,
                header_encoding="latin-1",
            )
        )
        self.http.initiate_connection()
        self.flush()

    def flush(self) -> None:
        """Send what is to be sent."""
        self.stream.sendall(self.http.data_to_send())

    def ask(self, headers: list[tuple[str, str]], body: bytes | None = None) -> int:
        """Send a request; gives its stream."""
        number = self.http.get_next_available_stream_id()
        self.http.send_headers(number, headers, end_stream=body is None)
        if body is not None:
            self.http.send_data(number, body, end_stream=True)
        self.flush()
        return number

    def wait(self, seconds: float = 5) -> list[Any]:
        """Give what comes until a stream or the connection ends."""
        seen: list[Any] = []
        end = time.monotonic() + seconds
        self.stream.settimeout(seconds)
        while time.monotonic() < end:
            try:
                data = self.stream.recv(65536)
                seen += self.http.receive_data(data)
            except (OSError, h2.exceptions.ProtocolError):
                break
            ends = (h2.events.StreamEnded, h2.events.StreamReset, h2.events.ConnectionTerminated)
            if not data or any(isinstance(event, ends) for event in seen):
                break
        return seen


def status(events: list[Any]) -> int:
    """Give the status of the first response, 0 when the connection or the stream was cut."""
    for event in events:
        if isinstance(event, h2.events.ResponseReceived):
            return int(dict(event.headers)[":status"])
    return 0


def policy(world: World, old: FileApi) -> str:
    """Give the tests' policy with one more destination."""
    text = world.policy()
    more = (
        f"  - id: old\n    hosts: [{old.name}]\n    ports: [{old.port}]\n"
        "    addresses: [127.0.0.0/8]\ntools:\n"
    )
    return text.replace("tools:\n", more, 1).replace("[llm, files,", "[old, llm, files,", 1)


@pytest.fixture(scope="session")
def old(world: World) -> Iterator[FileApi]:
    with FileApi(world.files.ca, "old.example.test", http2=False) as upstream:
        yield upstream


@pytest.fixture(scope="session")
def _target(
    world: World, old: FileApi, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Target]:
    folder = tmp_path_factory.mktemp("attacks")
    names = {
        "inside.example.test": "127.0.0.1",
        "a.files.example.test": "127.0.0.1",
    }
    firewall = Firewall(folder, policy(world, old), *world.upstreams, old, hosts=names)
    with firewall:
        yield Target(firewall, world, old)


@pytest.fixture
def target(_target: Target) -> Target:
    """One firewall for all tables, with upstreams that have seen nothing yet."""
    _target.forget()
    return _target
