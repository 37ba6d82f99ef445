"""The `aegis` command."""

from __future__ import annotations

import os

import typer
from typer.exceptions import TyperException

from control import __version__, agents, audit, doctor, mcp, policy, redact, run, status, tokens, up
from control.home import BAD_INPUT, HomeFolder, complain, print_json
from ledger import LedgerError, default_home
from rules import PolicyError

app = typer.Typer(
    name="aegis",
    help="The egress firewall for AI agents.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


@app.callback()
def options(context: typer.Context, home: HomeFolder = None) -> None:
    """Take the options that all commands share."""
    context.obj = home.expanduser() if home is not None else default_home()


app.add_typer(agents.app, name="agents")
app.add_typer(tokens.app, name="tokens")
app.add_typer(audit.app, name="audit")
app.add_typer(policy.app, name="policy")
app.add_typer(mcp.app, name="mcp")
app.command("up")(up.up)
# What comes after the command's name is the command's own.
app.command("run", context_settings={"allow_interspersed_args": False})(run.run)
app.command("status")(status.status)
app.command("doctor")(doctor.doctor)
app.command("redact")(redact.redact)


@app.command()
def version(as_json: agents.Json = False) -> None:
    """Say which version this is."""
    if as_json:
        print_json({"version": __version__})
    else:
        typer.echo(__version__)


def main() -> int:
    """Run the command; what goes wrong is one line for people, not a traceback."""
    try:
        code = app(prog_name="aegis", standalone_mode=False)
    except TyperException as error:
        # A wrong option or command, told the way typer tells it; no command at all gives the help.
        error.show()  # type: ignore[attr-defined]
        return BAD_INPUT
    except (typer.Abort, KeyboardInterrupt):
        return 130
    except (LedgerError, PolicyError) as error:
        complain(str(error))
        return BAD_INPUT
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
