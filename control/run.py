"""`aegis run`: a command as an agent behind the firewall."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated

import typer

from control import data_plane
from control.environment import agent_environment
from control.home import Home, Running, complain, home_of
from ledger import LedgerError, LogReader, SqliteAgents, Summary, split_token

TOKEN_SECONDS = 12 * 3600
NOT_FOUND = 127
NOT_EXECUTABLE = 126
SETTLE_SECONDS = 0.2


def run(
    context: typer.Context,
    agent: Annotated[str, typer.Option(help="The agent the command is.")] = "default",
    policy: Annotated[
        Path | None, typer.Option(help="Policy of a firewall for this run alone.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No summary.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The summary in JSON.")] = False,
) -> None:
    """Run a command as an agent: aegis run [OPTIONS] -- COMMAND..."""
    command = list(context.args)
    if not command:
        complain("name the command: aegis run -- COMMAND [ARGUMENTS].")
        raise typer.Exit(2)
    home = home_of(context)
    with _firewall(home, policy) as running, closing(SqliteAgents(home.agents)) as agents:
        token = agents.mint(agent, TOKEN_SECONDS, "aegis run")
        token_id = split_token(token)[0]
        before = LogReader(home.log).head().seq
        try:
            code = _run(command, agent_environment(os.environ, home, running, token))
        finally:
            agents.revoke(token_id)
        if not quiet:
            _tell(_summary(home, before, token_id), as_json)
    raise typer.Exit(code)


@contextmanager
def _firewall(home: Home, policy: Path | None) -> Iterator[Running]:
    """Give the firewall that runs on the home folder, else one for this run alone."""
    running = home.running()
    if running is not None:
        if policy is not None:
            complain(
                f"a firewall runs already, on {running.host}:{running.port}, with its own policy; "
                "end it, or leave --policy out."
            )
            raise typer.Exit(2)
        yield running
        return
    arguments = ["--port", "0", *(["--policy", str(policy)] if policy is not None else [])]
    process = data_plane.start(home, arguments, quiet=True)
    try:
        ready = data_plane.wait_until_ready(home, process)
        if ready is None:
            process.kill()
            said = process.communicate()[1].decode(errors="replace").strip()
            complain(said.removeprefix("aegis: ") or "the firewall did not start.")
            raise typer.Exit(process.returncode if process.returncode > 0 else 1)
        yield ready
    finally:
        data_plane.stop(process)


def _run(command: list[str], environment: dict[str, str]) -> int:
    """Run the command with our signals passed on to it; gives its code as a shell would."""
    try:
        child = subprocess.Popen(command, env=environment)
    except FileNotFoundError:
        complain(f"{command[0]}: there is no such command.")
        return NOT_FOUND
    except OSError as error:
        complain(f"{command[0]}: it cannot be run ({error.strerror}).")
        return NOT_EXECUTABLE
    numbers = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
    # Ctrl-C reaches the command by itself: it is in the terminal's foreground group, as we are.
    handlers = {
        number: signal.signal(
            number,
            signal.SIG_IGN
            if number == signal.SIGINT and os.isatty(0)
            else lambda got, _: child.send_signal(got),
        )
        for number in numbers
    }
    try:
        code = child.wait()
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    return code if code >= 0 else 128 - code


def _summary(home: Home, before: int, token_id: str) -> Summary:
    try:
        return LogReader(home.log).summary(after=before, token_id=token_id)
    except LedgerError as error:
        complain(str(error))
        return Summary()


def _tell(summary: Summary, as_json: bool) -> None:
    taken = sum(summary.redactions.values())
    if as_json:
        document = {
            "calls": summary.calls,
            "denied": summary.denied,
            "redactions": dict(summary.redactions),
        }
        typer.echo(json.dumps(document), err=True)
        return
    kinds = ", ".join(f"{count} {entity}" for entity, count in summary.redactions.items())
    typer.echo(
        f"aegis: {summary.calls} calls, {summary.denied} denied, {taken} redactions"
        + (f" ({kinds})" if kinds else ""),
        err=True,
    )
