"""A firewall that follows a bundle server, a folder, or what is applied on its home folder."""

from __future__ import annotations

import http.server
import json
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from rules import DEFAULT_POLICY, load_bundle
from rules.signature import new_signing_key, public_key_of
from tests.control.conftest import COMMAND
from tests.integration.conftest import World
from tests.integration.test_exchange import client
from tests.integration.test_reload import limited, notes, pay, until
from tests.integration.test_workers import plain
from tests.support.firewall import Firewall
from tests.support.process import (
    PROJECT,
    Program,
    ProgramError,
    beside_python,
    free_port,
    listens,
)

START = "import sys; from control.cli import main; sys.exit(main())"
WHY = ("--why", "a test")


class BundleServer:
    """`aegis policy serve` on one file, on a port that stays."""

    def __init__(self, folder: Path, policy: str) -> None:
        folder.mkdir()
        self.policy, self._folder, self.port = folder / "policy.yaml", folder, free_port()
        self.policy.write_text(policy, "utf-8")
        self._program: Program | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def revision(self) -> str:
        return load_bundle(self.policy).revision

    def start(self, *more: str) -> None:
        arguments = (
            "policy",
            "serve",
            "--port",
            str(self.port),
            "--policy",
            str(self.policy),
            *more,
        )
        command = [beside_python("python"), "-P", "-c", START, *arguments]
        home = {"AEGIS_HOME": str(self._folder / "home")}
        self._program = Program(command, self._folder / "server.out", home).start()
        self._program.wait_until(lambda: listens(self.port), "the bundle server")

    def stop(self) -> None:
        if self._program is not None:
            assert self._program.stop() == 0


@pytest.fixture
def server(world: World, tmp_path: Path) -> Iterator[BundleServer]:
    made = BundleServer(tmp_path / "server", plain(world))
    made.start()
    yield made
    made.stop()


