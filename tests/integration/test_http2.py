"""HTTP/2 on both sides, and connections that end in the middle of something."""

from __future__ import annotations

import base64
import socket
import ssl
import time
from urllib.parse import urlsplit

import pytest

from tests.integration.test_streams import BOTH, Place, _place, place, soon

__all__ = ["_place", "place"]


def read_all(tls: socket.socket) -> bytes:
    """Read to the end, which may be abrupt."""
    answer = b""
    try:
        while data := tls.recv(1 << 16):
            answer += data
    except (TimeoutError, ssl.SSLError, ConnectionResetError):
        pass
    return answer


def error_of(place: Place, path: str = "") -> str | None:
    """Give what the last exchange's outcome says of its end."""
    record = place.firewall.decisions(effect="allow")[-1]
    soon(lambda: any(o["decision"] == record["id"] for o in place.firewall.outcomes()))
    found = next(o for o in place.firewall.outcomes() if o["decision"] == record["id"])
    error: str | None = found["error"]
    return error


def test_each_stream_is_decided_on_by_itself(place: Place) -> None:
    with place.http2(place.newer) as client:
        slow = client.open("/late")
        first = [client.open(f"/bytes/{number}000") for number in range(1, 30)]
        refused = [client.open("/refused") for _ in range(10)]
        elsewhere = client.open("/bytes/1", authority=f"{place.older.name}:{place.older.port}")
        upload = client.open("/refused", method="POST", end=False)
        nested = client.open("/", method="CONNECT", end=False)
        second = [client.open(f"/bytes/{number}000") for number in range(30, 50)]
        client.finish(*first, *refused, elsewhere, upload, *second)
        assert [stream.received for stream in first + second] == [n * 1000 for n in range(1, 50)]
        assert {stream.status for stream in refused} == {403}
        assert elsewhere.status == 421
        assert upload.status == 403
        assert not slow.done
        place.newer.let_flow()
        client.finish(slow)
        assert slow.status == 200
        del nested
    assert len(place.newer.connections) == 1
    assert place.older.untouched
    assert "/refused" not in [request.path for request in place.newer.requests]


@BOTH
def test_connections_are_used_again(place: Place, to: str) -> None:
    upstream = place.upstream(to)
    with place.http2(upstream) as client:
        for _ in range(5):
            stream = client.open("/bytes/10")
            client.finish(stream)
    protocol = {connection.protocol for connection in upstream.connections}
    assert protocol == {"HTTP/2" if to == "newer" else "HTTP/1.1"}
    if to == "newer":
        assert len(upstream.connections) == 1


@BOTH
def test_a_cancelled_stream_stops_its_upstream_alone(place: Place, to: str) -> None:
    upstream = place.upstream(to)
    with place.http2(upstream) as client:
        gone, other = client.open("/stuck"), client.open("/late")
        client.wait(lambda: gone.status == 200)
        client.reset(gone)
        if to == "newer":
            soon(lambda: upstream.resets == [8])
        else:
            soon(lambda: any(connection.closed for connection in upstream.connections))
        upstream.let_flow()
        client.finish(other)
        assert other.status == 200


def test_a_cancelled_upload_stops_its_upstream(place: Place) -> None:
    with place.http2(place.newer) as client:
        up = client.open("/sink", method="POST", end=False)
        client.send(up, b"x" * 1000)
        soon(lambda: place.newer.taken == 1000)
        client.reset(up)
        soon(lambda: place.newer.resets == [8])


@BOTH
@pytest.mark.parametrize("how", ["stuck", "late"])
def test_a_client_that_is_gone_stops_its_upstream(place: Place, to: str, how: str) -> None:
    upstream = place.upstream(to)
    with place.http2(upstream) as client:
        client.open(f"/{how}")
        soon(lambda: len(upstream.requests) == 1)
    soon(lambda: all(connection.closed for connection in upstream.connections))
    upstream.forget()
    with place.http1(upstream, f"GET /{how}\r\n"):
        soon(lambda: len(upstream.requests) == 1)
    soon(lambda: all(connection.closed for connection in upstream.connections))


@pytest.mark.parametrize("what", ["cut", "cutchunked"])
@BOTH
def test_a_body_that_breaks_off_is_not_taken_for_a_whole_one(
    place: Place, to: str, what: str
) -> None:
    upstream = place.upstream(to)
    with place.http2(upstream) as client:
        stream = client.open(f"/{what}/100000")
        client.finish(stream)
        assert stream.status == 200
        assert stream.reset not in (None, 0)
    assert error_of(place)
    with place.http1(upstream, f"GET /{what}/100000\r\n") as tls:
        answer = read_all(tls)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    if b"content-length: 200000" in head.lower():
        assert len(body) < 200_000
    else:
        assert b"transfer-encoding: chunked" in head.lower()
        assert not body.endswith(b"0\r\n\r\n")
    assert error_of(place)


