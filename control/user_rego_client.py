"""A policy's own Rego for commands, evaluated in a process that is killed when it is late."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from rules import EvaluationError
from rules.user_rego_worker import HEADER, pack, unpack_found, unpack_length, unpack_ready

DEFAULT_SECONDS = 2.0
"""How long own Rego may take over one input; the firewall is stricter."""

START_SECONDS = 20.0
_ROOT = str(Path(__file__).resolve().parent.parent)


class UserRegoClient:
    """Asks one worker process, started with the first question and anew after it was killed."""

    def __init__(self, modules: Mapping[str, str], *, seconds: float = DEFAULT_SECONDS) -> None:
        self._hello = pack({"modules": dict(modules)})
        self._seconds = seconds
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def evaluate(self, input: Mapping[str, Any]) -> dict[str, Any]:
        """Give what own Rego finds in an input; raises `EvaluationError`."""
        try:
            question = pack({"input": input})
        except ValueError:
            raise EvaluationError("own Rego cannot be asked about this input") from None
        try:
            process = self._process or self._start()
            answer = _ask(process, question, self._seconds)
        except TimeoutError:
            self.close()
            raise EvaluationError(f"own Rego did not end within {self._seconds:g} s") from None
        except (OSError, EOFError, ValueError):
            self.close()
            raise EvaluationError("the process of own Rego ended") from None
        try:
            return unpack_found(answer)
        except ValueError:
            self.close()
            raise EvaluationError("the process of own Rego answered rubbish") from None

    def _start(self) -> subprocess.Popen[bytes]:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "rules.user_rego_worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONSAFEPATH": "1", "PYTHONPATH": _ROOT},
            start_new_session=True,
        )
        try:
            unpack_ready(_ask(self._process, self._hello, START_SECONDS))
        except EvaluationError:
            self.close()
            raise
        return self._process


def _ask(process: subprocess.Popen[bytes], question: bytes, seconds: float) -> bytes:
    assert process.stdin is not None
    assert process.stdout is not None
    deadline = time.monotonic() + seconds
    process.stdin.write(question)
    process.stdin.flush()
    header = _read(process.stdout.fileno(), HEADER.size, deadline)
    return _read(process.stdout.fileno(), unpack_length(header), deadline)


def _read(source: int, size: int, deadline: float) -> bytes:
    data = b""
    while len(data) < size:
        ready, _, _ = select.select([source], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            raise TimeoutError
        part = os.read(source, size - len(data))
        if not part:
            raise EOFError
        data += part
    return data
