"""The worker processes that look for personal data."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from addons.worker_pool import Worker, WorkerPool
from redaction import Finding, Profile, protocol

START_SECONDS = 120.0
"""How long a worker may take to load its models."""

Answer = list[tuple[Finding, ...]]


class RedactionFailed(Exception):  # noqa: N818 - it ends in a denial that says so
    """The workers gave no answer; the message is for people and holds no value."""


class RedactionPool(WorkerPool):
    """Asks the workers about texts."""

    def __init__(self, workers: int, timeout: float) -> None:
        super().__init__(
            ["redaction.worker"],
            workers=workers,
            read=protocol.read_frame_async,
            limit=protocol.MAX_FRAME,
            start_seconds=START_SECONDS,
            name="redaction workers",
            failure=RedactionFailed,
        )
        self._timeout = timeout
        self._profile: Profile

    async def start(self, profile: Profile) -> None:
        """Start the workers and wait until the first has loaded what the profile needs."""
        self._profile = profile
        await self.open()

    async def warm_up(self, worker: Worker) -> None:
        """Have the models loaded; they load with the first question that needs them."""
        await worker.ask(protocol.pack_question(["Warm up."], [""], self._profile))

    async def analyze(self, texts: Sequence[str], hints: Sequence[str], profile: Profile) -> Answer:
        """Find the profile's entities in each text; raises `RedactionFailed`."""
        question = protocol.pack_question(texts, hints, profile)
        try:
            async with asyncio.timeout(self._timeout):
                try:
                    answer = await self.ask(await self.idle(), question, bytes)
                except (OSError, EOFError):
                    # It may have died before it was asked; another one tells.
                    answer = await self.ask(await self.idle(), question, bytes)
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
