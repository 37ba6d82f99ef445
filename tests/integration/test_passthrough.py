"""TLS that passes through unread: decided on, recorded, counted and cut; to nowhere else."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.conftest import World
from tests.integration.test_exchange import client
from tests.support.firewall import Firewall
from tests.support.tls_client import client_hello, pinned, tunnel, with_extension

POLICY = """\
apiVersion: aegis/v1
kind: Policy
metadata: {{name: pinned}}
destinations:
  - id: pinned
    hosts: [{files.name}, "*.files.example.test", "127.0.0.1"]
    ports: [{files.port}]
    addresses: [127.0.0.0/8]
    tls: passthrough
  - id: raw
    hosts: [raw.example.test, gone.example.test]
    ports: [{raw}]
    addresses: [127.0.0.0/8]
    tls: passthrough
  - id: llm
    hosts: [{llm.name}]
    ports: [{llm.port}]
    addresses: [127.0.0.0/8]
rules:
  - {{id: all, agents: ["*"], destinations: [pinned, raw, llm], effect: allow}}
  - {{id: not-them, agents: [outsider], destinations: [pinned], effect: deny}}
"""

TLS_DENIED = bytes((21, 3, 3, 0, 2, 2, 49))


class RawServer:
    """A server that sees the bytes of each connection as they come."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.accepted: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                self.accepted.append(self._listener.accept()[0])
            except OSError:
                return

    def next(self, seconds: float = 5) -> socket.socket:
        """Wait for a connection and take it."""
        end = time.monotonic() + seconds
        while not self.accepted:
            assert time.monotonic() < end, "nobody came"
            time.sleep(0.01)
        taken = self.accepted.pop()
        taken.settimeout(seconds)
        return taken

    def close(self) -> None:
        self._listener.close()


@pytest.fixture(scope="module")
def raw() -> Iterator[RawServer]:
    server = RawServer()
    yield server
    server.close()


