"""How well what a system found fits what is labelled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from scripts.evaluate_lib.labels import Counting
from scripts.evaluate_lib.model import Example, Span
from scripts.evaluate_lib.statistics import share
from scripts.evaluate_lib.systems.base import Found


@dataclass(slots=True)
class Tally:
    """The counts of one family."""

    gold: int = 0
    covered: int = 0
    """Of which every letter and digit is taken out, whatever it was taken for."""
    recalled: int = 0
    """Touched by a find of the right family."""
    found: int = 0
    """Finds of this family, those that overlap counted as one."""
    right: int = 0
    """Of which touch a span that they are right for."""

    @property
    def cover(self) -> float | None:
        """The share that is covered."""
        return share(self.covered, self.gold)

    @property
    def recall(self) -> float | None:
        """The share that is found as what it is."""
        return share(self.recalled, self.gold)

    @property
    def precision(self) -> float | None:
        """The share of finds that are right."""
        return share(self.right, self.found)

    def f(self, beta: float) -> float | None:
        """Weigh precision and recall; `beta` over one favours recall."""
        precision, recall = self.precision, self.recall
        if precision is None or recall is None:
            return None
        if not precision and not recall:
            return 0.0
        square = beta * beta
        return (1 + square) * precision * recall / (square * precision + recall)


@dataclass(frozen=True, slots=True)
class Slip:
    """A span that was missed, or a find where nothing is."""

    example: int
    start: int
    end: int
    family: str
    chars: int
    """How many letters and digits."""


@dataclass(slots=True)
class Score:
    """The counts of one system on one set."""

    families: dict[str, Tally] = field(default_factory=dict)
    spans_found: int = 0
    """Finds, those that overlap as one, but for those that touch only what does not count."""
    spans_right: int = 0
    chars_found: int = 0
    chars_right: int = 0
    with_gold: int = 0
    leaking: int = 0
    clean: int = 0
    clean_touched: int = 0
    per_text: list[tuple[int, int]] = field(default_factory=list)
    """Covered and labelled spans of each text that has any."""
    misses: list[Slip] = field(default_factory=list)
    alarms: list[Slip] = field(default_factory=list)

    @property
    def total(self) -> Tally:
        """The families together."""
        whole = Tally()
        for tally in self.families.values():
            for name in ("gold", "covered", "recalled", "found", "right"):
                setattr(whole, name, getattr(whole, name) + getattr(tally, name))
        return whole

    def tally(self, family: str) -> Tally:
        """Give the counts of a family, new where there are none."""
        return self.families.setdefault(family, Tally())


def score(
    examples: Sequence[Example], found: Sequence[Sequence[Found]], counting: Counting
) -> Score:
    """Compare finds with labels, text by text."""
    result = Score()
    for index, (example, finds) in enumerate(zip(examples, found, strict=True)):
        _score_one(result, index, example, finds, counting)
    return result


def _score_one(
    result: Score, index: int, example: Example, finds: Sequence[Found], counting: Counting
) -> None:
    text, labels = example.text, counting.labels
    gold = [s for s in example.spans if counting.counts(s.label, text[s.start : s.end])]
    spare = [s for s in example.spans if s not in gold]
    families = {span: labels.family(span.label) for span in gold}
    hidden = _mask(text, finds)
    sensitive = _mask(text, gold)
    # What does not count is neither missed nor wrongly found.
    open_to_both = _mask(text, spare)

    covered = 0
    for span in gold:
        tally = result.tally(families[span])
        bare = [at for at in range(span.start, span.end) if text[at].isalnum() and not hidden[at]]
        tally.gold += 1
        tally.covered += not bare
        covered += not bare
        tally.recalled += any(
            _touch(find, span) and labels.right(families[span], labels.family(find.entity))
            for find in finds
        )
        if bare:
            slip = Slip(index, span.start, span.end, families[span], len(bare))
            result.misses.append(slip)

    false_alarms = 0
    for start, end, entity in _merged(finds):
        places = [at for at in range(start, end) if text[at].isalnum()]
        right = any(sensitive[at] for at in places)
        if not right and (not places or any(open_to_both[at] for at in places)):
            continue
        result.spans_found += 1
        result.spans_right += right
        if not right:
            false_alarms += 1
            slip = Slip(index, start, end, labels.family(entity), len(places))
            result.alarms.append(slip)
    for at, char in enumerate(text):
        if hidden[at] and char.isalnum() and (sensitive[at] or not open_to_both[at]):
            result.chars_found += 1
            result.chars_right += sensitive[at]
    _typed(result, finds, gold, spare, counting)

    if gold:
        result.with_gold += 1
        result.leaking += covered < len(gold)
        result.per_text.append((covered, len(gold)))
    else:
        result.clean += 1
        result.clean_touched += false_alarms > 0


def _typed(
    result: Score,
    finds: Sequence[Found],
    gold: Sequence[Span],
    spare: Sequence[Span],
    counting: Counting,
) -> None:
    """Count finds by their family, and which of them are right."""
    by_family: dict[str, list[Found]] = {}
    for find in finds:
        by_family.setdefault(counting.labels.family(find.entity), []).append(find)
    for family, group in by_family.items():
        for start, end, _ in _merged(group):
            whole = Span(start, end, family)
            touched = [s for s in gold if _touch(whole, s)]
            right = [counting.labels.family(s.label) for s in touched]
            right = [each for each in right if counting.labels.right(each, family)]
            if not right and not touched and any(_touch(whole, s) for s in spare):
                continue
            # A number found under another name is counted where it belongs.
            tally = result.tally(family if family in right or not right else right[0])
            tally.found += 1
            tally.right += bool(right)


def _mask(text: str, spans: Sequence[Span] | Sequence[Found]) -> bytearray:
    mask = bytearray(len(text))
    for span in spans:
        mask[span.start : span.end] = b"\1" * max(0, min(span.end, len(text)) - span.start)
    return mask


def _touch(one: Span | Found, other: Span | Found) -> bool:
    return one.start < other.end and other.start < one.end


def _merged(finds: Sequence[Found]) -> list[tuple[int, int, str]]:
    """Put finds that overlap together, as they are replaced; the surest gives the name."""
    merged: list[tuple[int, int, str]] = []
    best = 0.0
    for find in sorted(finds):
        if merged and find.start < merged[-1][1]:
            start, end, entity = merged[-1]
            if find.score > best:
                entity, best = find.entity, find.score
            merged[-1] = (start, max(end, find.end), entity)
        else:
            merged.append((find.start, find.end, find.entity))
            best = find.score
    return merged
