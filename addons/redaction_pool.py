"""The worker processes that look for personal data."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from addons.worker_pool import Worker, WorkerPool
from redaction import (
    BodyQuestion,
    Finding,
    Profile,
    Redacted,
    RedactionError,
    Search,
    protocol,
    read_redacted,
)

START_SECONDS = 120.0
"""How long a worker may take to load its models."""

BYTES_A_SECOND = 20_000
"""What a search gets through at the least: a long question may take longer."""

Answer = list[tuple[Finding, ...]]


class RedactionFailed(Exception):  # noqa: N818 - it ends in a denial that says so
    """The workers gave no answer; the message is for people and holds no value."""


class RedactionPool(WorkerPool):
    """Asks the workers about texts and whole bodies."""

    def __init__(self, workers: int, timeout: float, models: Path | None = None) -> None:
        """Take the seconds that a question may take, and the file of models by language."""
        super().__init__(
            ["redaction.worker", *([f"--models={models.absolute()}"] if models else [])],
            workers=workers,
            read=protocol.read_frame_async,
            limit=protocol.MAX_FRAME,
            start_seconds=START_SECONDS,
            name="redaction workers",
            failure=RedactionFailed,
        )
        self._timeout = timeout
        # Else small questions would wait until large bodies are done.
        self._large = asyncio.Semaphore(max(1, workers - 1))
        self._profile: Profile

    async def start(self, profile: Profile) -> None:
        """Start the workers and wait until the first has loaded what the profile needs."""
        self._profile = profile
        await self.open()

    async def warm_up(self, worker: Worker) -> None:
        """Have the models loaded; they load with the first question that needs them."""
        text = "Warm up, Dr. Jane Doe."
        answer = await worker.ask(protocol.pack_question([text], [""], self._profile.search))
        try:
            protocol.unpack_answer(answer, [text])
        except RedactionError as error:
            raise RedactionFailed(str(error)) from None

    async def analyze(self, texts: Sequence[str], hints: Sequence[str], search: Search) -> Answer:
        """Find entities in each text; raises `RedactionFailed` and `RedactionError`."""
        try:
            answer = await self._asked(protocol.pack_question(texts, hints, search))
            return protocol.unpack_answer(answer, texts)
        except ValueError as error:
            raise _failed(error) from None

    async def redact(self, question: BodyQuestion, body: bytes) -> Redacted:
        """Take personal data out of a body; raises `RedactionFailed` and `RedactionError`."""
        try:
            frame = protocol.pack({"id": 0, "document": question.as_json()}, body)
            told, content = protocol.read_answer(await self._asked_of_body(frame))
            return read_redacted(told.get("redacted"), content)
        except ValueError as error:
            raise _failed(error) from None

    async def find(self, question: BodyQuestion, body: bytes) -> set[str]:
        """Name the entities in a body; raises `RedactionFailed` and `RedactionError`."""
        try:
            frame = protocol.pack({"id": 0, "document": question.as_json()}, body)
            told, _ = protocol.read_answer(await self._asked_of_body(frame))
            return {str(entity) for entity in told["found"]}
        except (ValueError, KeyError, TypeError) as error:
            raise _failed(error) from None

    async def _asked_of_body(self, question: bytes) -> bytes:
        async with self._large:
            return await self._asked(question)

    async def _asked(self, question: bytes) -> bytes:
        seconds = self._timeout + len(question) / BYTES_A_SECOND
        worker: Worker | None = None
        try:
            async with asyncio.timeout(seconds):
                try:
                    worker = await self.idle()
                    return await self.ask(worker, question, bytes)
                except (OSError, EOFError):
                    # It may have died before it was asked; another one tells.
                    worker = None
                    worker = await self.idle()
                    return await self.ask(worker, question, bytes)
        except TimeoutError:
            if worker is None:
                raise RedactionFailed(
                    f"no search process was free within {seconds:.0f} seconds; try again"
                ) from None
            raise RedactionFailed(
                f"the search did not end within {seconds:.0f} seconds; send less at a time"
            ) from None
        except (OSError, EOFError, ValueError):
            raise RedactionFailed("the search process ended; try again") from None


def _failed(error: Exception) -> RedactionFailed:
    # Our own words for a malformed answer, or the name of an error's type: never a value.
    return RedactionFailed(f"the search failed ({str(error) or type(error).__name__})")
