"""The worker processes that evaluate a policy's own Rego, started, timed, killed and replaced."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from collections.abc import Coroutine, Mapping
from typing import Any

from addons.redaction_pool import safe_environment
from rules import EvaluationError
from rules.user_rego_worker import (
    DEFAULT_MEMORY,
    HEADER,
    MAX_FRAME,
    pack,
    unpack_found,
    unpack_length,
    unpack_ready,
)

logger = logging.getLogger(__name__)

DEFAULT_SECONDS = 0.25
"""How long own Rego may take over one input."""

START_SECONDS = 20.0
"""How long a worker may take to load the modules."""


class _Worker:
    """One worker process, which answers one question at a time."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.process = process
        self.stdin, self.stdout = process.stdin, process.stdout

    async def ask(self, question: bytes) -> bytes:
        """Send a question and wait for its answer."""
        self.stdin.write(question)
        await self.stdin.drain()
        length = unpack_length(await self.stdout.readexactly(HEADER.size))
        return await self.stdout.readexactly(length)

    def kill(self) -> None:
        """End the process at once."""
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()


class UserRegoPool:
    """Hands inputs to idle workers; one that fails or is late is killed and replaced.

    The limit of `seconds` is on the evaluation; waiting until a worker is idle has one of its own.
    """

    def __init__(
        self,
        modules: Mapping[str, str],
        *,
        workers: int = 2,
        seconds: float = DEFAULT_SECONDS,
        memory: int = DEFAULT_MEMORY,
    ) -> None:
        self._hello = pack({"modules": dict(modules)})
        self._size = workers
        self._seconds = seconds
        self._memory = memory
        self._idle: asyncio.Queue[_Worker] = asyncio.Queue()
        self._all: set[_Worker] = set()
        self._starting: set[asyncio.Task[None]] = set()
        self._ending: set[asyncio.Task[None]] = set()
        self._started = False

    async def start(self) -> None:
        """Start the workers and wait until the first is ready; raises `EvaluationError`."""
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

    async def evaluate(self, input: Mapping[str, Any]) -> dict[str, Any]:
        """Give what own Rego finds in an input; raises `EvaluationError`."""
        if not self._started:
            raise EvaluationError("the workers of own Rego do not run")
        try:
            question = pack({"input": input})
        except ValueError:
            raise EvaluationError("own Rego cannot be asked about this input") from None
        try:
            async with asyncio.timeout(START_SECONDS):
                worker = await self._next()
        except TimeoutError:
            raise EvaluationError("no worker of own Rego is idle") from None
        sound = False
        try:
            async with asyncio.timeout(self._seconds):
                answer = await worker.ask(question)
            found = unpack_found(answer)
            sound = True
            return found
        except EvaluationError:
            sound = True
            raise
        except TimeoutError:
            raise EvaluationError(
                f"own Rego did not end within {self._seconds * 1000:g} ms"
            ) from None
        except (OSError, EOFError, ValueError):
            raise EvaluationError("the worker of own Rego ended or answered rubbish") from None
        finally:
            if sound:
                self._idle.put_nowait(worker)
            else:
                # What it would answer next belongs to this question.
                self._discard(worker)

    async def _next(self) -> _Worker:
        while True:
            worker = await self._idle.get()
            if worker.process.returncode is None:
                return worker
            self._discard(worker)

    def _discard(self, worker: _Worker) -> None:
        worker.kill()
        self._all.discard(worker)
        self._run(self._reap(worker), self._ending)
        if self._started:
            logger.warning("A worker of own Rego was lost and is replaced.")
            self._replace()

    async def _reap(self, worker: _Worker) -> None:
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
            except (OSError, EvaluationError) as error:
                logger.error("A worker of own Rego did not start (%s).", type(error).__name__)
                await asyncio.sleep(1.0)
            else:
                return

    async def _spawn(self) -> None:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "rules.user_rego_worker",
            str(self._memory),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            limit=MAX_FRAME,
            env=safe_environment(),
            start_new_session=True,
        )
        worker = _Worker(process)
        self._all.add(worker)
        try:
            async with asyncio.timeout(START_SECONDS):
                unpack_ready(await worker.ask(self._hello))
        except BaseException as error:
            worker.kill()
            self._all.discard(worker)
            self._run(self._reap(worker), self._ending)
            if isinstance(error, TimeoutError | OSError | EOFError | ValueError):
                raise EvaluationError("the worker of own Rego did not start") from None
            raise
        self._idle.put_nowait(worker)
