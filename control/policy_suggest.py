"""`aegis policy suggest`: a least-privilege policy out of what was recorded."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from control.home import BAD_INPUT, FAILED_CHECK, complain, home_of, running_on
from control.recorded import (
    Limit,
    LogFile,
    RecordedUnder,
    Since,
    decisions,
    reasons,
    recorded_under,
    registered_groups,
)
from ledger import Home
from rules import Policy, PolicyError, compile_policy, load_policy
from rules.suggest import Suggestion
from rules.suggest import suggest as suggest_policy


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(suggest)


def suggest(
    context: typer.Context,
    agent: Annotated[str, typer.Option(help="The agent's id.")],
    log: LogFile = None,
    policy: Annotated[
        Path | None,
        typer.Option(
            help="The policy whose destinations, tools and redactions are kept. "
            "Default: that of the running firewall."
        ),
    ] = None,
    recorded: RecordedUnder = None,
    since: Since = None,
    limit: Limit = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file to write. Default: the screen.")
    ] = None,
) -> None:
    """Write a policy that allows an agent what it was recorded to do and nothing else.

    Let it work in mode observe first; a person reviews what comes out.
    """
    home = home_of(context)
    base = load_policy(policy) if policy is not None else _running_policy(home)
    known = recorded_under(home, recorded)
    if base is not None:
        known.append(compile_policy(base))
    found = suggest_policy(
        agent, decisions(home, log, since, limit), base, known, registered_groups(home)
    )
    if found is None:
        complain(f"the log holds no call of '{agent}' that a policy could be made of.")
        raise typer.Exit(BAD_INPUT)
    verdict = _verdict(found)
    text = f"# {verdict}\n{found.text}"
    if output is None:
        typer.echo(text, nl=False)
    else:
        output.write_text(text, "utf-8")
    complain(verdict if output is None else f"wrote {output}. {verdict}")
    if found.left_out:
        complain(f"left out: {reasons(found.left_out)}.")
    if found.allowed < found.used:
        complain("replay the rest with `aegis policy replay` to see what it depends on.")
        raise typer.Exit(FAILED_CHECK)


def _verdict(found: Suggestion) -> str:
    return f"Replayed: {found.allowed} of {found.used} recorded calls are allowed."


def _running_policy(home: Home) -> Policy | None:
    running = running_on(home)
    if running is None or not running.policy:
        return None
    try:
        return load_policy(Path(running.policy))
    except PolicyError:
        # A bundle, or a file that changed since; its text is not needed.
        return None
