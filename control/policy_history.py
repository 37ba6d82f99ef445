"""`aegis policy apply`, `rollback`, `history` and `shadow`: which policy is in force, and why."""

from __future__ import annotations

import dataclasses
import getpass
import os
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from control.agents import Json
from control.home import (
    BAD_INPUT,
    FAILED_CHECK,
    complain,
    home_of,
    out,
    print_json,
    running_on,
    table,
)
from control.policy_shadow import shadow
from control.policy_test import run_tests
from ledger import (
    Home,
    PolicyEvent,
    SqliteLog,
    SqlitePolicies,
    StoredPolicy,
    load_or_create_signer,
)
from rules import PolicySet, load_bundle
from rules.policy_test import CaseResult

Why = Annotated[str, typer.Option("--why", help="The reason, for the history and the log.")]
Who = Annotated[str | None, typer.Option("--who", help="Who does this. Default: your login name.")]
PolicyPath = Annotated[
    Path, typer.Argument(metavar="FILE|FOLDER", help="A policy, a folder of them, or a bundle.")
]


def register(app: typer.Typer) -> None:
    """Add the commands; those of `shadow` hang under `aegis policy shadow`."""
    app.command()(apply)
    app.command()(rollback)
    app.command()(history)


def apply(context: typer.Context, policy: PolicyPath, why: Why, who: Who = None) -> None:
    """Check a policy, run its tests and put it in force on this home folder.

    Exit 1 when a test fails, 2 when the policy is wrong; the one in force then stays.
    """
    stored = _checked(policy)
    home = home_of(context)
    with _stores(home) as (policies, log):
        event = policies.apply(stored, who=_name(who), why=why, note=lambda e: _note(log, e))
    out().print(escape(f"Policy '{event.name}' revision {event.revision} is applied."))
    _warn(home)


def rollback(
    context: typer.Context,
    why: Why,
    revision: Annotated[
        str | None,
        typer.Argument(
            metavar="[REVISION]", help="The revision or its beginning. Default: the one before."
        ),
    ] = None,
    who: Who = None,
) -> None:
    """Put a policy in force again that was applied before."""
    home = home_of(context)
    with _stores(home) as (policies, log):
        event = policies.roll_back(revision, who=_name(who), why=why, note=lambda e: _note(log, e))
    out().print(escape(f"Policy '{event.name}' revision {event.revision} is in force again."))
    _warn(home)


def history(context: typer.Context, as_json: Json = False) -> None:
    """Show which policies were applied, by whom and why; the last line is in force."""
    home = home_of(context)
    events: list[PolicyEvent] = []
    candidate = None
    if home.policies.exists():
        with closing(SqlitePolicies(home.policies)) as policies:
            events, found = list(policies.history()), policies.candidate()
            candidate = found[0] if found else None
    if as_json:
        print_json(
            {
                "active": events[-1].revision if events else None,
                "candidate": dataclasses.asdict(candidate) if candidate else None,
                "events": [dataclasses.asdict(event) for event in events],
            }
        )
        return
    if not events:
        out().print("No policy was applied; firewalls without --policy use the developer pack.")
    else:
        shown = table("number", "time", "what", "revision", "policy", "who", "why")
        for event in events:
            when = event.time[:19].replace("T", " ")
            cells = (event.what, event.revision, event.name, event.who, event.why)
            shown.add_row(str(event.number), when, *map(escape, cells))
        out().print(shown)
    if candidate is not None:
        out().print(
            escape(
                f"In the shadow: policy '{candidate.name}' revision {candidate.revision}, "
                f"by {candidate.who} since {candidate.time[:19].replace('T', ' ')}."
            )
        )


@shadow.command("start")
def start_shadow(context: typer.Context, policy: PolicyPath, who: Who = None) -> None:
    """Let a policy run beside the one in force, to see what it would decide."""
    stored = _checked(policy)
    with _policies(home_of(context)) as policies:
        candidate = policies.start_candidate(stored, who=_name(who))
    out().print(
        escape(f"Policy '{candidate.name}' revision {candidate.revision} runs in the shadow.")
    )


@shadow.command("stop")
def stop_shadow(context: typer.Context) -> None:
    """End the policy in the shadow."""
    with _policies(home_of(context)) as policies:
        ended = policies.stop_candidate()
    if ended is None:
        complain("no policy runs in the shadow.")
        raise typer.Exit(BAD_INPUT)
    out().print(escape(f"Policy '{ended.name}' revision {ended.revision} has left the shadow."))


def _warn(home: Home) -> None:
    """Say so when the running firewall was told to decide by something else."""
    running = running_on(home)
    if running is not None and running.policy:
        complain(
            f"the running firewall decides by {running.policy} and not by what is applied; "
            "start it without --policy."
        )


def _checked(path: Path) -> StoredPolicy:
    """Compile a policy, warm it up and run its own tests; a failed one ends the command."""
    bundle = load_bundle(path)
    name = PolicySet(bundle).name
    failures = _failures(path)
    for failure in failures:
        differences = "; ".join(map(str, failure.differences))
        complain(f"{failure.case.source}: {failure.case.name}: {differences}")
    if failures:
        complain(f"{len(failures)} of the policy's own tests failed, so it is not used.")
        raise typer.Exit(FAILED_CHECK)
    return StoredPolicy(bundle.revision, name, bundle.to_bytes())


def _failures(path: Path) -> Sequence[CaseResult]:
    """Run the policy's own tests; a compiled one has none."""
    return () if path.name.endswith((".tar.gz", ".tgz")) else run_tests(path).failures


@contextmanager
def _policies(home: Home) -> Iterator[SqlitePolicies]:
    home.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with closing(SqlitePolicies(home.policies)) as policies:
        yield policies


@contextmanager
def _stores(home: Home) -> Iterator[tuple[SqlitePolicies, SqliteLog]]:
    with (
        _policies(home) as policies,
        closing(SqliteLog(home.log, load_or_create_signer(home.log_key))) as log,
    ):
        yield policies, log


def _note(log: SqliteLog, event: PolicyEvent) -> None:
    """Write a change into the signed log; one that cannot be noted does not happen."""
    log.append(
        [
            {
                "kind": "policy",
                "what": event.what,
                "revision": event.revision,
                "name": event.name,
                "who": event.who,
                "why": event.why,
                "time": event.time,
            }
        ]
    )


def _name(who: str | None) -> str:
    if who is not None:
        return who
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # in a container the user may have no name
        return f"uid {os.getuid()}"
