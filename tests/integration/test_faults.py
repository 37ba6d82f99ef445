"""What breaks inside or beside the firewall ends in a refusal: never in a leak, never in a hang."""

from __future__ import annotations

import os
import resource
import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from mitmproxy.hooks import all_hooks

from addons.decide import Decide
from addons.dial import Dial
from addons.framing import Framing
from addons.gate import Gate
from addons.guard import LIFECYCLE
from addons.identify import Identify
from addons.locate import Locate
from addons.passthrough import Passthrough
from addons.read import Read
from addons.record import Record
from addons.sanitise import Sanitise
from addons.settle import Settle
from addons.trace_context import TraceContext
from tests.integration.conftest import World
from tests.integration.test_exchange import client
from tests.support.firewall import Firewall
from tests.support.process import PROJECT, free_port
from tests.support.server import HangUp, Reply, Request, Upstream
from tests.support.upstreams import LocalCa

PLANTED = "078-05-1120"

STEPS: tuple[type, ...] = (
    Identify, Locate, Framing, Read, Decide, Passthrough, TraceContext, Sanitise, Dial, Record,
    Settle, Gate,
)  # fmt: skip

BREAK = '''
"""Breaks what the file FAULT names, in a process of the firewall: "<class>.<method> <how>"."""

import asyncio
import functools
import importlib.machinery
import os
import sys

MODULES = {modules!r}


class PanicException(BaseException):
    """What a panic in compiled code looks like from Python."""


def fault(name, method):
    @functools.wraps(method)
    def run(*arguments, **named):
        with open(os.environ["FAULT"]) as file:
            place, _, how = file.read().partition(" ")
        if place == name:
            if how == "raise":
                raise RuntimeError("boom {planted}")
            if how == "hang":
                return asyncio.sleep(3600)
        return method(*arguments, **named)

    return run


class Machine:
    """Stands in for the compiled engine while it is broken."""

    def __init__(self, how):
        self.how = how

    def set_input_json(self, text):
        pass

    def execute(self):
        if self.how == "panic":
            raise PanicException("boom {planted}")
        if self.how == "raise":
            raise RuntimeError("boom {planted}")
        return "{{}}" if self.how == "undefined" else "null"


def evaluate_by(method):
    def evaluate(self, input):
        with open(os.environ["FAULT"]) as file:
            place, _, how = file.read().partition(" ")
        machine = self._machine
        if place == "engine":
            self._machine = Machine(how)
        try:
            return method(self, input)
        finally:
            self._machine = machine

    return evaluate


class Breaker:
    def find_spec(self, name, path, target=None):
        if name not in MODULES and name not in ("addons.guard", "rules.regorus_engine"):
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        load = spec.loader.exec_module

        def exec_module(module):
            load(module)
            if name == "addons.guard":
                module.STEP_SECONDS = 0.4
                return
            if name == "rules.regorus_engine":
                kind = module.RegorusEngine
                kind.evaluate = evaluate_by(kind.evaluate)
                return
            kind, methods = MODULES[name]
            owner = getattr(module, kind)
            for method in methods:
                setattr(owner, method, fault(f"{{kind}}.{{method}}", getattr(owner, method)))

        spec.loader.exec_module = exec_module
        return spec


sys.meta_path.insert(0, Breaker())
'''


def hooks(step: type) -> list[str]:
    return [name for name in all_hooks if name in vars(step) and name not in LIFECYCLE]


MODULES = {step.__module__: (step.__name__, hooks(step)) for step in STEPS}


class Faulty:
    """A firewall whose parts can be broken one at a time while it runs."""

    def __init__(self, firewall: Firewall, switch: Path, how: str) -> None:
        self.firewall, self._switch, self.how = firewall, switch, how

    def breaks(self, place: str, how: str = "") -> None:
        self._write(f"{place} {how or self.how}")

    def mend(self) -> None:
        self._write("")

    def _write(self, text: str) -> None:
        draft = self._switch.with_suffix(".new")
        draft.write_text(text, "ascii")
        draft.replace(self._switch)


