"""`aegis doctor`: what is open that should not be, and how to close it."""

from __future__ import annotations

import os
import pwd
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.markup import escape

from control.agents import open_agents
from control.home import (
    FAILED_CHECK,
    Running,
    home_of,
    out,
    print_json,
    printable,
    running_on,
    table,
)
from control.in_force import bundle_in_force
from ledger import Home, LedgerError, exposures, loose_parents, verify_log
from rules import PolicyError, PolicySet

State = Literal["ok", "note", "open"]

_ROOT = Path(__file__).resolve().parent.parent
_DANGEROUS = ("LD_PRELOAD", "LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONSTARTUP", "SSLKEYLOGFILE")
_EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104


@dataclass(frozen=True, slots=True)
class Finding:
    """What one look found: `open` must be mended, a `note` is for the operator to judge."""

    state: State
    about: str
    text: str
    mend: str = ""


def doctor(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
    log: Annotated[bool, typer.Option(help="Verify the whole log as well.")] = True,
) -> None:
    """Look for what an agent could read, change or go around; exit 1 when something is open."""
    home = home_of(context)
    running = running_on(home)
    found = list(_look(home, running, log))
    if as_json:
        print_json([asdict(finding) for finding in found])
    else:
        shown = table("", "ABOUT", "FINDING")
        colours = {"ok": "green", "note": "yellow", "open": "red"}
        for finding in found:
            text = printable(f"{finding.text} {finding.mend}".strip())
            colour = colours[finding.state]
            shown.add_row(f"[{colour}]{finding.state}[/]", finding.about, escape(text))
        out().print(shown)
    if any(finding.state == "open" for finding in found):
        raise typer.Exit(FAILED_CHECK)


def _look(home: Home, running: Running | None, log: bool) -> Iterator[Finding]:
    looks: list[tuple[str, Callable[[], Iterator[Finding]]]] = [
        ("home folder", lambda: _home(home)),
        ("code", _code),
        ("log", lambda: _log(home) if log else iter(())),
        ("agents", lambda: _agents(home)),
        ("policy", lambda: _policy(home, running)),
        ("firewall", lambda: _firewall(running)),
    ]
    for about, look in looks:
        count = 0
        try:
            for finding in look():
                count += 1
                yield finding
        except (LedgerError, PolicyError) as error:
            count += 1
            yield Finding("open", about, str(error))
        except OSError as error:
            count += 1
            place = f"{error.filename}: " if error.filename else ""
            yield Finding("note", about, f"{place}{error.strerror or error}")
        if not count:
            yield Finding("ok", about, _FINE[about])


_FINE = {
    "home folder": "only its owner reads its secrets and changes its files.",
    "code": "nobody else can change the code that the firewall runs.",
    "log": "it verifies.",
    "agents": "each token ends by itself.",
    "policy": "it is enforced.",
    "firewall": "it runs, and nothing in its environment changes what it runs.",
}


def _home(home: Home) -> Iterator[Finding]:
    if not home.folder.is_dir():
        yield Finding(
            "note", "home folder", f"{home.folder} is not there yet: `aegis up` makes it."
        )
        return
    for found in (*exposures(home), *loose_parents(home.folder)):
        state: State = "open" if found.secret else "note"
        yield Finding(state, "home folder", f"{found.path}: {found.what}.", f"Run `{found.mend}`.")
    owner = home.folder.stat().st_uid
    if owner != os.geteuid() and os.geteuid() != 0:
        yield Finding("note", "home folder", f"{home.folder} belongs to another user.")


def _code() -> Iterator[Finding]:
    """Find code that others could change: it would run in the proxy."""
    rooms = [_ROOT / name for name in ("addons", "control", "ledger", "redaction", "rules")]
    files = [path for room in rooms for path in (room, *room.rglob("*.py"))]
    packages = [Path(entry) for entry in sys.path if entry and Path(entry).is_dir()]
    for path in (*files, *packages):
        if path.stat().st_mode & 0o002:
            yield Finding(
                "open", "code", f"{path}: everybody may change it.", f"Run `chmod o-w {path}`."
            )
    for parent in loose_parents(_ROOT):
        yield Finding("note", "code", f"{parent.path}: {parent.what}.", f"Run `{parent.mend}`.")


def _log(home: Home) -> Iterator[Finding]:
    if not home.log.exists():
        return
    report = verify_log(home.log, home.log_public_key.read_text("utf-8"))
    for problem in report.problems:
        yield Finding("open", "log", problem.message, "`aegis audit verify` tells more.")


def _agents(home: Home) -> Iterator[Finding]:
    if not home.agents.exists():
        return
    agents = open_agents(home)
    try:
        endless = [
            token
            for token in agents.tokens()
            if token.expires_at is None and token.revoked_at is None
        ]
    finally:
        agents.close()
    if endless:
        names = ", ".join(sorted({token.agent for token in endless}))
        yield Finding(
            "note",
            "agents",
            f"{len(endless)} tokens never end (of {names}).",
            "`aegis agents rotate AGENT --ttl 30d` gives one that does.",
        )


def _policy(home: Home, running: Running | None) -> Iterator[Finding]:
    place = (running.policy if running is not None else None) or ""
    _, bundle = bundle_in_force(home, place)
    policy = PolicySet(bundle)
    if policy.mode == "observe":
        yield Finding("note", "policy", f"'{policy.name}' only observes: it refuses nothing.")
    path = Path(place).expanduser() if place else None
    if path is not None and path.exists():
        for part in (path, *(part for part in path.rglob("*") if part.is_file())):
            if part.stat().st_mode & 0o022:
                yield Finding(
                    "open", "policy", f"{part}: others may change it.", f"Run `chmod go-w {part}`."
                )
    owner = home.folder.stat().st_uid
    if {str(owner), _user_name(owner)} & policy.places.users.keys():
        yield Finding(
            "open",
            "policy",
            "an agent is known by the user that the firewall runs as, and can read its keys.",
            "Run agents as another user, or by `aegis run --jail`.",
        )


def _owner(pid: int) -> int:
    """Give the user that a process runs as; -1 where that cannot be told."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text("ascii", errors="replace").splitlines()
    except OSError:
        return -1
    # What the kernel says owns its files is root, for nobody is to look in.
    return next((int(line.split()[1]) for line in lines if line.startswith("Uid:")), -1)


def _user_name(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return ""


def _firewall(running: Running | None) -> Iterator[Finding]:
    if running is None:
        yield Finding("note", "firewall", "none runs on this home folder.")
        return
    if running.host in _EVERYWHERE:
        yield Finding(
            "note",
            "firewall",
            "it listens on all addresses; agents' tokens come over the network unencrypted.",
            "Keep that network to agents.",
        )
    for name in _DANGEROUS:
        if name in running.environment:
            yield Finding(
                "open",
                "firewall",
                f"it was started with {name}, which can change what it runs or tell its keys.",
                f"Start it again without {name}.",
            )
    if _owner(running.pid) == 0:
        yield Finding("note", "firewall", "it runs as root; a user of its own is enough.")
