"""`aegis policy`: what is allowed, checked and compiled."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from control.home import BAD_INPUT, complain, out, print_json
from rules import PolicyError, PolicySet, compile_policy, load_policy, schema

app = typer.Typer(help="Policies: what is allowed.", no_args_is_help=True)

PolicyFile = Annotated[Path, typer.Argument(metavar="FILE", help="The policy, YAML or JSON.")]


@app.command()
def validate(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Policies to check.")],
) -> None:
    """Check policies; every mistake is named with its place and its mend."""
    wrong = 0
    for file in files:
        try:
            bundle = compile_policy(load_policy(file))
            PolicySet(bundle)
        except PolicyError as error:
            wrong += 1
            typer.echo(str(error), err=True)
        else:
            out().print(f"{file}: right, revision {bundle.revision}")
    if wrong:
        raise typer.Exit(BAD_INPUT)


@app.command("compile")
def compile_file(
    file: PolicyFile,
    output: Annotated[Path, typer.Option("--output", "-o", help="The bundle to write.")] = Path(
        "bundle.tar.gz"
    ),
) -> None:
    """Compile a policy to an OPA bundle."""
    bundle = compile_policy(load_policy(file))
    PolicySet(bundle)
    output.write_bytes(bundle.to_bytes())
    complain(f"wrote {output}, revision {bundle.revision}")


@app.command("schema")
def print_schema() -> None:
    """Print the JSON Schema of policies, for editors."""
    print_json(schema())