@pytest.fixture(
    scope="module",
    params=[("own", "raise"), ("own", "hang"), ("mitmdump", "raise")],
    ids=["own-raise", "own-hang", "mitmdump-raise"],
)
def faulty(
    world: World, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Faulty]:
    folder = tmp_path_factory.mktemp("faulty")
    code = BREAK.format(modules=MODULES, planted=PLANTED)
    (folder / "sitecustomize.py").write_text(code, "utf-8")
    switch = folder / "fault"
    switch.write_text("", "ascii")
    prefix = ("env", f"PYTHONPATH={folder}:{PROJECT}", f"FAULT={switch}")
    policy = world.policy(larger="pass").partition("redaction:")[0]
    kind, how = request.param
    with world.firewall(folder, policy, kind=kind, prefix=prefix) as running:
        # mitmproxy ends when an error is logged before its start is over.
        mended(lambda: "Aegis decides" in running.output)
        yield Faulty(running, switch, how)


@pytest.fixture(autouse=True)
def _quiet(request: pytest.FixtureRequest) -> Iterator[None]:
    """Check after each fault that the value in it is nowhere and that the firewall still works."""
    if "faulty" not in request.fixturenames:
        yield
        return
    faulty: Faulty = request.getfixturevalue("faulty")
    world: World = request.getfixturevalue("world")
    firewall = faulty.firewall
    before = len(firewall.output)
    yield
    faulty.mend()
    with client(firewall) as http:
        assert http.get(f"{world.files.url}/echo").status_code == 200
    printed = firewall.output[before:]
    assert PLANTED not in printed + str(firewall.records()[-20:])
    assert "Traceback" not in printed, printed


_amounts = iter(range(10, 5000))


def pay(firewall: Firewall, world: World) -> httpx.Response:
    """Make a payment that nothing has seen before, over a new connection."""
    with client(firewall) as http:
        return http.post(f"{world.payments.url}/v1/payments", json={"amount": next(_amounts)})


def places(*wanted: str) -> list[str]:
    return [f"{s.__name__}.{h}" for s in STEPS for h in hooks(s) if h in wanted]


def test_every_hook_is_broken_somewhere_here() -> None:
    known = {"http_connect", "tls_clienthello", "requestheaders", "request", "responseheaders"}
    known |= {"response", "error", "server_connect"}
    cut = {"tcp_start", "udp_start", "dns_request"}
    # Without it the owner of a connection is not known, and so neither is its agent.
    known.add("client_connected")
    # Broken with those of the other steps in `test_a_broken_passthrough_opens_nothing`.
    cut |= {"next_layer", "passthrough", "client_disconnected"}
    assert {hook for step in STEPS for hook in hooks(step)} <= known | cut


@pytest.mark.parametrize("place", places("http_connect"))
def test_a_fault_in_a_tunnel_refuses_the_tunnel(faulty: Faulty, world: World, place: str) -> None:
    faulty.breaks(place)
    with pytest.raises(httpx.ProxyError, match="503"):
        pay(faulty.firewall, world)
    assert world.touched == []
    if not place.startswith("Record."):
        last = faulty.firewall.decisions()[-1]
        assert last["effect"] == "deny"
        assert last["rule"] == f"fail-closed:{place.partition('.')[0].lower()}"


@pytest.mark.parametrize("place", places("tls_clienthello"))
def test_a_fault_in_the_handshake_cuts_it_off(faulty: Faulty, world: World, place: str) -> None:
    # Without the name that the client asked for in TLS, the names cannot be compared.
    faulty.breaks(place)
    try:
        status = pay(faulty.firewall, world).status_code
    except httpx.TransportError:
        status = 503
    assert status == 503
    assert world.touched == []


@pytest.mark.parametrize("place", places("requestheaders", "request"))
def test_a_fault_on_the_way_out_refuses_the_request(
    faulty: Faulty, world: World, place: str
) -> None:
    faulty.breaks(place)
    before = faulty.firewall.records()[-1]["seq"]
    answer = pay(faulty.firewall, world)
    step = place.partition(".")[0].lower()
    assert answer.status_code == 503
    error = answer.json()["error"]
    assert error["code"] == ("internal_error" if faulty.how == "raise" else "step_timeout")
    assert error["rule"] == f"fail-closed:{step}"
    assert PLANTED not in answer.text
    assert world.touched == []
    if place not in ("Record.request", "Gate.request"):
        (record,) = faulty.firewall.decisions(after=before)
        assert record["id"] == error["decision_id"]
        assert record["effect"] == "deny"


