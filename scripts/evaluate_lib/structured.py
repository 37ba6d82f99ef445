"""Structured bodies: whether a value survives, and whether what should stay does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from scripts.evaluate_lib.body_texts import texts_of
from scripts.evaluate_lib.labels import Counting
from scripts.evaluate_lib.model import Case, Value
from scripts.evaluate_lib.statistics import share
from scripts.evaluate_lib.systems.base import Outcome


@dataclass(slots=True)
class FamilyCount:
    """The values of one family."""

    values: int = 0
    gone: int = 0

    @property
    def cover(self) -> float | None:
        """The share that does not survive."""
        return share(self.gone, self.values)


@dataclass(slots=True)
class StructuredScore:
    """The counts of one system on one set of bodies."""

    families: dict[str, FamilyCount] = field(default_factory=dict)
    bodies: int = 0
    leaking: int = 0
    refused: int = 0
    keep: int = 0
    """Values, or texts without a sensitive value, that should stay."""
    lost: int = 0
    per_body: list[tuple[int, int]] = field(default_factory=list)
    misses: list[tuple[int, Value]] = field(default_factory=list)
    losses: list[tuple[int, Value]] = field(default_factory=list)

    @property
    def total(self) -> FamilyCount:
        """The families together."""
        counts = self.families.values()
        return FamilyCount(sum(c.values for c in counts), sum(c.gone for c in counts))


def score_cases(
    cases: Sequence[Case], outcomes: Sequence[Outcome], counting: Counting
) -> StructuredScore:
    """Look for each value in what is left."""
    result = StructuredScore()
    for index, (case, outcome) in enumerate(zip(cases, outcomes, strict=True)):
        _score_one(result, index, case, outcome, counting)
    return result


def _score_one(
    result: StructuredScore, index: int, case: Case, outcome: Outcome, counting: Counting
) -> None:
    values = [v for v in case.values if counting.counts(v.label, v.value)]
    left = texts_of(outcome.output)
    gone = 0
    for value in values:
        count = result.families.setdefault(counting.labels.family(value.label), FamilyCount())
        count.values += 1
        if outcome.refused or not _stands_in(value.value, left):
            count.gone += 1
            gone += 1
        else:
            result.misses.append((index, value))
    result.bodies += 1
    result.leaking += gone < len(values)
    result.refused += bool(outcome.refused)
    if values:
        result.per_body.append((gone, len(values)))
    if outcome.refused:
        return
    for kept in case.keep or _harmless(case):
        result.keep += 1
        if not _stands_in(kept.value, left):
            result.lost += 1
            result.losses.append((index, kept))


def _stands_in(value: str, texts: Sequence[str]) -> bool:
    """Tell whether a value stands in a text, not as a part of a longer word or number."""
    for text in texts:
        at = text.find(value)
        while at >= 0:
            before, after = text[at - 1 : at], text[at + len(value) : at + len(value) + 1]
            if not (_glued(before, value[0]) or _glued(after, value[-1])):
                return True
            at = text.find(value, at + 1)
    return False


def _glued(outside: str, inside: str) -> bool:
    return (outside.isdigit() and inside.isdigit()) or (outside.isalpha() and inside.isalpha())


def _harmless(case: Case) -> list[Value]:
    """Give the texts that hold no sensitive value, where the set does not say what should stay."""
    values = [value.value for value in case.values]
    return [
        Value(text, "")
        for text in texts_of(case.body)
        if text.strip() and not any(value in text for value in values)
    ]
