"""What a candidate that only watches, or a mode that only observes, would have done otherwise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rules.decision import Effect
from rules.recorded import set_apart

SAMPLES = 3


@dataclass(slots=True)
class Drift:
    """Decisions of one kind that would have been others: by which rule, how often, and samples."""

    old: tuple[str, str]
    """Effect and rule as recorded."""
    new: tuple[str, str]
    """Effect and rule as they would have been."""
    count: int = 0
    samples: list[str] = field(default_factory=list)
    """Ids of decisions."""

    @property
    def stricter(self) -> bool:
        """True when the new effect is the stricter one."""
        return Effect(self.new[0]).strictness > Effect(self.old[0]).strictness


@dataclass(slots=True)
class DriftReport:
    """What a log tells of policies that decided without being enforced."""

    decisions: int = 0
    apart: Counter[str] = field(default_factory=Counter)
    """Refusals that policy did not decide on, by code."""
    compared: Counter[str] = field(default_factory=Counter)
    """Decisions that a candidate watched, by its revision."""
    candidates: dict[str, list[Drift]] = field(default_factory=dict)
    """Where a candidate's effect differs, by its revision."""
    rules: list[Drift] = field(default_factory=list)
    """What rules in mode observe would have changed."""
    observed: list[Drift] = field(default_factory=list)
    """What a policy in mode observe would have done, had it been enforced."""

    @property
    def differing(self) -> int:
        """How many decisions of candidates differ."""
        return sum(drift.count for found in self.candidates.values() for drift in found)


def drift(records: Iterable[Mapping[str, Any]], *, samples: int = SAMPLES) -> DriftReport:
    """Sum up what decision records say of decisions that were not enforced."""
    report = DriftReport()
    candidates: dict[str, _Table] = {}
    rules, observed = _Table(samples), _Table(samples)
    for record in records:
        if record.get("kind") != "decision":
            continue
        code = set_apart(record)
        if code:
            report.apart[code] += 1
            continue
        now = _pair(record)
        if now is None:
            continue
        report.decisions += 1
        name = str(record.get("id") or "")
        shadow = record.get("shadow")
        then = _pair(shadow)
        if then is not None and isinstance(shadow, Mapping):
            revision = str(shadow.get("revision") or "")
            report.compared[revision] += 1
            table = candidates.setdefault(revision, _Table(samples))
            if then[0] != now[0]:
                table.add(now, then, name)
        would = _pair(record.get("would"))
        if would is not None and would != now:
            rules.add(now, would, name)
        if record.get("enforced") is False:
            observed.add(("allow", ""), now, name)
    report.candidates = {revision: table.drifts() for revision, table in candidates.items()}
    report.rules, report.observed = rules.drifts(), observed.drifts()
    return report


class _Table:
    def __init__(self, samples: int) -> None:
        self._samples = samples
        self._cells: dict[tuple[tuple[str, str], tuple[str, str]], Drift] = {}

    def add(self, old: tuple[str, str], new: tuple[str, str], name: str) -> None:
        cell = self._cells.setdefault((old, new), Drift(old, new))
        cell.count += 1
        if len(cell.samples) < self._samples:
            cell.samples.append(name)

    def drifts(self) -> list[Drift]:
        return sorted(self._cells.values(), key=lambda cell: (-cell.count, cell.old, cell.new))


def _pair(said: Any) -> tuple[str, str] | None:
    if not isinstance(said, Mapping) or said.get("effect") not in set(Effect):
        return None
    return str(said["effect"]), str(said.get("rule") or "")
