"""`aegis redact`: personal data taken out of one file, as the firewall would take it out."""

from __future__ import annotations

import datetime
import json
import mimetypes
import secrets
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from control.agents import Json
from control.home import (
    BAD_INPUT,
    FAILED_CHECK,
    HomeFolder,
    complain,
    home_of,
    out,
    print_json,
    printable,
    table,
    until_reader_leaves,
)
from control.redact_view import view
from ledger import Home
from redaction import (
    Document,
    Finding,
    Job,
    Operator,
    Profile,
    Redacted,
    RedactionError,
    Scope,
    canonical_json,
    decrypt,
    encrypted_tokens,
    load_profile,
    parse_document,
    read_recognizers,
    tenant_key,
)

MAX_BYTES = 64 * 1024 * 1024
_TYPES = {
    ".json": "application/json",
    ".ndjson": "application/x-ndjson",
    ".jsonl": "application/x-ndjson",
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
    ".hl7": "application/hl7-v2",
    ".x12": "application/edi-x12",
    ".edi": "application/edi-x12",
    ".xml": "application/xml",
    ".html": "text/html",
    ".htm": "text/html",
    ".pdf": "application/pdf",
    ".md": "text/plain",
    ".log": "text/plain",
    ".txt": "text/plain",
}


def redact(
    context: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="The file; - for standard input.")],
    profile: Annotated[
        str, typer.Option(metavar="NAME|FILE", help="Which entities, and what is done with each.")
    ] = "safe-harbor",
    content_type: Annotated[
        str, typer.Option("--type", metavar="TYPE", help="Its media type. Default: by its name.")
    ] = "",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Where to write; else standard output."),
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show why each span was found.")
    ] = False,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a page that marks what was found.")
    ] = None,
    show_values: Annotated[
        bool, typer.Option("--show-values", help="Let --explain and --html show the values too.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit with 1 if anything was found.")
    ] = False,
    recognizers: Annotated[
        Path | None, typer.Option(help="Your own recognisers, in Presidio's YAML.")
    ] = None,
    model: Annotated[
        list[str] | None, typer.Option(help="A model for names: spacy, rampart; repeatable.")
    ] = None,
    threshold: Annotated[
        float | None, typer.Option(min=0.05, max=1, help="How sure a find must be.")
    ] = None,
    pass_images: Annotated[
        bool, typer.Option("--pass-images", help="Leave in what cannot be searched, as images.")
    ] = False,
    tenant: Annotated[
        str, typer.Option(help="Whose key hashes and encrypts, as in the firewall.")
    ] = "default",
    put_back: Annotated[
        bool, typer.Option("--decrypt", help="Put back what was encrypted with the tenant's key.")
    ] = False,
    as_json: Json = False,
    folder: HomeFolder = None,
) -> None:
    """Take personal data out of a file, and report what that was."""
    try:
        sought = _profile(profile, recognizers, model, threshold)
    except RedactionError as error:
        complain(str(error))
        raise typer.Exit(BAD_INPUT) from None
    try:
        media = content_type or _type_of(file)
        document = parse_document(media, _read(file), opaque="pass" if pass_images else "refuse")
        scope = _scope(home_of(context, folder), tenant)
        if put_back:
            _write(_decrypted(document, scope.key), output)
            return
        done = _search(document, sought, scope)
    except RedactionError as error:
        complain(f"{file}: {error}")
        raise typer.Exit(BAD_INPUT) from None
    if html is not None:
        html.write_text(view(done.leaves, done.found, done.result, show_values), "utf-8")
    to_screen = output is None and not check
    with until_reader_leaves():
        if not check:
            _write(done.result.content, output)
        # What was asked for goes to standard output, the report beside it.
        _report(done, explain=explain, values=show_values, as_json=as_json, aside=to_screen)
    if check and done.result.places:
        raise typer.Exit(FAILED_CHECK)


@dataclass(frozen=True, slots=True)
class _Done:
    """A document that was searched, what was found in each leaf, and what became of it."""

    document: Document
    found: list[tuple[Finding, ...]]
    result: Redacted

    @property
    def leaves(self) -> Sequence[Any]:
        return self.document.leaves


