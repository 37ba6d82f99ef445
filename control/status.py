"""`aegis status`: is the firewall up, and what does it decide by."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from control.home import FAILED_CHECK, home_of, out, print_json
from ledger import LedgerError, LogReader


def status(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
) -> None:
    """Say whether the firewall runs and by which policy; exit 1 when it does not."""
    home = home_of(context)
    running = home.running()
    policy = _policy(home.log)
    if as_json:
        where = (
            {"host": running.host, "port": running.port, "pid": running.pid} if running else None
        )
        print_json({"running": where, "home": str(home.folder), "policy": policy})
    elif running is None:
        out().print(f"No firewall runs on {home.folder}. Start one: aegis up")
    else:
        out().print(f"The firewall listens on {running.host}:{running.port} (pid {running.pid}).")
        if policy.get("revision"):
            out().print(f"It decides by revision {policy['revision']}.")
        if policy.get("refused"):
            out().print(f"[red]A changed policy was refused:[/red] {policy['refused']}")
    if running is None:
        raise typer.Exit(FAILED_CHECK)


def _policy(log: Any) -> dict[str, str]:
    """Find in the log which policy is in force and whether a later one was refused."""
    found: dict[str, str] = {}
    try:
        for record in LogReader(log).records():
            if record["kind"] in ("start", "policy"):
                if record.get("what") == "refused":
                    found["refused"] = str(record.get("problem", ""))
                else:
                    found = {"revision": str(record.get("revision", ""))}
    except LedgerError:
        return found
    return found