@pytest.fixture(scope="module", params=["own", "mitmdump"])
def firewall(
    world: World,
    raw: RawServer,
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Iterator[Firewall]:
    hosts = {
        "raw.example.test": "127.0.0.1",
        "gone.example.test": "127.0.0.9",
        "a.files.example.test": "127.0.0.1",
        "inside.files.example.test": "10.0.0.1",
    }
    text = POLICY.format(raw=raw.port, **vars(world))
    folder = tmp_path_factory.mktemp("passthrough")
    with Firewall(folder, text, *world.upstreams, kind=request.param, hosts=hosts) as running:
        yield running


def at(world: World, name: str = "") -> str:
    return f"{name or world.files.name}:{world.files.port}"


def newest(firewall: Firewall, count: int) -> dict[str, Any]:
    """Wait for the next decision after the first `count`."""
    return firewall.wait_for("decision", count + 1)[-1]


def outcome_of(firewall: Firewall, decision: dict[str, Any]) -> dict[str, Any]:
    end = time.monotonic() + 5
    while time.monotonic() < end:
        for outcome in firewall.outcomes():
            if outcome["decision"] == decision["id"]:
                return outcome
        time.sleep(0.02)
    raise AssertionError("no outcome")


def test_a_pinned_client_reaches_its_server_and_the_log_says_that_nothing_was_read(
    firewall: Firewall, world: World
) -> None:
    assert world.files.ca is not None
    count = len(firewall.decisions())
    with pinned(tunnel(firewall, at(world)), world.files.ca.pem, world.files.name) as tls:
        tls.sendall(b"GET /echo HTTP/1.1\r\nHost: %s\r\n\r\n" % world.files.name.encode())
        assert tls.recv(65536).startswith(b"HTTP/1.1 200")
        # Recorded before, while it is still open.
        record = newest(firewall, count)
    assert record["destination"]["tls"] == "passthrough"
    assert record["destination"]["host"] == world.files.name
    assert record["destination"]["address"] == "127.0.0.1"
    assert (record["effect"], record["rule"], record["stage"]) == ("allow", "all", "request")
    assert record["request"]["body"] == "uninspected"
    outcome = outcome_of(firewall, record)
    assert outcome["tls"] == "passthrough"
    assert outcome["error"] is None
    assert outcome["request_bytes"] > world.files.bytes_received
    assert outcome["response_bytes"] > 200
    assert outcome["duration_us"] > 0
    assert len(firewall.decisions()) == count + 1


def test_other_destinations_are_read_as_always(firewall: Firewall, world: World) -> None:
    with client(firewall) as http:
        http.get(f"{world.llm.url}/v1/models")
    assert firewall.decisions()[-1]["destination"].get("tls") is None
    assert world.llm.requests


@pytest.mark.parametrize("name", ["llm.example.test", "a.files.example.test", "evil.example", None])
def test_another_server_name_is_refused_without_a_dial(
    firewall: Firewall, world: World, name: str | None
) -> None:
    assert world.files.ca is not None
    count = len(firewall.decisions())
    with pytest.raises((ssl.SSLError, OSError)):
        pinned(tunnel(firewall, at(world)), world.files.ca.pem, name)
    record = newest(firewall, count)
    assert record["effect"] == "deny"
    assert record["code"] == (
        "passthrough_name_missing" if name is None else "destination_mismatch"
    )
    assert world.touched == []


def test_the_server_name_alone_opens_nothing(firewall: Firewall, world: World) -> None:
    """A tunnel to what is read stays one that is read, whatever name is used in it."""
    assert world.files.ca is not None
    with pytest.raises((ssl.SSLError, OSError)):
        place = f"{world.llm.name}:{world.llm.port}"
        pinned(tunnel(firewall, place), world.files.ca.pem, world.files.name)
    assert world.touched == []


def sent(firewall: Firewall, world: World, *pieces: bytes, place: str = "") -> bytes:
    """Send bytes in a tunnel; gives what comes back until it is closed."""
    with tunnel(firewall, place or at(world)) as plain:
        plain.settimeout(3)
        received = b""
        try:
            for piece in pieces:
                plain.sendall(piece)
                time.sleep(0.02)
            while data := plain.recv(65536):
                received += data
        except TimeoutError:
            received += b"<open>"
        except OSError:
            pass
        return received


def test_what_is_no_tls_or_hides_its_name_is_refused(firewall: Firewall, world: World) -> None:
    hello = client_hello(world.files.name)
    name = world.files.name.encode()
    entry = b"\0" + struct.pack(">H", len(name)) + name
    cases = {
        "passthrough_not_tls": [
            b"GET / HTTP/1.1\r\nHost: %s\r\n\r\n" % name,
            b"SSH-2.0-OpenSSH_9.6\r\n",
            b"\x16\x03\x01\x00\x05\x02abcd" + b"x" * 100,
            b"\x16\x03\x01\xff\xff\x01\xff\xff\xff" + b"x" * 70_000,
        ],
        "passthrough_name_hidden": [with_extension(hello, 0xFE0D, b"\0" * 40)],
        "passthrough_name_missing": [
            with_extension(hello, 0, struct.pack(">H", len(entry)) + entry)
        ],
    }
    for code, firsts in cases.items():
        for first in firsts:
            count = len(firewall.decisions())
            # What was not read any more resets the connection, which may swallow the alert.
            allowed = (TLS_DENIED, b"") if len(first) > 65_536 else (TLS_DENIED,)
            assert sent(firewall, world, first) in allowed, first[:20]
            assert newest(firewall, count)["code"] == code
    assert world.touched == []


def test_a_hello_may_come_in_pieces(firewall: Firewall, raw: RawServer, world: World) -> None:
    hello = client_hello("RAW.example.test")
    with tunnel(firewall, f"raw.example.test:{raw.port}") as plain:
        for piece in (hello[:1], hello[1:2], hello[2:4], hello[4:100], hello[100:]):
            plain.sendall(piece)
            time.sleep(0.01)
        with raw.next() as server:
            received = b""
            while len(received) < len(hello):
                received += server.recv(65536)
            assert received == hello


def test_each_end_may_say_its_last_by_itself(firewall: Firewall, raw: RawServer) -> None:
    for client_first in (True, False):
        count = len(firewall.decisions())
        with tunnel(firewall, f"raw.example.test:{raw.port}") as plain:
            hello = client_hello("raw.example.test")
            plain.sendall(hello)
            with raw.next() as server:
                received = exactly(server, len(hello))
                assert received == hello
                one, other = (plain, server) if client_first else (server, plain)
                one.sendall(b"last")
                one.shutdown(socket.SHUT_WR)
                assert exactly(other, 4) == b"last"
                assert other.recv(1) == b""
                for _ in range(3):
                    other.sendall(b"more")
                other.shutdown(socket.SHUT_WR)
                assert exactly(one, 12) == b"more" * 3
                assert one.recv(1) == b""
        outcome = outcome_of(firewall, newest(firewall, count))
        assert outcome["error"] is None
        sizes = (outcome["request_bytes"] - len(hello), outcome["response_bytes"])
        assert sizes == ((4, 12) if client_first else (12, 4))


def test_much_goes_through_in_bounded_memory(firewall: Firewall, raw: RawServer) -> None:
    size = 48 << 20
    with tunnel(firewall, f"raw.example.test:{raw.port}") as plain:
        hello = client_hello("raw.example.test")
        plain.sendall(hello)
        with raw.next() as server:
            exactly(server, len(hello))
            before = resident(firewall.pid)

            def pour() -> None:
                for _ in range(size >> 20):
                    server.sendall(b"\0" * (1 << 20))
                server.shutdown(socket.SHUT_WR)

            pouring = threading.Thread(target=pour)
            pouring.start()
            time.sleep(0.2)  # nobody reads: it must not be taken in
            waiting = resident(firewall.pid)
            got = 0
            while data := plain.recv(1 << 20):
                got += len(data)
            pouring.join()
            assert got == size
            assert max(waiting, resident(firewall.pid)) - before < 16 << 20


def exactly(end: socket.socket, count: int) -> bytes:
    """Read so many bytes, fewer only at the end."""
    got = b""
    while len(got) < count and (piece := end.recv(count - len(got))):
        got += piece
    return got


def resident(pid: int) -> int:
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * 4096


def test_an_address_that_is_refused_and_a_rule_that_denies(
    firewall: Firewall, world: World
) -> None:
    count = len(firewall.decisions())
    hello = client_hello("inside.files.example.test")
    place = at(world, "inside.files.example.test")
    assert sent(firewall, world, hello, place=place) == TLS_DENIED
    assert newest(firewall, count)["code"] == "address_refused"
    outsider = firewall.token("outsider")
    with pytest.raises(ConnectionRefusedError, match=r"403 .*policy_denied \(not-them\)"):
        tunnel(firewall, at(world), outsider)
    assert world.touched == []


def cut(plain: socket.socket, server: socket.socket, seconds: float = 3) -> bool:
    """Wait until both ends are told that it is over."""
    for end in (plain, server):
        end.settimeout(seconds)
        try:
            if end.recv(1):
                return False
        except TimeoutError:
            return False
        except OSError:
            pass
    return True


def test_a_revoked_token_and_a_changed_policy_cut_what_is_open(
    firewall: Firewall, raw: RawServer, world: World
) -> None:
    from ledger import SqliteAgents, split_token

    hello, place = client_hello("raw.example.test"), f"raw.example.test:{raw.port}"
    token = firewall.token("traveller")
    count = len(firewall.decisions())
    plain = tunnel(firewall, place, token)
    plain.sendall(hello)
    stays = tunnel(firewall, place)
    server = raw.next()
    exactly(server, len(hello))
    stays.sendall(hello)
    other = raw.next()
    exactly(other, len(hello))
    agents = SqliteAgents(firewall.home / "agents.db")
    agents.revoke(split_token(token)[0])
    agents.close()
    assert cut(plain, server)
    first = firewall.decisions()[count]
    assert outcome_of(firewall, first)["error"] == "token_revoked"
    stays.sendall(b"still here")
    assert exactly(other, 10) == b"still here"
    text, changes = firewall.policy.read_text(), len(firewall.records("policy"))
    try:
        firewall.policy.write_text(text.replace("[pinned, raw, llm]", "[pinned, llm]"))
        assert cut(stays, other)
        assert outcome_of(firewall, newest(firewall, count + 1))["error"] == "policy_denied"
    finally:
        firewall.policy.write_text(text)
        firewall.wait_for("policy", changes + 2)
    for end_ in (plain, server, stays, other):
        end_.close()


def test_a_dial_that_fails_is_told_and_recorded(
    firewall: Firewall, world: World, raw: RawServer
) -> None:
    count = len(firewall.decisions())
    place = f"gone.example.test:{raw.port}"
    answer = sent(firewall, world, client_hello("gone.example.test"), place=place)
    assert answer == bytes((21, 3, 3, 0, 2, 2, 80))
    assert outcome_of(firewall, newest(firewall, count))["error"] == "upstream_unreachable"
