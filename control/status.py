"""`aegis status`: is the firewall up, and what does it decide by."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from control.home import FAILED_CHECK, home_of, out, print_json, printable, running_on
from ledger import LedgerError, LogReader

LOOK_BACK = 2_000
"""How many of the last records are looked through for the policy: a health check runs this."""


def status(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
) -> None:
    """Say whether the firewall runs and by which policy; exit 1 when it does not."""
    home = home_of(context)
    running = running_on(home)
    records, policy = _log(home.log)
    if as_json:
        where = (
            {"host": running.host, "port": running.port, "pid": running.pid} if running else None
        )
        print_json(
            {"running": where, "home": str(home.folder), "records": records, "policy": policy}
        )
    elif running is None:
        out().print(escape(f"No firewall runs on {home.folder}. Start one: aegis up"))
    else:
        out().print(f"The firewall listens on {running.host}:{running.port} (pid {running.pid}).")
        if policy.get("revision"):
            out().print(escape(f"It decides by revision {policy['revision']}."))
        out().print(f"The log holds {records} records.")
        if policy.get("refused"):
            problem = escape(printable(policy["refused"]))
            out().print(f"[red]A changed policy was refused:[/red] {problem}")
    if running is None:
        raise typer.Exit(FAILED_CHECK)


def _log(path: Path) -> tuple[int, dict[str, str]]:
    """Find the log's length, the policy in force and whether a later one was refused."""
    found: dict[str, str] = {}
    reader = LogReader(path)
    try:
        head = reader.head().seq
        for record in reader.records(max(0, head - LOOK_BACK)):
            if record["kind"] == "policy" and record.get("what") == "refused":
                found["refused"] = str(record.get("problem", ""))
                found["revision"] = str(record.get("revision", ""))
            elif record["kind"] == "start" or record.get("what") in ("activated", "restored"):
                # A policy that was applied is in force once the firewall says that it is.
                found = {"revision": str(record.get("revision", ""))}
            elif record["kind"] == "decision" and record.get("revision"):
                # Each decision says by which revision it fell.
                found["revision"] = str(record["revision"])
    except LedgerError:
        return 0, found
    return head, found
