"""Recorded decisions for commands: from which log, since when, under which policies."""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from control.home import running_on
from control.in_force import bundle_in_force
from control.lifetime import parse_lifetime
from ledger import Home, LedgerError, LogReader, SqliteAgents
from rules import Bundle, PolicyError, load_bundle

LogFile = Annotated[
    Path | None,
    typer.Option(
        "--log", help="The log, or an export of it (.jsonl). Default: that of the home folder."
    ),
]
Limit = Annotated[int | None, typer.Option(min=1, help="Only the last so many decisions.")]
RecordedUnder = Annotated[
    list[Path] | None,
    typer.Option(
        "--recorded",
        metavar="FILE",
        help="A policy that records were made under; repeatable. It tells what its records leave "
        "open. Default: that of the running firewall.",
    ),
]

WHY = {
    "unreadable": "records that say too little",
    "host_blanked": "hosts whose numbers were blanked out in the log",
    "policy_error": "requests that a policy gave no decision on",
    "refused": "calls that were refused",
    "forbidden": "calls that a rule forbids, let through by mode observe",
    "held": "calls that a person must approve",
    "delegated": "calls on behalf of another agent",
    "odd_method": "requests with a method that no tool can name",
}


def parse_since(text: str) -> str:
    """Give a moment as records write it, from `2026-03-02`, `2026-03-02T10:00Z` or `12h` ago."""
    if re.fullmatch(r"[0-9]{1,12}[smhd]", text):
        moment = datetime.now(UTC) - timedelta(seconds=min(parse_lifetime(text), 10**9))
    else:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise typer.BadParameter(
                f"'{text}' is no time; write it like 2026-03-02, 2026-03-02T10:00Z or 12h."
            ) from None
        moment = moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


Since = Annotated[
    str | None,
    typer.Option(
        parser=parse_since,
        metavar="TIME",
        help="Only decisions from then on: 2026-03-02, 2026-03-02T10:00Z, or 12h (ago).",
    ),
]


def decisions(
    home: Home, log: Path | None, since: str | None = None, limit: int | None = None
) -> Iterable[dict[str, Any]]:
    """Give recorded decisions in order; raises `LedgerError` for what is no log."""
    found = _all(log or home.log)
    wanted = (
        record
        for record in found
        if record.get("kind") == "decision"
        and (since is None or str(record.get("time") or "") >= since)
    )
    return deque(wanted, maxlen=limit) if limit is not None else wanted


def _all(path: Path) -> Iterator[dict[str, Any]]:
    if path.suffix != ".jsonl":
        yield from LogReader(path).records()
        return
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                record = json.loads(line)
            except ValueError:
                record = None
            if not isinstance(record, dict):
                raise typer.BadParameter(f"{path}: line {number} is no record of a log.")
            yield record


def recorded_under(home: Home, files: Iterable[Path] | None) -> list[Bundle]:
    """Give the policies that records may have been made under."""
    if files:
        return [load_bundle(file) for file in files]
    running = running_on(home)
    if running is None:
        return []
    with suppress(PolicyError, LedgerError):
        return [bundle_in_force(home, running.policy or "")[1]]
    return []


def registered_groups(home: Home) -> dict[str, tuple[str, ...]]:
    """Give the groups that agents are in now, for records that do not hold them."""
    if not home.agents.exists():
        return {}
    with closing(SqliteAgents(home.agents)) as agents:
        return {agent.id: tuple(agent.groups) for agent in agents.list()}


def reasons(apart: dict[str, int]) -> str:
    """Write what was set apart, with how often."""
    return ", ".join(f"{WHY.get(why, why)} ({count})" for why, count in apart.items())
