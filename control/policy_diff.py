"""`aegis policy diff`: what changes in meaning between two policies."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from control.agents import Json
from control.home import FAILED_CHECK, out, print_json, printable, table
from rules import load_bundle
from rules.diff import Outcome, PolicyDiff
from rules.diff import diff as compare
from rules.diff_parts import ConstraintChange, SettingChange

_SHOWN = 10
"""Agents of a group that are named; --json names them all."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(diff)


def diff(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="A policy or bundle.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="A policy or bundle.")],
    as_json: Json = False,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit with 1 when anything changes.")
    ] = False,
) -> None:
    """Show what changes in meaning: who may reach and do what otherwise than before.

    Both policies are asked the same questions; their texts are not compared.
    """
    found = compare(load_bundle(old), load_bundle(new))
    if as_json:
        print_json(_plain(found))
    else:
        _show(found)
    if exit_code and not found.same:
        raise typer.Exit(FAILED_CHECK)


def _show(found: PolicyDiff) -> None:
    if found.same:
        out().print("No change in meaning.")
        return
    _table(
        ("endpoint", "change", "destination"),
        ((e.endpoint, e.change, _arrow(e.before, e.after)) for e in found.endpoints),
    )
    _table(
        ("destination", "call", "agents", "before", "after", ""),
        (
            (
                d.destination,
                "\n".join(d.actions),
                _some(d.agents),
                _outcome(d.before),
                _outcome(d.after),
                d.when,
            )
            for d in found.decisions
        ),
    )
    _table(
        ("tool", "constraint", "change", "bound"),
        ((c.tool, _constraint(c), c.change, _arrow(c.before, c.after)) for c in found.constraints),
    )
    _table(
        ("setting", "change", "value"),
        ((_setting(s), s.change, _arrow(s.before, s.after)) for s in found.settings),
    )


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    shown = table(*heads)
    for row in rows:
        shown.add_row(*("\n".join(escape(printable(p)) for p in cell.split("\n")) for cell in row))
    if shown.row_count:
        out().print(shown)
        out().print()


def _some(names: Sequence[str]) -> str:
    shown = list(names[:_SHOWN])
    if len(names) > _SHOWN:
        shown.append(f"and {len(names) - _SHOWN} more")
    return "\n".join(shown)


def _outcome(outcome: Outcome) -> str:
    return "\n".join((f"{outcome.effect} ({outcome.rule})", *outcome.obligations))


def _constraint(change: ConstraintChange) -> str:
    return f"{change.argument}.{change.kind}" if change.argument else change.kind


def _setting(change: SettingChange) -> str:
    return " ".join(part for part in (change.section, change.item, change.key) if part)


def _arrow(before: str, after: str) -> str:
    return f"{before} -> {after}" if before and after else before or after


def _plain(found: PolicyDiff) -> dict[str, Any]:
    plain = dataclasses.asdict(found)
    for told, change in zip(plain["endpoints"], found.endpoints, strict=True):
        told["change"] = change.change
    return {"same": found.same, **plain}
