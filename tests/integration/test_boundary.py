"""What is refused is refused before anything leaves: no connection, no byte."""

from __future__ import annotations

import base64
import json
import socket
import ssl
from collections.abc import Callable

import pytest

from tests.integration.conftest import World
from tests.integration.test_exchange import client
from tests.support.firewall import Firewall


def raw(firewall: Firewall, *pieces: bytes, sni: str | None = None) -> bytes:
    """Send bytes to the proxy; with `sni`, all but the first inside TLS. Gives what came back."""
    with socket.create_connection(firewall.address, timeout=20) as plain:
        plain.sendall(pieces[0])
        if sni is None:
            for piece in pieces[1:]:
                plain.sendall(piece)
            return read(plain)
        head = plain.recv(65536)
        if b" 200 " not in head.split(b"\r\n")[0]:
            return head
        trust = ssl.create_default_context(cafile=str(firewall.ca_bundle))
        trust.check_hostname = False
        with trust.wrap_socket(plain, server_hostname=sni or None) as tls:
            for piece in pieces[1:]:
                tls.sendall(piece)
            return read(tls)


def read(stream: socket.socket, seconds: float = 4) -> bytes:
    """Read one answer; what there is when the other side closes or says nothing for so long."""
    received = b""
    stream.settimeout(seconds)
    while True:
        head, gap, body = received.partition(b"\r\n\r\n")
        if gap:
            lengths = [
                int(line.split(b":")[1])
                for line in head.lower().split(b"\r\n")
                if line.startswith(b"content-length:")
            ]
            if lengths and len(body) >= lengths[0]:
                return received
        try:
            piece = stream.recv(65536)
        except TimeoutError:
            return received
        if not piece:
            return received
        received += piece


def credential(firewall: Firewall, token: str | None = None) -> bytes:
    token = token or (firewall.home / "default.token").read_text().strip()
    return b"Proxy-Authorization: Basic " + base64.b64encode(f"{token}:".encode())


def connect(firewall: Firewall, authority: str, *headers: bytes) -> bytes:
    lines = [
        f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}".encode(),
        credential(firewall),
        *headers,
    ]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def get(host: str, path: str = "/echo", *headers: bytes) -> bytes:
    return b"\r\n".join([f"GET {path} HTTP/1.1\r\nHost: {host}".encode(), *headers]) + b"\r\n\r\n"


def code(answer: bytes) -> str:
    return str(json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["code"])


def test_who_does_not_say_who_it_is_is_asked(firewall: Firewall, world: World) -> None:
    host = f"{world.files.name}:{world.files.port}"
    answer = raw(firewall, f"CONNECT {host} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 407 ")
    assert b"proxy-authenticate: Basic" in answer
    assert code(answer) == "credential_missing"
    answer = raw(firewall, f"GET http://{world.plain.name}/ HTTP/1.1\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 407 ")
    assert world.touched == []


@pytest.mark.parametrize(
    "value",
    [
        b"Basic !!!",
        b"Basic " + base64.b64encode(b"user:password"),
        b"Bearer aegis_abcdefghijkl_" + b"A" * 43,
        b"Bearer aegis_",
        b"Digest x",
        b"Bearer \xff\xfe",
    ],
)
def test_a_wrong_credential_is_refused(firewall: Firewall, world: World, value: bytes) -> None:
    host = f"{world.files.name}:{world.files.port}".encode()
    answer = raw(
        firewall,
        b"CONNECT %s HTTP/1.1\r\nHost: %s\r\nProxy-Authorization: %s\r\n\r\n" % (host, host, value),
    )
    assert answer.startswith(b"HTTP/1.1 407 ")
    assert world.touched == []


@pytest.mark.parametrize(
    "authority",
    [
        "unknown.example.test:443",
        "evilfiles.example.test:{files.port}",
        "files.example.test:22",
        "127.0.0.1:{files.port}",
        "2130706433:{files.port}",
        "0x7f.1:{files.port}",
        "[::ffff:127.0.0.1]:{files.port}",
        "169.254.169.254:80",
        "localhost:{files.port}",
    ],
)
def test_a_tunnel_that_policy_does_not_name_is_refused_at_connect(
    firewall: Firewall, world: World, authority: str
) -> None:
    answer = raw(firewall, connect(firewall, authority.format(files=world.files)))
    assert answer.startswith((b"HTTP/1.1 403 ", b"HTTP/1.1 400 "))
    assert world.touched == []


