"""Mode observe: all goes on as if there were no firewall, and the log says what would have been."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator

import pytest

from tests.integration.conftest import World
from tests.integration.test_boundary import connect, credential, raw, read
from tests.support.firewall import Firewall, Kind
from tests.support.server import Upstream

TRACE = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture(scope="module", params=["own", "mitmdump"])
def observer(
    world: World, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Firewall]:
    kind: Kind = request.param
    folder = tmp_path_factory.mktemp("observer")
    with world.firewall(folder, world.policy(mode="observe"), kind=kind) as running:
        yield running


def message(line: bytes, host: bytes, *headers: bytes, body: bytes = b"") -> bytes:
    head = [line, b"Host: " + host, *headers, b"content-length: %d" % len(body)]
    return b"\r\n".join(head) + b"\r\n\r\n" + body


def sent_without(upstream: Upstream, request: bytes) -> bytes:
    """Send a request straight to an upstream; gives what the upstream saw."""
    upstream.forget()
    with socket.create_connection(("127.0.0.1", upstream.port), timeout=20) as plain:
        if upstream.ca is None:
            plain.sendall(request)
            read(plain)
        else:
            context = upstream.ca.client_context
            with context.wrap_socket(plain, server_hostname=upstream.name) as tls:
                tls.sendall(request)
                read(tls)
    return bytes(upstream.connections[0].raw)


@pytest.mark.parametrize(
    ("upstream", "line", "headers", "body", "effect"),
    [
        (
            "payments",
            b"POST /v1/payments HTTP/1.1",
            [b"Content-Type: application/json"],
            b'{"amount":  9000}',
            "deny",
        ),
        ("payments", b"PUT /v1/%6fther?q=a%20b&q= HTTP/1.1", [b"X-odD: 1"], b"\0\xff", "deny"),
        (
            "ehr",
            b"POST /notes?ssn=536-90-4399 HTTP/1.1",
            [b"Content-Type: text/plain", b"X-Note: SSN 536-90-4399"],
            b"Patient SSN 078-05-1120, mail jane.roe@example.com",
            "sanitize",
        ),
        (
            "files",
            b"GET /echo?x=%41 HTTP/1.1",
            [b"Traceparent: " + TRACE, b"baggage: a=b", b"accept: */*"],
            b"",
            "allow",
        ),
    ],
    ids=["over-limit", "no-rule", "personal", "allowed"],
)
def test_a_request_goes_on_byte_by_byte_as_it_came(
    observer: Firewall,
    world: World,
    upstream: str,
    line: bytes,
    headers: list[bytes],
    body: bytes,
    effect: str,
) -> None:
    server: Upstream = getattr(world, upstream)
    authority = f"{server.name}:{server.port}"
    request = message(line, authority.encode(), *headers, body=body)
    seq = observer.records()[-1]["seq"]
    answer = raw(observer, connect(observer, authority), request, sni=server.name)
    through = bytes(server.connections[0].raw)
    assert b"x-aegis" not in answer.lower()
    assert through == sent_without(server, request)
    (record,) = observer.decisions(after=seq)
    assert record["effect"] == effect
    assert record["mode"] == "observe"
    assert record["enforced"] is (effect == "allow")
    assert record["rule"]
    if effect == "sanitize":
        assert record["redacted"]["US_SSN"] == 3
    for value in ("078-05-1120", "536-90-4399", "jane.roe"):
        assert value not in str(observer.records()) + observer.output


def test_a_host_that_policy_does_not_name_is_reached(observer: Firewall, world: World) -> None:
    authority = f"evilfiles.example.test:{world.plain.port}".encode()
    seq = observer.records()[-1]["seq"]
    headers = (b"Accept: */*", b"X-Odd: 1")
    raw(
        observer,
        message(
            b"POST http://%s/echo?a=b HTTP/1.1" % authority,
            authority,
            *headers,
            credential(observer),
            body=b"hello",
        ),
    )
    through = bytes(world.plain.connections[0].raw)
    straight = message(b"POST /echo?a=b HTTP/1.1", authority, *headers, body=b"hello")
    assert through == sent_without(world.plain, straight)
    (record,) = observer.decisions(after=seq)
    assert (record["effect"], record["enforced"]) == ("deny", False)


def test_a_tunnel_to_a_host_that_policy_does_not_name_is_opened(
    observer: Firewall, world: World
) -> None:
    seq = observer.records()[-1]["seq"]
    authority = f"nowhere.example.test:{world.files.port}"
    with socket.create_connection(observer.address, timeout=20) as plain:
        plain.sendall(connect(observer, authority))
        answer = plain.recv(4096)
    assert answer.startswith(b"HTTP/1.1 200 ")
    time.sleep(0.1)
    assert not [r for r in observer.decisions(after=seq) if r["enforced"]]


def test_http2_requests_go_on_unchanged(observer: Firewall, world: World) -> None:
    body = '{"amount": 9000, "memo": "SSN 078-05-1120"}'
    done = subprocess.run(
        ["curl", "-sS", "--http2", "-w", " %{http_version} %{http_code}", "-d", body]
        + ["-H", "content-type: application/json", f"{world.payments.url}/v1/payments"],
        env={**os.environ, **observer.environment()},
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert done.stdout.endswith(" 2 201"), done
    assert world.payments.requests[0].body == body.encode()
    assert world.payments.requests[0].protocol == "HTTP/2"
    assert observer.decisions()[-1]["effect"] == "deny"


def test_who_does_not_say_who_it_is_is_asked_in_observe_too(
    observer: Firewall, world: World
) -> None:
    authority = f"{world.files.name}:{world.files.port}"
    answer = raw(observer, f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 407 ")
    assert world.touched == []


def test_the_log_of_observing_verifies(observer: Firewall) -> None:
    assert observer.verify().ok
