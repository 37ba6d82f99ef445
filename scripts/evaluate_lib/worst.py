"""The misses and false alarms that say most, so shown that no value can be read unless wanted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.markup import escape

from scripts.evaluate_lib.masking import Shower, shape
from scripts.evaluate_lib.model import Value
from scripts.evaluate_lib.scoring import Score, Slip
from scripts.evaluate_lib.structured import StructuredScore


def in_turn(slips: Sequence[Slip], count: int) -> list[Slip]:
    """Choose from each family in turn, the family with most slips and the longest slip first."""
    groups: dict[str, list[Slip]] = defaultdict(list)
    for slip in sorted(slips, key=lambda s: (-s.chars, s.example, s.start)):
        groups[slip.family].append(slip)
    order = sorted(groups.values(), key=lambda group: (-len(group), group[0].family))
    chosen: list[Slip] = []
    for rank in range(max(map(len, order), default=0)):
        for group in order:
            if rank < len(group) and len(chosen) < count:
                chosen.append(group[rank])
    return chosen


def print_worst(console: Console, name: str, score: Score, shower: Shower, count: int) -> None:
    """Print the worst of a system."""
    for title, slips in (("misses", score.misses), ("false alarms", score.alarms)):
        if not slips:
            continue
        console.print(f"\n{name}: {len(slips)} {title}, some of them", highlight=False)
        for line in _lines(in_turn(slips, count), shower):
            console.print(line, highlight=False, soft_wrap=True)


def _lines(slips: Sequence[Slip], shower: Shower) -> Iterator[str]:
    for slip in slips:
        before, after = shower.context(slip.example, slip.start, slip.end)
        value = escape(shower.value(slip.example, slip.start, slip.end))
        where = shower.examples[slip.example].name
        yield (
            f"  {slip.family:<12} {escape(before)} [bold]«{value}»[/bold] {escape(after)}"
            f"   [dim]({escape(where)})[/dim]"
        )


def print_worst_values(
    console: Console, name: str, score: StructuredScore, count: int, *, show_values: bool
) -> None:
    """Print values of bodies that survived, and harmless ones that did not."""
    for title, slips in (("values that survive", score.misses), ("values lost", score.losses)):
        if not slips:
            continue
        console.print(f"\n{name}: {len(slips)} {title}, some of them", highlight=False)
        by_place: dict[tuple[str, str], list[Value]] = defaultdict(list)
        for _, value in slips:
            by_place[value.label, value.place].append(value)
        ranked = sorted(by_place.items(), key=lambda item: -len(item[1]))
        for (label, place), values in ranked[:count]:
            shown = values[0].value if show_values else shape(values[0].value)
            line = f"  {label:<12} {place} «{' '.join(shown.split())[:80]}» {len(values)} times"
            console.print(escape(line), highlight=False, soft_wrap=True)


def as_data(score: Score, shower: Shower, count: int) -> dict[str, list[dict[str, str]]]:
    """Give the worst as plain data."""
    result = {}
    for title, slips in (("misses", score.misses), ("false_alarms", score.alarms)):
        result[title] = [
            {
                "text": shower.examples[slip.example].name,
                "family": slip.family,
                "value": shower.value(slip.example, slip.start, slip.end),
                "before": shower.context(slip.example, slip.start, slip.end)[0],
                "after": shower.context(slip.example, slip.start, slip.end)[1],
            }
            for slip in in_turn(slips, count)
        ]
    return result
