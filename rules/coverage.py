"""How much of a policy says something on purpose, and how much of it was tried."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rules.bundle import Bundle
from rules.errors import EvaluationError
from rules.judge import Judge
from rules.recorded import Recorded, parse_record, set_apart
from rules.variants import configuration

DEFAULTS = frozenset({"default-deny", "destination-unknown", "tool-unknown"})
"""Rules that decide where the policy says nothing."""

TOOLS, TRAFFIC, RULES = "tools", "traffic", "rules"


@dataclass(frozen=True, slots=True)
class Part:
    """One measure: how many of how many, and each that is not covered."""

    name: str
    covered: int
    total: int
    uncovered: tuple[str, ...]

    @property
    def percent(self) -> float:
        """The share in percent; all of nothing is 100."""
        return 100.0 * self.covered / self.total if self.total else 100.0


@dataclass(frozen=True, slots=True)
class Coverage:
    """What was measured; a part is None where there was nothing to measure it by."""

    revision: str
    tools: Part
    traffic: Part | None
    rules: Part | None

    @property
    def parts(self) -> list[Part]:
        """The parts that were measured."""
        return [part for part in (self.tools, self.traffic, self.rules) if part is not None]

    @property
    def percent(self) -> float:
        """The least of the parts."""
        return min(part.percent for part in self.parts)


def coverage(
    judge: Judge,
    records: Iterable[Mapping[str, Any]] | None = None,
    fired: Collection[str] | None = None,
) -> Coverage:
    """Measure a policy by recorded traffic and by the ids of the rules that its tests fired.

    Either may be None where there is none.
    """
    return Coverage(
        judge.bundle.revision,
        _tools(judge.bundle),
        _traffic(judge, records) if records is not None else None,
        _rules(judge.bundle, fired) if fired is not None else None,
    )


def rule_ids(bundle: Bundle) -> list[str]:
    """Give the ids of a policy's rules, in their order."""
    return list(configuration(bundle)["rules"])


def _tools(bundle: Bundle) -> Part:
    tools = configuration(bundle)["tools"]
    bare = [name for name, tool in tools.items() if not any(c["argument"] for c in tool["checks"])]
    return Part(TOOLS, len(tools) - len(bare), len(tools), tuple(bare))


def _rules(bundle: Bundle, fired: Collection[str]) -> Part:
    names = rule_ids(bundle)
    missed = [name for name in names if name not in fired]
    return Part(RULES, len(names) - len(missed), len(names), tuple(missed))


def _traffic(judge: Judge, records: Iterable[Mapping[str, Any]]) -> Part | None:
    total = covered = 0
    missed: Counter[str] = Counter()
    for record in records:
        if record.get("kind") != "decision" or set_apart(record):
            continue
        asked = parse_record(record)
        if asked is None:
            continue
        total += 1
        try:
            rules = {rule for _, rule in judge.ask(asked).answers}
        except EvaluationError:
            rules = set(DEFAULTS)
        if rules & DEFAULTS:
            missed[_describe(asked, sorted(rules & DEFAULTS)[0])] += 1
        else:
            covered += 1
    named = tuple(f"{text}: {count}" for text, count in missed.most_common())
    return Part(TRAFFIC, covered, total, named) if total else None


def _describe(asked: Recorded, rule: str) -> str:
    what = ", ".join(asked.tools) or asked.method
    return f"{asked.agent} {what} {asked.scheme}://{asked.host}:{asked.port} ({rule})"
