"""Starting and stopping: what is wrong is said in one line, what ends ends cleanly."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from tests.integration.conftest import World
from tests.integration.test_exchange import client
from tests.integration.test_workers import plain
from tests.support.firewall import Firewall
from tests.support.process import PROJECT, Program, ProgramError, beside_python, free_port

BROKEN = """\
apiVersion: aegis/v1
kind: Policy
metadata: {name: broken}
destinations:
  - id: api
    hosts: [api.example.test]
rules:
  - id: one
    agents: ["*"]
    destinations: [nowhere]
    effect: allow
"""


@pytest.fixture
def good(world: World, tmp_path: Path) -> Path:
    path = tmp_path / "good.yaml"
    path.write_text(plain(world), "utf-8")
    return path


def own(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return ended([beside_python("python"), "-m", "addons", *map(str, arguments)])


def mitmdump(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return ended([beside_python("mitmdump"), "-s", "addons/firewall.py", *map(str, arguments)])


def ended(command: list[str]) -> subprocess.CompletedProcess[str]:
    variables = {**os.environ, "PYTHONPATH": str(PROJECT)}
    return subprocess.run(
        command, cwd=PROJECT, env=variables, text=True, capture_output=True, timeout=30
    )


def refused(done: subprocess.CompletedProcess[str], *parts: str) -> str:
    """Check that a start was refused in words for people; gives what was printed."""
    printed = done.stdout + done.stderr
    assert done.returncode not in (0, None), printed
    assert done.returncode > 0, printed
    assert "Traceback" not in printed
    for part in parts:
        assert part in printed
    return printed


def arguments(home: Path, policy: Path) -> list[str]:
    return ["--policy", str(policy), "--home", str(home), "--port", str(free_port())]


def test_an_unknown_policy_file_is_named(tmp_path: Path) -> None:
    done = own("--home", tmp_path / "home", "--policy", tmp_path / "nope.yaml")
    printed = refused(done, str(tmp_path / "nope.yaml"))
    assert len(printed.strip().splitlines()) == 1
    assert done.returncode == 2


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_wrong_policy_is_refused_with_its_line(tmp_path: Path, workers: str) -> None:
    policy = tmp_path / "broken.yaml"
    policy.write_text(BROKEN, "utf-8")
    done = own(*arguments(tmp_path / "home", policy), "--workers", workers)
    refused(done, "broken.yaml:10:")
    assert done.returncode == 2


@pytest.mark.parametrize("start_with", [own, mitmdump])
def test_a_policy_that_asks_for_what_is_not_there_is_refused(
    tmp_path: Path, good: Path, start_with: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    text = good.read_text("utf-8").replace(
        "    addresses:", "    trust: corporate\n    addresses:", 1
    )
    good.write_text(text, "utf-8")
    if start_with is own:
        done = own(*arguments(tmp_path / "home", good))
    else:
        home = ("--set", f"aegis_home={tmp_path / 'home'}", "-p", str(free_port()))
        done = mitmdump("--set", f"aegis_policy={good}", *home)
    assert done.returncode != 0
    assert "trust/corporate.pem: the file cannot be read" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_a_port_that_is_taken_is_named(tmp_path: Path, good: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        for workers in ("1", "2"):
            done = own("--policy", good, "--home", tmp_path, "--port", port, "--workers", workers)
            printed = refused(done, str(port))
            assert len(printed.strip().splitlines()) == 1
    assert not (tmp_path / "proxy.json").exists()


@pytest.mark.parametrize(
    ("extra", "named"),
    [
        (["--workers", "0"], "1 to 64"),
        (["--workers", "many"], "--workers"),
        (["--port", "70000"], "65535"),
        (["--port", "http"], "--port"),
        (["--set", "aegis_otlp_endpoint=x"], "aegis_otlp_endpoint"),
        (["--otlp-endpoint", "ftp://collector"], "aegis_otlp_endpoint"),
        (["--set", "nosuch=1"], "nosuch"),
        (["--set", "ssl_insecure=true"], "ssl_insecure"),
        (["--set", "mode=socks5"], "mode"),
        (["--set", "mode=upstream:http://127.0.0.1:1"], "mode"),
        (["--set", "ignore_hosts=.*"], "ignore_hosts"),
        (["--set", "aegis_redaction_workers=0"], "aegis_redaction_workers"),
        (["--set", "aegis_redaction_timeout=soon"], "aegis_redaction_timeout"),
        (["--hosts-file", "/nope/hosts"], "/nope/hosts"),
        (["--upstream-ca", "/nope/ca.pem"], "/nope/ca.pem"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_option_is_refused(
    tmp_path: Path, good: Path, extra: list[str], named: str
) -> None:
    done = own(*arguments(tmp_path / "home", good), *extra)
    refused(done, named)
    assert done.returncode == 2


def test_a_home_that_cannot_be_written_is_named(tmp_path: Path, good: Path) -> None:
    # A file in its place; root may write to any folder.
    home = tmp_path / "home"
    home.write_text("", "ascii")
    for workers in ("1", "2"):
        done = own(*arguments(home, good), "--workers", workers)
        printed = refused(done, str(home))
        assert len(printed.strip().splitlines()) == 1
        assert done.returncode == 2


@pytest.mark.parametrize("name", ["log.key"])
def test_a_key_that_others_can_read_is_refused(tmp_path: Path, good: Path, name: str) -> None:
    home = tmp_path / "home"
    with closing_start(home, good):
        pass
    (home / name).chmod(0o640)
    done = own(*arguments(home, good))
    refused(done, name)
    assert done.returncode == 2


class closing_start:  # noqa: N801 - reads as a function
    """Start the firewall on a home folder, wait until it listens, and stop it by Ctrl-C."""

    def __init__(self, home: Path, policy: Path) -> None:
        self.home = home
        command = [beside_python("python"), "-m", "addons", *arguments(home, policy)]
        self.process = subprocess.Popen(
            command, cwd=PROJECT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )

    def __enter__(self) -> subprocess.Popen[str]:
        end = time.monotonic() + 40
        while not (self.home / "proxy.json").exists() and self.process.poll() is None:
            assert time.monotonic() < end
            time.sleep(0.02)
        return self.process

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        self.process.wait(20)


def test_ctrl_c_ends_it_cleanly(tmp_path: Path, good: Path) -> None:
    home = tmp_path / "home"
    with closing_start(home, good) as process:
        process.send_signal(signal.SIGINT)
        printed, _ = process.communicate(timeout=20)
    assert process.returncode == 0, printed
    assert "Traceback" not in printed
    assert not (home / "proxy.json").exists()


def test_ctrl_c_with_two_workers_ends_it_cleanly(start: Callable[..., Firewall]) -> None:
    firewall = start(workers=2)
    os.kill(firewall.pid, signal.SIGINT)
    end = time.monotonic() + 20
    while firewall.exit_code is None and time.monotonic() < end:
        time.sleep(0.05)
    assert firewall.exit_code == 0, firewall.output
    assert "Traceback" not in firewall.output
    assert not (firewall.home / "proxy.json").exists()


def test_ctrl_c_ends_mitmdump_cleanly(start: Callable[..., Firewall]) -> None:
    firewall = start(kind="mitmdump")
    os.kill(firewall.pid, signal.SIGINT)
    end = time.monotonic() + 20
    while firewall.exit_code is None and time.monotonic() < end:
        time.sleep(0.05)
    assert firewall.exit_code == 0, firewall.output
    assert "Traceback" not in firewall.output
    assert firewall.records("stop")


def test_a_second_start_goes_on_with_the_same_ca_log_and_token(
    start: Callable[..., Firewall], world: World
) -> None:
    firewall = start()
    kept = ("ca.pem", "ca-bundle.pem", "log.key", "log.pub", "hash.key", "default.token")
    before = {name: (firewall.home / name).read_bytes() for name in kept}
    with client(firewall) as http:
        assert http.get(f"{world.files.url}/echo").status_code == 200
    assert firewall.stop() == 0
    assert "Traceback" not in firewall.output
    count = len(firewall.records())
    firewall.start()
    with client(firewall) as http:
        assert http.get(f"{world.files.url}/echo").status_code == 200
    assert {name: (firewall.home / name).read_bytes() for name in kept} == before
    assert len(firewall.records()) > count
    assert len(firewall.records("start")) == 2
    assert firewall.verify().ok


def test_files_of_the_home_are_private(start: Callable[..., Firewall]) -> None:
    firewall = start()
    assert firewall.home.stat().st_mode & 0o077 == 0
    for name in ("log.key", "hash.key", "default.token", "agents.db", "ledger.db"):
        assert (firewall.home / name).stat().st_mode & 0o077 == 0, name
    for path in (firewall.home / "ca").iterdir():
        if b"PRIVATE KEY" in path.read_bytes():
            assert path.stat().st_mode & 0o077 == 0, path.name


LAST = "(SELECT max(seq) FROM records)"


@pytest.mark.parametrize(
    "statement",
    [
        f"UPDATE records SET body = replace(body, 'stop', 'halt') WHERE seq = {LAST}",
        f"DELETE FROM records WHERE seq = {LAST}",
        "DELETE FROM checkpoints",
    ],
)
def test_a_tampered_log_is_not_written_on(
    start: Callable[..., Firewall], world: World, statement: str
) -> None:
    firewall = start(policy=plain(world))
    with client(firewall) as http:
        http.get(f"{world.files.url}/echo")
    firewall.stop()
    with closing(sqlite3.connect(firewall.log, isolation_level=None)) as database:
        triggers = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        for (trigger,) in database.execute(triggers).fetchall():
            database.execute(f"DROP TRIGGER {trigger}")
        assert database.execute(statement).rowcount
    with pytest.raises(ProgramError) as stopped:
        firewall.start()
    assert firewall.exit_code == 2
    assert "Traceback" not in str(stopped.value)
    assert "ledger.db: the decision log cannot be trusted" in str(stopped.value)
    assert not (firewall.home / "proxy.json").exists()


@pytest.mark.parametrize(
    ("extra", "named"),
    [
        (["--set", "aegis_policy=/nope"], "/nope"),
        (["--set", "ssl_insecure=true"], "ssl_insecure"),
        (["--mode", "socks5"], "transparent"),
        (["--mode", "regular", "--mode", "socks5@1080"], "socks5"),
        (["--set", "map_remote=|a.example.test|b.example.test"], "map_remote"),
        (["--set", "ignore_hosts=.*"], "ignore_hosts"),
        (["--set", "proxyauth=any"], "proxyauth"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_mitmdump_refuses_what_leads_past_the_firewall(
    tmp_path: Path, good: Path, extra: list[str], named: str
) -> None:
    home = tmp_path / "home"
    sets = [f"aegis_home={home}", f"confdir={home / 'ca'}"]
    if "aegis_policy=/nope" not in extra:
        sets.append(f"aegis_policy={good}")
    pairs = [part for value in sets for part in ("--set", value)]
    done = mitmdump("--listen-port", free_port(), *pairs, *extra)
    refused(done, named)


@pytest.mark.parametrize("change", ["removed", "broken"])
def test_a_script_that_is_gone_or_broken_leaves_the_firewall_in_force(
    world: World, tmp_path: Path, good: Path, change: str
) -> None:
    # mitmdump watches its scripts, loads them anew when they change and drops those that are gone.
    script = tmp_path / "firewall.py"
    shutil.copy(PROJECT / "addons" / "firewall.py", script)
    home, port = tmp_path / "home", free_port()
    sets = [f"aegis_policy={good}", f"aegis_home={home}", f"confdir={home / 'ca'}"]
    command = [beside_python("mitmdump"), "-s", str(script), "--listen-port", str(port)]
    command += [part for value in sets for part in ("--set", value)]
    with Program(command, tmp_path / "out") as program:
        program.wait_until(lambda: "Aegis decides" in program.output, "ready")
        if change == "removed":
            script.unlink()
        else:
            script.write_text("import nosuch\n", "ascii")
        time.sleep(2)
        with httpx.Client(proxy=f"http://127.0.0.1:{port}", timeout=10) as http:
            try:
                assert http.get(f"{world.plain.local_url}/echo").status_code == 407
            except httpx.TransportError:
                assert program.exit_code is not None
        assert world.touched == []
        program.stop()
