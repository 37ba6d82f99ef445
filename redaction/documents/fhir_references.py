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
from redaction.documents.model import CODE_HINT, Leaf, Relabelled, Template
from redaction.documents.url import UrlDocument
from redaction.field_names import NAME_HINT

if TYPE_CHECKING:
    from redaction.documents.json_walk import JsonWalk


def add_reference(
    walk: JsonWalk, text: str, pointer: str, subject: str, unresolved: str = ""
) -> None:
    """Add a reference; `unresolved` is what its id is where nothing says what it refers to."""
    key = text, unresolved
    template = walk.references.get(key)
    if template is None:
        template = _template(walk, text, unresolved)
        if template is None:
            add_target(walk, text, pointer, subject)
            return
        walk.references[key] = template
    if template.leaves:
        walk.add_template(template, pointer, subject)


def _template(walk: JsonWalk, text: str, unresolved: str) -> Template | None:
    """Give how a reference becomes leaves; None for one that is a request."""
    nothing = Template((), ())
    ids = schema().ids
    known = walk.names.get(text)
    match = REFERENCE.fullmatch(text)
    if match is not None and match["type"] in schema().resources:
        entity = ids.get(match["type"], "")
        if entity:
            return _parts_of(match, entity)
    elif text[:1] == "#" and known is not None:
        entity = ids.get(known.partition("/")[0], "")
        if entity and len(text) > 1:
            return Template(("#", 0), ((text[1:], "id", entity, "id"),))
    elif (urn := URN.fullmatch(text)) is not None:
        target = (known or "").partition("/")[0]
        entity = ids.get(target, "" if known else unresolved)
        if entity:
            start = urn.start("id")
            return Template((text[:start], 0), ((urn["id"], "id", entity, "id"),))
        return nothing if THING.fullmatch(text) else Template((), ((text, CODE_HINT, "", "uri"),))
    elif "?" in text:
        return None
    if THING.fullmatch(text):
        return nothing
    return Template((), ((text, CODE_HINT, "", "reference"),))


def add_target(walk: JsonWalk, text: str, pointer: str, subject: str) -> None:
    """Add the URL of a request: a reference, a search, or another."""
    match = REFERENCE.fullmatch(text)
    ids = schema().ids
    if match is not None and match["type"] in ids and "?" not in text:
        walk.add_template(_parts_of(match, ids[match["type"]]), pointer, subject)
    elif "?" in text:
        _add_url(walk, text, pointer, subject, bytes.decode)
    elif not PLAIN_CODE.fullmatch(text):
        walk.add(Leaf(pointer, text, CODE_HINT, "", "uri", subject))


def add_query(walk: JsonWalk, text: str, pointer: str, subject: str) -> None:
    """Add the parameters of a search."""
    _add_url(walk, "?" + text, pointer, subject, lambda body: body.decode()[1:])


def _parts_of(match: re.Match[str], entity: str) -> Template:
    kind, before, after = f"{match['type']}/", match["before"], match["after"]
    pieces: list[str | int] = [f"{before}{kind}"]
    leaves = [(match["id"], "id", entity, "id")]
    if before and not is_plain_system(before):
        # The address of a server may hold anything.
        pieces = [0, kind]
        leaves.insert(0, (before, CODE_HINT, "", ""))
    pieces.append(len(leaves) - 1)
    if after:
        pieces.append(len(leaves))
        leaves.append((after, CODE_HINT, "", ""))
    return Template(tuple(pieces), tuple(leaves))


def _add_url(
    walk: JsonWalk, text: str, pointer: str, subject: str, encode: Callable[[bytes], str]
) -> None:
    searches = schema().searches

    def change(leaf: Leaf) -> Leaf:
        if leaf.hint == NAME_HINT or not leaf.pointer.startswith("?"):
            return leaf._replace(hint=leaf.hint or CODE_HINT)
        return leaf._replace(entity=searches.get(leaf.hint.partition(":")[0], leaf.entity))

    walk.nest(Relabelled(UrlDocument(text), change), encode, pointer, "url", subject)
