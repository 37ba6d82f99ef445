"""The values of a JSON text, in its order, as leaves that know their token."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from redaction.documents.attachments import PAYLOADS, File, declared_type, links_of, open_payload
from redaction.documents.dicom import DicomWalk, looks_like_dicom
from redaction.documents.fhir_schema import schema
from redaction.documents.fhir_walk import FhirWalk
from redaction.documents.inside import BEGINNINGS, MIXED_LEAST, open_text
from redaction.documents.model import MAX_LEAVES, Document, Leaf, Reading, Template
from redaction.errors import UnsupportedDocument
from redaction.field_names import NAME_HINT

POINTER_CHARS, NAME_CHARS = 200, 64
_INNER_FILES = frozenset({"source", "file", "inline_data", "inlineData", "input_audio"})
_SMALLEST, _LARGEST = 1_000_000, 10**20

_SOCIAL = re.compile(r"(?i)ssn(?![a-z])|social_?sec")

Encode = Callable[[bytes], str]
"""Writes a document as the text that it stood in."""


class Parts(NamedTuple):
    """A text of which only parts are leaves: fixed text, and numbers of leaves from the first."""

    first: int
    pieces: tuple[str | int, ...]


class Nested(NamedTuple):
    """A text that is a document of its own, whose leaves begin at `first`."""

    first: int
    document: Document
    encode: Encode
    links: list[tuple[int, Callable[[bytes], str]]]
    """Tokens that tell of the document, such as its size, and how each is written anew."""


class JsonWalk:
    """Gathers leaves; each string, number and member's name of the JSON text is a token."""

    def __init__(self, reading: Reading | None = None) -> None:
        """Take how documents within texts are read; without it they are texts."""
        self.reading = reading
        self.leaves: list[Leaf] = []
        self.tokens: list[int] = []
        """The token of each leaf."""
        self.special: dict[int, Parts | Nested] = {}
        """How a token is written that is not one leaf."""
        self.token = -1
        self._above = ""
        self.known: set[str] = set()
        """URIs of well-known vocabularies that were met."""
        self.names: dict[str, str] = {}
        """What references of FHIR stand for: `Patient/1` for the `fullUrl` of a patient."""
        self.references: dict[tuple[str, str], Template] = {}
        """What references were met, of which a record has the same few again and again."""

    def add(self, leaf: Leaf) -> None:
        """Add a leaf that is the whole of the present token."""
        self.leaves.append(leaf)
        self.tokens.append(self.token)

    def add_parts(self, pieces: tuple[str | Leaf, ...]) -> None:
        """Add the leaves that are parts of the present token."""
        first, number = len(self.leaves), 0
        made: list[str | int] = []
        for piece in pieces:
            if isinstance(piece, str):
                made.append(piece)
            else:
                self.add(piece)
                made.append(number)
                number += 1
        self.special[self.token] = Parts(first, tuple(made))

    def add_template(self, template: Template, pointer: str, subject: str) -> None:
        """Add the leaves of a text that was met before."""
        if template.pieces:
            self.special[self.token] = Parts(len(self.leaves), template.pieces)
        for words in template.leaves:
            self.add(Leaf(pointer, *words, subject))

    def nest(
        self,
        document: Document,
        encode: Encode,
        pointer: str,
        hint: str = "",
        subject: str = "",
    ) -> Nested:
        """Add the leaves of a document that the present token is."""
        nested = Nested(len(self.leaves), document, encode, [])
        self.special[self.token] = nested
        outer = hint.rpartition("/")[2]
        for leaf in document.leaves:
            self.leaves.append(
                Leaf(
                    f"{pointer}{leaf.pointer}"[:POINTER_CHARS],
                    leaf.text,
                    _within(outer, leaf.hint) if leaf.hint else hint,
                    leaf.entity,
                    leaf.form,
                    leaf.subject or subject,
                )
            )
        self.tokens += [self.token] * len(document.leaves)
        self.check()
        return nested

    def check(self) -> None:
        """Raise `UnsupportedDocument` where there are too many leaves."""
        if len(self.leaves) > MAX_LEAVES:
            raise UnsupportedDocument(f"The body has more than {MAX_LEAVES} texts.")

    def walk(self, value: Any, pointer: str, hint: str, subject: str = "") -> None:
        """Add what a value holds; of a number or text the token is counted here."""
        kind = type(value)
        if kind is str:
            self.token += 1
            self.text(value, pointer, hint, "", subject)
        elif kind is dict:
            self.members(value, pointer, hint, subject)
        elif kind is list:
            long = len(pointer) >= POINTER_CHARS
            for index, item in enumerate(value):
                self.walk(item, pointer if long else f"{pointer}/{index}", hint, subject)
        elif kind is int or kind is float:
            self.token += 1
            text = number_text(value)
            if text is None and kind is int and value >= 0 and is_social(hint):
                # Part of a number, or its last digits.
                text = str(value)[:20]
            if text is not None:
                self.add(Leaf(pointer, text, hint, "", "number", subject))
        self.check()

    def text(self, text: str, pointer: str, hint: str, form: str = "", subject: str = "") -> None:
        """Add a text, or the document that it is."""
        if self.reading is not None and (text[:1] in BEGINNINGS or len(text) >= MIXED_LEAST):
            found = open_text(text, self.reading)
            if found is not None:
                self.nest(*found, pointer, hint, subject)
                return
        self.add(Leaf(pointer, text, hint, "", form, subject))

    def members(self, value: dict[str, Any], pointer: str, hint: str, subject: str) -> None:
        """Add an object's names and values."""
        kind = value.get("resourceType")
        if type(kind) is str and kind in schema().resources:
            FhirWalk(self, subject).resource(value, pointer)
            return
        if looks_like_dicom(value):
            DicomWalk(self).dataset(value, pointer)
            return
        parent = hint.rpartition("/")[2]
        # FHIR and forms: the field's name is the value of a sibling.
        named = sibling_name(value) if "value" in value else None
        holds = self.reading is not None and not PAYLOADS.isdisjoint(value)
        declared = (declared_type(value) or self._above) if holds else ""
        self._above = ""
        start = self.token
        files: list[tuple[Nested, bytes]] = []
        for name, item in value.items():
            short = name if len(name) <= NAME_CHARS else name[:NAME_CHARS]
            place = f"{pointer}/{short}" if len(pointer) < POINTER_CHARS else pointer
            self.token += 1
            self.add(Leaf(place, name, NAME_HINT))
            if named is not None and name == "value":
                short = named
            inner = f"{parent}/{short}" if parent else short
            if holds and name in PAYLOADS and type(item) is str:
                self._payload(
                    name, item, declared, Leaf(place, item, inner, "", "", subject), files
                )
                continue
            if type(item) is dict and name in _INNER_FILES and self.reading is not None:
                # Bedrock: {"format": "pdf", "source": {"bytes": ...}}.
                self._above = declared_type(value)
            self.walk(item, place, inner, subject)
        for nested, content in files:
            self.link(nested, content, value, start)

    def _payload(
        self, name: str, text: str, declared: str, leaf: Leaf, files: list[tuple[Nested, bytes]]
    ) -> None:
        """Add the file that a member holds, or the text where it is none."""
        assert self.reading is not None
        self.token += 1
        file = open_payload(name, text, declared, self.reading)
        if file is None:
            self.text(text, leaf.pointer, leaf.hint, "", leaf.subject)
            return
        files.append((self.file(file, leaf), file.content))

    def file(self, file: File, leaf: Leaf) -> Nested:
        """Add the leaves of a file that the present token is, under the name that it stands in."""
        return self.nest(file.document, file.encode, leaf.pointer, leaf.hint, leaf.subject)

    def link(self, nested: Nested, content: bytes, holder: Mapping[str, Any], start: int) -> None:
        """Note the members of a file's object that tell of it; `start` is the token before it."""
        links = links_of(content, holder)
        token = start
        for name, item in holder.items():
            token += 1
            if name in links:
                nested.links.append((token + 1, links[name]))
            token += count_tokens(item)


