"""The data plane as a process that commands start and stop."""

from __future__ import annotations

import fcntl
import os
import select
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from control.home import Running, running_on
from ledger import Home

START_SECONDS = 120.0
STOP_SECONDS = 15.0
END_SECONDS = 2.0
LOOPBACK = "127.0.0.1"
WORKER = "AEGIS_WORKER"
"""Names two descriptors, `READY,ALIVE`: on the first the data plane says that it listens, on the
port it then shares; the second ends when we do, and the data plane with it."""

_ROOT = Path(__file__).resolve().parent.parent


class StartError(Exception):
    """The firewall did not start; the text is what it said, `code` its exit code."""

    def __init__(self, said: str, code: int) -> None:
        super().__init__(said or "the firewall did not start; `aegis up` shows more.")
        self.code = code


@dataclass(frozen=True, slots=True)
class Temporary:
    """A firewall for one run alone, which nobody else finds."""

    running: Running
    _process: subprocess.Popen[bytes]
    _output: BinaryIO

    @property
    def problem(self) -> str:
        """Say how it ended by itself, nothing while it runs."""
        code = self._process.poll()
        if code is None:
            if not _is_ending(self._process.pid):
                return ""
            try:
                code = self._process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                return ""
        return f"the firewall ended during the run (code {code}). {_said(self._output)}".strip()


def start(home: Home, arguments: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start the firewall of a home folder; it writes its own messages."""
    # Ctrl-C goes to the command in front, which ends the firewall when it is done itself.
    return subprocess.Popen(
        _command(home, arguments),
        stdin=subprocess.DEVNULL,
        env=_environment(),
        start_new_session=True,
    )


def wait_until_ready(home: Home, process: subprocess.Popen[bytes]) -> Running | None:
    """Wait until the firewall listens; None when it ended, or does not in two minutes."""
    until = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < until:
        running = running_on(home)
        if running is not None and running.pid == process.pid:
            return running
        time.sleep(0.05)
    return None


@contextmanager
def temporary(
    home: Home,
    arguments: Sequence[str],
    *,
    descriptors: Sequence[int] = (),
    environment: Mapping[str, str] | None = None,
) -> Iterator[Temporary]:
    """Run a firewall on a port of its own until the end; raises `StartError`, `OSError`.

    It gets `descriptors` of ours and what `environment` adds. It says nothing in `proxy.json`:
    another command would lose it in the middle.
    """
    with ExitStack() as kept:
        # Held until the end, never listening: nobody else can be given this port meanwhile.
        port = kept.enter_context(socket.socket())
        port.bind((LOOPBACK, 0))
        # Not before: a port that may be shared may be one that another firewall shares already.
        port.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        number = port.getsockname()[1]
        # A file, for a pipe that nobody reads would fill and stop the firewall.
        output = kept.enter_context(tempfile.TemporaryFile())
        ready, told = _pipe(kept)
        # Nothing is ever written on this one; its end tells the firewall of ours, however it comes.
        ended, _alive = _pipe(kept)
        with alone(home):
            process = subprocess.Popen(
                _command(home, ["--host", LOOPBACK, "--port", str(number), *arguments]),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={
                    **_environment(),
                    **(environment or {}),
                    WORKER: f"{told.fileno()},{ended.fileno()}",
                },
                pass_fds=(told.fileno(), ended.fileno(), *descriptors),
                start_new_session=True,
            )
            kept.callback(stop, process)
            told.close()
            ended.close()
            _wait_until_told(process, ready, output)
        yield Temporary(Running(LOOPBACK, number, process.pid), process, output)


def stop(process: subprocess.Popen[bytes]) -> int:
    """End the firewall and give its exit code."""
    process.terminate()
    try:
        return process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def _is_ending(pid: int) -> bool:
    """Tell whether Linux has taken a process' memory already, as it does before its sockets."""
    try:
        Path(f"/proc/{pid}/exe").readlink()
    except PermissionError:
        # It lives, and lets nobody look in.
        return False
    except OSError:
        return Path("/proc/self/exe").is_symlink()
    return False


def _command(home: Home, arguments: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "addons", "--home", str(home.folder), *arguments]


def _environment() -> dict[str, str]:
    # A working folder with an `addons` or `rules` of its own, or a PYTHONPATH to one, must not take
    # our place: it may be the agent's.
    return {**os.environ, "PYTHONPATH": str(_ROOT), "PYTHONSAFEPATH": "1"}


@contextmanager
def alone(home: Home) -> Iterator[None]:
    """Let one start at a time make the CA and the keys of a home folder."""
    home.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(home.folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _pipe(kept: ExitStack) -> tuple[BinaryIO, BinaryIO]:
    reader, writer = os.pipe()
    return kept.enter_context(open(reader, "rb", 0)), kept.enter_context(open(writer, "wb", 0))


def _wait_until_told(process: subprocess.Popen[bytes], ready: BinaryIO, output: BinaryIO) -> None:
    if not select.select([ready], [], [], START_SECONDS)[0]:
        raise StartError(f"the firewall does not listen after {START_SECONDS:g} seconds.", 1)
    if not ready.read(1):
        # It closed its end without a word: it is about to end.
        code = process.wait(STOP_SECONDS)
        raise StartError(_said(output), code if code > 0 else 1)


def _said(output: BinaryIO) -> str:
    output.seek(0)
    return output.read().decode(errors="replace").strip().removeprefix("aegis: ")
