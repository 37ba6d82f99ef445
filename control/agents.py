"""`aegis agents`: who may call."""

from __future__ import annotations

from contextlib import closing
from typing import Annotated

import typer

from control.home import complain, home_of, out, print_json, table
from control.lifetime import Lifetime
from ledger import Agent, Home, SqliteAgents, ensure_default_agent

app = typer.Typer(help="Agents: who may call.", no_args_is_help=True)

AgentId = Annotated[str, typer.Argument(metavar="AGENT", help="The agent's id.")]
Json = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]


def open_agents(home: Home) -> SqliteAgents:
    """Open the agents of a home folder, which is made when it is missing."""
    home.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return SqliteAgents(home.agents)


def store(context: typer.Context) -> SqliteAgents:
    """Open the agents of the home folder that a command was called with."""
    return open_agents(home_of(context))


@app.command()
def add(
    context: typer.Context,
    agent: AgentId,
    tenant: Annotated[str, typer.Option(help="The tenant it belongs to.")] = "default",
    group: Annotated[list[str] | None, typer.Option(help="A group it is in; repeatable.")] = None,
    ttl: Lifetime = None,
) -> None:
    """Add an agent and print its token, which is shown only now."""
    with closing(store(context)) as agents:
        agents.add(agent, tenant, group or ())
        typer.echo(agents.mint(agent, ttl))
    complain("this is the agent's token; it is not shown again.")


@app.command("list")
def list_agents(context: typer.Context, as_json: Json = False) -> None:
    """List the agents."""
    with closing(store(context)) as agents:
        found = agents.list()
    if as_json:
        print_json([_plain(agent) for agent in found])
        return
    shown = table("agent", "tenant", "groups", "state")
    for agent in found:
        state = "disabled" if agent.disabled_at else "enabled"
        shown.add_row(agent.id, agent.tenant, ", ".join(agent.groups), state)
    out().print(shown)


@app.command()
def disable(context: typer.Context, agent: AgentId) -> None:
    """Refuse all calls of an agent from now on."""
    with closing(store(context)) as agents:
        agents.disable(agent)
    out().print(f"{agent} is disabled; open connections end within a second.")


@app.command()
def enable(context: typer.Context, agent: AgentId) -> None:
    """Let an agent call again."""
    with closing(store(context)) as agents:
        agents.enable(agent)
    out().print(f"{agent} is enabled.")


@app.command()
def rotate(
    context: typer.Context,
    agent: AgentId,
    ttl: Lifetime = None,
) -> None:
    """Revoke all tokens of an agent and print a new one."""
    home = home_of(context)
    with closing(open_agents(home)) as agents:
        typer.echo(agents.rotate(agent, ttl))
        if agent == "default" and home.default_token.exists():
            # The file's token is revoked with the others.
            ensure_default_agent(agents, home.default_token)
    complain("this is the agent's new token; it is not shown again. The old ones are revoked.")


def _plain(agent: Agent) -> dict[str, object]:
    return {
        "id": agent.id,
        "tenant": agent.tenant,
        "groups": list(agent.groups),
        "spiffe_id": agent.spiffe_id,
        "disabled_at": agent.disabled_at,
    }