def _profile(
    name: str, recognizers: Path | None, models: list[str] | None, threshold: float | None
) -> Profile:
    is_file = Path(name).suffix in (".yaml", ".yml", ".json")
    profile = load_profile(Path(name) if is_file else name)
    if models:
        profile = replace(profile, models=tuple(models))
    if threshold is not None:
        profile = replace(profile, threshold=threshold)
    if recognizers is not None:
        own = read_recognizers(recognizers)
        entities = {str(item.get("supported_entity")): Operator() for item in own}
        profile = replace(
            profile,
            operators={**entities, **profile.operators},
            recognizers=(*profile.recognizers, *map(canonical_json, own)),
        )
    return profile


def _type_of(name: str) -> str:
    suffix = Path(name).suffix.lower()
    return _TYPES.get(suffix) or mimetypes.guess_type(name)[0] or "text/plain"


def _read(name: str) -> bytes:
    data = sys.stdin.buffer.read(MAX_BYTES + 1) if name == "-" else Path(name).read_bytes()
    if len(data) > MAX_BYTES:
        raise RedactionError(f"There are more than {MAX_BYTES // 2**20} MB; take it in parts.")
    return data


def _write(content: bytes, output: Path | None) -> None:
    if output is None:
        sys.stdout.buffer.write(content)
        sys.stdout.flush()
    else:
        output.write_bytes(content)


def _scope(home: Home, tenant: str) -> Scope:
    try:
        secret = home.secret.read_bytes()
    except FileNotFoundError:
        # Hashes of this run then match none of another.
        secret = secrets.token_bytes(32)
    key = tenant_key(secret, tenant)
    return Scope(key=key, session="redact", today=datetime.datetime.now(datetime.UTC).date())


def _decrypted(document: Document, key: bytes) -> bytes:
    replaced: dict[int, str] = {}
    for index, leaf in enumerate(document.leaves):
        text = leaf.text
        for token in encrypted_tokens(text):
            text = text.replace(token, decrypt(token, key))
        if text != leaf.text:
            replaced[index] = text
    return document.rebuild(replaced)


def _search(document: Document, profile: Profile, scope: Scope) -> _Done:
    # Seconds of imports, which `aegis --help` need not wait for.
    from redaction import Analyzer

    job = Job([document], profile)
    answers = Analyzer().analyze(job.texts, profile.search, job.hints)
    [result] = job.finish(answers, scope)
    return _Done(document, job.findings(answers), result)


def _report(done: _Done, *, explain: bool, values: bool, as_json: bool, aside: bool) -> None:
    spans = list(_spans(done, values)) if explain else []
    if as_json:
        told: dict[str, Any] = {
            "redacted": dict(done.result.counts),
            "places": [
                {"place": place, "entity": entity, "count": count}
                for (place, entity), count in done.result.places.items()
            ],
        }
        if explain:
            told["findings"] = spans
        if aside:
            typer.echo(json.dumps(told, indent=2), err=True)
        else:
            print_json(told)
        return
    console = Console(stderr=True, highlight=False, soft_wrap=True) if aside else out()
    if not done.result.places:
        console.print("Nothing was found.")
        return
    counts = table("Entity", "Taken out", "At")
    for entity, count in sorted(done.result.counts.items()):
        places = [place or "the text" for place, name in done.result.places if name == entity]
        more = f" and {len(places) - 3} more" if len(places) > 3 else ""
        counts.add_row(entity, str(count), escape(", ".join(places[:3]) + more))
    console.print(counts)
    if explain:
        console.print()
        shown = table("At", "Characters", "Entity", "Score", "Found by", "Value")
        for span in spans:
            shown.add_row(
                escape(span["place"]), f"{span['start']}-{span['end']}", span["entity"],
                f"{span['score']:.2f}", escape(span["why"]), escape(printable(span["value"])),
            )  # fmt: skip
        console.print(shown)


def _spans(done: _Done, values: bool) -> Any:
    for leaf, findings in zip(done.leaves, done.found, strict=True):
        for finding in findings:
            value = leaf.text[finding.start : finding.end]
            yield {
                "place": leaf.pointer,
                "start": finding.start,
                "end": finding.end,
                "entity": finding.entity,
                "score": finding.score,
                "why": finding.why,
                "value": value if values else shape(value),
            }


def shape(value: str) -> str:
    """Give the form of a value without its letters and digits."""
    return "".join(
        "9" if c.isdigit() else "X" if c.isupper() else "x" if c.isalpha() else c for c in value
    )
