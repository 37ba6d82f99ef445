"""The worker processes that look for personal data, started, timed, killed and replaced."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from redaction import Finding, Profile, protocol

logger = logging.getLogger(__name__)

ROOT = str(Path(__file__).resolve().parent.parent)

START_SECONDS = 120.0
"""How long a worker may take to load its models."""


def safe_environment() -> dict[str, str]:
    """Give the environment of our own processes: no code of the folder they are started in."""
    return {**os.environ, "PYTHONSAFEPATH": "1", "PYTHONPATH": ROOT}


Answer = list[tuple[Finding, ...]]


class RedactionFailed(Exception):  # noqa: N818 - it ends in a denial that says so
    """The workers gave no answer; the message is for people and holds no value."""


class _Worker:
    """One worker process and the questions it has not answered."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.process = process
        self.stdin, self.stdout = process.stdin, process.stdout

    async def ask(self, question: bytes) -> bytes:
        """Send a question and wait for its answer."""
        self.stdin.write(question)
        await self.stdin.drain()
        return await protocol.read_frame_async(self.stdout)

    def kill(self) -> None:
        """End the process at once."""
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()


class RedactionPool:
    """Hands questions to idle workers; one that fails or is late is killed and replaced."""

    def __init__(self, workers: int, timeout: float) -> None:
        self._size = workers
        self._timeout = timeout
        self._idle: asyncio.Queue[_Worker] = asyncio.Queue()
        self._all: set[_Worker] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._started = False
        self._profile: Profile

    async def start(self, profile: Profile) -> None:
        """Start the workers and wait until the first has loaded what the profile needs."""
        self._profile = profile
        if self._started:
            return
        self._started = True
        try:
            await self._spawn()
        except (OSError, RedactionFailed, TimeoutError):
            self._started = False
            raise
        for _ in range(self._size - 1):
            self._replace()

    async def close(self) -> None:
        """End all workers."""
        self._started = False
        for task in list(self._tasks):
            task.cancel()
        for worker in self._all:
            worker.kill()
        for worker in list(self._all):
            await worker.process.wait()
        self._all.clear()

    async def analyze(self, texts: Sequence[str], hints: Sequence[str], profile: Profile) -> Answer:
        """Find the profile's entities in each text; raises `RedactionFailed`."""
        question = protocol.pack_question(texts, hints, profile)
        try:
            async with asyncio.timeout(self._timeout):
                try:
                    answer = await self._ask(question)
                except (OSError, EOFError):
                    # It may have died before it was asked; another one tells.
                    answer = await self._ask(question)
        except TimeoutError:
            raise RedactionFailed(
                f"the search did not end within {self._timeout:g} seconds; send less at a time"
            ) from None
        except (OSError, EOFError, ValueError):
            raise RedactionFailed("the search process ended; try again") from None
        try:
            return protocol.unpack_answer(answer, texts)
        except ValueError as error:
            raise RedactionFailed(f"the search failed ({error})") from None

    async def _ask(self, question: bytes) -> bytes:
        worker = await self._idle.get()
        try:
            answer = await worker.ask(question)
        except BaseException:
            # Late or broken: what it would answer next belongs to this question.
            self._discard(worker)
            raise
        self._idle.put_nowait(worker)
        return answer

    def _discard(self, worker: _Worker) -> None:
        worker.kill()
        self._all.discard(worker)
        if self._started:
            logger.warning("A redaction worker was lost and is replaced.")
            self._replace()

    def _replace(self) -> None:
        task = asyncio.create_task(self._try_spawn())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _try_spawn(self) -> None:
        while True:
            try:
                await self._spawn()
            except (OSError, RedactionFailed, TimeoutError) as error:
                logger.error("A redaction worker did not start (%s).", type(error).__name__)
                await asyncio.sleep(1.0)
            else:
                return

    async def _spawn(self) -> None:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "redaction.worker",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            limit=protocol.MAX_FRAME,
            env=safe_environment(),
            start_new_session=True,
        )
        worker = _Worker(process)
        self._all.add(worker)
        try:
            async with asyncio.timeout(START_SECONDS):
                # Models load with the first question that needs them, and only then.
                await worker.ask(protocol.pack_question(["Warm up."], [""], self._profile))
        except (EOFError, ValueError):
            self._all.discard(worker)
            raise RedactionFailed("the search process did not start") from None
        except BaseException:
            worker.kill()
            self._all.discard(worker)
            raise
        self._idle.put_nowait(worker)