@pytest.mark.parametrize("place", places("requestheaders"))
def test_a_fault_before_a_large_body_refuses_it(faulty: Faulty, world: World, place: str) -> None:
    faulty.breaks(place)
    body = b"x" * 1_500_000
    with client(faulty.firewall) as http:
        try:
            status = http.post(f"{world.files.url}/upload", content=body).status_code
        except httpx.TransportError:
            status = 503
    assert status in (413, 503)
    assert world.touched == []


@pytest.mark.parametrize("place", places("server_connect"))
def test_a_fault_at_the_dial_refuses_it(faulty: Faulty, world: World, place: str) -> None:
    faulty.breaks(place)
    answer = pay(faulty.firewall, world)
    assert answer.status_code in (502, 503)
    assert PLANTED not in answer.text
    assert world.touched == []


@pytest.mark.parametrize("place", places("responseheaders", "response"))
def test_a_fault_on_the_way_back_does_not_hang(faulty: Faulty, world: World, place: str) -> None:
    faulty.breaks(place)
    start = time.monotonic()
    with client(faulty.firewall) as http:
        try:
            answer = http.get(f"{world.files.url}/bytes/300000")
        except httpx.TransportError:
            pass
        else:
            assert PLANTED not in answer.text
            if "responseheaders" in place:
                assert answer.status_code >= 500
            else:
                assert len(answer.content) == 300000
    assert time.monotonic() - start < 5
    assert faulty.firewall.decisions()[-1]["effect"] == "allow"


@pytest.mark.parametrize("place", places("error"))
def test_a_fault_after_an_error_does_not_hang(faulty: Faulty, world: World, place: str) -> None:
    faulty.breaks(place)
    start = time.monotonic()
    with client(faulty.firewall) as http:
        try:
            assert http.get(f"{world.files.url}/hangup").status_code >= 500
        except httpx.TransportError:
            pass
    assert time.monotonic() - start < 5


@pytest.mark.parametrize("how", ["raise", "undefined", "null", "panic"])
def test_no_decision_is_a_refusal(faulty: Faulty, world: World, how: str) -> None:
    with client(faulty.firewall) as http:
        assert http.get(f"{world.payments.url}/v1/payments").status_code == 200
        world.forget()
        faulty.breaks("engine", how)
        amount = next(_amounts)
        answer = http.post(f"{world.payments.url}/v1/payments", json={"amount": amount})
    assert answer.status_code == 503
    error = answer.json()["error"]
    assert error["code"] == "policy_error"
    assert world.payments.requests == []
    record = next(d for d in faulty.firewall.decisions() if d["id"] == error["decision_id"])
    assert record["effect"] == "deny"


def test_the_log_verifies_after_all_that(faulty: Faulty) -> None:
    assert faulty.firewall.verify().ok


# The decision log -------------------------------------------------------------------------


def proven(firewall: Firewall, world: World) -> None:
    """Check that what the upstream got is all in the log, and the log is whole."""
    assert firewall.verify().ok
    allowed = firewall.decisions(effect="allow")
    assert len(allowed) >= len(world.payments.requests)


def until_refused(firewall: Firewall, world: World) -> httpx.Response:
    """Make payments until one is refused; what is refused is not forwarded."""
    for _ in range(200):
        seen = len(world.payments.requests)
        answer = pay(firewall, world)
        if answer.status_code != 201:
            assert len(world.payments.requests) == seen
            return answer
    raise AssertionError("no payment was refused")


