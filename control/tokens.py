"""`aegis tokens`: what agents prove themselves with."""

from __future__ import annotations

import dataclasses
import datetime
from contextlib import closing
from typing import Annotated

import typer

from control.agents import AgentId, Json, store
from control.home import complain, out, print_json, table
from control.lifetime import Lifetime

app = typer.Typer(help="Tokens: what agents prove themselves with.", no_args_is_help=True)


@app.command()
def mint(
    context: typer.Context,
    agent: AgentId,
    ttl: Lifetime = None,
    label: Annotated[str, typer.Option(help="What it is for.")] = "",
) -> None:
    """Print a new token of an agent, beside those it has."""
    with closing(store(context)) as agents:
        typer.echo(agents.mint(agent, ttl, label))
    complain("this token is not shown again.")


@app.command("list")
def list_tokens(
    context: typer.Context,
    agent: Annotated[str | None, typer.Option(help="Only those of this agent.")] = None,
    as_json: Json = False,
) -> None:
    """List the tokens; their secrets are not kept."""
    with closing(store(context)) as agents:
        found = agents.tokens(agent)
    if as_json:
        print_json([dataclasses.asdict(token) for token in found])
        return
    shown = table("token", "agent", "label", "created", "expires", "revoked")
    for token in found:
        shown.add_row(
            token.id,
            token.agent,
            token.label,
            _time(token.created_at),
            _time(token.expires_at),
            _time(token.revoked_at),
        )
    out().print(shown)


@app.command()
def revoke(
    context: typer.Context,
    token: Annotated[str, typer.Argument(metavar="TOKEN_ID", help="The token's id.")],
) -> None:
    """Refuse a token from now on."""
    with closing(store(context)) as agents:
        agents.revoke(token)
    out().print(f"{token} is revoked; open connections end within a second.")


def _time(seconds: int | None) -> str:
    if seconds is None:
        return ""
    at = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    return at.strftime("%Y-%m-%d %H:%M:%SZ")
