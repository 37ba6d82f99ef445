"""`aegis policy`: what is allowed, checked, compiled and shown."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from control import policy_analysis
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
from rules import PolicyError, PolicySet, compile_policy, load_bundle, load_policy, schema

app = typer.Typer(help="Policies: what is allowed.", no_args_is_help=True)
policy_analysis.register(app)

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
        bundle = load_bundle(file)
        PolicySet(bundle)
    except PolicyError as error:
        problems = [{**dataclasses.asdict(p), "text": str(p)} for p in error.problems]
        return {"file": str(file), "ok": False, "revision": None, "problems": problems}
    return {"file": str(file), "ok": True, "revision": bundle.revision, "problems": []}


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


@app.command()
def show(
    context: typer.Context,
    file: Annotated[
        Path | None,
        typer.Argument(metavar="[FILE]", help="Default: the policy of the running firewall."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what a policy says: its destinations, tools, rules and redactions."""
    if file is None:
        running = running_on(home_of(context))
        if running is None or running.policy is None:
            complain("no running firewall says which policy it decides by; name a file.")
            raise typer.Exit(BAD_INPUT)
        file = running.policy
    bundle = load_bundle(file)
    config = bundle.data["aegis_cfg"]
    if as_json:
        print_json({"file": str(file), "revision": bundle.revision, **config})
        return
    limits = config["limits"]
    out().print(escape(f"{config['name']} ({file}), revision {bundle.revision}"))
    out().print(
        f"Mode {config['mode']}; bodies up to {limits['max_body_bytes']} bytes, "
        f"larger ones: {limits['larger_bodies']}."
    )
    _table(("destination", "reached at", "redaction"), _destinations(config))
    _table(("tool", "is", "arguments must"), _tools(config))
    _table(("rule", "effect", "agents", "destination or tool", "line"), _rules(config))
    _table(("redaction", "entity", "operator", "line"), _redactions(config))


@app.command("schema")
def print_schema() -> None:
    """Print the JSON Schema of policies, for editors."""
    print_json(schema())


def _destinations(config: Any) -> Iterator[tuple[str, ...]]:
    places: dict[str, list[str]] = {name: [] for name in config["destinations"]}
    for prefix, hosts in (("", config["hosts"]), ("*.", config["suffixes"])):
        for host, ends in hosts.items():
            for end, destination in ends.items():
                scheme, _, port = end.partition(":")
                if scheme != "connect":
                    places[destination].append(f"{scheme}://{prefix}{host}:{port}")
    for name, options in config["destinations"].items():
        yield name, "\n".join(places[name]), ", ".join(options["redact"])


def _tools(config: Any) -> Iterator[tuple[str, ...]]:
    for name, tool in config["tools"].items():
        if "mcp" in tool:
            what = f"MCP {tool['mcp']['tool']} of {tool['mcp']['server']}"
        else:
            methods = ",".join(tool["http"]["methods"]) or "any method"
            what = f"{methods} {tool['http']['path']} of {tool['http']['destination']}"
        checks = [check for check in tool["checks"] if check["argument"]]
        yield (
            name,
            what,
            "\n".join(f"{c['argument']}.{c['kind']}: {json.dumps(c['bound'])}" for c in checks),
        )


def _rules(config: Any) -> Iterator[tuple[str, ...]]:
    said: dict[tuple[int, str, str], tuple[set[str], set[str]]] = {}
    for effect in ("allow", "deny"):
        for destination, tools in config[effect].items():
            for tool, agents in tools.items():
                for agent, (order, rule) in agents.items():
                    who, what = said.setdefault((order, rule, effect), (set(), set()))
                    who.add(agent.removeprefix("agent:"))
                    what.add(destination if tool == "*" else tool)
    for (_, rule, effect), (who, what) in sorted(said.items()):
        line = config["sources"].get(rule, "")
        yield rule, effect, ", ".join(sorted(who)), "\n".join(sorted(what)), line


def _redactions(config: Any) -> Iterator[tuple[str, ...]]:
    for name, redaction in config["redaction"].items():
        for entity, operator in redaction["entities"].items():
            yield name, entity, operator["operator"], config["sources"].get(name, "")


def _table(heads: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> None:
    shown = table(*heads)
    for row in rows:
        shown.add_row(*map(escape, row))
    if shown.row_count:
        out().print()
        out().print(shown)