def _within(outer: str, hint: str) -> str:
    """Give the hint of a leaf of an inner document under the name that this stands in."""
    return f"{outer}/{hint}" if outer and hint.isidentifier() else hint


@functools.lru_cache(maxsize=4096)
def is_social(hint: str) -> bool:
    """Tell whether a field's name says that it holds a social security number or a part of one."""
    return _SOCIAL.search(hint) is not None


def count_tokens(value: Any) -> int:
    """Count the strings, numbers and names of a value."""
    kind = type(value)
    if kind is dict:
        return len(value) + sum([count_tokens(item) for item in value.values()])
    if kind is list:
        return sum([count_tokens(item) for item in value])
    return int(kind is str or kind is int or kind is float)


def number_text(value: float) -> str | None:
    """Give the digits of a number that may be an identifier, or None."""
    if isinstance(value, float):
        if not value.is_integer():
            return None
        value = int(value)
    return str(value) if _SMALLEST <= abs(value) < _LARGEST else None


def sibling_name(value: Mapping[str, Any]) -> str | None:
    """Give what a sibling says of an object's `value`: the field's name."""
    for key in ("name", "key", "field", "label", "system"):
        name = value.get(key)
        if type(name) is str:
            # Of a URL such as FHIR's the end says what it is.
            return name[-NAME_CHARS:]
    return None
