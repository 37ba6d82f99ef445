"""Redaction away from the event loop: texts known from a cache, others asked of workers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from addons.redaction_pool import RedactionFailed, RedactionPool
from redaction import (
    BodyQuestion,
    Document,
    Finding,
    Job,
    Opaque,
    Profile,
    Redacted,
    RuleSet,
    Scope,
    SpanCache,
    parse_document,
)

CACHED_TEXTS = 50_000
BATCH_CHARACTERS = 64 * 1024
"""Characters in one question to a worker, so that several share a large one."""

LARGE_BYTES = 64 * 1024
"""Bytes of a body beyond which a worker takes it apart too: here it would hold others up."""

MANY_FINDINGS = 200
"""Findings beyond which putting documents together would hold other exchanges up."""


@dataclass(frozen=True, slots=True)
class RawBody:
    """A body as it is, not yet taken apart."""

    content_type: str
    data: bytes
    opaque: Opaque = "refuse"
    """What becomes of what nobody can search in it: `refuse` or `pass`."""

    def parse(self) -> Document:
        """Take it apart; raises `UnsupportedDocument`."""
        return parse_document(self.content_type, self.data, opaque=self.opaque)


Part = Document | RawBody


class Redactor:
    """Finds and takes out personal data in whole documents."""

    def __init__(self, *, workers: int, timeout: float, models: Path | None = None) -> None:
        self._pool = RedactionPool(workers, timeout, models)
        self._cache = SpanCache(CACHED_TEXTS)

    async def start(self, rules: RuleSet | None) -> None:
        """Start the workers where redactions want them, warmed up for these."""
        if rules is not None:
            await self._pool.start(rules.profile)

    async def close(self) -> None:
        """End the workers."""
        await self._pool.close()

    async def redact(
        self, parts: Sequence[Part], rules: RuleSet, scope: Scope, salt: bytes = b""
    ) -> list[Redacted]:
        """Take out of the parts what the rules name.

        Raises `RedactionFailed` when the workers cannot answer, `RedactionError` when a part
        cannot be read or put together again.
        """
        small, large = _sorted(parts)
        job = Job([part for _, part in small], rules.profile)
        asked = [
            self._pool.redact(
                BodyQuestion(part.content_type, rules, part.opaque, scope, salt), part.data
            )
            for _, part in large
        ]
        answers, bodies = await asyncio.gather(
            self._answers(job, rules.profile), asyncio.gather(*asked)
        )
        if sum(map(len, answers)) > MANY_FINDINGS:
            done = await asyncio.to_thread(job.finish, answers, scope, salt)
        else:
            done = job.finish(answers, scope, salt)
        results = dict(zip([index for index, _ in small], done, strict=True))
        results |= dict(zip([index for index, _ in large], bodies, strict=True))
        return [results[index] for index in range(len(parts))]

    async def find(self, parts: Sequence[Part], rules: RuleSet) -> set[str]:
        """Name the entities that are in the parts.

        Raises `RedactionFailed`, and `RedactionError` for a part that cannot be read.
        """
        small, large = _sorted(parts)
        job = Job([part for _, part in small], rules.profile)
        asked = [
            self._pool.find(BodyQuestion(part.content_type, rules, part.opaque), part.data)
            for _, part in large
        ]
        answers, found = await asyncio.gather(
            self._answers(job, rules.profile), asyncio.gather(*asked)
        )
        return job.entities(answers).union(*found)

    async def _answers(self, job: Job, profile: Profile) -> list[tuple[Finding, ...]]:
        hints, texts = job.hints, job.texts
        found: list[tuple[Finding, ...]] = [()] * len(texts)
        unknown: list[int] = []
        for index, text in enumerate(texts):
            spans = self._cache.get(profile, hints[index], text)
            if spans is None:
                unknown.append(index)
            else:
                found[index] = spans
        if unknown:
            batches = _batches(unknown, [len(text) for text in texts])
            asked = [
                self._pool.analyze(
                    [texts[i] for i in batch], [hints[i] for i in batch], profile.search
                )
                for batch in batches
            ]
            answers = [await asked[0]] if len(asked) == 1 else await asyncio.gather(*asked)
            for batch, answer in zip(batches, answers, strict=True):
                for index, spans in zip(batch, answer, strict=True):
                    found[index] = spans
                    self._cache.put(profile, hints[index], texts[index], spans)
        return found


def _sorted(parts: Sequence[Part]) -> tuple[list[tuple[int, Document]], list[tuple[int, RawBody]]]:
    """Take small bodies apart; what is large goes to a worker as it is."""
    small: list[tuple[int, Document]] = []
    large: list[tuple[int, RawBody]] = []
    for index, part in enumerate(parts):
        if not isinstance(part, RawBody):
            small.append((index, part))
        elif len(part.data) > LARGE_BYTES:
            large.append((index, part))
        else:
            small.append((index, part.parse()))
    return small, large


def _batches(indices: Sequence[int], sizes: Sequence[int]) -> list[list[int]]:
    batches: list[list[int]] = [[]]
    room = BATCH_CHARACTERS
    for index in indices:
        if batches[-1] and sizes[index] > room:
            batches.append([])
            room = BATCH_CHARACTERS
        batches[-1].append(index)
        room -= sizes[index]
    return batches


__all__ = ["RawBody", "Redacted", "RedactionFailed", "Redactor"]
