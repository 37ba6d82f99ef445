"""gRPC through the firewall: calls of all four kinds, by policy, and refusals as gRPC tells them."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.integration.test_exchange import client as http_client
from tests.support.firewall import Firewall, Kind
from tests.support.grpc_api import SERVICE, GrpcApi, GrpcCall
from tests.support.http2_client import Http2Client
from tests.support.upstreams import FileApi, LocalCa, Upstream

POLICY = """\
apiVersion: aegis/v1
kind: Policy
metadata: {{name: grpc}}
limits: {{max_body: 100KB}}
destinations:
  - id: streams
    hosts: [{streams.name}]
    ports: [{streams.port}]
    addresses: [127.0.0.0/8]
    request_streams: pass
  - id: whole
    hosts: [{whole.name}]
    ports: [{whole.port}]
    addresses: [127.0.0.0/8]
  - id: clinical
    hosts: [{clinical.name}]
    ports: [{clinical.port}]
    addresses: [127.0.0.0/8]
    request_streams: pass
  - id: older
    hosts: [{older.name}]
    ports: [{older.port}]
    addresses: [127.0.0.0/8]
    request_streams: pass
  - id: old
    hosts: [old.example.test]
    ports: [{older.port}]
    addresses: [127.0.0.0/8]
tools:
  - {{id: echo.fail, destination: streams, http: {{path: /aegis.test.Echo/Fail}}}}
  - {{id: echo.secret, destination: streams, http: {{path: /aegis.test.Echo/Secret}}}}
  - id: echo.checked
    destination: streams
    http: {{methods: [POST], path: /aegis.test.Echo/Checked}}
    arguments: {{max_amount: 5}}
rules:
  - {{id: all, agents: ["*"], destinations: [streams, whole, clinical, older, old], effect: allow}}
  - {{id: no-secrets, agents: ["*"], tools: [echo.secret], effect: deny,
     description: "Geheimnisse bleiben hier: 100% – ü."}}
redaction:
  - {{id: no-ssn, destinations: [clinical], entities: [US_SSN]}}
