"""Recorded decisions against another policy: which would end otherwise, and by which rule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rules.errors import EvaluationError
from rules.judge import Judge
from rules.recorded import HOST_BLANKED, UNREADABLE, Recorded, parse_record, set_apart

SAMPLES = 3


@dataclass(frozen=True, slots=True)
class Sample:
    """One decision that would end otherwise."""

    id: str
    agent: str
    destination: str
    tools: tuple[str, ...]
    old_rule: str
    new_rule: str


@dataclass(slots=True)
class Change:
    """One cell of the matrix: an effect that was, one that would be, how often, and samples."""

    before: str
    after: tuple[str, ...]
    """One effect, or those that are possible where the record does not tell."""
    depends: tuple[str, ...] = ()
    count: int = 0
    samples: list[Sample] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        """True when the effect would surely be another."""
        return self.before not in self.after

    @property
    def open(self) -> bool:
        """True when it may be another, which the record does not tell."""
        return not self.changed and len(self.after) > 1


@dataclass(slots=True)
class Replay:
    """What became of all records."""

    revision: str
    replayed: int = 0
    matrix: list[Change] = field(default_factory=list)
    apart: Counter[str] = field(default_factory=Counter)
    """Refusals that policy did not decide on, by code; and records that tell too little."""
    without_groups: int = 0
    """Replayed records that do not hold the agent's groups."""

    @property
    def changed(self) -> int:
        """How many would surely end otherwise."""
        return sum(cell.count for cell in self.matrix if cell.changed)

    @property
    def open(self) -> int:
        """How many may end otherwise."""
        return sum(cell.count for cell in self.matrix if cell.open)

    @property
    def same(self) -> int:
        """How many would end as they did."""
        return self.replayed - self.changed - self.open


def replay(records: Iterable[Mapping[str, Any]], judge: Judge, *, samples: int = SAMPLES) -> Replay:
    """Ask a policy about each recorded decision again; other records are passed over."""
    result = Replay(judge.bundle.revision)
    cells: dict[tuple[str, tuple[str, ...], tuple[str, ...]], Change] = {}
    for record in records:
        if record.get("kind") != "decision":
            continue
        code = set_apart(record)
        asked = parse_record(record) if not code else None
        if asked is None:
            result.apart[code or UNREADABLE] += 1
            continue
        if asked.blanked:
            result.apart[HOST_BLANKED] += 1
            continue
        try:
            verdict = judge.ask(asked)
        except EvaluationError:
            result.apart["policy_error"] += 1
            continue
        result.replayed += 1
        result.without_groups += not asked.groups_known
        depends = tuple(sorted(verdict.depends))
        key = (asked.effect, verdict.effects, depends)
        cell = cells.setdefault(key, Change(asked.effect, verdict.effects, depends))
        cell.count += 1
        if len(cell.samples) < samples and cell.after != (cell.before,):
            cell.samples.append(_sample(asked, verdict.answers))
    result.matrix = sorted(cells.values(), key=lambda cell: (not cell.changed, -cell.count))
    return result


def _sample(asked: Recorded, answers: tuple[tuple[str, str], ...]) -> Sample:
    rules = dict.fromkeys(rule for _, rule in answers)
    return Sample(
        asked.id,
        asked.agent,
        f"{asked.scheme}://{asked.host}:{asked.port}",
        asked.tools,
        asked.rule,
        " or ".join(rules),
    )
