"""Bodies on their way: as they come, in flat memory, and no further than policy lets them."""

from __future__ import annotations

import os
import select
import socket
import sqlite3
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from tests.integration.conftest import World
from tests.integration.test_boundary import connect, read
from tests.integration.test_exchange import client
from tests.support.firewall import Firewall
from tests.support.server import Upstream

MB = 1_000_000
FLAT = 24 * MB
"""Growth of memory that is no buffering of a large body."""


def memory(firewall: Firewall) -> int:
    """Give the highest resident memory so far, in bytes."""
    status = Path(f"/proc/{firewall.pid}/status").read_text("ascii")
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024


def warm(firewall: Firewall, world: World) -> int:
    """Let the firewall load all it needs; gives its memory then."""
    with client(firewall) as http:
        http.get(f"{world.files.url}/bytes/2000000")
        http.post(f"{world.files.url}/upload", content=bytes(900_000))
    world.forget()
    return memory(firewall)


def test_events_arrive_as_they_are_sent(firewall: Firewall, world: World) -> None:
    begun = time.monotonic()
    arrived: list[float] = []
    events: list[str] = []
    with client(firewall) as http, http.stream("GET", f"{world.files.url}/sse?n=5&delay=0.3") as r:
        for line in r.iter_lines():
            if line.startswith("data:"):
                arrived.append(time.monotonic() - begun)
                events.append(line)
    assert events == [f"data: event {number}" for number in range(1, 6)]
    assert arrived[0] < 0.6
    assert arrived[-1] >= 1.2
    gaps = [later - earlier for earlier, later in zip(arrived, arrived[1:], strict=False)]
    assert min(gaps) > 0.1


def test_a_large_download_passes_in_flat_memory(firewall: Firewall, world: World) -> None:
    before = warm(firewall, world)
    begun, size = time.monotonic(), 0
    with client(firewall) as http, http.stream("GET", f"{world.files.url}/bytes/{50 * MB}") as r:
        first = None
        for chunk in r.iter_raw():
            first = first or time.monotonic() - begun
            size += len(chunk)
    assert size == 50 * MB
    assert first is not None
    assert first < 1
    assert memory(firewall) - before < FLAT
    outcome = firewall.wait_for("outcome", len(firewall.decisions(effect="allow")))[-1]
    assert outcome["response_bytes"] == 50 * MB


def test_a_slow_reader_does_not_fill_the_memory(firewall: Firewall, world: World) -> None:
    before = warm(firewall, world)
    with client(firewall) as http, http.stream("GET", f"{world.files.url}/bytes/{200 * MB}") as r:
        next(r.iter_raw())
        time.sleep(2)
        assert memory(firewall) - before < FLAT


def test_an_upload_that_says_it_is_too_large(firewall: Firewall, world: World) -> None:
    before = warm(firewall, world)
    allowed = f"{world.files.name}:{world.files.port}"
    with tunnel(firewall, allowed, world.files.name) as tls:
        head = f"POST /upload HTTP/1.1\r\nHost: {allowed}\r\nContent-Length: {50 * MB}\r\n\r\n"
        tls.sendall(head.encode() + b"first bytes")
        answer = read(tls)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"body_too_large" in answer
    assert world.touched == []
    assert memory(firewall) - before < FLAT
    assert firewall.decisions()[-1]["code"] == "body_too_large"


def tunnel(firewall: Firewall, authority: str, name: str) -> ssl.SSLSocket:
    plain = socket.create_connection(firewall.address, timeout=20)
    plain.sendall(connect(firewall, authority))
    assert plain.recv(4096).startswith(b"HTTP/1.1 200 ")
    trust = ssl.create_default_context(cafile=str(firewall.ca_bundle))
    return trust.wrap_socket(plain, server_hostname=name)


def test_an_upload_that_does_not_say_its_size(firewall: Firewall, world: World) -> None:
    before = warm(firewall, world)
    allowed = f"{world.files.name}:{world.files.port}"
    sent, answer = 0, b""
    chunk = b"10000\r\n" + bytes(0x10000) + b"\r\n"
    with tunnel(firewall, allowed, world.files.name) as tls:
        head = f"POST /upload HTTP/1.1\r\nHost: {allowed}\r\nTransfer-Encoding: chunked\r\n\r\n"
        tls.sendall(head.encode())
        # The answer comes in the middle of the body, whose rest is thrown away.
        while not answer:
            assert sent < 50 * MB
            tls.sendall(chunk)
            sent += len(chunk)
            if select.select([tls], [], [], 0.02)[0]:
                answer = read(tls)
        try:
            for _ in range(200):
                tls.sendall(chunk)
        except OSError:
            pass
    assert sent < 4 * MB
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert world.touched == []
    assert memory(firewall) - before < FLAT
    assert firewall.decisions()[-1]["effect"] == "deny"
    assert firewall.decisions()[-1]["code"] == "body_too_large"


