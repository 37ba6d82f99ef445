"""`aegis audit`: the decision log, read and verified."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from control.agents import Json
from control.home import FAILED_CHECK, complain, home_of, out, print_json
from ledger import LogReader, export_jsonl, verify_log

app = typer.Typer(help="The decision log, read and verified.", no_args_is_help=True)

LogPath = Annotated[
    Path | None, typer.Argument(metavar="[LOG]", help="The log. Default: that of the home folder.")
]

_COLOURS = {"allow": "green", "sanitize": "yellow", "require_approval": "yellow", "deny": "red"}


@app.command()
def verify(
    context: typer.Context,
    log: LogPath = None,
    key: Annotated[
        Path | None, typer.Option(help="The public key. Default: log.pub beside the log.")
    ] = None,
    witness: Annotated[
        Path | None, typer.Option(help="A checkpoint that was kept somewhere else.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Check that no record was changed, removed, moved, inserted or cut off."""
    path = log or home_of(context).log
    key = key or path.with_name("log.pub")
    kept = witness.read_text("utf-8") if witness is not None else None
    report = verify_log(path, key.read_text("utf-8"), kept)
    if as_json:
        print_json(
            {
                "ok": report.ok,
                "records": report.records,
                "checkpoints": report.checkpoints,
                "proven": report.proven,
                "head": report.head_hash,
                "problems": [
                    {"seq": problem.seq, "kind": problem.kind, "message": problem.message}
                    for problem in report.problems
                ],
                "remarks": list(report.remarks),
            }
        )
    else:
        for remark in report.remarks:
            out().print(f"Note: {escape(remark)}")
        for problem in report.problems:
            place = f"record {problem.seq}: " if problem.seq else ""
            out().print(f"[red]{escape(place + problem.message)}[/red]")
        if report.ok:
            out().print(
                f"The log is whole: {report.records} records under {report.checkpoints} "
                "signed checkpoints."
            )
    if not report.ok:
        raise typer.Exit(FAILED_CHECK)


@app.command()
def show(
    context: typer.Context,
    log: LogPath = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as records come.")] = False,
    agent: Annotated[str | None, typer.Option(help="Only decisions about this agent.")] = None,
    effect: Annotated[str | None, typer.Option(help="Only this effect, such as deny.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many of the last records.")] = 20,
    as_json: Json = False,
) -> None:
    """Show the last decisions, one a line."""
    reader = LogReader(log or home_of(context).log)
    head = reader.head().seq
    kept = [record for record in reader.records() if _wanted(record, agent, effect)][-limit:]
    for record in kept:
        _print(record, as_json)
    if follow:
        try:
            for record in reader.follow(head):
                if _wanted(record, agent, effect):
                    _print(record, as_json)
        except KeyboardInterrupt:
            return


@app.command()
def export(
    context: typer.Context,
    target: Annotated[Path, typer.Argument(help="The file to write, one record a line.")],
    log: LogPath = None,
) -> None:
    """Write the records as JSON lines, with the signed checkpoint beside them."""
    with target.open("xb") as file:
        note = export_jsonl(log or home_of(context).log, file)
    checkpoint = target.with_name(target.name + ".checkpoint")
    checkpoint.write_text(note, "utf-8")
    complain(f"wrote {target} and {checkpoint}")


def _wanted(record: dict[str, Any], agent: str | None, effect: str | None) -> bool:
    if record.get("kind") != "decision":
        return agent is None and effect is None and record.get("kind") != "outcome"
    if agent is not None and agent not in (record.get("agent"), _short(record)):
        return False
    return effect is None or record.get("effect") == effect


def _short(record: dict[str, Any]) -> str:
    return str(record.get("agent") or "unknown").rpartition("/")[2]


def _print(record: dict[str, Any], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(record))
        return
    out().print(" ".join(islice(_line(record), 20)))


def _line(record: dict[str, Any]) -> Iterator[str]:
    yield str(record.get("time", ""))[:23].replace("T", " ")
    if record["kind"] != "decision":
        yield escape(f"[{record['kind']}]")
        yield escape(str(record.get("what", "")))
        yield escape(str(record.get("revision", "")))
        yield escape(str(record.get("problem", "")))
        return
    effect = str(record["effect"])
    shown = effect if record.get("enforced") else f"would {effect}"
    yield f"[{_COLOURS.get(effect, 'white')}]{shown:<9}[/]"
    yield escape(_short(record))
    request, place = record.get("request") or {}, record.get("destination") or {}
    what = ", ".join(record.get("tools") or ()) or request.get("method", "")
    yield escape(f"{what} {place.get('host', '?')}:{place.get('port', '')}")
    yield escape(f"({record['rule']}{', ' + record['source'] if record.get('source') else ''})")
    taken = record.get("redacted") or {}
    if taken:
        yield "redacted " + escape(", ".join(f"{n} {entity}" for entity, n in taken.items()))
    if effect == "deny":
        yield escape(str(record.get("reason", "")))
