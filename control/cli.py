"""The `aegis` command."""

from __future__ import annotations

import os
import sys
from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer
from typer.exceptions import TyperException

from control import agents, audit, policy, run, status, tokens, up
from control.home import BAD_INPUT, complain, default_home
from ledger import LedgerError
from rules import PolicyError

app = typer.Typer(
    name="aegis",
    help="The egress firewall for AI agents.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


@app.callback()
def options(
    context: typer.Context,
    home: Annotated[
        Path | None,
        typer.Option(help="Folder of keys, log and agents. Default: $AEGIS_HOME or ~/.aegis"),
    ] = None,
) -> None:
    """Take the options that all commands share."""
    context.obj = home.expanduser() if home is not None else default_home()


app.add_typer(agents.app, name="agents")
app.add_typer(tokens.app, name="tokens")
app.add_typer(audit.app, name="audit")
app.add_typer(policy.app, name="policy")
app.command("up")(up.up)
app.command("run", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(
    run.run
)
app.command("status")(status.status)


@app.command()
def version() -> None:
    """Say which version this is."""
    typer.echo(program_version())


def program_version() -> str:
    """Give the version of the program, also where it runs from a checkout."""
    try:
        return metadata.version("aegis-firewall")
    except metadata.PackageNotFoundError:
        return "0.1.0 (checkout)"


def main() -> int:
    """Run the command; what goes wrong is one line for people, not a traceback."""
    try:
        code = app(standalone_mode=False)
    except TyperException as error:
        # A wrong option or command, told the way typer tells it; no command at all gives the help.
        error.show()  # type: ignore[attr-defined]
        return BAD_INPUT
    except (typer.Abort, KeyboardInterrupt):
        return 130
    except (LedgerError, PolicyError) as error:
        complain(str(error))
        return BAD_INPUT
    except BrokenPipeError:
        # The reader went away, as `head` does.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        complain(f"{place}{error.strerror or error}")
        return BAD_INPUT
    except Exception as error:
        if os.environ.get("AEGIS_DEBUG"):
            raise
        complain(f"this should not happen ({type(error).__name__}); AEGIS_DEBUG=1 shows more.")
        return 70
    return code if isinstance(code, int) else 0