"""


@dataclass
class Place:
    firewall: Firewall
    streams: GrpcApi
    whole: GrpcApi
    clinical: GrpcApi
    older: FileApi

    @property
    def upstreams(self) -> list[Upstream]:
        return [self.streams, self.whole, self.clinical, self.older]

    def client(self, upstream: Upstream, token: str | None = None, name: str = "") -> Http2Client:
        proxy = self.firewall.proxy_url(token)
        return Http2Client(proxy, name or upstream.name, upstream.port, self.firewall.ca_bundle)

    def outcome(self, decision: str) -> dict[str, object]:
        soon(lambda: any(o["decision"] == decision for o in self.firewall.outcomes()))
        return next(o for o in self.firewall.outcomes() if o["decision"] == decision)

    def last(self) -> dict[str, object]:
        return self.firewall.decisions()[-1]


@pytest.fixture(scope="module")
def _place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with started(tmp_path_factory.mktemp("grpc"), "own") as place:
        yield place


@contextmanager
def started(folder: Path, kind: Kind) -> Iterator[Place]:
    ca = LocalCa(folder / "ca")
    with (
        GrpcApi(ca, "streams.example.test") as streams,
        GrpcApi(ca, "whole.example.test") as whole,
        GrpcApi(ca, "clinical.example.test") as clinical,
        FileApi(ca, "older.example.test", "old.example.test", http2=False) as older,
    ):
        ends = {"streams": streams, "whole": whole, "clinical": clinical, "older": older}
        policy = POLICY.format(**ends)
        with Firewall(folder / "home", policy, *ends.values(), kind=kind) as firewall:
            yield Place(firewall, streams, whole, clinical, older)


@pytest.fixture
def place(_place: Place) -> Place:
    for upstream in _place.upstreams:
        upstream.forget()
    _place.streams.resets.clear()
    return _place


def soon(done: Callable[[], bool]) -> None:
    end = time.monotonic() + 5
    while not done():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize("upstream", ["streams", "whole"])
def test_calls_of_three_kinds(place: Place, upstream: str) -> None:
    api: GrpcApi = getattr(place, upstream)
    with place.client(api) as client:
        unary = GrpcCall(client, "Unary", ("grpc-encoding", "gzip"), ("x-note", "kept"))
        unary.send(b"\x00\xffhello", end=True, compressed=True)
        down = GrpcCall(client, "ServerStream")
        down.send(b"down", end=True)
        up = GrpcCall(client, "ClientStream")
        for part in (b"a", b"b", b"c"):
            up.send(part)
        up.end()
        assert unary.finish() == (0, "")
        assert unary.receive(1) == [(True, b"\x00\xffhello")]
        assert dict(unary.stream.trailers)["x-trailer"] == "kept"
        assert down.finish() == (0, "")
        assert down.receive(3) == [(False, b"down")] * 3
        assert up.finish() == (0, "")
        assert up.receive(1) == [(False, b"a+b+c")]
        failed = GrpcCall(client, "Fail")
        failed.send(b"", end=True)
        assert failed.finish() == (5, "no such thing: 100%")
        assert place.outcome(str(place.last()["id"]))["grpc_status"] == 5
    assert len(api.connections) == 1
    assert api.connections[0].protocol == "HTTP/2"
    sent = next(request for request in api.requests if request.path.endswith("Unary"))
    assert sent.header("grpc-timeout") == "9S"
    assert sent.header("grpc-encoding") == "gzip"
    assert sent.header("te") == "trailers"
    assert sent.header("x-note") == "kept"
    record = place.firewall.decisions()[-4]
    assert record["request"]["body"] == ("uninspected" if upstream == "streams" else "opaque")
    assert record["destination"]["id"] == upstream


def test_both_sides_speak_in_turn(place: Place) -> None:
    with place.client(place.streams) as client:
        calls = [GrpcCall(client, "Bidi") for _ in range(3)]
        for turn in range(1, 6):
            for number, call in enumerate(calls):
                call.send(b"%d/%d" % (number, turn))
            for number, call in enumerate(calls):
                assert call.receive(turn)[-1] == (False, b"%d/%d" % (number, turn))
        for call in calls:
            call.end()
            assert call.finish() == (0, "")
    outcome = place.outcome(str(place.last()["id"]))
    assert outcome["request_bytes"] == outcome["response_bytes"] == 5 * (5 + 3)


def test_a_server_that_ends_a_call_early(place: Place) -> None:
    with place.client(place.streams) as client:
        call = GrpcCall(client, "Fail")
        assert call.finish() == (5, "no such thing: 100%")
        assert call.stream.reset in (None, 0)
        assert place.last()["tools"] == ["echo.fail"]
        # The connection serves on.
        other = GrpcCall(client, "Unary")
        other.send(b"x", end=True)
        assert other.finish() == (0, "")


def test_a_call_that_is_cancelled_is_cancelled_upstream(place: Place) -> None:
    with place.client(place.streams) as client:
        call, other = GrpcCall(client, "Bidi"), GrpcCall(client, "Bidi")
        call.send(b"x")
        other.send(b"y")
        call.receive(1)
        client.reset(call.stream)
        soon(lambda: place.streams.resets == [8])
        other.send(b"z")
        assert other.receive(2)[-1] == (False, b"z")


@pytest.mark.parametrize(
    "media", ["application/grpc", "application/grpc+proto", "application/grpc-web+proto"]
)
def test_a_refused_method(place: Place, media: str) -> None:
    with place.client(place.streams) as client:
        bidi = GrpcCall(client, "Bidi")
        bidi.send(b"before")
        # It has sent nothing but its head, and is told all the same.
        call = GrpcCall(client, "Secret", ("content-type", media))
        status, text = call.finish()
        assert status == 7
        assert "no-secrets" in text
        assert "100% – ü." in text
        assert call.stream.status == 200
        assert call.stream.trailers == []
        fields = dict(call.stream.headers)
        assert fields["content-type"] == media
        assert fields["x-aegis-decision"] == place.last()["id"]
        assert fields["aegis-code"] == "policy_denied"
        assert "content-length" not in fields
        bidi.send(b"after")
        assert bidi.receive(2) == [(False, b"before"), (False, b"after")]
    assert [request.path for request in place.streams.requests] == [f"{SERVICE}/Bidi"]


def test_what_policy_wants_to_look_at_does_not_stream(place: Place) -> None:
    with place.client(place.streams) as client:
        call = GrpcCall(client, "Checked")
        assert call.finish()[0] == 7
        assert str(place.last()["rule"]).startswith("tool:echo.checked/")
    with place.client(place.clinical) as client:
        call = GrpcCall(client, "Unary")
        status, text = call.finish()
        assert status == 7
        assert "request_streams" in text
        assert place.last()["code"] == "body_unread"
    assert place.streams.untouched
    assert place.clinical.untouched


def test_a_message_beyond_the_bound(place: Place) -> None:
    with place.client(place.whole) as client:
        call = GrpcCall(client, "Unary")
        call.send(bytes(200_000), end=True)
        status, text = call.finish()
    assert status == 8
    assert "limits.max_body" in text
    assert place.whole.untouched


def test_a_token_that_is_revoked_meanwhile(place: Place) -> None:
    from ledger import SqliteAgents

    token = place.firewall.token("caller")
    with place.client(place.streams, token) as client:
        agents = SqliteAgents(place.firewall.home / "agents.db")
        agents.disable("caller")
        agents.close()
        end = time.monotonic() + 5
        while (status := _unary(client)) == 0 and time.monotonic() < end:
            time.sleep(0.1)
    assert status == 16


def _unary(client: Http2Client) -> int:
    call = GrpcCall(client, "Unary")
    call.send(b"x", end=True)
    return call.finish()[0]


@pytest.mark.parametrize("name", ["older.example.test", "old.example.test"])
def test_what_does_not_say_its_length_is_framed_for_an_older_upstream(
    place: Place, name: str
) -> None:
    # Unframed, its body would be requests that nobody decided on.
    smuggled = f"GET /echo?smuggled HTTP/1.1\r\nHost: {place.older.name}\r\n\r\n".encode()
    with place.client(place.older, name=name) as client:
        stream = client.open("/upload", method="POST", end=False)
        client.send(stream, smuggled, end=True)
        client.finish(stream)
        assert bytes(stream.data) == b'{"bytes": %d}' % len(smuggled)
        put = client.open("/echo", ("x-a", "b"), method="PUT", end=False)
        client.send(put, b"x")
        client.send_trailers(put, ("x-late", "y"))
        client.finish(put)
        if name == "old.example.test":
            assert b"trailers_refused" in put.data
        else:
            assert b'"body": "x"' in put.data
            assert b"late" not in put.data
    wanted = ["/upload"] if name == "old.example.test" else ["/upload", "/echo"]
    assert [request.path for request in place.older.requests] == wanted
    assert place.older.requests[0].header("transfer-encoding") == "chunked"


def test_a_chunked_upload_streams(place: Place) -> None:
    def parts() -> Iterator[bytes]:
        yield from (b"12345" for _ in range(50))

    with http_client(place.firewall) as http:
        answer = http.post(f"{place.older.url}/upload", content=parts())
        assert answer.json() == {"bytes": 250}
        assert place.last()["request"] == {**place.last()["request"], "body": "uninspected"}  # type: ignore[dict-item]
        answer = http.post(f"{place.older.url}/upload", content=b"12345")
        assert answer.json() == {"bytes": 5}
        assert place.last()["request"] == {**place.last()["request"], "body": "text"}  # type: ignore[dict-item]


def test_cleartext_grpc_is_refused(place: Place) -> None:
    from tests.support.http2_client import connect

    plain = connect(place.firewall.proxy_url(), f"{place.streams.name}:{place.streams.port}")
    with plain:
        plain.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")
        plain.settimeout(5)
        answer = plain.recv(4096)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 4")
    assert place.streams.untouched


def test_grpc_web_over_http1(place: Place) -> None:
    with httpx.Client(
        proxy=place.firewall.proxy_url(),
        verify=ssl.create_default_context(cafile=str(place.firewall.ca_bundle)),
        timeout=10,
    ) as http:
        answer = http.post(
            f"{place.streams.url}{SERVICE}/Secret",
            content=b"\0\0\0\0\0",
            headers={"content-type": "application/grpc-web-text"},
        )
    assert answer.status_code == 200
    assert answer.headers["grpc-status"] == "7"
    assert answer.content == b""
    assert place.streams.untouched


def test_in_a_stock_mitmdump(tmp_path: Path) -> None:
    with started(tmp_path, "mitmdump") as place:
        test_both_sides_speak_in_turn(place)
        test_a_server_that_ends_a_call_early(place)
        place.streams.forget()
        test_a_refused_method(place, "application/grpc")
        test_what_does_not_say_its_length_is_framed_for_an_older_upstream(place, "old.example.test")