def test_a_client_that_has_said_all_still_gets_its_answer(place: Place) -> None:
    parts = urlsplit(place.firewall.proxy_url())
    token = base64.b64encode(f"{parts.username}:{parts.password}".encode()).decode()
    host = f"Host: {place.plain.name}:{place.plain.port}\r\nProxy-Authorization: Basic {token}"
    head = f"GET {place.plain.url}/late HTTP/1.1\r\n{host}\r\n\r\n"
    with socket.create_connection(place.firewall.address, timeout=5) as plain:
        plain.sendall(head.encode())
        plain.shutdown(socket.SHUT_WR)
        soon(lambda: len(place.plain.requests) == 1)
        time.sleep(0.1)
        place.plain.let_flow()
        answer = read_all(plain)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b"\r\n\r\n0")
    place.plain.forget()
    # One that is gone is noticed by what cannot be sent.
    with socket.create_connection(place.firewall.address, timeout=5) as plain:
        plain.sendall(head.replace("/late", "/sse/1000").encode())
        plain.recv(1000)
    soon(lambda: all(connection.closed for connection in place.plain.connections))


def test_an_answer_before_the_end_of_the_upload(place: Place) -> None:
    with place.http2(place.newer) as client:
        up = client.open("/early", method="POST", end=False)
        client.send(up, b"x")
        client.finish(up)
        assert up.status == 200
        assert up.ended
        assert up.reset is None
        # What else is sent leads nowhere.
        client.send(up, b"more", end=True)
        other = client.open("/bytes/10")
        client.finish(other)
        assert other.received == 10
    record = place.firewall.decisions()[-2]
    outcome = next(o for o in place.firewall.outcomes() if o["decision"] == record["id"])
    assert outcome["status"] == 200
    assert outcome["request_bytes"] <= 1


@BOTH
def test_an_answer_before_the_end_of_an_upload_over_http1(place: Place, to: str) -> None:
    upstream = place.upstream(to)
    with place.http1(upstream, "POST /early\r\nTransfer-Encoding: chunked\r\n") as tls:
        answer = b""
        whole = b"enough" if to == "older" else b"6\r\nenough\r\n0\r\n\r\n"
        while not answer.endswith(whole):
            answer += tls.recv(4096)
        # What else is sent leads nowhere, and the connection serves on.
        tls.sendall(b"5\r\nlater\r\n0\r\n\r\n")
        tls.sendall(
            f"GET /bytes/7 HTTP/1.1\r\nHost: {upstream.name}:{upstream.port}\r\n\r\n".encode()
        )
        answer = b""
        while not answer.endswith(b"\0\1\2\3\4\5\6"):
            answer += tls.recv(4096)
    assert upstream.taken == 0


def test_an_upstream_that_says_goodbye_finishes_what_it_began(place: Place) -> None:
    with place.http2(place.newer) as client:
        began = client.open("/goodbye/200000")
        client.wait(lambda: began.received > 0)
        place.newer.let_flow()
        time.sleep(0.05)
        other = client.open("/bytes/10")
        client.finish(began, other)
        assert (began.received, began.ended) == (200_000, True)
        assert other.received == 10
    assert len(place.newer.connections) == 2


def test_what_an_upstream_that_goes_has_not_heard_of_fails(place: Place) -> None:
    place.newer.concurrent = 1
    after = len(place.firewall.records())
    try:
        with place.http2(place.newer) as client:
            began = client.open("/goodbye/200000")
            client.wait(lambda: began.received > 0)
            # The connection takes one stream at a time, and then none.
            waiting = [client.open("/bytes/10") for _ in range(2)]
            soon(lambda: len(place.firewall.decisions(after)) == 3)
            time.sleep(0.2)  # what was decided is on its way to the connection
            place.newer.let_flow()
            client.finish(began, *waiting)
            assert (began.received, began.ended) == (200_000, True)
            assert {stream.status for stream in waiting} == {502}
            other = client.open("/bytes/10")
            client.finish(other)
            assert other.received == 10
    finally:
        place.newer.concurrent = 100


def test_h2c_is_not_spoken(place: Place) -> None:
    with place.http1(
        place.older,
        "GET /bytes/5\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
        "HTTP2-Settings: AAMAAABkAAQAAP__\r\n",
    ) as tls:
        answer = tls.recv(4096)
    assert answer.startswith(b"HTTP/1.1 200 ")
    sent = place.older.requests[0]
    assert sent.header("upgrade") is None
    assert sent.header("http2-settings") is None


def test_an_upstream_that_changes_the_protocol_unasked(place: Place) -> None:
    with place.http1(place.older, "GET /switch\r\n") as tls:
        answer = read_all(tls)
    assert b"101" not in answer
    assert b"free" not in answer
