"""Abuse of the machinery: who dawdles is cut off, who floods has a bound, and others get through."""

from __future__ import annotations

import contextlib
import socket
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import brotli
import pytest
import zstandard

from tests.integration.attacks.conftest import Target, policy
from tests.integration.conftest import World
from tests.integration.test_boundary import connect, credential, get
from tests.integration.test_exchange import client
from tests.support.firewall import Firewall
from tests.support.upstreams import FileApi

SECONDS = 1
BOUNDS = {
    "aegis_head_timeout": str(SECONDS),
    "aegis_body_timeout": str(SECONDS),
    "aegis_idle_timeout": "2",
    "aegis_max_connections": "300",
    "aegis_max_connections_per_agent": "40",
}


@pytest.fixture(scope="module", params=["own", "mitmdump"])
def strict(
    world: World,
    old: FileApi,
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Iterator[Target]:
    folder = tmp_path_factory.mktemp("strict")
    text = policy(world, old).partition("redaction:")[0]
    upstreams = [*world.upstreams, old]
    # What an agent might leave in the environment of a firewall that is started later.
    leak = {"SSLKEYLOGFILE": str(folder / "keys"), "HTTPS_PROXY": "http://127.0.0.1:9"}
    with Firewall(
        folder, text, *upstreams, options=BOUNDS, kind=request.param, environment=leak
    ) as running:
        target = Target(running, world, old)
        target.forget()
        yield target


def ends(stream: socket.socket, dribble: bytes = b"", seconds: float = 6) -> float:
    """Send a byte now and then; gives the seconds until the other side closes."""
    begun = time.monotonic()
    stream.settimeout(0.1)
    while time.monotonic() < begun + seconds:
        try:
            if dribble:
                stream.sendall(dribble[:1])
                dribble = dribble[1:] + dribble[:1]
            if not stream.recv(4096):
                return time.monotonic() - begun
        except TimeoutError:
            continue
        except OSError:
            return time.monotonic() - begun
    return float("inf")


def test_who_dawdles_is_cut_off(strict: Target) -> None:
    firewall, before = strict.firewall, strict.recorded()

    def plain(first: bytes) -> socket.socket:
        stream = socket.create_connection(firewall.address, timeout=10)
        stream.sendall(first)
        return stream

    head = get(strict.authority)[:-2]
    post = f"POST /echo HTTP/1.1\r\nHost: {strict.authority}\r\nContent-Length: 9000\r\n\r\n"
    tunnel = connect(firewall, strict.authority)
    handshake = plain(tunnel)
    handshake.recv(4096)
    half_hello = plain(tunnel)
    half_hello.recv(4096)
    half_hello.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc")
    inside, body, idle = strict.tunnel(), strict.tunnel(), strict.tunnel()
    inside.sendall(head)
    body.sendall(post.encode())
    idle.sendall(get(strict.authority))
    cases: dict[str, tuple[socket.socket, bytes, float]] = {
        "silent": (plain(b""), b"", SECONDS),
        "half a CONNECT": (plain(tunnel[:-4]), b"X-A: b\r\n", SECONDS),
        "no handshake": (handshake, b"", SECONDS),
        "half a handshake": (half_hello, b"\0", SECONDS),
        "half a head": (inside, b"X-A: b\r\n", SECONDS),
        "half a body": (body, b"x", SECONDS),
        "idle": (idle, b"", 2),
    }
    try:
        with ThreadPoolExecutor(len(cases)) as pool:
            took = {
                name: pool.submit(ends, stream, dribble)
                for name, (stream, dribble, _) in cases.items()
            }
            for name, (_, _, least) in cases.items():
                assert least * 0.8 < took[name].result() < least + 2.5, name
    finally:
        for stream, _, _ in cases.values():
            stream.close()
    codes = [code for code in strict.codes(before, 6) if code]
    assert codes == ["client_too_slow"] * 5
    assert [request.target for request in strict.old.requests] == ["/echo"]


def test_slow_answers_and_held_events_are_no_dawdling(strict: Target) -> None:
    events = f"{strict.old.url}/sse?n=2&delay=2.3"
    with (
        client(strict.firewall) as http,
        client(strict.firewall) as other,
        http.stream("GET", events) as answer,
    ):
        assert other.get(f"{strict.old.url}/slow?seconds=1.9").status_code == 200
        assert b"event 2" in b"".join(answer.iter_raw())


def test_an_agent_has_a_bound_of_connections_and_others_get_through(strict: Target) -> None:
    firewall, before = strict.firewall, strict.recorded()
    greedy, modest = firewall.token("greedy"), firewall.token("modest")
    with contextlib.ExitStack() as held:
        taken, refused = 0, b""
        while not refused and taken < 60:
            stream = held.enter_context(socket.create_connection(firewall.address, timeout=10))
            head = f"CONNECT {strict.authority} HTTP/1.1\r\nHost: {strict.authority}\r\n".encode()
            stream.sendall(head + credential(firewall, greedy) + b"\r\n\r\n")
            answer = stream.recv(4096)
            if b" 200 " in answer[:20]:
                taken += 1
            else:
                refused = answer
        assert taken == 40
        assert refused.startswith(b"HTTP/1.1 429 ")
        assert "too_many_connections" in strict.codes(before)
        # Strangers take all the rest and more; the oldest of them make room.
        for _ in range(400):
            held.enter_context(socket.create_connection(firewall.address, timeout=10))
        begun = time.monotonic()
        with client(firewall, modest) as http:
            assert http.get(f"{strict.old.url}/echo").status_code == 200
        assert time.monotonic() - begun < 3


def bomb(kind: str) -> bytes:
    plain = bytes(30_000_000)
    if kind == "gzip":
        pack = zlib.compressobj(9, wbits=31)
        return pack.compress(plain) + pack.flush()
    if kind == "deflate":
        return zlib.compress(plain, 9)
    return brotli.compress(plain, quality=5) if kind == "br" else zstandard.compress(plain)


@pytest.mark.parametrize("kind", ["gzip", "deflate", "br", "zstd"])
def test_bombs_do_not_go_off(target: Target, kind: str) -> None:
    with client(target.firewall) as http:
        answer = http.post(
            f"{target.old.url}/echo", content=bomb(kind), headers={"content-encoding": kind}
        )
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "body_unreadable"
    assert target.touched == []


DEEP = {
    "lists": b"[" * 300_000 + b"]" * 300_000,
    "objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "numbers": b"[" + b"9" * 500_000 + b"]",
    "names twice": b'{"amount": 1, "amount": 9000}',
    "not a number": b'{"amount": NaN}',
}


@pytest.mark.parametrize("body", DEEP.values(), ids=DEEP)
def test_json_that_no_two_readers_read_alike(target: Target, body: bytes) -> None:
    begun = time.monotonic()
    with client(target.firewall) as http:
        answer = http.post(
            f"{target.world.payments.url}/v1/payments",
            content=body,
            headers={"content-type": "application/json"},
        )
    assert 400 <= answer.status_code < 500
    assert time.monotonic() - begun < 3
    assert target.touched == []


def test_the_log_verifies_after_all_that(target: Target, strict: Target) -> None:
    for one in (target, strict):
        assert one.firewall.verify().ok
        assert "Traceback" not in one.firewall.output
    if "addons" in strict.firewall._program.command:
        assert not (strict.firewall.folder / "keys").exists()
