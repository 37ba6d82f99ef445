"""`aegis run`: a command as an agent behind the firewall."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from types import FrameType
from typing import Annotated, Self

import typer

from control import data_plane
from control.agents import open_agents
from control.environment import agent_environment
from control.home import BAD_INPUT, HomeFolder, Running, complain, home_of, running_on
from control.jail import JailError, take_terminal_back
from control.jailed import jailed
from control.lifetime import parse_lifetime
from control.options import HostsFile, UpstreamCa, UpstreamProxy, as_arguments
from ledger import Home, LedgerError, LogReader, SqliteAgents, Summary, split_token

NOT_EXECUTABLE = 126
NOT_FOUND = 127
BY_SIGNAL = 128
DEFAULT_AGENT = "default"


def run(
    context: typer.Context,
    command: Annotated[
        list[str], typer.Argument(metavar="COMMAND...", help="The command and its arguments.")
    ],
    agent: Annotated[str, typer.Option(help="The agent the command is.")] = DEFAULT_AGENT,
    policy: Annotated[
        str,
        typer.Option(
            metavar="FILE|FOLDER|URL",
            help="Policy; the run then has a firewall of its own, whatever runs.",
        ),
    ] = "",
    ttl: Annotated[
        int,
        typer.Option(
            parser=parse_lifetime, metavar="TIME", help="How long its token is good at most."
        ),
    ] = 86_400,
    jail: Annotated[
        bool, typer.Option("--jail", help="In a network whose only way out is the firewall.")
    ] = False,
    user: Annotated[
        str, typer.Option(metavar="NAME", help="Whom root has the command in a jail become.")
    ] = "",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No summary.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The summary in JSON.")] = False,
    upstream_ca: UpstreamCa = None,
    upstream_proxy: UpstreamProxy = "",
    hosts_file: HostsFile = None,
    folder: HomeFolder = None,
) -> None:
    """Run a command as an agent: aegis run [OPTIONS] -- COMMAND...

    Uses the firewall that runs on the home folder, else one for this run alone; a jail has one of
    its own. The exit code is the command's. Exit 127: there is no such command, 126: it cannot be
    run.
    """
    if user and not jail:
        complain("--user: it goes with --jail.")
        raise typer.Exit(BAD_INPUT)
    home = home_of(context, folder)
    own = {
        "--policy": policy,
        "--upstream-ca": upstream_ca,
        "--upstream-proxy": upstream_proxy,
        "--hosts-file": hosts_file,
    }
    with closing(open_agents(home)) as agents, _Signals() as signals:
        if agent != DEFAULT_AGENT:
            agents.get(agent)  # before a firewall is started in vain
        if jail:
            prepared = _jailed(home, agents, agent, ttl, user, own)
        else:
            prepared = _behind(home, agents, agent, ttl, as_arguments(own))
        with prepared as ready:
            before = LogReader(home.log).head().seq
            code = _run(command, ready, signals)
            if said := ready.problem():
                complain(said)
        if not quiet:
            _tell(home, before, ready.token_id, as_json)
    raise typer.Exit(code)


@dataclasses.dataclass(frozen=True, slots=True)
class _Ready:
    """All that a command needs is there; `problem` tells what went wrong beside it."""

    token_id: str
    begin: Callable[[list[str]], subprocess.Popen[bytes]]
    problem: Callable[[], str]


@contextmanager
def _behind(
    home: Home, agents: SqliteAgents, agent: str, ttl: int, own: list[str]
) -> Iterator[_Ready]:
    """Have a command use a firewall by its environment."""
    with _firewall(home, own) as (running, problem):
        token = agents.mint(agent, ttl, "aegis run")
        token_id = split_token(token)[0]
        environment = agent_environment(os.environ, home, running, token)
        try:
            yield _Ready(
                token_id, lambda command: subprocess.Popen(command, env=environment), problem
            )
        finally:
            agents.revoke(token_id)


@contextmanager
def _jailed(
    home: Home, agents: SqliteAgents, agent: str, ttl: int, user: str, own: Mapping[str, object]
) -> Iterator[_Ready]:
    """Have a command find no other way out than its firewall."""
    in_front = _in_front()
    try:
        with jailed(home, agents, agent, ttl, user, own) as made:
            yield _Ready(made.token_id, made.begin, lambda: made.problem)
    except JailError as error:
        complain(str(error))
        raise typer.Exit(BAD_INPUT) from None
    except data_plane.StartError as error:
        complain(str(error))
        raise typer.Exit(error.code) from None
    finally:
        if in_front:
            take_terminal_back()


@contextmanager
def _firewall(home: Home, own: list[str]) -> Iterator[tuple[Running, Callable[[], str]]]:
    """Give a firewall, and what tells of its end by itself."""
    running = running_on(home)
    if running is not None and not own:
        yield running, lambda: ""
        return
    try:
        with data_plane.temporary(home, own) as firewall:
            yield firewall.running, lambda: firewall.problem
    except data_plane.StartError as error:
        complain(str(error))
        raise typer.Exit(error.code) from None


class _Signals:
    """Passes our signals on to the command; before there is one, they end us."""

    _NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
    # Ctrl-C and Ctrl-\ come from the terminal, which tells all processes in front, so the command
    # has got them already.
    _FROM_TERMINAL = (signal.SIGINT, signal.SIGQUIT)

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None
        self._starting = False
        self._waiting: list[int] = []

    def __enter__(self) -> Self:
        self._former = {number: signal.signal(number, self._take) for number in self._NUMBERS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, former in self._former.items():
            signal.signal(number, former)

    def start(self, begin: Callable[[], subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
        """Start the command; raises `OSError`."""
        self._starting = True
        try:
            self._child = child = begin()
        finally:
            self._starting = False
        for number in self._waiting:
            child.send_signal(number)
        return child

    def _take(self, number: int, _: FrameType | None) -> None:
        if self._starting:
            self._waiting.append(number)
        elif self._child is None:
            raise SystemExit(BY_SIGNAL + number)
        elif not (number in self._FROM_TERMINAL and _in_front()):
            self._child.send_signal(number)


def _in_front() -> bool:
    """Tell whether we are in the foreground process group of a terminal."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)


def _run(command: list[str], ready: _Ready, signals: _Signals) -> int:
    """Run the command to its end; gives its code as a shell would."""
    try:
        code = signals.start(lambda: ready.begin(command)).wait()
    except FileNotFoundError:
        complain(f"{command[0]}: there is no such command.")
        return NOT_FOUND
    except OSError as error:
        complain(f"{command[0]}: it cannot be run ({error.strerror}).")
        return NOT_EXECUTABLE
    return code if code >= 0 else BY_SIGNAL - code


def _tell(home: Home, before: int, token_id: str, as_json: bool) -> None:
    try:
        summary = LogReader(home.log).summary(after=before, token_id=token_id)
    except LedgerError as error:
        complain(str(error))
        return
    typer.echo(json.dumps(dataclasses.asdict(summary)) if as_json else _sentence(summary), err=True)


def _sentence(summary: Summary) -> str:
    taken = summary.redactions
    kinds = ", ".join(f"{count} {entity}" for entity, count in sorted(taken.items()))
    parts = [
        _count(summary.calls, "call"),
        f"{summary.denied} denied",
        _count(taken.total(), "redaction") + (f" ({kinds})" if kinds else ""),
    ]
    if summary.names_refused:
        parts.append(f"{_count(summary.names_refused, 'name')} refused")
    if summary.not_enforced:
        parts.append(f"{summary.not_enforced} observed only, not enforced")
    return f"aegis: {', '.join(parts)}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
