"""The bench's results as tables and as JSON."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from scripts.bench_lib.rounds import Samples, Workload, percentile, ratio


def loads_table(samples: Samples, loads: Sequence[Workload], names: Sequence[str]) -> Table:
    """Show the loads: medians, and ratios to the first system with their range."""
    table = _table(
        "Side by side: medians of the rounds, ratios of each round (lowest-highest)", names
    )
    for load in loads:
        table.add_row(f"[bold]{load.name}[/] {load.title}")
        for measure, by_system in samples[load.name].items():
            if any(map(any, by_system.values())):
                _row(table, f"  {measure}", by_system, names)
        table.add_section()
    return table


def singles_table(rows: Mapping[str, Mapping[str, Sequence[float]]], names: Sequence[str]) -> Table:
    """Show measures taken outside of the loads."""
    table = _table("Medians of a few times each", names)
    for measure, by_system in rows.items():
        _row(table, measure, by_system, names)
    return table


def _table(title: str, names: Sequence[str]) -> Table:
    table = plain_table(title)
    table.add_column("", no_wrap=True)
    table.add_column(names[0], justify="right")
    for name in names[1:]:
        table.add_column(name, justify="right")
        table.add_column(f"/ {names[0]}", justify="right", no_wrap=True)
    return table


def plain_table(title: str) -> Table:
    """Make a table that shows its title whole."""
    return Table(
        title=title,
        title_justify="left",
        min_width=len(title),
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )


def _row(
    table: Table, label: str, by_system: Mapping[str, Sequence[float]], names: Sequence[str]
) -> None:
    base = by_system[names[0]]
    cells = [label, number(statistics.median(base))]
    for name in names[1:]:
        cells.append(number(statistics.median(by_system[name])))
        middle, low, high = ratio(by_system[name], base)
        cells.append("" if middle != middle else f"{middle:.2f} ({low:.2f}-{high:.2f})")
    table.add_row(*cells)


def steps_table(costs: Mapping[str, Mapping[str, Sequence[float]]], title: str) -> Table:
    """Show what each step costs, from the decision records."""
    table = plain_table(title)
    table.add_column("")
    for destination in costs:
        table.add_column(f"{destination} p50", justify="right")
        table.add_column("p99", justify="right")
    steps = dict.fromkeys(step for by_step in costs.values() for step in by_step)
    for step in steps:
        cells = [step]
        for by_step in costs.values():
            values = by_step.get(step)
            cells += [number(percentile(values, p)) if values else "" for p in (50, 99)]
        table.add_row(*cells)
    return table


def show(console: Console, *tables: Table | None) -> None:
    """Print tables."""
    for table in tables:
        if table is not None:
            console.print(table)


def number(value: float) -> str:
    """Write a number with the digits that tell something."""
    digits = 0 if abs(value) >= 100 or value.is_integer() else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f}"


def policies_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Show what decisions cost by the size of the policy, and by the engine beside them."""
    table = plain_table("Policies: agents and domains each; microseconds of one decision")
    table.add_column("", no_wrap=True)
    for row in rows:
        table.add_column(f"{row['size']:,}", justify="right")
        table.add_column("/ smallest", justify="right", no_wrap=True)

    def line(label: str, value: Callable[[Mapping[str, Any]], float], form: str = "{:.0f}") -> None:
        base = value(rows[0])
        cells = [
            cell for row in rows for cell in (form.format(value(row)), f"{value(row) / base:.2f}")
        ]
        table.add_row(label, *cells)

    for name in rows[0]["engines"]:
        for measure in ("p50", "p99", "cpu"):
            line(f"{name}: {measure}", lambda r, n=name, m=measure: r["engines"][n][m])
        table.add_section()
    line("decision kept before: p50", lambda row: row["cached_us"], "{:.1f}")
    line("compile, s", lambda row: row["compile_s"], "{:.2f}")
    line("load and warm up, s", lambda row: row["load_s"], "{:.2f}")
    line("bundle, KB", lambda row: row["bundle_kb"])
    return table
