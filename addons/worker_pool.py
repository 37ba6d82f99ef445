"""Processes of our own that answer questions: started, timed, killed and replaced."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

logger = logging.getLogger(__name__)

ROOT = str(Path(__file__).resolve().parent.parent)

RETRY_SECONDS = 1.0

Reader = Callable[[asyncio.StreamReader], Awaitable[bytes]]
"""Reads one answer; raises `EOFError` at the stream's end and `ValueError` for one too long."""


def safe_environment() -> dict[str, str]:
    """Give the environment of our own processes: no code of the folder they are started in."""
    # Numpy's matrix products would keep every core busy, and be no faster for it.
    usual = {"OPENBLAS_NUM_THREADS": "1"}
    return {**usual, **os.environ, "PYTHONSAFEPATH": "1", "PYTHONPATH": ROOT}


class Worker:
    """One worker process, which answers one question at a time."""

    def __init__(self, process: asyncio.subprocess.Process, read: Reader) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.process = process
        self.stdin, self.stdout = process.stdin, process.stdout
        self._read = read

    async def ask(self, question: bytes) -> bytes:
        """Send a question and wait for its answer."""
        self.stdin.write(question)
        await self.stdin.drain()
        return await self._read(self.stdout)

    def kill(self) -> None:
        """End the process at once."""
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()


class WorkerPool:
    """Hands questions to idle workers; one that fails or is late is killed and replaced.

    `name` is what people call the workers, `failure` what is raised when they cannot be had.
    """

    def __init__(
        self,
        module: Sequence[str],
        *,
        workers: int,
        read: Reader,
        limit: int,
        start_seconds: float,
        name: str,
        failure: type[Exception],
    ) -> None:
        self._command = [sys.executable, "-m", *module]
        self._size = workers
        self._read = read
        self._limit = limit
        self._start_seconds = start_seconds
        self._name = name
        self._failure = failure
        self._idle: asyncio.Queue[Worker] = asyncio.Queue()
        self._all: set[Worker] = set()
        self._starting: set[asyncio.Task[None]] = set()
        self._ending: set[asyncio.Task[None]] = set()
        self._started = False

    async def open(self) -> None:
        """Start the workers and wait until the first is ready; raises the pool's failure."""
        if self._started:
            return
        self._started = True
        try:
            await self._spawn()
        except BaseException:
            self._started = False
            raise
        for _ in range(self._size - 1):
            self._replace()

    async def close(self) -> None:
        """End all workers."""
        self._started = False
        for task in list(self._starting):
            task.cancel()
        await asyncio.gather(*self._starting, return_exceptions=True)
        for worker in self._all:
            worker.kill()
        await asyncio.gather(*self._ending, *(worker.process.wait() for worker in self._all))
        self._all.clear()

    async def warm_up(self, worker: Worker) -> None:
        """Ask a new worker something, so that it has loaded what it needs."""
        raise NotImplementedError

    async def idle(self) -> Worker:
        """Wait for a worker that lives and has nothing to do."""
        if not self._started:
            raise self._failure(f"the {self._name} do not run")
        while True:
            worker = await self._idle.get()
            if worker.process.returncode is None:
                return worker
            self._discard(worker)

    async def ask[T](self, worker: Worker, question: bytes, unpack: Callable[[bytes], T]) -> T:
        """Ask a worker that was idle; one that is late or answers rubbish is not asked again.

        `unpack` raises the pool's failure for what a sound worker says of the question.
        """
        try:
            answer = unpack(await worker.ask(question))
        except self._failure:
            self._idle.put_nowait(worker)
            raise
        except BaseException:
            # What it would answer next belongs to this question.
            self._discard(worker)
            raise
        self._idle.put_nowait(worker)
        return answer

    def _discard(self, worker: Worker) -> None:
        worker.kill()
        self._all.discard(worker)
        self._run(self._reap(worker), self._ending)
        if self._started:
            logger.warning("One of the %s was lost and is replaced.", self._name)
            self._replace()

    async def _reap(self, worker: Worker) -> None:
        await worker.process.wait()

    def _replace(self) -> None:
        self._run(self._try_spawn(), self._starting)

    def _run(self, work: Coroutine[Any, Any, None], among: set[asyncio.Task[None]]) -> None:
        task = asyncio.create_task(work)
        among.add(task)
        task.add_done_callback(among.discard)

    async def _try_spawn(self) -> None:
        while self._started:
            try:
                await self._spawn()
            except (OSError, self._failure) as error:
                logger.error("One of the %s did not start (%s).", self._name, type(error).__name__)
                await asyncio.sleep(RETRY_SECONDS)
            else:
                return

    async def _spawn(self) -> None:
        process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            limit=self._limit,
            env=safe_environment(),
            start_new_session=True,
        )
        worker = Worker(process, self._read)
        self._all.add(worker)
        try:
            async with asyncio.timeout(self._start_seconds):
                await self.warm_up(worker)
        except BaseException as error:
            worker.kill()
            self._all.discard(worker)
            self._run(self._reap(worker), self._ending)
            if isinstance(error, TimeoutError | OSError | EOFError | ValueError):
                raise self._failure(f"the {self._name} did not start") from None
            raise
        self._idle.put_nowait(worker)
