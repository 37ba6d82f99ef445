"""`aegis policy coverage`: how much of a policy speaks on purpose and was tried."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from control.agents import Json
from control.home import FAILED_CHECK, complain, home_of, out, print_json, printable
from control.policy_test import run_tests
from control.recorded import (
    LogFile,
    RecordedUnder,
    decisions,
    recorded_under,
    registered_groups,
)
from rules import load_bundle
from rules.coverage import Coverage, Part
from rules.coverage import coverage as measure
from rules.judge import Judge

_SAYS = {
    "tools": "of the tools have constraints",
    "traffic": "of the recorded calls are decided by a rule that is named",
    "rules": "of the rules are fired by a test",
}
_SHOWN = 20


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(coverage)


def coverage(
    context: typer.Context,
    policy: Annotated[Path, typer.Argument(metavar="POLICY", help="A policy or bundle.")],
    log: LogFile = None,
    tests: Annotated[
        list[Path] | None,
        typer.Option("--tests", metavar="PATH", help="Tests of the policy; repeatable."),
    ] = None,
    recorded: RecordedUnder = None,
    fail_under: Annotated[
        float, typer.Option(min=0, max=100, help="Exit with 1 when the coverage is less (percent).")
    ] = 0,
    as_json: Json = False,
) -> None:
    """Measure tools with constraints, calls decided on purpose, and rules that tests fire.

    The coverage is the least of the three; what there is no log or test for is not measured.
    """
    home = home_of(context)
    judge = Judge(load_bundle(policy), recorded_under(home, recorded), registered_groups(home))
    records = decisions(home, log) if log is not None or home.log.exists() else None
    found = measure(judge, records, _fired(tests) if tests else None)
    if as_json:
        print_json(_plain(found))
    else:
        _show(found)
    if found.percent < fail_under:
        complain(f"the coverage is {found.percent:.1f}%, less than {fail_under:g}%.")
        raise typer.Exit(FAILED_CHECK)


def _fired(paths: list[Path]) -> set[str]:
    """Run tests and give the ids of the rules that decided in them."""
    return {rule for path in paths for rule in run_tests(path).fired}


def _show(found: Coverage) -> None:
    say = out().print
    for part in found.parts:
        say(f"{part.percent:5.1f}%  {part.covered} of {part.total} {_SAYS[part.name]}")
        for item in part.uncovered[:_SHOWN]:
            say(f"        {escape(printable(item))}")
        if len(part.uncovered) > _SHOWN:
            say(f"        and {len(part.uncovered) - _SHOWN} more; --json names them all")
    for name, part_of in (("traffic", found.traffic), ("rules", found.rules)):
        if part_of is None:
            say(f"     -  not measured: {'no recorded call' if name == 'traffic' else 'no tests'}")
    say(f"{found.percent:5.1f}%  coverage")


def _plain(found: Coverage) -> dict[str, Any]:
    return {
        "revision": found.revision,
        "coverage": round(found.percent, 1),
        "parts": {
            name: _part(part)
            for name, part in (
                ("tools", found.tools),
                ("traffic", found.traffic),
                ("rules", found.rules),
            )
        },
    }


def _part(part: Part | None) -> dict[str, Any] | None:
    if part is None:
        return None
    return {**dataclasses.asdict(part), "percent": round(part.percent, 1)}
