"""`aegis policy`: what is allowed, checked, compiled and shown."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from control import (
    bundles,
    policy_analysis,
    policy_explain,
    policy_history,
    policy_server,
    policy_show,
    policy_test,
)
from control.agents import Json
from control.home import BAD_INPUT, FAILED_CHECK, complain, out, print_json
from redaction.profile import rule_errors
from rules import (
    Policy,
    PolicyError,
    PolicySet,
    compile_policy,
    load_bundle,
    load_policy,
    schema,
)

app = typer.Typer(help="Policies: what is allowed.", no_args_is_help=True)
policy_test.register(app)
policy_explain.register(app)

PolicyFile = Annotated[Path, typer.Argument(metavar="FILE", help="The policy, YAML or JSON.")]


@app.command()
def validate(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Policies or bundles to check.")
    ],
    as_json: Json = False,
) -> None:
    """Check policies; every mistake is named with its place and its mend."""
    missing = [file for file in files if not file.exists()]
    for file in missing:
        complain(f"{file}: there is no such file.")
    if missing:
        raise typer.Exit(BAD_INPUT)
    found = [_check(file) for file in files]
    if as_json:
        print_json(found)
    else:
        for answer in found:
            if answer["ok"]:
                out().print(escape(f"{answer['file']}: right, revision {answer['revision']}"))
            for problem in answer["problems"]:
                typer.echo(problem["text"], err=True)
    if not all(answer["ok"] for answer in found):
        raise typer.Exit(FAILED_CHECK)


def _check(file: Path) -> dict[str, Any]:
    try:
        written = None if file.name.endswith((".tar.gz", ".tgz")) else load_policy(file)
        bundle = load_bundle(file) if written is None else compile_policy(written)
        check_redactions(PolicySet(bundle), written)
    except PolicyError as error:
        problems = [{**dataclasses.asdict(p), "text": str(p)} for p in error.problems]
        return {"file": str(file), "ok": False, "revision": None, "problems": problems}
    return {"file": str(file), "ok": True, "revision": bundle.revision, "problems": []}


def check_redactions(policy: PolicySet, written: Policy | None = None) -> None:
    """Check what a policy wants found against what can be found; raises `PolicyError`.

    With the policy as it was written the exact place of each mistake is named.
    """
    place = policy if written is None else written
    problems = [
        place.problem(error.section, error.item, error.path, error.message, error.mend)
        for error in rule_errors(policy.all_redactions, policy.recognizers)
    ]
    if problems:
        raise PolicyError(problems)


@app.command("compile")
def compile_file(
    file: PolicyFile,
    output: Annotated[Path, typer.Option("--output", "-o", help="The bundle to write.")] = Path(
        "bundle.tar.gz"
    ),
    tenant: Annotated[
        str | None, typer.Option(help="Only this tenant's policy beside the organisation's.")
    ] = None,
) -> None:
    """Compile a policy to an OPA bundle."""
    bundle = compile_policy(load_policy(file), tenant)
    PolicySet(bundle)
    output.write_bytes(bundle.to_bytes())
    complain(f"wrote {output}, revision {bundle.revision}")


@app.command("schema")
def print_schema() -> None:
    """Print the JSON Schema of policies, for editors."""
    print_json(schema())


policy_show.register(app)
policy_history.register(app)
policy_server.register(app)
bundles.register(app)
policy_analysis.register(app)
