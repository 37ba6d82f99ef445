"""The scripts in a checkout of their own, with empty locks: nothing is downloaded."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
REAL = Path(sys.base_prefix) / "bin" / "python3"
LOCKS = (
    "requirements.lock",
    "requirements-dev.lock",
    "requirements-oracle.lock",
    "requirements-rampart.lock",
)
ECHO = 'import sys\ndef main():\n    print("aegis", *sys.argv[1:])\n    return 3\n'


class Checkout:
    """A copy of the scripts, a command that tells its arguments, and a PATH of our choice."""

    def __init__(self, folder: Path, template: Path | None = None) -> None:
        self.folder = folder
        self._template = template
        shutil.copytree(PROJECT / "scripts", folder / "scripts")
        (folder / "control").mkdir()
        (folder / "control" / "__init__.py").touch()
        (folder / "control" / "cli.py").write_text(ECHO)
        for lock in LOCKS:
            (folder / lock).touch()
        self.bin = folder / "bin of the machine"
        self.bin.mkdir()
        for tool in (
            "bash",
            "cat",
            "cksum",
            "chmod",
            "dirname",
            "env",
            "flock",
            "rm",
            "sh",
            "uname",
        ):
            found = shutil.which(tool)
            assert found, tool
            (self.bin / tool).symlink_to(found)

    def python(self, name: str, version: str = "", *, folder: Path | None = None) -> Path:
        """Put a Python there: this one, or one that can only say its version.

        With a template, it makes environments by copying that: seconds quicker.
        """
        path = (folder or self.bin) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = [f'exec "{REAL}" "$@"']
        if version:
            lines = [f"echo Python {version}", "exit 1"]
        elif self._template is not None:
            lines = [
                'case "$*" in',
                f"""'-m venv '*) exec /bin/cp -R '{self._template}' "$3" ;;""",
                """*'print(sys.executable)') echo "$0"; exit ;;""",
                "esac",
                *lines,
            ]
        path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
        path.chmod(0o755)
        return path

    def run(
        self, *command: str, environment: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a script and give what it said."""
        return subprocess.run(
            [str(self.folder / command[0]), *command[1:]],
            env={"PATH": str(self.bin), "HOME": str(self.folder), **(environment or {})},
            cwd=cwd or self.folder.parent,
            capture_output=True,
            text=True,
            timeout=100,
            stdin=subprocess.DEVNULL,
        )


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("template") / "venv"
    subprocess.run([REAL, "-m", "venv", folder], check=True)
    return folder


@pytest.fixture
def checkout(tmp_path: Path, template: Path) -> Checkout:
    return Checkout(tmp_path / "it's a checkout", template)


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    made = Checkout(tmp_path_factory.mktemp("ready") / "it's a checkout")
    made.python("python3.12")
    ended = made.run("scripts/bootstrap")
    assert ended.returncode == 0, ended.stderr
    return made


def test_without_a_python_that_fits_it_says_what_to_do(checkout: Checkout) -> None:
    checkout.python("python3", "3.9.1")
    ended = checkout.run("scripts/run")
    assert ended.returncode == 2
    assert "no Python from 3.12" in ended.stderr
    assert "AEGIS_PYTHON=" in ended.stderr
    assert not (checkout.folder / ".venv").exists()


@pytest.mark.parametrize("place", ["named", "pyenv", "pyenv of the home", "behind an old one"])
def test_it_finds_a_python_by_itself(checkout: Checkout, place: str) -> None:
    checkout.python("python3", "3.9.1")
    checkout.python("python3.13", "pyenv: python3.13: command not found")
    environment = {}
    if place == "named":
        named = checkout.python("mine", folder=checkout.folder / "elsewhere")
        environment["AEGIS_PYTHON"] = str(named)
    elif place == "behind an old one":
        checkout.python("python3.12")
    else:
        root = checkout.folder / (".pyenv" if "home" in place else "py env")
        checkout.python("python3", folder=root / "versions" / "3.13.9" / "bin")
        checkout.python("python3", "3.11.2", folder=root / "versions" / "3.11.2" / "bin")
        if "home" not in place:
            environment["PYENV_ROOT"] = str(root)
    ended = checkout.run("scripts/run", "--port", "0", environment=environment)
    assert (ended.returncode, ended.stdout) == (3, "aegis up --port 0\n"), ended.stderr


def test_a_second_start_does_nothing_and_is_quick(ready: Checkout) -> None:
    before = (ready.folder / ".venv").stat().st_mtime_ns
    started = time.monotonic()
    ended = ready.run("scripts/bootstrap")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    assert time.monotonic() - started < 1
    assert (ready.folder / ".venv").stat().st_mtime_ns == before


