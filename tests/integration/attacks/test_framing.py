"""Framing: what two readers could split in different places reaches nobody, and is recorded."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest

from tests.integration.attacks.conftest import Http2, Target, answers, first, status

HOST = b"Host: {authority}\r\n"
POST = b"POST /echo HTTP/1.1\r\n" + HOST
SMUGGLED = b"GET /smuggled HTTP/1.1\r\n" + HOST + b"\r\n"

# name, request, what is recorded; the answer is a 4xx, and nothing reaches the upstream.
REFUSED: list[tuple[str, bytes, str]] = [
    ("cl-te", POST + b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG", "request_malformed"),
    ("te-cl", POST + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n5c\r\nGPOST\r\n0\r\n\r\n", "request_malformed"),
    ("te-te", POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n", "request_malformed"),
    ("te-list", POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", "request_malformed"),
    ("te-twice", POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", "request_malformed"),
    ("te-gzip", POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "transfer_encoding"),
    ("te-x", POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", "request_malformed"),
    ("te-space-before-colon", POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", "request_malformed"),
    ("te-folded", POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", "request_malformed"),
    ("te-1.0", b"POST /echo HTTP/1.0\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "request_malformed"),
    ("cl-twice", POST + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", "request_malformed"),
    ("cl-conflict", POST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", "request_malformed"),
    ("cl-plus", POST + b"Content-Length: +3\r\n\r\nabc", "request_malformed"),
    ("cl-minus", POST + b"Content-Length: -3\r\n\r\nabc", "request_malformed"),
    ("cl-space", POST + b"Content-Length: 3 0\r\n\r\nabc", "request_malformed"),
    ("cl-list", POST + b"Content-Length: 3, 3\r\n\r\nabc", "request_malformed"),
    ("cl-zero-padded", POST + b"Content-Length: 03\r\n\r\nabc", "request_malformed"),
    ("cl-hex", POST + b"Content-Length: 0x3\r\n\r\nabc", "request_malformed"),
    ("cl-underscore", POST + b"Content-Length: 1_0\r\n\r\nabc", "request_malformed"),
    ("cl-empty", POST + b"Content-Length:\r\n\r\n", "request_malformed"),
    ("cl-huge", POST + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\nabc", "request_malformed"),
    ("cl-space-before-colon", POST + b"Content-Length : 3\r\n\r\nabc", "request_malformed"),
    ("bare-cr-in-header", POST + b"X-A: b\rX-C: d\r\n\r\n", "head_invalid"),
    ("folded-header", POST + b"X-A: b\r\n X-C: d\r\n\r\n", "head_invalid"),
    ("folded-first", b"GET /echo HTTP/1.1\r\n X: y\r\n" + HOST + b"\r\n", "request_malformed"),
    ("nul-in-header", POST + b"X-A: b\0c\r\n\r\n", "head_invalid"),
    ("control-in-header", POST + b"X-A: b\x1bc\r\n\r\n", "head_invalid"),
    ("delete-in-header", POST + b"X-A: b\x7fc\r\n\r\n", "head_invalid"),
    ("nul-in-path", b"GET /a\0b HTTP/1.1\r\n" + HOST + b"\r\n", "head_invalid"),
    ("control-in-path", b"GET /a\x01b HTTP/1.1\r\n" + HOST + b"\r\n", "head_invalid"),
    ("fragment-in-path", b"GET /echo#/../admin HTTP/1.1\r\n" + HOST + b"\r\n", "head_invalid"),
    ("nul-in-host", b"GET /echo HTTP/1.1\r\nHost: old.example\0.test\r\n\r\n", ""),
    ("space-in-host", b"GET /echo HTTP/1.1\r\nHost: old.example.test evil.test\r\n\r\n", ""),
    ("host-list", b"GET /echo HTTP/1.1\r\nHost: {authority}, evil.test\r\n\r\n", ""),
    ("host-user", b"GET /echo HTTP/1.1\r\nHost: evil.test@{authority}\r\n\r\n", ""),
    ("host-missing", b"GET /echo HTTP/1.1\r\nAccept: */*\r\n\r\n", ""),
    ("host-long", b"GET /echo HTTP/1.1\r\nHost: " + b"a" * 60_000 + b".test\r\n\r\n", ""),
    ("method-odd", b"GE(T /echo HTTP/1.1\r\n" + HOST + b"\r\n", "head_invalid"),
    ("method-long", b"A" * 4000 + b" /echo HTTP/1.1\r\n" + HOST + b"\r\n", "head_invalid"),
    ("version", b"GET /echo HTTP/9.9x\r\n" + HOST + b"\r\n", "request_malformed"),
    ("no-version", b"GET /echo\r\n" + HOST + b"\r\n", "request_malformed"),
    ("header-without-colon", b"GET /echo HTTP/1.1\r\n" + HOST + b"nonsense\r\n\r\n", "request_malformed"),
    ("header-without-name", b"GET /echo HTTP/1.1\r\n" + HOST + b": x\r\n\r\n", "request_malformed"),
    ("header-name-space", b"GET /echo HTTP/1.1\r\n" + HOST + b"X A: b\r\n\r\n", "request_malformed"),
    ("absolute-other", b"GET https://evil.test/echo HTTP/1.1\r\n" + HOST + b"\r\n", "destination_mismatch"),
    ("absolute-user", b"GET https://{authority}@evil.test/echo HTTP/1.1\r\n" + HOST + b"\r\n", ""),
    ("absolute-scheme", b"GET ftp://{authority}/echo HTTP/1.1\r\n" + HOST + b"\r\n", ""),
    ("absolute-backslash", b"GET https://evil.test\\@{authority}/ HTTP/1.1\r\n" + HOST + b"\r\n", ""),
    ("authority-form", b"GET {authority} HTTP/1.1\r\n" + HOST + b"\r\n", "request_malformed"),
    ("dots", b"GET /a/../b HTTP/1.1\r\n" + HOST + b"\r\n", "url_unreadable"),
    ("dots-encoded", b"GET /a/%2e%2e/b HTTP/1.1\r\n" + HOST + b"\r\n", "url_unreadable"),
    ("dots-behind-slash", b"GET /a%2f..%2fb HTTP/1.1\r\n" + HOST + b"\r\n", "url_unreadable"),
    ("dots-behind-backslash", b"GET /a/..\\b HTTP/1.1\r\n" + HOST + b"\r\n", "url_unreadable"),
    ("nul-encoded", b"GET /a%00b HTTP/1.1\r\n" + HOST + b"\r\n", "url_unreadable"),
    ("connection-names", b"GET /echo HTTP/1.1\r\n" + HOST + b"Connection: host, x-a\r\n\r\n", "connection_options"),
    ("upgrade", b"GET /echo HTTP/1.1\r\n" + HOST + b"Connection: upgrade\r\nUpgrade: tunnel\r\n\r\n", "upgrade_refused"),
    ("trailers", POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Note: 078-05-1120\r\n\r\n", "trailers_refused"),
    ("chunk-size-sign", POST + b"Transfer-Encoding: chunked\r\n\r\n+1\r\na\r\n0\r\n\r\n", "request_malformed"),
    ("chunk-size-0x", POST + b"Transfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n", "request_malformed"),
    ("chunk-size-huge", POST + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 40 + b"\r\na\r\n0\r\n\r\n", "request_malformed"),
    ("chunk-end", POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\naXX0\r\n\r\n", "request_malformed"),
    ("chunk-extension-flood", POST + b"Transfer-Encoding: chunked\r\n\r\n1;" + b"a" * 40_000, "request_malformed"),
    ("trailer-flood", POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + b"X: y\r\n" * 20_000, "request_malformed"),
    ("header-flood", b"GET /echo HTTP/1.1\r\n" + HOST + b"X: y\r\n" * 300 + b"\r\n", "headers_too_large"),
    ("header-large", b"GET /echo HTTP/1.1\r\n" + HOST + b"X: " + b"y" * 70_000 + b"\r\n\r\n", "headers_too_large"),
    ("connect-again", b"CONNECT {authority} HTTP/1.1\r\n" + HOST + b"\r\n", "nested_connect"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("request_bytes", "code"), [row[1:] for row in REFUSED], ids=[r[0] for r in REFUSED]
)
def test_refused_by_http1(target: Target, request_bytes: bytes, code: str) -> None:
    before = target.recorded()
    head = request_bytes.replace(b"{authority}", target.authority.encode())
    with target.tunnel() as tls:
        try:
            tls.sendall(head)
        except OSError:
            pass
        answer = first(tls)
    assert not answer or answer[9:10] == b"4", answer[:300]
    assert target.touched == []
    # What is behind a refused request in the same connection is at most refused as well.
    codes = target.codes(before)
    assert codes
    assert all(codes)
    if code:
        assert codes[0] == code
    assert b"078-05-1120" not in target.firewall.output.encode()


# name, request, what the upstream must see: the same request in the one form that all agree on.
CANONICAL: list[tuple[str, bytes, bytes]] = [
    ("bare-lf", b"GET /echo HTTP/1.1\nHost: {authority}\nX-A: b\n\n", b"\r\nX-A: b\r\n"),
    ("chunk-extension", POST + b"Transfer-Encoding: chunked\r\n\r\n1;a=b\r\nx\r\n0\r\n\r\n", b"\r\n1\r\nx\r\n0\r\n\r\n"),
    ("chunk-case", POST + b"transfer-ENCODING: ChunKed\r\n\r\n1\r\nx\r\n0\r\n\r\n", b"\r\n1\r\nx\r\n0\r\n\r\n"),
    ("te-vertical-tab", POST + b"Transfer-Encoding:\x0bchunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", b"Transfer-Encoding: chunked\r\n"),
    ("leading-newline", b"\r\nGET /echo HTTP/1.1\r\n" + HOST + b"\r\n", b"GET /echo HTTP/1.1\r\n"),
    ("expect", POST + b"Content-Length: 1\r\nExpect: 100-continue\r\n\r\nx", b"Content-Length: 1\r\n"),
    ("absolute-same", b"GET https://{authority}/echo HTTP/1.1\r\n" + HOST + b"\r\n", b"GET /echo HTTP/1.1\r\n"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("request_bytes", "seen"), [r[1:] for r in CANONICAL], ids=[r[0] for r in CANONICAL]
)
def test_passed_on_in_one_form(target: Target, request_bytes: bytes, seen: bytes) -> None:
    before = target.recorded()
    with target.tunnel() as tls:
        tls.sendall(request_bytes.replace(b"{authority}", target.authority.encode()))
        answer = answers(tls)
    if not answer or answer[9:10] == b"4":
        # To refuse it is as good, if it is recorded.
        assert target.touched == []
    else:
        wire = b"".join(bytes(connection.raw) for connection in target.old.connections)
        assert seen in wire
        assert b"Expect" not in wire
        assert wire.count(b"\n") == wire.count(b"\r\n")
        assert len(target.old.requests) == 1
    assert target.codes(before)


PIPELINES: list[tuple[str, bytes, int]] = [
    ("behind-a-denial", b"GET /a/../b HTTP/1.1\r\n" + HOST + b"\r\n", 1),
    ("behind-a-denied-body", b"POST /a/../b HTTP/1.1\r\n" + HOST + b"Content-Length: {length}\r\n\r\n" + SMUGGLED, 1),
    ("behind-a-denied-chunked-body", b"POST /a/../b HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n{hex}\r\n" + SMUGGLED + b"\r\n0\r\n\r\n", 1),
    ("behind-an-unreadable-head", b"GET nonsense\r\n\r\n", 0),
    ("behind-cl-te", POST + b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 0),
    ("behind-a-body-too-large", POST + b"Content-Length: 50000000\r\n\r\n" + SMUGGLED, 0),
]  # fmt: skip


@pytest.mark.parametrize(
    ("refused", "reached"), [r[1:] for r in PIPELINES], ids=[r[0] for r in PIPELINES]
)
def test_the_next_request_begins_where_the_refused_one_ends(
    target: Target, refused: bytes, reached: int
) -> None:
    authority = target.authority.encode()
    inner = SMUGGLED.replace(b"{authority}", authority)
    text = refused.replace(b"{length}", b"%d" % len(inner)).replace(b"{hex}", b"%x" % len(inner))
    after = b"GET /echo?after HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"
    with target.tunnel() as tls:
        tls.sendall((text + after).replace(b"{authority}", authority))
        answers(tls, quiet=0.3)
    assert b"/smuggled" not in target.old.everything()
    assert [request.target for request in target.old.requests] == ["/echo?after"] * reached


def test_an_unfinished_head_does_not_grow(target: Target) -> None:
    before, memory = target.recorded(), resident(target.firewall.pid)
    sent = 0
    with socket.create_connection(target.firewall.address, timeout=10) as plain:
        try:
            while sent < 120_000_000:
                plain.sendall(b"X-%d: y\r\n" % sent * 2000 if sent else b"GET / HTTP/1.1\r\n")
                sent += 20_000
        except OSError:
            pass
    assert sent < 60_000_000
    assert target.codes(before)[0] == "headers_too_large"
    assert resident(target.firewall.pid) - memory < 30_000_000


def resident(pid: int) -> int:
    """Give the resident memory of a process in bytes."""
    return int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1]) * 4096


BASE = [(":method", "GET"), (":scheme", "https"), (":authority", "{authority}"), (":path", "/echo")]


def changed(**changes: str | None) -> list[tuple[str, str]]:
    """Give the headers of a good request with some pseudo-headers changed or left out."""
    found = [(name, changes.get(name[1:], value)) for name, value in BASE]
    return [(name, value) for name, value in found if value is not None]


HTTP2: list[tuple[str, list[tuple[str, str]], bytes | None]] = [
    ("connect", [(":method", "CONNECT"), (":authority", "{authority}")], None),
    ("connect-full", changed(method="CONNECT"), None),
    ("extended-connect", [*changed(method="CONNECT"), (":protocol", "websocket")], None),
    ("path-without-slash", changed(path="echo"), None),
    ("path-empty", changed(path=""), None),
    ("path-missing", changed(path=None), None),
    ("path-space", changed(path="/echo HTTP/1.1 x"), None),
    ("path-newline", changed(path="/echo HTTP/1.1\r\nX: y"), None),
    ("path-absolute", changed(path="https://evil.test/echo"), None),
    ("method-space", changed(method="GET /smuggled HTTP/1.1 "), None),
    ("method-newline", changed(method="GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\nGET"), None),
    ("scheme-newline", changed(scheme="https://evil.test/\r\n"), None),
    ("authority-other", changed(authority="evil.test"), None),
    ("authority-user", changed(authority="evil.test@{authority}"), None),
    ("authority-missing", changed(authority=None), None),
    ("host-other", [*BASE, ("host", "evil.test")], None),
    ("upper-case", [*BASE, ("X-Upper", "y")], None),
    ("pseudo-twice", [*BASE, (":path", "/other")], None),
    ("pseudo-late", [*BASE[:3], ("x-a", "b"), BASE[3]], None),
    ("pseudo-unknown", [*BASE[:3], (":evil", "b"), BASE[3]], None),
    ("transfer-encoding", [*changed(method="POST"), ("transfer-encoding", "chunked")], b"0\r\n\r\n"),
    ("connection", [*BASE, ("connection", "x-a")], None),
    ("name-newline", [*BASE, ("x-a\r\nx-b", "c")], None),
    ("value-newline", [*BASE, ("x-a", "b\r\nx-c: d")], None),
    ("value-nul", [*BASE, ("x-a", "b\0c")], None),
    ("name-colon", [*BASE, ("x:a", "b")], None),
    ("length-short", [*changed(method="POST"), ("content-length", "3")], b"abcdef"),
    ("length-long", [*changed(method="POST"), ("content-length", "30")], b"abc"),
    ("length-twice", [*changed(method="POST"), ("content-length", "3"), ("content-length", "4")], b"abc"),
    ("length-odd", [*changed(method="POST"), ("content-length", "+3")], b"abc"),
    ("header-bomb", [*BASE, *[("x-a", "b" * 3000)] * 60], None),
    ("header-flood", [*BASE, *[(f"x-{n}", "") for n in range(400)]], None),
]  # fmt: skip


@pytest.mark.parametrize(("headers", "body"), [r[1:] for r in HTTP2], ids=[r[0] for r in HTTP2])
def test_refused_by_http2(
    target: Target, headers: list[tuple[str, str]], body: bytes | None
) -> None:
    before = target.recorded()
    named = [(name, value.replace("{authority}", target.authority)) for name, value in headers]
    with target.tunnel("h2") as tls:
        client = Http2(tls)
        client.http.config._skip_length = True  # type: ignore[attr-defined]
        client.ask(named, body)
        answered = status(client.wait())
    assert answered == 0 or 400 <= answered < 500
    assert target.touched == []
    codes = target.codes(before)
    assert codes
    assert all(codes)


def test_a_body_without_a_length_is_framed_for_http1(target: Target) -> None:
    smuggled = SMUGGLED.replace(b"{authority}", target.authority.encode())
    with target.tunnel("h2") as tls:
        client = Http2(tls)
        headers = [
            (n, v.replace("{authority}", target.authority)) for n, v in changed(method="POST")
        ]
        client.ask(headers, smuggled)
        assert status(client.wait()) == 200
    (request,) = target.old.wait_for(1)
    assert request.body == smuggled
    assert b"/smuggled" not in [r.target.encode() for r in target.old.requests]


def flood(target: Target, frames: bytes, opening: bytes = b"") -> tuple[list[str], int]:
    """Send frames until the connection is cut; gives the codes recorded and the bytes sent."""
    before, sent = target.recorded(), 0
    with target.tunnel("h2") as tls:
        Http2(tls)
        try:
            tls.sendall(opening)
            while sent < 20_000_000:
                tls.sendall(frames)
                sent += len(frames)
        except OSError:
            pass
    return target.codes(before), sent


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return len(payload).to_bytes(3) + bytes([kind, flags]) + stream.to_bytes(4) + payload


FLOODS: list[tuple[str, bytes, bytes]] = [
    ("ping", b"", frame(6, 0, 0, bytes(8)) * 200),
    ("settings", b"", frame(4, 0, 0, b"\0\4\0\1\0\0") * 200),
    ("priority", b"", frame(2, 0, 1, bytes([0, 0, 0, 3, 16])) * 200),
    ("unknown", b"", frame(0xBB, 0, 0, b"x") * 200),
    ("continuation", frame(1, 0, 1, b"\x82"), frame(9, 0, 1, b"\x40\x01x\x01y" * 3000)),
    ("small-continuation", frame(1, 0, 1, b"\x82"), frame(9, 0, 1, b"") * 100),
]


@pytest.mark.parametrize(("opening", "frames"), [r[1:] for r in FLOODS], ids=[r[0] for r in FLOODS])
def test_http2_floods_are_cut_off(target: Target, opening: bytes, frames: bytes) -> None:
    memory = resident(target.firewall.pid)
    codes, sent = flood(target, frames, opening)
    assert codes[0] in ("http2_flood", "request_malformed")
    assert sent < 60_000_000
    assert target.touched == []
    assert resident(target.firewall.pid) - memory < 16_000_000


def test_rapid_reset_is_cut_off(target: Target) -> None:
    before = target.recorded()
    with target.tunnel("h2") as tls:
        client = Http2(tls)
        asked = 0
        headers = [
            (n, v.replace("{authority}", target.authority)) for n, v in changed(path="/a/../b")
        ]
        try:
            while asked < 3000:
                for _ in range(50):
                    number = client.http.get_next_available_stream_id()
                    client.http.send_headers(number, headers, end_stream=True)
                    client.http.reset_stream(number)
                    asked += 1
                client.flush()
        except OSError:
            pass
        answers(tls)
    end = time.monotonic() + 10
    while "http2_flood" not in (codes := target.codes(before)) and time.monotonic() < end:
        time.sleep(0.05)
    assert "http2_flood" in codes
    assert len(codes) < 1000
    assert target.touched == []
