"""Long bodies over HTTP/1.1 and HTTP/2: flat memory, back-pressure, and ends that are told apart."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from tests.integration.test_streaming import FLAT, MB, memory
from tests.support.firewall import Firewall
from tests.support.http2_client import Http2Client, connect
from tests.support.stream_api import StreamApi
from tests.support.upstreams import LocalCa

POLICY = """\
apiVersion: aegis/v1
kind: Policy
metadata: {{name: streams}}
limits: {{max_body: 1MB, larger_bodies: pass}}
destinations:
  - id: newer
    hosts: [{newer.name}]
    ports: [{newer.port}]
    addresses: [127.0.0.0/8]
    request_streams: pass
  - id: older
    hosts: [{older.name}]
    ports: [{older.port}]
    addresses: [127.0.0.0/8]
    request_streams: pass
  - id: plain
    hosts: [{plain.name}]
    ports: [{plain.port}]
    schemes: [http]
    addresses: [127.0.0.0/8]
tools:
  - {{id: refused, destination: newer, http: {{path: /refused}}}}
rules:
  - {{id: all, agents: ["*"], destinations: [newer, older, plain], effect: allow}}
  - {{id: never, agents: ["*"], tools: [refused], effect: deny}}
"""
SIZE = 64 * MB


@dataclass
class Place:
    firewall: Firewall
    newer: StreamApi
    older: StreamApi
    plain: StreamApi

    def upstream(self, name: str) -> StreamApi:
        found = getattr(self, name)
        assert isinstance(found, StreamApi)
        return found

    def http2(self, upstream: StreamApi) -> Http2Client:
        proxy, ca = self.firewall.proxy_url(), self.firewall.ca_bundle
        return Http2Client(proxy, upstream.name, upstream.port, ca, keep=False)

    def http1(self, upstream: StreamApi, head: str) -> ssl.SSLSocket:
        plain = connect(self.firewall.proxy_url(), f"{upstream.name}:{upstream.port}")
        trust = ssl.create_default_context(cafile=str(self.firewall.ca_bundle))
        # The first is what the firewall takes, the second what the upstream takes.
        trust.set_alpn_protocols(["http/1.1", "h2"])
        tls = trust.wrap_socket(plain, server_hostname=upstream.name)
        tls.settimeout(10)
        host = f"{upstream.name}:{upstream.port}"
        method, _, rest = head.partition(" ")
        path, _, fields = rest.partition("\r\n")
        tls.sendall(f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n{fields}\r\n".encode())
        return tls


@pytest.fixture(scope="module")
def _place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("streams")
    ca = LocalCa(folder / "ca")
    with (
        StreamApi(ca, "newer.example.test") as newer,
        StreamApi(ca, "older.example.test", http2=False) as older,
        StreamApi(None, "plain.example.test") as plain,
    ):
        policy = POLICY.format(newer=newer, older=older, plain=plain)
        with Firewall(folder / "home", policy, newer, older, plain, ca=ca) as firewall:
            yield Place(firewall, newer, older, plain)


@pytest.fixture
def place(_place: Place) -> Place:
    for upstream in (_place.newer, _place.older, _place.plain):
        upstream.forget()
    return _place


def soon(done: Callable[[], bool], seconds: float = 5) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end
        time.sleep(0.01)


BOTH = pytest.mark.parametrize("to", ["newer", "older"])
PIECE = bytes(64 * 1024)


@BOTH
def test_a_slow_upstream_holds_an_upload_up_over_http2(place: Place, to: str) -> None:
    upstream = place.upstream(to)
    with place.http2(upstream) as client:
        small = client.open("/sink", ("content-length", "5"), method="POST", end=False)
        client.send(small, b"small", end=True)
        client.finish(small)
        before = memory(place.firewall)
        up = client.open("/stall", ("content-length", str(SIZE)), method="POST", end=False)
        left, quiet = SIZE, 0
        while left and quiet < 10:
            room = min(client.room(up), left, len(PIECE))
            quiet = 0 if room else quiet + 1
            client.send(up, PIECE[:room])
            left -= room
            client.take(0 if room else 0.03)
        assert SIZE - left < 16 * MB
        # Other streams of the connection go on.
        down = client.open("/bytes/3000000")
        if to == "newer":
            client.finish(down)
            assert down.received == 3_000_000
        upstream.let_flow()
        while left:
            piece = PIECE[: min(left, len(PIECE))]
            client.send(up, piece)
            left -= len(piece)
        client.send(up, b"", end=True)
        client.finish(up, down)
    assert up.status == 200
    assert upstream.taken == SIZE + 5
    assert memory(place.firewall) - before < FLAT


@BOTH
def test_a_slow_upstream_holds_an_upload_up_over_http1(place: Place, to: str) -> None:
    upstream = place.upstream(to)
    with place.http1(upstream, f"POST /stall\r\nContent-Length: {SIZE}\r\n") as tls:
        before = memory(place.firewall)
        left = SIZE
        tls.settimeout(0.4)
        try:
            while left:
                left -= tls.send(PIECE[: min(left, len(PIECE))])
        except TimeoutError:
            pass
        # What the kernel's buffers take is in it.
        assert SIZE - left < 24 * MB
        upstream.let_flow()
        tls.settimeout(10)
        while left:
            left -= tls.send(PIECE[: min(left, len(PIECE))])
        assert tls.recv(4096).startswith(b"HTTP/1.1 200 ")
    assert upstream.taken == SIZE
    assert memory(place.firewall) - before < FLAT


@BOTH
def test_a_slow_reader_holds_a_download_up_over_http2(place: Place, to: str) -> None:
    upstream = place.upstream(to)
    with place.http2(upstream) as client:
        other = client.open("/bytes/50000")
        client.finish(other)
        before = memory(place.firewall)
        client.acknowledge = False
        slow = client.open(f"/bytes/{SIZE}")
        client.wait(lambda: slow.received >= 65_535)
        time.sleep(0.2)
        assert upstream.sent < 24 * MB
        # Another stream goes on meanwhile.
        other = client.open("/bytes/50000")
        client.finish(other)
        assert other.received == 50_000
        client.acknowledge = True
        client.give_room(slow, 2**30)
        client.finish(slow, seconds=30)
    assert slow.received == SIZE
    assert memory(place.firewall) - before < FLAT


@BOTH
def test_a_slow_reader_holds_a_download_up_over_http1(place: Place, to: str) -> None:
    upstream = place.upstream(to)
    before = memory(place.firewall)
    with place.http1(upstream, f"GET /bytes/{SIZE}\r\n") as tls:
        time.sleep(0.3)
        assert upstream.sent < 24 * MB
        received = 0
        while received < SIZE:
            received += len(tls.recv(1 << 18))
    assert memory(place.firewall) - before < FLAT


def test_two_sides_that_wait_for_one_another_do_not_lock(place: Place) -> None:
    with place.http2(place.newer) as client:
        client.acknowledge = False
        down = [client.open(f"/bytes/{SIZE}") for _ in range(3)]
        up = client.open("/stall", ("content-length", str(SIZE)), method="POST", end=False)
        for _ in range(40):
            client.send(up, PIECE[: min(client.room(up), len(PIECE))])
            client.take(0.005)
        third = client.open("/sink", ("content-length", "3"), method="POST", end=False)
        client.send(third, b"abc", end=True)
        client.finish(third)
        assert third.status == 200
        assert not any(stream.done for stream in [*down, up])