def test_a_log_that_cannot_grow_refuses_all(start: Callable[..., Firewall], world: World) -> None:
    firewall = start()
    assert pay(firewall, world).status_code == 201
    _, hard = resource.prlimit(firewall.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(firewall.pid, resource.RLIMIT_FSIZE, (1, hard))
    for _ in range(3):
        answer = until_refused(firewall, world)
        assert answer.status_code == 503
        assert answer.json()["error"]["code"] == "log_unavailable"
    resource.prlimit(firewall.pid, resource.RLIMIT_FSIZE, (hard, hard))
    mended(lambda: pay(firewall, world).status_code == 201)
    proven(firewall, world)
    assert "Traceback" not in firewall.output


if os.geteuid() == 0:

    def test_a_full_disk_refuses_all(world: World, tmp_path: Path) -> None:
        home = tmp_path / "firewall" / "home"
        home.mkdir(parents=True)
        mount = ["mount", "-t", "tmpfs", "-o", "size=4m,mode=700", "tmpfs", str(home)]
        subprocess.run(mount, check=True)
        try:
            with world.firewall(tmp_path / "firewall") as firewall:
                assert pay(firewall, world).status_code == 201
                filler = home / "filler"
                with filler.open("wb", buffering=0) as file, pytest.raises(OSError, match="space"):
                    while True:
                        file.write(bytes(4096))
                answer = until_refused(firewall, world)
                assert answer.status_code == 503
                assert answer.json()["error"]["code"] == "log_unavailable"
                filler.unlink()
                mended(lambda: pay(firewall, world).status_code == 201)
                proven(firewall, world)
                assert "Traceback" not in firewall.output
        finally:
            subprocess.run(["umount", "-l", str(home)], check=True)


def mended(works: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not works():
        assert time.monotonic() < end
        time.sleep(0.2)


def test_a_log_locked_by_another_process_refuses_in_time(
    start: Callable[..., Firewall], world: World
) -> None:
    firewall = start()
    assert pay(firewall, world).status_code == 201
    world.forget()
    with closing(sqlite3.connect(firewall.log, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        begun = time.monotonic()
        answer = pay(firewall, world)
        assert time.monotonic() - begun < 12
        assert answer.status_code == 503
        assert answer.json()["error"]["code"] == "log_unavailable"
        assert world.touched == []
        other.execute("ROLLBACK")
    mended(lambda: pay(firewall, world).status_code == 201)
    proven(firewall, world)


# The redaction workers --------------------------------------------------------------------

_numbers = iter(range(1000, 9999))


def note(firewall: Firewall, world: World) -> httpx.Response:
    """Send a note with a number that no cache knows."""
    text = f"Patient SSN 536-90-{next(_numbers)} came today"
    with client(firewall) as http:
        return http.post(
            f"{world.ehr.url}/notes", content=text, headers={"content-type": "text/plain"}
        )


def redactors(firewall: Firewall) -> list[int]:
    """Find the redaction workers among the firewall's children."""
    found = []
    for task in Path(f"/proc/{firewall.pid}/task").iterdir():
        for pid in (task / "children").read_text("ascii").split():
            if b"redaction.worker" in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(int(pid))
    return found


@pytest.fixture(scope="module")
def redacting(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firewall]:
    folder = tmp_path_factory.mktemp("redacting")
    options = {"aegis_redaction_timeout": "8", "aegis_redaction_workers": "1"}
    with world.firewall(folder, options=options) as firewall:
        mended(lambda: note(firewall, world).status_code == 201)
        yield firewall


def test_a_worker_killed_between_calls_is_replaced(redacting: Firewall, world: World) -> None:
    (worker,) = redactors(redacting)
    os.kill(worker, signal.SIGKILL)
    time.sleep(0.3)
    answer = note(redacting, world)
    assert answer.status_code == 201, answer.text
    assert worker not in redactors(redacting)
    assert b"536-90" not in world.ehr.everything()


def test_a_worker_killed_during_a_call_is_made_good_by_another(
    redacting: Firewall, world: World
) -> None:
    mended(lambda: note(redacting, world).status_code == 201)
    world.forget()
    (worker,) = redactors(redacting)
    os.kill(worker, signal.SIGSTOP)
    answers: list[httpx.Response] = []
    caller = threading.Thread(target=lambda: answers.append(note(redacting, world)))
    caller.start()
    time.sleep(0.5)
    os.kill(worker, signal.SIGKILL)
    caller.join(20)
    (answer,) = answers
    assert answer.status_code == 201
    assert worker not in redactors(redacting)
    assert b"536-90" not in world.ehr.everything()


def test_a_worker_that_is_too_slow_refuses_and_is_replaced(
    start: Callable[..., Firewall], world: World
) -> None:
    firewall = start(options={"aegis_redaction_timeout": "1", "aegis_redaction_workers": "1"})
    mended(lambda: note(firewall, world).status_code == 201)
    world.forget()
    (worker,) = redactors(firewall)
    os.kill(worker, signal.SIGSTOP)
    begun = time.monotonic()
    answer = note(firewall, world)
    assert time.monotonic() - begun < 4
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "redaction_failed"
    assert world.touched == []
    record = firewall.decisions()[-1]
    assert record["effect"] == "deny"
    assert record["code"] == "redaction_failed"
    # What needs no redaction goes on.
    assert pay(firewall, world).status_code == 201
    mended(lambda: note(firewall, world).status_code == 201)
    assert worker not in redactors(firewall)
    assert "536-90" not in firewall.output + str(firewall.records())


def test_workers_end_with_the_firewall(start: Callable[..., Firewall]) -> None:
    firewall = start()
    mended(lambda: bool(redactors(firewall)))
    workers = redactors(firewall)
    os.kill(firewall.pid, signal.SIGKILL)
    mended(lambda: not any(Path(f"/proc/{worker}/cmdline").exists() for worker in workers))


# The upstream -----------------------------------------------------------------------------


class Dying(Upstream):
    """Breaks off in the middle of its answer."""

    names = ("dying.example.test",)

    async def handle(self, request: Request) -> Reply:
        return Reply(200, [("content-length", "1000")], self._half())

    async def _half(self) -> AsyncIterator[bytes]:
        yield b"x" * 500
        raise HangUp


@pytest.fixture(scope="module")
def troubled(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """A firewall in front of upstreams that are no good."""
    folder = tmp_path_factory.mktemp("troubled")
    with (
        Dying(world.files.ca, http2=False) as dying,
        Upstream(LocalCa(folder / "other-ca"), "stranger.example.test") as stranger,
    ):
        urls = {
            "dying": dying.url,
            "stranger": stranger.url,
            "closed": f"https://closed.example.test:{free_port()}",
            "misnamed": f"https://misnamed.example.test:{world.files.port}",
        }
        ports = {name: url.rpartition(":")[2] for name, url in urls.items()}
        destinations = "".join(
            f"  - {{id: {name}, hosts: [{name}.example.test], ports: [{port}],"
            " addresses: [127.0.0.0/8]}\n"
            for name, port in ports.items()
        )
        policy = world.policy().replace("destinations:\n", "destinations:\n" + destinations, 1)
        policy = policy.replace("[llm, files,", f"[{', '.join(urls)}, llm, files,")
        hosts = {f"{name}.example.test": "127.0.0.1" for name in urls}
        ca = world.files.ca
        with Firewall(folder, policy, *world.upstreams, hosts=hosts, ca=ca) as firewall:
            yield {"firewall": firewall, "urls": urls, "stranger": stranger}


def outcome_of(firewall: Firewall, before: int) -> dict[str, Any]:
    end = time.monotonic() + 5
    while not (found := firewall.outcomes(after=before)):
        assert time.monotonic() < end, firewall.output
        time.sleep(0.05)
    return found[0]


@pytest.mark.parametrize("name", ["closed", "stranger", "misnamed"])
def test_an_upstream_that_cannot_be_trusted_or_reached(troubled: dict[str, Any], name: str) -> None:
    firewall: Firewall = troubled["firewall"]
    before = firewall.records()[-1]["seq"]
    with client(firewall) as http:
        answer = http.post(f"{troubled['urls'][name]}/x?{PLANTED}", content=PLANTED)
    assert answer.status_code == 502
    assert PLANTED not in answer.text
    assert troubled["stranger"].requests == []
    outcome = outcome_of(firewall, before)
    assert outcome["error"] == (
        "upstream_unreachable" if name == "closed" else "upstream_untrusted"
    )
    assert PLANTED not in firewall.output + str(firewall.records())


def test_an_upstream_that_dies_in_its_answer(troubled: dict[str, Any]) -> None:
    firewall: Firewall = troubled["firewall"]
    before = firewall.records()[-1]["seq"]
    with client(firewall) as http, pytest.raises(httpx.TransportError):
        http.get(f"{troubled['urls']['dying']}/x")
    outcome = outcome_of(firewall, before)
    assert outcome["error"]
    assert outcome["status"] == 200
    assert outcome["response_bytes"] == 500


def test_a_name_that_does_not_resolve(troubled: dict[str, Any]) -> None:
    firewall: Firewall = troubled["firewall"]
    with client(firewall) as http:
        answer = http.get("https://nowhere.example.test/")
    assert answer.status_code == 502
    assert answer.json()["error"]["code"] == "name_unresolved"
    assert firewall.decisions()[-1]["code"] == "name_unresolved"
