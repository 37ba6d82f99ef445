"""`aegis mcp`: the tools of MCP servers as agents were told of them, and changes to accept."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer

from control.agents import Json
from control.home import home_of, out, print_json, printable, table
from ledger import Home, SqliteToolPins

app = typer.Typer(
    help="MCP: the tools of servers, and changes in how they are described.", no_args_is_help=True
)

Tenant = Annotated[str, typer.Option(help="The tenant whose agents saw it.")]


def _open(home: Home) -> SqliteToolPins:
    home.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return SqliteToolPins(home.tool_pins)


@app.command()
def tools(
    context: typer.Context,
    changed: Annotated[bool, typer.Option("--changed", help="Only what has changed.")] = False,
    as_json: Json = False,
) -> None:
    """List the tools that agents were told of, with the fingerprints of their descriptions."""
    with closing(_open(home_of(context))) as pins:
        found = [pin for pin in pins.list() if pin.changed_to or not changed]
    if as_json:
        print_json([asdict(pin) for pin in found])
        return
    shown = table("tenant", "server", "tool", "fingerprint", "changed to", "since")
    for pin in found:
        since = pin.changed_at if pin.changed_at is not None else pin.seen_at
        shown.add_row(
            pin.tenant,
            pin.destination,
            printable(pin.tool),
            pin.fingerprint[:12],
            pin.changed_to[:12],
            datetime.fromtimestamp(since, UTC).strftime("%Y-%m-%d %H:%M"),
        )
    out().print(shown)


@app.command()
def accept(
    context: typer.Context,
    server: Annotated[str, typer.Argument(help="The destination that is the MCP server.")],
    tool: Annotated[str, typer.Argument(help="The tool's name on that server.")],
    tenant: Tenant = "default",
) -> None:
    """Accept how a tool is described now; a running firewall knows of it within a second."""
    with closing(_open(home_of(context))) as pins:
        pin = pins.accept(tenant, server, tool)
    out().print(f"{server} {printable(tool)}: {pin.fingerprint[:12]} holds.")
