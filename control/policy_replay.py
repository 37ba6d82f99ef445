"""`aegis policy replay`: what a candidate would have said of recorded decisions."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from control.agents import Json
from control.home import FAILED_CHECK, home_of, out, print_json, printable, table
from control.recorded import (
    Limit,
    LogFile,
    RecordedUnder,
    Since,
    decisions,
    reasons,
    recorded_under,
    registered_groups,
)
from rules import load_bundle
from rules.judge import Judge
from rules.replay import SAMPLES, Change, Replay
from rules.replay import replay as replay_records


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(replay)


def replay(
    context: typer.Context,
    candidate: Annotated[Path, typer.Argument(metavar="CANDIDATE", help="A policy or bundle.")],
    log: LogFile = None,
    since: Since = None,
    limit: Limit = None,
    recorded: RecordedUnder = None,
    samples: Annotated[int, typer.Option(min=0, help="Samples of each change.")] = SAMPLES,
    as_json: Json = False,
    fail_on_change: Annotated[
        bool,
        typer.Option(
            "--fail-on-change",
            help="Exit with 1 when a decision would, or may, end otherwise than it did.",
        ),
    ] = False,
) -> None:
    """Ask a policy about every recorded decision: which would end otherwise?

    The log holds no arguments and no paths. What depends on them is counted as open.
    """
    home = home_of(context)
    judge = Judge(load_bundle(candidate), recorded_under(home, recorded), registered_groups(home))
    result = replay_records(decisions(home, log, since, limit), judge, samples=samples)
    if as_json:
        print_json(_plain(candidate, result))
    else:
        _show(candidate, result)
    if fail_on_change and (result.changed or result.open):
        raise typer.Exit(FAILED_CHECK)


def _show(candidate: Path, result: Replay) -> None:
    say = out().print
    say(
        escape(
            f"{result.replayed} decisions replayed against {candidate}, revision {result.revision}."
        )
    )
    say(f"{result.same} end as they did, {result.changed} otherwise, {result.open} are open.")
    shown = table("recorded", "candidate", "calls", "depends on")
    for cell in result.matrix:
        shown.add_row(
            cell.before, " or ".join(cell.after), str(cell.count), ", ".join(cell.depends)
        )
    if result.matrix:
        say()
        say(shown)
    samples = table("decision", "agent", "tool", "destination", "recorded", "candidate")
    for cell in result.matrix:
        for sample in cell.samples:
            row = (
                *(sample.id, sample.agent, ", ".join(sample.tools), sample.destination),
                *(f"{cell.before} ({sample.old_rule})", _after(cell, sample.new_rule)),
            )
            samples.add_row(*(escape(printable(part)) for part in row))
    if samples.row_count:
        say()
        say(samples)
    say()
    if result.apart:
        say(escape(printable(f"Set apart: {reasons(result.apart)}.")))
    if result.without_groups:
        say(
            f"{result.without_groups} records do not hold the agent's groups; "
            "those it has now were taken."
        )


def _after(cell: Change, rules: str) -> str:
    return f"{' or '.join(cell.after)} ({rules})"


def _plain(candidate: Path, result: Replay) -> dict[str, Any]:
    return {
        "candidate": str(candidate),
        "revision": result.revision,
        "replayed": result.replayed,
        "same": result.same,
        "changed": result.changed,
        "open": result.open,
        "matrix": [
            {**dataclasses.asdict(cell), "changed": cell.changed, "open": cell.open}
            for cell in result.matrix
        ],
        "apart": dict(result.apart),
        "without_groups": result.without_groups,
    }