def aegis(firewall: Firewall, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the command on the firewall's home folder."""
    return subprocess.run(
        [*COMMAND, "--home", str(firewall.home), *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        timeout=60,
    )


def status(firewall: Firewall) -> Any:
    return json.loads(aegis(firewall, "status", "--json").stdout)["policy"]


def paid(firewall: Firewall, world: World, amount: int) -> int:
    """Pay where the tunnel itself may be refused."""
    try:
        return pay(firewall, world, amount)
    except httpx.ProxyError:
        return 403


def in_force(firewall: Firewall) -> str:
    """Give the revision that the log says was put in force last."""
    said = [r for r in firewall.records() if r.get("what") == "activated" or r["kind"] == "start"]
    return str(said[-1]["revision"])


@contextmanager
def traffic(firewall: Firewall, world: World) -> Iterator[list[int]]:
    """Pay 100 again and again beside; no request may fail."""
    ended, statuses, failures = threading.Event(), list[int](), list[Exception]()

    def ask() -> None:
        with client(firewall) as http:
            while not ended.is_set():
                try:
                    answer = http.post(f"{world.payments.url}/v1/payments", json={"amount": 100})
                    statuses.append(answer.status_code)
                except Exception as error:
                    failures.append(error)

    askers = [threading.Thread(target=ask) for _ in range(3)]
    for asker in askers:
        asker.start()
    try:
        yield statuses
    finally:
        ended.set()
        for asker in askers:
            asker.join(20)
    assert not failures
    assert set(statuses) == {201}


def test_a_change_on_the_server_is_in_force_within_a_second(
    start: Callable[..., Firewall], world: World, server: BundleServer
) -> None:
    firewall = start(place=server.url)
    assert firewall.running["policy"] == f"{server.url}/bundles/aegis.tar.gz"
    assert in_force(firewall) == server.revision
    assert pay(firewall, world, 5000) == 201
    for amount in (700, 600, 500):
        server.policy.write_text(limited(world, amount), "utf-8")
        changed = time.monotonic()
        until(lambda: in_force(firewall) == server.revision)
        assert time.monotonic() - changed < 1
        assert pay(firewall, world, amount + 1) == 403
        assert pay(firewall, world, amount) == 201
    assert firewall.decisions()[-1]["revision"] == server.revision
    assert firewall.verify().ok
    # Ended while it waits for the server's next answer.
    assert firewall.stop() == 0
    assert all(line.startswith(("Aegis", "Policy")) for line in firewall.output.splitlines())


def test_no_request_is_lost_while_the_server_changes_the_policy(
    start: Callable[..., Firewall], world: World, server: BundleServer
) -> None:
    firewall = start(place=server.url)
    with traffic(firewall, world) as statuses:
        for amount in (101, 102, 103, 104, 105):
            server.policy.write_text(limited(world, amount), "utf-8")
            until(lambda: in_force(firewall) == server.revision)
    assert len(statuses) > 50
    used = {decision["revision"] for decision in firewall.decisions()}
    assert len(used) >= 5
    assert firewall.verify().ok


def test_without_the_server_a_start_uses_the_last_good_bundle_and_follows_later(
    start: Callable[..., Firewall], world: World, server: BundleServer, tmp_path: Path
) -> None:
    first = start(place=server.url)
    # Kept at the start already, not only with the first change.
    until(lambda: bool(list(first.home.glob("last-bundle-*.tar.gz"))))
    server.policy.write_text(limited(world, 600), "utf-8")
    until(lambda: pay(first, world, 601) == 403)
    server.stop()
    time.sleep(0.5)
    assert (pay(first, world, 601), pay(first, world, 600)) == (403, 201)
    first.stop()
    again = world.firewall(first.folder, place=server.url)
    with again:
        assert "last good policy" in again.output
        assert (pay(again, world, 601), pay(again, world, 600)) == (403, 201)
        server.policy.write_text(limited(world, 500), "utf-8")
        server.start()
        until(lambda: pay(again, world, 501) == 403, 12)
    assert again.verify().ok


def test_without_the_server_and_without_a_last_bundle_nothing_starts(
    world: World, tmp_path: Path
) -> None:
    firewall = world.firewall(tmp_path / "cold", place=f"http://127.0.0.1:{free_port()}/x.tar.gz")
    with pytest.raises(AssertionError, match="ended with 2"):
        firewall.start()
    firewall.stop()
    assert "no earlier bundle" in firewall.output
    assert "Traceback" not in firewall.output


def test_several_workers_follow_the_server(
    start: Callable[..., Firewall], world: World, server: BundleServer
) -> None:
    firewall = start(place=server.url, workers=2)
    server.policy.write_text(limited(world, 500), "utf-8")
    until(lambda: len(notes(firewall, "activated")) == 2)
    assert {pay(firewall, world, 501) for _ in range(8)} == {403}


class WrongServer:
    """Gives whatever bytes it is told to, by plain HTTP."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Length", str(len(outer.content)))
                self.end_headers()
                self.wfile.write(outer.content)

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/b.tar.gz"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def test_a_wrong_bundle_leaves_the_old_one_and_is_told(
    start: Callable[..., Firewall], world: World, server: BundleServer
) -> None:
    good = load_bundle(server.policy)
    wrong = WrongServer(good.to_bytes())
    try:
        firewall = start(place=wrong.url)
        for content in (b"no bundle at all", good.to_bytes()[:-200]):
            seq = firewall.records()[-1]["seq"]
            wrong.content = content
            until(lambda seq=seq: bool(notes(firewall, "refused", seq)), 6)  # type: ignore[misc]
            assert (pay(firewall, world, 5000), pay(firewall, world, 5001)) == (201, 403)
            said = status(firewall)
            assert said["revision"] == good.revision
            assert "no policy bundle" in said["refused"]
        wrong.content = good.to_bytes()
        until(lambda: "refused" not in status(firewall), 8)
        assert status(firewall)["revision"] == good.revision
    finally:
        wrong.stop()
    assert "Traceback" not in firewall.output


def test_only_bundles_that_are_signed_by_the_key_are_used(
    start: Callable[..., Firewall], world: World, tmp_path: Path
) -> None:
    private, public = tmp_path / "policy.key", tmp_path / "policy.pub"
    private.write_bytes(new_signing_key())
    public.write_bytes(public_key_of(private.read_bytes()))
    server = BundleServer(tmp_path / "server", plain(world))
    server.start("--signing-key", str(private))
    try:
        firewall = start(place=server.url, options={"aegis_bundle_key": str(public)})
        server.policy.write_text(limited(world, 500), "utf-8")
        until(lambda: pay(firewall, world, 501) == 403)
    finally:
        server.stop()
    server.policy.write_text(plain(world), "utf-8")
    server.start()  # without the key
    try:
        until(lambda: bool(notes(firewall, "refused")), 12)
        assert "not signed" in str(notes(firewall, "refused")[0]["problem"])
        assert (pay(firewall, world, 500), pay(firewall, world, 501)) == (201, 403)
    finally:
        server.stop()


@pytest.mark.parametrize("kind", ["own", "mitmdump"])
def test_apply_and_rollback_switch_a_running_firewall(
    start: Callable[..., Firewall], world: World, tmp_path: Path, kind: str
) -> None:
    files = {amount: tmp_path / f"{amount}.yaml" for amount in (700, 500)}
    for amount, file in files.items():
        file.write_text(limited(world, amount), "utf-8")
    firewall = start(policy=None, kind=kind)
    assert in_force(firewall) == load_bundle(DEFAULT_POLICY).revision
    assert paid(firewall, world, 100) == 403
    for amount, file in files.items():
        done = aegis(firewall, "policy", "apply", file, *WHY)
        assert done.returncode == 0, done.stderr
        until(lambda amount=amount: paid(firewall, world, amount + 1) == 403)  # type: ignore[misc]
        until(lambda amount=amount: paid(firewall, world, amount) == 201)  # type: ignore[misc]
    assert aegis(firewall, "policy", "rollback", *WHY).returncode == 0
    until(lambda: pay(firewall, world, 700) == 201)
    assert status(firewall)["revision"] == load_bundle(files[700]).revision
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(limited(world, 500).replace("effect: allow", "effect: alow"), "utf-8")
    assert aegis(firewall, "policy", "apply", wrong, *WHY).returncode == 2
    whats = [record["what"] for record in firewall.records("policy")]
    assert whats == ["applied", "activated"] * 2 + ["rolled back", "activated"]
    assert firewall.verify().ok


def test_commands_and_a_firewall_under_load_write_one_log(
    start: Callable[..., Firewall], world: World, tmp_path: Path
) -> None:
    files = [tmp_path / f"{amount}.yaml" for amount in (101, 102)]
    for file in files:
        file.write_text(limited(world, int(file.stem)), "utf-8")
    firewall = start(policy=None)
    assert aegis(firewall, "policy", "apply", files[0], *WHY).returncode == 0
    until(lambda: paid(firewall, world, 100) == 201)
    with traffic(firewall, world) as statuses:
        for step in range(4):
            done = aegis(firewall, "policy", "apply", files[(step + 1) % 2], *WHY)
            assert done.returncode == 0, done.stderr
        assert aegis(firewall, "policy", "rollback", *WHY).returncode == 0
        until(lambda: len(statuses) > 50)
    kinds = "".join(
        "p" if record["kind"] == "policy" else "d"
        for record in firewall.records()
        if record["kind"] == "decision" or record.get("what") in ("applied", "rolled back")
    )
    assert kinds.count("p") == 6
    assert kinds.count("dpd") >= 4  # between decisions, not in a row
    assert aegis(firewall, "audit", "verify").returncode == 0


def test_a_candidate_is_noticed_when_it_starts_and_stops(
    start: Callable[..., Firewall], world: World, tmp_path: Path
) -> None:
    firewall = start(policy=plain(world))
    candidate = tmp_path / "next.yaml"
    candidate.write_text(limited(world, 1), "utf-8")
    assert aegis(firewall, "policy", "shadow", "start", candidate).returncode == 0
    until(lambda: bool(notes(firewall, "shadow started")))
    (started,) = notes(firewall, "shadow started")
    assert started["revision"] == load_bundle(candidate).revision
    assert status(firewall)["revision"] == load_bundle(firewall.policy).revision
    assert pay(firewall, world, 5000) == 201
    assert "decides by" in aegis(firewall, "policy", "apply", candidate, *WHY).stderr
    assert pay(firewall, world, 5000) == 201
    assert aegis(firewall, "policy", "shadow", "stop").returncode == 0
    until(lambda: bool(notes(firewall, "shadow stopped")))
    assert notes(firewall, "activated") == notes(firewall, "refused") == []


def test_a_folder_is_followed(start: Callable[..., Firewall], world: World, tmp_path: Path) -> None:
    folder = tmp_path / "policies"
    folder.mkdir()
    (folder / "base.yaml").write_text(plain(world), "utf-8")
    firewall = start(place=str(folder))
    assert pay(firewall, world, 100) == 201
    (folder / "more.yaml").write_text(
        "apiVersion: aegis/v1\nkind: Policy\nmetadata: {name: more}\n"
        "rules:\n  - {id: stop, agents: ['*'], destinations: [payments], effect: deny}\n"
    )
    until(lambda: pay(firewall, world, 100) == 403)
    (folder / "more.yaml").write_text("kind: [")
    until(lambda: bool(notes(firewall, "refused")))
    assert "more.yaml" in str(notes(firewall, "refused")[0]["problem"])
    assert pay(firewall, world, 100) == 403
    (folder / "more.yaml").unlink()
    until(lambda: pay(firewall, world, 100) == 201)


SMALL_PASSES = """\
apiVersion: aegis/v1
kind: PolicyTest
metadata: {name: small}
cases:
  - name: a small payment passes
    request: {agent: default, method: POST, url: "%s/v1/payments", json: {amount: 40}}
    expect: {effect: allow}
"""


def test_a_policy_that_fails_its_own_tests_is_not_put_in_force(
    start: Callable[..., Firewall], world: World, tmp_path: Path
) -> None:
    folder = tmp_path / "tested"
    folder.mkdir()
    (folder / "policy.yaml").write_text(world.policy(), "utf-8")
    (folder / "small.test.yaml").write_text(SMALL_PASSES % world.payments.url, "utf-8")
    firewall = start(policy=folder)
    revision = firewall.records("start")[-1]["revision"]
    broken = world.policy().replace("max_amount: 5000", "max_amount: 30")
    (folder / "policy.yaml").write_text(broken, "utf-8")
    (refused,) = firewall.wait_for("policy")
    assert (refused["what"], refused["revision"]) == ("refused", revision)
    assert "small.test.yaml:5" in refused["problem"]
    assert "a small payment passes" in refused["problem"]
    with client(firewall) as http:
        answer = http.post(f"{world.payments.url}/v1/payments", json={"amount": 40})
    assert answer.status_code == 201


def test_a_start_with_a_policy_that_fails_its_own_tests_is_refused(
    start: Callable[..., Firewall], world: World, tmp_path: Path
) -> None:
    folder = tmp_path / "tested"
    folder.mkdir()
    (folder / "policy.yaml").write_text(world.policy(), "utf-8")
    test = (SMALL_PASSES % world.payments.url).replace("effect: allow", "effect: deny")
    (folder / "small.test.yaml").write_text(test, "utf-8")
    with pytest.raises(ProgramError, match="a small payment passes: effect: expected deny"):
        start(policy=folder)
