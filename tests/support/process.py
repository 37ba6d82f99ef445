"""A program under test: started, waited for, stopped, its output kept."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

PROJECT = Path(__file__).resolve().parents[2]


class ProgramError(AssertionError):
    """The program did not do what was waited for; the message holds its output."""


def free_port() -> int:
    """Give a port of 127.0.0.1 that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def listens(port: int, host: str = "127.0.0.1") -> bool:
    """Tell whether somebody accepts connections there."""
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True


def beside_python(name: str) -> str:
    """Give the path of a program that is installed beside this interpreter."""
    return str(Path(sys.executable).parent / name)


class Program:
    """A process of the project's checkout; a context manager that stops it at the end."""

    def __init__(
        self,
        command: Sequence[str],
        output: Path,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.command = list(command)
        self._output = output
        self._environment = {**os.environ, **(environment or {})}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        """Start it, with the project on Python's path."""
        with self._output.open("ab") as file:
            self._process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                cwd=PROJECT,
                env={**self._environment, "PYTHONPATH": str(PROJECT)},
            )
        return self

    def stop(self, seconds: float = 15, number: int = signal.SIGTERM) -> int:
        """Ask it to end, end it if it does not in time; gives the exit code."""
        if self._process is None:
            return 0
        if self._process.poll() is None:
            self._process.send_signal(number)
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise ProgramError(f"did not end within {seconds} s:\n{self.output}") from None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """Its exit code, None while it runs."""
        return self._process.poll() if self._process is not None else None

    @property
    def output(self) -> str:
        """All it has printed."""
        return self._output.read_text("utf-8", errors="replace") if self._output.exists() else ""

    def wait_until(self, ready: Callable[[], bool], what: str, seconds: float = 30) -> None:
        """Wait for something; raises `ProgramError` when it ends before or takes too long."""
        end = time.monotonic() + seconds
        while not ready():
            if self.exit_code is not None:
                raise ProgramError(f"ended with {self.exit_code} before {what}:\n{self.output}")
            if time.monotonic() > end:
                raise ProgramError(f"no sign of {what} in {seconds} s:\n{self.output}")
            time.sleep(0.01)

    def wait(self, seconds: float = 15) -> int:
        """Wait for its own end; gives the exit code."""
        assert self._process is not None
        return self._process.wait(seconds)