def upload_by_curl(
    firewall: Firewall, world: World, version: str, *options: str
) -> tuple[str, int]:
    """Send a file of 50 MB; gives the status and the number of bytes that were sent."""
    done = subprocess.run(
        ["curl", "-sS", version, "-X", "POST", "-o", "-", "-w", " %{http_code} %{size_upload}"]
        + ["-H", "Expect:", *options, f"{world.files.url}/upload"],
        env={**os.environ, **firewall.environment()},
        capture_output=True,
        text=True,
        timeout=30,
    )
    status, sent = done.stdout.rsplit(" ", 2)[-2:]
    return status, int(sent)


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A file of 50 MB."""
    path = tmp_path / "body"
    with path.open("wb") as file:
        file.truncate(50 * MB)
    return path


@pytest.mark.parametrize("sized", [True, False], ids=["sized", "unsized"])
def test_an_upload_by_http2(firewall: Firewall, world: World, large: Path, sized: bool) -> None:
    before = warm(firewall, world)
    options = () if sized else ("-H", "Content-Length:")
    status, sent = upload_by_curl(firewall, world, "--http2", "-T", str(large), *options)
    assert status in ("413", "000")
    assert sent < 20 * MB
    assert world.touched == []
    assert memory(firewall) - before < FLAT
    assert firewall.decisions()[-1]["code"] == "body_too_large"


@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
def test_an_upload_waits_while_its_refusal_is_written(
    firewall: Firewall, world: World, large: Path, version: str
) -> None:
    before = warm(firewall, world)
    with closing(sqlite3.connect(firewall.home / "ledger.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with ThreadPoolExecutor(1) as pool:
            upload = pool.submit(upload_by_curl, firewall, world, version, "-T", str(large))
            time.sleep(1)
            assert memory(firewall) - before < FLAT
            other.execute("ROLLBACK")
            status, sent = upload.result()
    assert status in ("413", "000")
    assert sent < 20 * MB
    assert world.touched == []
    assert firewall.decisions()[-1]["code"] == "body_too_large"


@pytest.fixture(scope="module", params=["own", "mitmdump"])
def passing(
    world: World, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Firewall]:
    """A firewall whose policy lets larger bodies pass."""
    folder = tmp_path_factory.mktemp("passing")
    with world.firewall(folder, world.policy(larger="pass"), kind=request.param) as running:
        yield running


def test_a_larger_body_may_pass_where_nothing_must_be_inspected(
    passing: Firewall, world: World
) -> None:
    before = warm(passing, world)
    headers = {
        "content-length": str(50 * MB),
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    }
    with client(passing) as http:
        answer = http.post(f"{world.files.url}/upload", content=bytes(50 * MB), headers=headers)
    assert answer.json() == {"bytes": 50 * MB}
    assert memory(passing) - before < FLAT
    record = passing.decisions()[-1]
    assert record["effect"] == "allow"
    assert record["request"]["body"] == "uninspected"
    outcome = next(o for o in passing.wait_for("outcome", 3) if o["decision"] == record["id"])
    assert outcome["request_bytes"] == 50 * MB
    assert b"traceparent" not in world.files.everything()[:2000].lower()


@pytest.mark.parametrize(
    ("upstream", "path", "kind"),
    [
        ("ehr", "/notes", "text/plain"),
        ("payments", "/v1/payments", "application/json"),
        ("mcp", "/mcp", "application/json"),
    ],
)
def test_a_larger_body_does_not_pass_where_it_must_be_inspected(
    passing: Firewall, world: World, upstream: str, path: str, kind: str
) -> None:
    server: Upstream = getattr(world, upstream)
    body = b'{"amount": 1, "memo": "' + b"x" * (2 * MB) + b'"}'
    with client(passing) as http:
        answer = http.post(server.url + path, content=body, headers={"content-type": kind})
    assert answer.status_code in (400, 403, 413)
    assert world.touched == []
    assert passing.decisions()[-1]["effect"] == "deny"


def test_a_small_body_is_inspected_all_the_same(passing: Firewall, world: World) -> None:
    with client(passing) as http:
        answer = http.post(f"{world.payments.url}/v1/payments", json={"amount": 9000})
    assert answer.status_code == 403
    assert world.touched == []


def test_a_client_that_leaves_stops_the_upstream(firewall: Firewall, world: World) -> None:
    with client(firewall) as http, http.stream("GET", f"{world.files.url}/bytes/{10**11}") as r:
        next(r.iter_raw())
    (connection,) = world.files.connections
    end = time.monotonic() + 5
    while not connection.closed:
        assert time.monotonic() < end
        time.sleep(0.05)
    record = firewall.decisions()[-1]
    end = time.monotonic() + 5
    while not (found := [o for o in firewall.outcomes() if o["decision"] == record["id"]]):
        assert time.monotonic() < end
        time.sleep(0.05)
    assert found[0]["error"] == "client_gone"


def test_connections_are_used_again(firewall: Firewall, world: World) -> None:
    with client(firewall) as http:
        for _ in range(40):
            assert http.get(f"{world.files.url}/echo").status_code == 200
        for _ in range(10):
            assert http.get(f"{world.plain.url}/echo").status_code == 200
    assert len(world.files.connections) == 1
    assert len(world.plain.connections) == 1
    assert len(world.files.requests) == 40


def test_a_refusal_keeps_the_connection(firewall: Firewall, world: World) -> None:
    with client(firewall) as http:
        for amount in (40, 9000, 41, 9001, 42):
            answer = http.post(f"{world.payments.url}/v1/payments", json={"amount": amount})
            assert answer.status_code == (403 if amount >= 9000 else 201)
    assert len(world.payments.connections) == 1
    assert [request.json()["amount"] for request in world.payments.requests] == [40, 41, 42]


def test_what_a_compressed_answer_holds_is_left_as_it_is(firewall: Firewall, world: World) -> None:
    with client(firewall) as http:
        answer = http.get(f"{world.files.url}/gzip")
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.json()["ok"] is True


def test_many_at_once(start: Callable[..., Firewall], world: World) -> None:
    firewall = start()
    with client(firewall) as http, ThreadPoolExecutor(20) as pool:
        limits = list(
            pool.map(
                lambda n: http.post(f"{world.payments.url}/v1/payments", json={"amount": n}),
                [n if n % 2 else 9000 + n for n in range(1, 201)],
            )
        )
    assert [a.status_code for a in limits] == [201 if n % 2 else 403 for n in range(1, 201)]
    assert len(world.payments.requests) == 100
    assert len(firewall.decisions(effect="allow")) == 100
    assert firewall.verify().ok
