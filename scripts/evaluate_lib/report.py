"""Scores of systems side by side, as tables for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table

from scripts.evaluate_lib.scoring import Score, Tally
from scripts.evaluate_lib.statistics import interval, share
from scripts.evaluate_lib.structured import StructuredScore

NOTHING = "-"


def percent(value: float | None) -> str:
    """Write a share."""
    return NOTHING if value is None else f"{100 * value:.1f}"


def between(pairs: Sequence[tuple[int, int]]) -> str:
    """Write the interval of a share over texts."""
    ends = interval(pairs)
    return NOTHING if ends is None else f"{percent(ends[0])} to {percent(ends[1])}"


def of(part: int, whole: int) -> str:
    """Write a count of a count."""
    return f"{part} of {whole} ({percent(share(part, whole))} %)" if whole else NOTHING


def print_texts(
    console: Console, scores: Mapping[str, Score], seconds: Mapping[str, float]
) -> None:
    """Print what systems made of a set of texts."""
    table = _table("", scores)
    rows = {
        "cover, %": [percent(s.total.cover) for s in scores.values()],
        "  95 % interval": [between(s.per_text) for s in scores.values()],
        "precision of spans, %": [percent(_spans(s)) for s in scores.values()],
        "precision of characters, %": [percent(_chars(s)) for s in scores.values()],
        "F1 / F2 by type, %": [_fs(s) for s in scores.values()],
        "texts that leak": [of(s.leaking, s.with_gold) for s in scores.values()],
        "clean texts touched": [of(s.clean_touched, s.clean) for s in scores.values()],
        "seconds": [f"{value:.1f}" for value in seconds.values()],
    }
    for name, cells in rows.items():
        table.add_row(name, *cells)
    console.print(table)
    console.print(_by_family(scores))


def _spans(score: Score) -> float | None:
    return share(score.spans_right, score.spans_found)


def _chars(score: Score) -> float | None:
    return share(score.chars_right, score.chars_found)


def _fs(score: Score) -> str:
    return f"{percent(score.total.f(1))} / {percent(score.total.f(2))}"


def _by_family(scores: Mapping[str, Score]) -> Table:
    table = _table("family (spans): cover / recall / precision / F1 / F2, %", scores)
    counts: dict[str, int] = {}
    for score in scores.values():
        for family, tally in score.families.items():
            counts[family] = max(counts.get(family, 0), tally.gold)
    for family in sorted(counts, key=lambda name: (-counts[name], name)):
        cells = []
        for score in scores.values():
            tally = score.families.get(family, Tally())
            values = (tally.cover, tally.recall, tally.precision, tally.f(1), tally.f(2))
            cells.append(" / ".join(map(percent, values)))
        table.add_row(f"{family} ({counts[family]})", *cells)
    return table


def print_bodies(
    console: Console, scores: Mapping[str, StructuredScore], seconds: Mapping[str, float]
) -> None:
    """Print what systems made of a set of structured bodies."""
    table = _table("", scores)
    rows = {
        "values gone, %": [percent(s.total.cover) for s in scores.values()],
        "  95 % interval": [between(s.per_body) for s in scores.values()],
        "bodies that leak": [of(s.leaking, s.bodies) for s in scores.values()],
        "bodies refused": [of(s.refused, s.bodies) for s in scores.values()],
        "harmless values lost": [of(s.lost, s.keep) for s in scores.values()],
        "seconds": [f"{value:.1f}" for value in seconds.values()],
    }
    for name, cells in rows.items():
        table.add_row(name, *cells)
    console.print(table)
    families = _table("family (values): gone, %", scores)
    names = {name: c.values for s in scores.values() for name, c in s.families.items()}
    for family in sorted(names, key=lambda name: (-names[name], name)):
        cells = [
            percent(s.families[family].cover) if family in s.families else NOTHING
            for s in scores.values()
        ]
        families.add_row(f"{family} ({names[family]})", *cells)
    console.print(families)


def _table(title: str, systems: Mapping[str, object]) -> Table:
    table = Table(title=title or None, title_justify="left", box=None, pad_edge=False)
    table.add_column("")
    for name in systems:
        table.add_column(name, justify="right")
    return table
