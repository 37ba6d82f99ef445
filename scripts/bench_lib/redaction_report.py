"""The tables of the part on redaction."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.table import Table

from scripts.bench_lib.report import number, plain_table
from scripts.bench_lib.rounds import percentile

AIMS = {("1 KB", "model"): 2.5, ("10 KB", "model"): 4.0}
"""Times faster than stock that new text should be."""
CHAT_AIM = 20.0
P99_AIMS = {("1 KB", "model"): 20.0, ("1 KB", "patterns"): 2.0}
RECORD_AIM_S = 0.5
BESIDE_AIM_MS = 5.0


def tables(results: Mapping[str, Any]) -> Iterator[Table]:
    """Give the tables of what `redaction_cost` and the load found."""
    yield _texts(results["texts"])
    yield _chats(results["chats"])
    yield _records(results["records"])
    if "beside" in results:
        yield _beside(results["beside"])
    yield _steps(results["steps"])


def _texts(rows: Sequence[Mapping[str, Any]]) -> Table:
    table = plain_table(
        "Redaction of new text, ms: Presidio as it comes and Aegis in turn, each with spaCy's "
        "en_core_web_md where the column of models says so"
    )
    for column in ("text", "people", "entities", "models"):
        table.add_column(column)
    for column in ("Presidio p50", "p99", "Aegis p50", "p99", "ms/KB", "times faster", "aim"):
        table.add_column(column, justify="right")
    for row in rows:
        stock, aegis = row["stock"], row["aegis"]
        key = (row["text"], row["entities"])
        middle = statistics.median(aegis)
        cells = [number(percentile(stock, p)) if stock else "" for p in (50, 99)]
        cells += [number(percentile(aegis, p)) for p in (50, 99)]
        cells.append(f"{middle / row['chars'] * 1000:.2f}")
        cells.append(f"{statistics.median(stock) / middle:.1f}" if stock else "")
        aims = [f">= {AIMS[key]}"] if key in AIMS else []
        aims += [f"p99 < {P99_AIMS[key]:.0f}"] if key in P99_AIMS else []
        words = (row["text"], row["kind"], row["entities"], row["models"])
        table.add_row(*words, *cells, ", ".join(aims))
    return table


def _chats(row: Mapping[str, Any]) -> Table:
    table = plain_table(
        f"Replayed chats, ms a turn (whole bodies, median {row['bytes'] / 1000:.1f} KB; both with "
        f"{row['models']}; "
        f"Aegis remembers; Presidio on one turn of {row['stock_every']})"
    )
    for column in ("", "p50", "p99", "times faster, median of the turns", "aim"):
        table.add_column(column, justify="left" if not column else "right")
    for name, label in (("stock", "Presidio"), ("aegis", "Aegis")):
        cells = [number(percentile(row[name], p)) for p in (50, 99)]
        last = [f"{row['ratio']:.1f}", f">= {CHAT_AIM:.0f}"] if name == "aegis" else ["", ""]
        table.add_row(label, *cells, *last)
    return table


def _records(rows: Sequence[Mapping[str, Any]]) -> Table:
    table = plain_table(
        f"Large records under the profile safe-harbor (Aegis with {rows[0]['models']}), ms; "
        "Presidio with spaCy, reckoned from a part"
    )
    steps = list(rows[0]["aegis"])
    table.add_column("", no_wrap=True)
    for column in (
        "MB",
        *(f"Aegis: {step}" for step in steps),
        "CPU",
        "aim",
        "found",
        "Presidio",
        "read",
    ):
        table.add_column(column, justify="right")
    for row in rows:
        cells = [number(statistics.median(row["aegis"][step])) for step in steps]
        aim = f"< {RECORD_AIM_S * 1000:.0f}"
        found = f"{sum(row['counts'].values()):,}"
        table.add_row(
            row["record"],
            f"{row['bytes'] / 1e6:.1f}",
            *cells,
            number(statistics.median(row["cpu"])),
            aim,
            found,
            f"~{number(row['stock'])}",
            f"{row['stock_part']:.2%}",
        )
    return table


def _beside(rows: Sequence[Mapping[str, Any]]) -> Table:
    models = rows[0]["models"]
    table = plain_table(
        f"Small calls through the firewall beside the redaction of 1 MB ({models}), ms"
    )
    table.add_column("call")
    for column in ("alone p50", "p99", "beside p50", "p99", "p99 grew by", "aim", "1 MB took, s"):
        table.add_column(column, justify="right")
    for row in rows:
        cells = [number(percentile(row[key], p)) for key in ("alone", "beside") for p in (50, 99)]
        grew = percentile(row["beside"], 99) - percentile(row["alone"], 99)
        large = statistics.median(row["large_s"])
        table.add_row(row["call"], *cells, number(grew), f"< {BESIDE_AIM_MS:.0f}", f"{large:.1f}")
    return table


def _steps(rows: Sequence[Mapping[str, Any]]) -> Table:
    table = plain_table("What each step and recogniser costs, microseconds per KB of text")
    for column in ("", "name"):
        table.add_column(column)
    for column in ("many people", "few"):
        table.add_column(column, justify="right")
    for row in rows:
        table.add_row(row["what"], row["name"], number(row["dense"]), number(row["sparse"]))
    return table