@pytest.mark.parametrize("authority", ["FILES.example.test.", "a.files.example.test"])
def test_other_spellings_of_an_allowed_name_are_allowed(
    firewall: Firewall, world: World, authority: str
) -> None:
    host = f"{authority}:{world.files.port}"
    answer = raw(firewall, connect(firewall, host), get(host), sni=authority.rstrip("."))
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert world.files.server_names == [authority.lower().rstrip(".")]


def test_names_must_agree(firewall: Firewall, world: World) -> None:
    allowed = f"{world.files.name}:{world.files.port}"
    cases = {
        "host": (get("pay.example.test"), world.files.name),
        "sni": (get(allowed), "pay.example.test"),
        "absolute": (get(allowed, f"https://pay.example.test:{world.payments.port}/echo"), None),
        "port": (get(f"{world.files.name}:{world.payments.port}"), None),
        "two": (get(allowed, "/echo", b"Host: pay.example.test"), None),
    }
    for what, (request, sni) in cases.items():
        answer = raw(firewall, connect(firewall, allowed), request, sni=sni or world.files.name)
        status = int(answer.split()[1])
        assert status in (400, 403, 421), (what, answer[:200])
    assert world.touched == []


def test_an_absolute_url_decides_where_plain_http_goes(firewall: Firewall, world: World) -> None:
    lines = [
        f"GET http://127.0.0.1:{world.files.port}/ HTTP/1.1".encode(),
        f"Host: {world.plain.name}:{world.plain.port}".encode(),
        credential(firewall),
    ]
    answer = raw(firewall, b"\r\n".join(lines) + b"\r\n\r\n")
    assert answer.startswith((b"HTTP/1.1 403 ", b"HTTP/1.1 421 "))
    assert world.touched == []


def test_a_name_that_leads_inside_is_refused(firewall: Firewall, world: World) -> None:
    with client(firewall) as http:
        answer = http.get(f"https://inside.example.test:{world.files.port}/echo")
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "address_refused"
    assert world.touched == []


def test_what_is_not_http_is_not_passed_on(firewall: Firewall, world: World) -> None:
    allowed = f"{world.files.name}:{world.files.port}"
    raw(firewall, connect(firewall, allowed), b"SSH-2.0-OpenSSH_9.6\r\n")
    raw(firewall, connect(firewall, allowed), b"\x00\x01\x02\x03 not http\r\n\r\n")
    assert world.touched == []


@pytest.mark.parametrize(
    "request_text",
    [
        "POST /echo HTTP/1.1\r\nHost: {host}\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: {host}\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcde",
        "GET /echo HTTP/1.1\r\nHost: {host}\r\nConnection: close, authorization\r\nAuthorization: x\r\n\r\n",
        "GET /ws HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
        "CONNECT pay.example.test:443 HTTP/1.1\r\nHost: pay.example.test\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\nTrailer: X-Note\r\n\r\n"
        "1\r\na\r\n0\r\nX-Note: 078-05-1120\r\n\r\n",
    ],
)
def test_framing_tricks_are_refused(firewall: Firewall, world: World, request_text: str) -> None:
    allowed = f"{world.files.name}:{world.files.port}"
    request = request_text.format(host=allowed).encode()
    answer = raw(firewall, connect(firewall, allowed), request, sni=world.files.name)
    assert not answer or int(answer.split()[1]) in (400, 403), answer[:200]
    assert not world.files.requests


def test_tokens_can_be_rotated_and_agents_disabled(
    start: Callable[..., Firewall], world: World
) -> None:
    from ledger import SqliteAgents

    firewall = start()
    token = firewall.token("worker")
    agents = SqliteAgents(firewall.home / "agents.db")
    with client(firewall, token) as http:
        assert http.get(f"{world.files.url}/echo").status_code == 200
        agents.disable("worker")
        # The open tunnel does not outlive the agent; the snapshot is at most a second old.
        import time

        time.sleep(1.2)
        assert http.get(f"{world.files.url}/echo").status_code == 407
    short = firewall.token("short", ttl_seconds=1)
    import time

    time.sleep(1.5)
    import httpx

    with client(firewall, short) as http, pytest.raises(httpx.ProxyError, match="407"):
        http.get(f"{world.files.url}/echo")
    agents.close()
