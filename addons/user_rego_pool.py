"""The worker processes that evaluate a policy's own Rego."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from addons.worker_pool import Worker, WorkerPool
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

DEFAULT_SECONDS = 0.25
"""How long own Rego may take over one input."""

START_SECONDS = 20.0
"""How long a worker may take to load the modules, and a question may wait for an idle one."""


class UserRegoPool(WorkerPool):
    """Asks the workers about inputs; `seconds` is the limit of one evaluation."""

    def __init__(
        self,
        modules: Mapping[str, str],
        *,
        workers: int = 2,
        seconds: float = DEFAULT_SECONDS,
        memory: int = DEFAULT_MEMORY,
    ) -> None:
        super().__init__(
            ["rules.user_rego_worker", str(memory)],
            workers=workers,
            read=_read,
            limit=MAX_FRAME,
            start_seconds=START_SECONDS,
            name="workers of own Rego",
            failure=EvaluationError,
        )
        self._hello = pack({"modules": dict(modules)})
        self._seconds = seconds

    async def start(self) -> None:
        """Start the workers and wait until the first is ready; raises `EvaluationError`."""
        await self.open()

    async def warm_up(self, worker: Worker) -> None:
        """Have the modules loaded."""
        unpack_ready(await worker.ask(self._hello))

    async def evaluate(self, input: Mapping[str, Any]) -> dict[str, Any]:
        """Give what own Rego finds in an input; raises `EvaluationError`."""
        try:
            question = pack({"input": input})
        except ValueError:
            raise EvaluationError("own Rego cannot be asked about this input") from None
        try:
            async with asyncio.timeout(START_SECONDS):
                worker = await self.idle()
        except TimeoutError:
            raise EvaluationError("no worker of own Rego is idle") from None
        try:
            async with asyncio.timeout(self._seconds):
                return await self.ask(worker, question, unpack_found)
        except TimeoutError:
            raise EvaluationError(
                f"own Rego did not end within {self._seconds * 1000:g} ms"
            ) from None
        except (OSError, EOFError, ValueError):
            raise EvaluationError("the worker of own Rego ended or answered rubbish") from None


async def _read(stream: asyncio.StreamReader) -> bytes:
    return await stream.readexactly(unpack_length(await stream.readexactly(HEADER.size)))
