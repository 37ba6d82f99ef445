"""The `aegis` command as people run it, on a home folder of the test's own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from control.cli import main
from ledger import SqliteLog, load_or_create_signer
from tests.support.process import PROJECT
from tests.support.upstreams import FileApi, LocalCa, hosts_file

COMMAND = (sys.executable, "-P", "-c", "import sys; from control.cli import main; sys.exit(main())")

POLICY = """\
apiVersion: aegis/v1
kind: Policy
metadata: {{name: control}}
destinations:
  - id: files
    hosts: [{name}]
    ports: [{port}]
    addresses: [127.0.0.0/8]
rules:
  - {{id: files, agents: ["*"], destinations: [files], effect: allow}}
"""


@dataclass(frozen=True)
class Done:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str


type Aegis = Callable[..., Done]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "home"
    monkeypatch.setenv("AEGIS_HOME", str(folder))
    for name in ("NO_COLOR", "FORCE_COLOR", "AEGIS_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.fixture
def aegis(home: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Aegis:
    """Run the command within this process: quick, for commands that only read and write."""

    def call(*arguments: str | Path) -> Done:
        capfd.readouterr()
        monkeypatch.setattr(sys, "argv", ["aegis", *map(str, arguments)])
        code = main()
        said = capfd.readouterr()
        assert "Traceback" not in said.err
        return Done(code, said.out, said.err)

    return call


@pytest.fixture
def spawn(home: Path, tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start the command as a process of its own; what still runs at the end is ended."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str | Path, **options: object) -> subprocess.Popen[str]:
        environment = {**os.environ, "PYTHONPATH": str(PROJECT), **options.pop("env", {})}
        process = subprocess.Popen(
            [*COMMAND, *map(str, arguments)],
            **{
                "stdin": subprocess.DEVNULL,
                "stdout": subprocess.PIPE,
                "stderr": subprocess.PIPE,
                "text": True,
                "env": environment,
                "cwd": tmp_path,
                **options,
            },
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=20)


@pytest.fixture
def program(spawn: Callable[..., subprocess.Popen[str]]) -> Aegis:
    """Run the command as a process of its own to its end."""

    def call(*arguments: str | Path, **options: object) -> Done:
        process = spawn(*arguments, **options)
        out, err = process.communicate(timeout=60)
        assert "Traceback" not in err
        return Done(process.returncode, out, err)

    return call


def decision(number: int, effect: str = "allow", agent: str = "default", **more: object) -> dict:
    """Make a decision record such as the data plane writes."""
    return {
        "kind": "decision",
        "id": f"d{number}",
        "time": f"2026-01-02T03:04:{number % 60:02d}.000000Z",
        "agent": f"spiffe://aegis.local/tenant/default/agent/{agent}",
        "effect": effect,
        "enforced": True,
        "rule": "default-deny" if effect == "deny" else "models",
        "reason": "No rule allows this." if effect == "deny" else "Allowed.",
        "source": "developer.yaml:7",
        "revision": "0123456789abcdef",
        "destination": {"id": "", "scheme": "https", "host": f"h{number}.test", "port": 443},
        "request": {"method": "GET"},
        "tools": [],
        "redacted": {},
        **more,
    }


@pytest.fixture
def log(home: Path) -> Path:
    """A log of real records, signed by the home's key."""
    home.mkdir(mode=0o700)
    log = SqliteLog(home / "ledger.db", load_or_create_signer(home / "log.key"))
    log.append([{"kind": "start", "time": "2026-01-02T03:04:00.000000Z", "revision": "old"}])
    log.append([decision(n, "deny" if n % 3 == 0 else "allow") for n in range(1, 8)])
    log.append([decision(8, "sanitize", "planner", tools=["mail.send"], redacted={"US_SSN": 2})])
    log.append([{"kind": "outcome", "decision": "d8", "status": 200}])
    log.close()
    return home / "ledger.db"


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FileApi]:
    """An upstream over TLS."""
    with FileApi(LocalCa(tmp_path_factory.mktemp("ca")), "files.example.test") as upstream:
        yield upstream


@pytest.fixture
def behind(files: FileApi, tmp_path: Path) -> list[str]:
    """The options by which a firewall knows the upstream and allows it."""
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY.format(name=files.name, port=files.port))
    hosts = hosts_file(tmp_path / "hosts", files)
    assert files.ca is not None
    return [
        *("--policy", str(policy)),
        *("--hosts-file", str(hosts)),
        *("--upstream-ca", str(files.ca.pem)),
    ]
