"""Redaction away from the event loop: leaves known from a cache, others asked of workers."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from addons.redaction_pool import RedactionFailed, RedactionPool
from redaction import (
    Document,
    Finding,
    Profile,
    SpanCache,
    deidentify,
    needs_analysis,
    profile_from,
)

CACHED_LEAVES = 50_000
BATCH_CHARACTERS = 64 * 1024
"""Characters in one question to a worker, so that several share a large body."""


MANY_FINDINGS = 200
"""Findings beyond which putting a document together would hold other exchanges up."""


@dataclass(slots=True)
class Redacted:
    """A document without what was found in it, and how much of each entity that was."""

    content: bytes
    counts: Counter[str] = field(default_factory=Counter)


class Redactor:
    """Finds and takes out personal data in whole documents."""

    def __init__(self, *, key: bytes, workers: int, timeout: float) -> None:
        self.key = key
        self._pool = RedactionPool(workers, timeout)
        self._cache = SpanCache(CACHED_LEAVES)

    async def start(self, rules: Sequence[Mapping[str, Any]]) -> None:
        """Start the workers where redactions want them, warmed up for these."""
        if rules:
            await self._pool.start(profile_from(rules))

    async def close(self) -> None:
        """End the workers."""
        await self._pool.close()

    async def redact(self, documents: Sequence[Document], profile: Profile) -> list[Redacted]:
        """Take out of the documents what the profile names.

        Raises `RedactionFailed` when the workers cannot answer, `RedactionError` when a document
        cannot be put together again.
        """
        found = await self._find(documents, profile)
        results, offset = [], 0
        for document in documents:
            count = len(document.leaves)
            mine = found[offset : offset + count]
            if sum(map(len, mine)) > MANY_FINDINGS:
                results.append(await asyncio.to_thread(self._rebuild, document, mine, profile))
            else:
                results.append(self._rebuild(document, mine, profile))
            offset += count
        return results

    async def find(self, documents: Sequence[Document], profile: Profile) -> set[str]:
        """Name the entities of the profile that are in the documents; raises `RedactionFailed`."""
        return {
            finding.entity
            for spans in await self._find(documents, profile)
            for finding in spans
            if finding.score >= profile.threshold
        }

    async def _find(
        self, documents: Sequence[Document], profile: Profile
    ) -> list[tuple[Finding, ...]]:
        leaves = [leaf for document in documents for leaf in document.leaves]
        found: list[tuple[Finding, ...]] = [()] * len(leaves)
        unknown: list[int] = []
        for index, leaf in enumerate(leaves):
            if not needs_analysis(leaf.text, profile):
                continue
            spans = self._cache.get(profile, leaf.hint, leaf.text)
            if spans is None:
                unknown.append(index)
            elif spans:
                found[index] = spans
        if unknown:
            questions = _batches(unknown, [len(leaf.text) for leaf in leaves])
            asked = [
                self._pool.analyze(
                    [leaves[i].text for i in batch], [leaves[i].hint for i in batch], profile
                )
                for batch in questions
            ]
            answers = [await asked[0]] if len(asked) == 1 else await asyncio.gather(*asked)
            for batch, answer in zip(questions, answers, strict=True):
                for index, spans in zip(batch, answer, strict=True):
                    found[index] = spans
                    self._cache.put(profile, leaves[index].hint, leaves[index].text, spans)
        return found

    def _rebuild(
        self, document: Document, found: Sequence[tuple[Finding, ...]], profile: Profile
    ) -> Redacted:
        counts: Counter[str] = Counter()
        replaced: dict[int, str] = {}
        for index, spans in enumerate(found):
            if spans:
                replaced[index], taken = deidentify(
                    document.leaves[index].text, spans, profile, self.key
                )
                counts.update(taken)
        return Redacted(document.rebuild(replaced), counts)


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


__all__ = ["Redacted", "RedactionFailed", "Redactor"]
