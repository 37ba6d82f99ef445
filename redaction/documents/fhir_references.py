"""References and requests of FHIR: of those to persons the id is a leaf, so that all resolve."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from redaction.documents.fhir_schema import schema
from redaction.documents.fhir_values import (
    PLAIN_CODE,
    REFERENCE,
    THING,
    URN,
    is_plain_system,
)
from redaction.documents.model import CODE_HINT, Leaf, Relabelled
from redaction.documents.url import UrlDocument
from redaction.field_names import NAME_HINT

if TYPE_CHECKING:
    from redaction.documents.json_walk import JsonWalk


def add_reference(
    walk: JsonWalk, text: str, pointer: str, subject: str, unresolved: str = ""
) -> None:
    """Add a reference; `unresolved` is what its id is where nothing says what it refers to."""
    ids = schema().ids
    known = walk.names.get(text)
    match = REFERENCE.fullmatch(text)
    if match is not None and match["type"] in schema().resources:
        entity = ids.get(match["type"], "")
        if entity:
            _add_parts(walk, match, pointer, subject, entity)
            return
    elif text[:1] == "#" and known is not None:
        entity = ids.get(known.partition("/")[0], "")
        if entity and len(text) > 1:
            walk.add_parts(("#", Leaf(pointer, text[1:], "id", entity, "id", subject)))
            return
    elif (urn := URN.fullmatch(text)) is not None:
        target = (known or "").partition("/")[0]
        entity = ids.get(target, "" if known else unresolved)
        if entity:
            start = urn.start("id")
            leaf = Leaf(pointer, urn["id"], "id", entity, "id", subject)
            walk.add_parts((text[:start], leaf))
        elif not THING.fullmatch(text):
            walk.add(Leaf(pointer, text, CODE_HINT, "", "uri", subject))
        return
    elif "?" in text:
        add_target(walk, text, pointer, subject)
        return
    if not THING.fullmatch(text):
        walk.add(Leaf(pointer, text, CODE_HINT, "", "reference", subject))


def add_target(walk: JsonWalk, text: str, pointer: str, subject: str) -> None:
    """Add the URL of a request: a reference, a search, or another."""
    match = REFERENCE.fullmatch(text)
    ids = schema().ids
    if match is not None and match["type"] in ids and "?" not in text:
        _add_parts(walk, match, pointer, subject, ids[match["type"]])
    elif "?" in text:
        _add_url(walk, text, pointer, subject, bytes.decode)
    elif not PLAIN_CODE.fullmatch(text):
        walk.add(Leaf(pointer, text, CODE_HINT, "", "uri", subject))


def add_query(walk: JsonWalk, text: str, pointer: str, subject: str) -> None:
    """Add the parameters of a search."""
    _add_url(walk, "?" + text, pointer, subject, lambda body: body.decode()[1:])


def _add_parts(
    walk: JsonWalk, match: re.Match[str], pointer: str, subject: str, entity: str
) -> None:
    pieces: list[str | Leaf] = [f"{match['before']}{match['type']}/"]
    if match["before"] and not is_plain_system(match["before"]):
        # The address of a server may hold anything.
        pieces = [Leaf(pointer, match["before"], CODE_HINT, "", "", subject)]
        pieces.append(f"{match['type']}/")
    pieces.append(Leaf(pointer, match["id"], "id", entity, "id", subject))
    if match["after"]:
        pieces.append(Leaf(pointer, match["after"], CODE_HINT, "", "", subject))
    walk.add_parts(tuple(pieces))


def _add_url(
    walk: JsonWalk, text: str, pointer: str, subject: str, encode: Callable[[bytes], str]
) -> None:
    searches = schema().searches

    def change(leaf: Leaf) -> Leaf:
        if leaf.hint == NAME_HINT or not leaf.pointer.startswith("?"):
            return leaf._replace(hint=leaf.hint or CODE_HINT)
        return leaf._replace(entity=searches.get(leaf.hint.partition(":")[0], leaf.entity))

    walk.nest(Relabelled(UrlDocument(text), change), encode, pointer, "url", subject)
