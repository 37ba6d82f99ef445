"""The home folder that a command is about, the firewall that runs on it, and how commands speak."""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from ledger import Home, default_home

FAILED_CHECK = 1
BAD_INPUT = 2


HomeFolder = Annotated[
    Path | None,
    typer.Option("--home", help="Folder of keys, log and agents. Default: $AEGIS_HOME or ~/.aegis"),
]


@dataclass(frozen=True, slots=True)
class Running:
    """A firewall that listens; `policy` is what it was told with `--policy`, if it says so."""

    host: str
    port: int
    pid: int
    policy: str | None = None
    environment: tuple[str, ...] = ()
    """Names of the variables that it was started with."""

    def proxy_url(self, token: str) -> str:
        """Give the proxy address with a token in it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        # As the password: some clients send no credential when the password is empty.
        return f"http://aegis:{token}@{host}:{self.port}"


def running_on(home: Home) -> Running | None:
    """Give the firewall that runs on this home folder, None when there is none."""
    try:
        said = json.loads(home.running.read_text("utf-8"))
        found = Running(str(said["host"]), int(said["port"]), int(said["pid"]))
        os.kill(found.pid, 0)
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(found.host, found.host)  # noqa: S104
        policy = str(said["policy"]) if "policy" in said else None
        names = tuple(map(str, said.get("environment", ())))
        with socket.create_connection((host, found.port), timeout=2):
            return Running(host, found.port, found.pid, policy, names)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError):
        return None


def home_of(context: typer.Context, folder: Path | None = None) -> Home:
    """Give the home folder that a command was called with."""
    if folder is not None:
        return Home(folder.expanduser())
    return Home(context.obj if isinstance(context.obj, Path) else default_home())


class _Answers(Console):
    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def out() -> Console:
    """Give the console for answers; what is no terminal gets room for whole lines."""
    width = None if sys.stdout.isatty() else 200
    return _Answers(highlight=False, soft_wrap=True, width=width)


def table(*heads: str) -> Table:
    """Give an empty table as all commands show them; nothing in it is cut off."""
    empty = Table(box=None, pad_edge=False, header_style="bold")
    for head in heads:
        empty.add_column(head, overflow="fold")
    return empty


@contextmanager
def until_reader_leaves() -> Iterator[None]:
    """End quietly when the reader of standard output went away, as `head` does."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def printable(text: object) -> str:
    """Give a text without what would steer a terminal."""
    return "".join(c if c.isprintable() else "\ufffd" for c in str(text).replace("\n", " "))


def complain(message: str) -> None:
    """Write a message for people on standard error."""
    typer.echo(f"aegis: {message}", err=True)


def print_json(document: Any) -> None:
    """Write a document for programs."""
    typer.echo(json.dumps(document, indent=2, default=str))
