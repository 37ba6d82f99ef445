"""`aegis audit`: the decision log, read and verified."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

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
    printable,
    until_reader_leaves,
)
from ledger import LogReader, VerifyReport, export_jsonl, verify_jsonl, verify_log
from rules import Effect

app = typer.Typer(help="The decision log, read and verified.", no_args_is_help=True)

LogPath = Annotated[
    Path | None, typer.Argument(metavar="[LOG]", help="The log. Default: that of the home folder.")
]

_PAGE = 1_000
_EXPORTED = ".jsonl"
_COLOURS = {"allow": "green", "sanitize": "yellow", "require_approval": "yellow", "deny": "red"}


@app.command()
def verify(
    context: typer.Context,
    log: LogPath = None,
    key: Annotated[
        Path | None,
        typer.Option(help="The public key. Default: log.pub beside the log, else of the home."),
    ] = None,
    witness: Annotated[
        Path | None, typer.Option(help="Checkpoints that were kept somewhere else.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Check that no record was changed, removed, moved, inserted or cut off.

    LOG may be an export (.jsonl) too; its witness is FILE.checkpoint unless one is named.
    """
    home = home_of(context)
    path = log or home.log
    if key is None:
        beside = path.with_name("log.pub")
        key = beside if beside.exists() else home.log_public_key
    report = _verify(path, key, witness)
    if as_json:
        print_json(_plain(report))
    else:
        for remark in report.remarks:
            out().print(f"Note: {_text(remark)}")
        for problem in report.problems:
            place = f"record {problem.seq}: " if problem.seq else ""
            out().print(f"[red]{_text(place + problem.message)}[/red]")
        if report.more:
            out().print(f"[red]and {report.more} more.[/red]")
        if report.ok:
            out().print(
                f"The log is whole: {report.records} records under {report.checkpoints} "
                "signed checkpoints."
            )
        else:
            out().print(f"The first {report.proven} of {report.records} records are proven.")
    if not report.ok:
        raise typer.Exit(FAILED_CHECK)


def _verify(path: Path, key: Path, witness: Path | None) -> VerifyReport:
    exported = path.suffix == _EXPORTED
    if exported and witness is None:
        witness = _checkpoint_of(path)
    for file, what in ((key, "public key (log.pub)"), (witness, "witness")):
        if file is not None and not file.is_file():
            complain(f"{file}: there is no {what} here; check the path.")
            raise typer.Exit(BAD_INPUT)
    public = key.read_text("utf-8", errors="replace")
    kept = witness.read_text("utf-8", errors="replace") if witness is not None else None
    return verify_jsonl(path, public, kept or "") if exported else verify_log(path, public, kept)


def _plain(report: VerifyReport) -> dict[str, object]:
    return {
        "ok": report.ok,
        "records": report.records,
        "checkpoints": report.checkpoints,
        "proven": report.proven,
        "head": report.head_hash,
        "problems": [
            {"seq": problem.seq, "kind": problem.kind, "message": problem.message}
            for problem in report.problems
        ],
        "more": report.more,
        "remarks": list(report.remarks),
    }


@app.command()
def show(
    context: typer.Context,
    log: LogPath = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as records come.")] = False,
    agent: Annotated[str | None, typer.Option(help="Only decisions about this agent.")] = None,
    effect: Annotated[Effect | None, typer.Option(help="Only this effect.")] = None,
    wanted_id: Annotated[
        str | None, typer.Option("--id", help="Only this decision (x-aegis-decision).")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many of the last records.")] = 20,
    as_json: Json = False,
) -> None:
    """Show the last decisions, one a line; with --json one record a line."""
    reader = LogReader(log or home_of(context).log)

    def wanted(record: dict[str, Any]) -> bool:
        return _wanted(record, agent, effect, wanted_id)

    with until_reader_leaves():
        head = reader.head().seq
        for record in _last(reader, head, limit, wanted):
            _print(record, as_json)
        if follow:
            try:
                for record in filter(wanted, reader.follow(head)):
                    _print(record, as_json)
            except KeyboardInterrupt:
                return


def _last(
    reader: LogReader, head: int, limit: int, wanted: Callable[[dict[str, Any]], bool]
) -> list[dict[str, Any]]:
    """Give the last records that are wanted, in order; reads from the end, a page at a time."""
    kept: list[dict[str, Any]] = []
    while head > 0 and len(kept) < limit:
        start = max(0, head - _PAGE)
        kept = [r for r in reader.records(start, head - start) if wanted(r)] + kept
        head = start
    return kept[-limit:]


@app.command()
def export(
    context: typer.Context,
    target: Annotated[Path, typer.Argument(help="The file to write (.jsonl), a record a line.")],
    log: LogPath = None,
) -> None:
    """Write the records as JSON lines, with the signed checkpoint beside them."""
    if target.suffix != _EXPORTED:
        raise typer.BadParameter(f"name a file that ends in {_EXPORTED}.", param_hint="TARGET")
    source = log or home_of(context).log
    LogReader(source).head()  # before a file is made in vain
    with target.open("xb") as file:
        note = export_jsonl(source, file)
    checkpoint = _checkpoint_of(target)
    checkpoint.write_text(note, "utf-8")
    complain(f"wrote {target} and {checkpoint}")


def _checkpoint_of(export: Path) -> Path:
    return export.with_name(export.name + ".checkpoint")


def _wanted(
    record: dict[str, Any], agent: str | None, effect: str | None, wanted_id: str | None
) -> bool:
    if record.get("kind") != "decision":
        return agent is effect is wanted_id is None and record.get("kind") != "outcome"
    if agent is not None and agent not in (record.get("agent"), _short(record)):
        return False
    if wanted_id is not None and record.get("id") != wanted_id:
        return False
    return effect is None or record.get("effect") == effect


def _short(record: dict[str, Any]) -> str:
    return str(record.get("agent") or "unknown").rpartition("/")[2]


def _print(record: dict[str, Any], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(record))
        return
    out().print(" ".join(filter(None, _line(record))))


def _text(value: object) -> str:
    # A record may be anybody's work until it is verified.
    return escape(printable(value))


def _line(record: dict[str, Any]) -> Iterator[str]:
    yield _text(str(record.get("time", ""))[:23].replace("T", " "))
    if record.get("kind") != "decision":
        yield _text(f"{record.get('kind')}:")
        for name in ("what", "name", "revision", "problem"):
            yield _text(record.get(name) or "")
        if record.get("kind") == "client_refused_certificate":
            place = record.get("destination") or {}
            yield _text(f"{_short(record)} {place.get('host', '?')}:{place.get('port', '')}")
            yield _text(record.get("mend", ""))
        return
    effect = str(record.get("effect"))
    shown = effect if record.get("enforced") else f"would {effect}"
    yield f"[{_COLOURS.get(effect, 'white')}]{_text(f'{shown:<8}')}[/]"
    yield _text(_short(record))
    request, place = record.get("request") or {}, record.get("destination") or {}
    what = ", ".join(record.get("tools") or ()) or request.get("method", "")
    yield _text(f"{what} {place.get('host', '?')}:{place.get('port', '')}")
    yield _text(f"({', '.join(str(record[k]) for k in ('rule', 'source') if record.get(k))})")
    if place.get("tls") == "passthrough":
        yield "tls: passthrough"
    taken = record.get("redacted") or {}
    if taken:
        yield _text("redacted " + ", ".join(f"{n} {entity}" for entity, n in taken.items()))
    if effect == "deny":
        yield _text(record.get("reason", ""))
