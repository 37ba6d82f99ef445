"""Several workers on one port: one firewall to its users, one log, one end."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.integration.conftest import World
from tests.integration.test_exchange import client
from tests.support.firewall import Firewall


def plain(world: World) -> str:
    """Give the tests' policy without redaction, whose models take seconds to load."""
    return world.policy().partition("redaction:")[0]


def children(pid: int) -> list[int]:
    """Give the worker processes of a supervisor."""
    return [
        int(child)
        for task in Path(f"/proc/{pid}/task").iterdir()
        for child in (task / "children").read_text("ascii").split()
    ]


def alive(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text("ascii")
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def gone(pids: list[int], seconds: float = 15) -> bool:
    end = time.monotonic() + seconds
    while any(map(alive, pids)):
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def descendants(pid: int) -> list[int]:
    found = children(pid)
    return found + [deeper for child in found for deeper in descendants(child)]


def ended(firewall: Firewall, seconds: float = 20) -> int | None:
    end = time.monotonic() + seconds
    while firewall.exit_code is None and time.monotonic() < end:
        time.sleep(0.05)
    return firewall.exit_code


def sockets(pid: int) -> int:
    """Count the accepted connections of a process, roughly: its sockets."""
    return sum(
        os.readlink(link).startswith("socket:")
        for link in Path(f"/proc/{pid}/fd").iterdir()
        if link.is_symlink()
    )


def test_two_workers_serve_and_write_one_log(start: Callable[..., Firewall], world: World) -> None:
    firewall = start(workers=2, policy=plain(world))
    workers = children(firewall.pid)
    assert len(workers) == 2
    assert firewall.running["pid"] == firewall.pid
    idle = {worker: sockets(worker) for worker in workers}
    clients = [client(firewall) for _ in range(30)]
    try:
        for number, http in enumerate(clients):
            answer = http.post(
                f"{world.payments.url}/v1/payments", json={"amount": 40 if number % 3 else 9000}
            )
            assert answer.status_code == (201 if number % 3 else 403)
        # The kernel shares the connections out among both.
        assert all(sockets(worker) > idle[worker] for worker in workers)
    finally:
        for http in clients:
            http.close()
    assert len(world.payments.requests) == 20
    assert len(firewall.decisions(effect="allow")) == 20
    assert len(firewall.decisions(effect="deny")) == 10
    assert len(firewall.wait_for("outcome", 20)) == 20
    assert firewall.verify().ok
    assert firewall.stop() == 0
    assert len(firewall.records("stop")) == 2
    assert firewall.verify().ok
    assert "Traceback" not in firewall.output


def test_tokens_and_policy_reach_all_workers(start: Callable[..., Firewall], world: World) -> None:
    firewall = start(workers=2, policy=plain(world))
    token = firewall.token("late")
    firewall.policy.write_text(plain(world).replace("max_amount: 5000", "max_amount: 50"))
    end = time.monotonic() + 5
    agreed = 0
    while agreed < 12:
        assert time.monotonic() < end
        with client(firewall, token) as http:
            answer = http.post(f"{world.payments.url}/v1/payments", json={"amount": 60})
        agreed = agreed + 1 if answer.status_code == 403 else 0
    assert firewall.verify().ok


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_when_a_worker_ends_all_end(
    start: Callable[..., Firewall], world: World, number: signal.Signals
) -> None:
    firewall = start(workers=2, policy=plain(world))
    everybody = descendants(firewall.pid)
    os.kill(children(firewall.pid)[0], number)
    code = ended(firewall)
    assert code is not None
    assert code > 0
    assert gone(everybody)
    assert "worker" in firewall.output
    assert "Traceback" not in firewall.output
    assert not (firewall.home / "proxy.json").exists()


def test_when_the_supervisor_is_killed_all_end(
    start: Callable[..., Firewall], world: World
) -> None:
    firewall = start(workers=2, policy=plain(world))
    everybody = descendants(firewall.pid)
    os.kill(firewall.pid, signal.SIGKILL)
    left = [] if gone(everybody, 5) else [pid for pid in everybody if alive(pid)]
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert left == []


@pytest.mark.parametrize("workers", [1, 2])
def test_killed_under_load(start: Callable[..., Firewall], world: World, workers: int) -> None:
    firewall = start(workers=workers, policy=plain(world))
    ended_ = threading.Event()
    numbers = itertools.count(1)

    def load() -> None:
        with client(firewall) as http:
            while not ended_.is_set():
                payment = {"amount": 40, "order": next(numbers)}
                try:
                    http.post(f"{world.payments.url}/v1/payments", json=payment)
                except httpx.HTTPError:
                    return

    threads = [threading.Thread(target=load) for _ in range(6)]
    for thread in threads:
        thread.start()
    world.payments.wait_for(40, 30)
    pids = [firewall.pid, *descendants(firewall.pid)]
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    ended_.set()
    for thread in threads:
        thread.join(20)
    assert gone(pids)
    time.sleep(0.3)
    reached = len(world.payments.requests)
    assert reached > 20
    report = firewall.verify()
    assert report.ok, report.problems
    # Not only as many: each very request is there, by the keyed digest of its body.
    key = (firewall.home / "hash.key").read_bytes()
    recorded = {record["request"]["digest"] for record in firewall.decisions(effect="allow")}
    for request in world.payments.requests:
        assert hmac.digest(key, b"body\0" + request.body, hashlib.sha256).hex() in recorded
    # It starts again on what is left, and goes on.
    (firewall.home / "proxy.json").unlink()
    firewall.start()
    with client(firewall) as http:
        url = f"{world.payments.url}/v1/payments"
        assert http.post(url, json={"amount": 40}).status_code == 201
    assert firewall.verify().ok