def test_the_command_works_from_anywhere_and_takes_no_code_from_there(
    ready: Checkout, tmp_path: Path
) -> None:
    (tmp_path / "control").mkdir()
    (tmp_path / "control" / "__init__.py").write_text("raise SystemExit('the wrong one')")
    ended = ready.run(".venv/bin/aegis", "a b", "--help", cwd=tmp_path)
    assert (ended.returncode, ended.stdout) == (3, "aegis a b --help\n"), ended.stderr


def test_what_tests_need_is_enough_for_a_run(checkout: Checkout) -> None:
    checkout.python("python3.12")
    assert checkout.run("scripts/bootstrap", "--dev").returncode == 0
    ended = checkout.run("scripts/run")
    assert (ended.returncode, ended.stderr) == (3, "")
    # A lock that changes is a reason to look again.
    (checkout.folder / "requirements.lock").write_text("# changed\n")
    ended = checkout.run("scripts/run")
    assert "installing what requirements.lock names" in ended.stderr


def test_what_opa_needs_is_installed_for_tests_only(checkout: Checkout) -> None:
    checkout.python("python3.12")
    uname = checkout.bin / "uname"
    uname.unlink()
    uname.write_text("#!/bin/sh\necho ${SYSTEM:-Linux x86_64}\n")
    uname.chmod(0o755)
    # A requirement that no installation can keep to.
    oracle = checkout.folder / "requirements-oracle.lock"
    oracle.write_text(f"./no-1.0-py3-none-any.whl --hash=sha256:{hashlib.sha256().hexdigest()}\n")
    assert checkout.run("scripts/bootstrap").returncode == 0
    assert checkout.run("scripts/bootstrap", "--dev").returncode != 0
    elsewhere = checkout.run("scripts/bootstrap", "--dev", environment={"SYSTEM": "Darwin arm64"})
    assert elsewhere.returncode == 0, elsewhere.stderr
    assert "no OPA library for this machine" in elsewhere.stderr


def test_a_machine_without_the_second_model_is_told(checkout: Checkout) -> None:
    checkout.python("python3.12")
    uname = checkout.bin / "uname"
    uname.unlink()
    uname.write_text("#!/bin/sh\necho ${SYSTEM:-Linux x86_64}\n")
    uname.chmod(0o755)
    rampart = checkout.folder / "requirements-rampart.lock"
    rampart.write_text(f"./no-1.0-py3-none-any.whl --hash=sha256:{hashlib.sha256().hexdigest()}\n")
    assert checkout.run("scripts/bootstrap").returncode != 0
    elsewhere = checkout.run("scripts/bootstrap", environment={"SYSTEM": "Linux riscv64"})
    assert elsewhere.returncode == 0, elsewhere.stderr
    assert "no Rampart model for this machine" in elsewhere.stderr


def test_a_half_made_environment_is_mended(checkout: Checkout) -> None:
    checkout.python("python3.12")
    half = checkout.folder / ".venv" / "bin"
    half.mkdir(parents=True)
    (half / "python").symlink_to("/nowhere/python3")
    ended = checkout.run("scripts/run")
    assert (ended.returncode, ended.stdout) == (3, "aegis up\n"), ended.stderr


def test_a_failed_installation_is_told_and_tried_again(checkout: Checkout) -> None:
    checkout.python("python3.12")
    lock = checkout.folder / "requirements.lock"
    lock.write_text(
        f"./nothing-1.0-py3-none-any.whl --hash=sha256:{hashlib.sha256().hexdigest()}\n"
    )
    assert checkout.run("scripts/run").returncode not in (0, 3)
    lock.write_text("")
    assert checkout.run("scripts/run").returncode == 3


def test_two_may_set_up_at_once(checkout: Checkout) -> None:
    checkout.python("python3.12")
    both = [
        subprocess.Popen(
            [str(checkout.folder / "scripts" / "run")],
            env={"PATH": str(checkout.bin), "HOME": str(checkout.folder)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    said = [process.communicate(timeout=100) for process in both]
    assert [process.returncode for process in both] == [3, 3], said
    assert sum("making .venv" in error for _, error in said) == 1


def test_a_moved_checkout_is_set_up_anew(checkout: Checkout) -> None:
    checkout.python("python3.12")
    assert checkout.run("scripts/bootstrap").returncode == 0
    moved = checkout.folder.with_name("moved")
    os.rename(checkout.folder, moved)
    environment = {"PATH": str(moved / checkout.bin.name), "HOME": str(moved)}
    ended = subprocess.run(
        [str(moved / "scripts" / "run")], env=environment, capture_output=True, text=True
    )
    assert (ended.returncode, ended.stdout) == (3, "aegis up\n"), ended.stderr


def test_the_locks_name_no_address_and_every_hash() -> None:
    for name in LOCKS:
        text = (PROJECT / name).read_text("utf-8")
        assert "://" not in text
        wanted = [line for line in text.splitlines() if "==" in line]
        assert wanted
        assert all(line.endswith("\\") for line in wanted), "a requirement without a hash"
