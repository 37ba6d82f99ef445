"""`aegis policy shadow report`: what policies that are not enforced would have done."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import typer
from rich.markup import escape

from control.agents import Json
from control.home import home_of, out, print_json, printable, table
from control.policy_shadow import shadow
from control.recorded import Limit, LogFile, Since, decisions, reasons
from rules.drift import Drift, DriftReport, drift


def register(_: typer.Typer) -> None:
    """Add the command to those of `aegis policy shadow`."""
    shadow.command("report")(report)


def report(
    context: typer.Context,
    log: LogFile = None,
    since: Since = None,
    limit: Limit = None,
    as_json: Json = False,
) -> None:
    """Show by rule where a candidate decided otherwise, and what mode observe let through."""
    found = drift(decisions(home_of(context), log, since, limit))
    if as_json:
        print_json(_plain(found))
        return
    say = out().print
    say(f"{found.decisions} decisions.")
    for revision, drifts in found.candidates.items():
        count = sum(one.count for one in drifts)
        say()
        say(
            escape(
                f"Candidate {printable(revision)}: {count} of {found.compared[revision]} "
                "decisions would be others."
            )
        )
        _table(("calls", "active", "candidate", "such as"), drifts)
    if found.rules:
        say()
        say("Rules in mode observe would have changed:")
        _table(("calls", "decided", "with the rule", "such as"), found.rules)
    if found.observed:
        say()
        say("Let through by mode observe:")
        _table(("calls", "let through", "enforced", "such as"), found.observed)
    if found.apart:
        say()
        say(escape(printable(f"Set apart: {reasons(found.apart)}.")))


def _table(heads: tuple[str, ...], drifts: Sequence[Drift]) -> None:
    if not drifts:
        return
    shown = table(*heads)
    for one in drifts:
        row = (
            str(one.count),
            _pair(one.old),
            _pair(one.new),
            one.samples[0] if one.samples else "",
        )
        shown.add_row(*(escape(printable(part)) for part in row))
    out().print(shown)


def _pair(said: tuple[str, str]) -> str:
    effect, rule = said
    return f"{effect} ({rule})" if rule else effect


def _plain(found: DriftReport) -> dict[str, Any]:
    def plain(drifts: Sequence[Drift]) -> list[dict[str, Any]]:
        return [{**dataclasses.asdict(one), "stricter": one.stricter} for one in drifts]

    return {
        "decisions": found.decisions,
        "candidates": {
            revision: {"compared": found.compared[revision], "drift": plain(drifts)}
            for revision, drifts in found.candidates.items()
        },
        "rules": plain(found.rules),
        "observed": plain(found.observed),
        "apart": dict(found.apart),
    }
