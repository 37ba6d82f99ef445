"""The shape that all documents share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple, Protocol

from redaction.errors import UnsupportedDocument

MAX_LEAVES = 500_000
"""Texts of one document, at most."""

MAX_NESTING = 3
"""How many documents may lie within one another: JSON in a text of JSON, base64 in that."""

CODE_HINT = "#code"
"""The hint of a coded value, a keyword or an identifier of a vocabulary."""

JOINED_HINT = "#joined"
"""The hint of a view over several leaves, in which values are looked for that are split."""

Opaque = Literal["refuse", "pass"]
"""What becomes of a picture or another file that cannot be searched."""


def words(text: str) -> frozenset[str]:
    """Give the words of a list that is written as a text."""
    return frozenset(text.split())


class OpaqueContent(UnsupportedDocument):
    """A document carries something that nobody can search: a picture, a sound, an archive."""


class Leaf(NamedTuple):
    """One text of a document."""

    pointer: str
    """Where it is, for people: a JSON Pointer (RFC 6901), cut where it is long."""
    text: str
    hint: str = ""
    """The names of the fields it stands in, which tell what it may be."""
    entity: str = ""
    """What the whole text is, where a format such as FHIR or HL7 v2 says so by its place."""
    form: str = ""
    """What must be written there for the document to stay valid; see `redaction.forms`."""
    subject: str = ""
    """Whose record it stands in, where the format says so: dates of one patient move together."""


class Template(NamedTuple):
    """How a text becomes leaves, wherever it stands."""

    pieces: tuple[str | int, ...]
    """Fixed text, and numbers of leaves; none for a text that is one leaf, or none."""
    leaves: tuple[tuple[str, str, str, str], ...]
    """Text, hint, entity and form of each leaf."""


class Document(Protocol):
    """Something with texts in it that can be put together again."""

    @property
    def leaves(self) -> Sequence[Leaf]:
        """The texts, in the order of the document."""

    def rebuild(self, replaced: Mapping[int, str]) -> bytes:
        """Put the document together with new texts at these indices of `leaves`.

        Without any the bytes are the original's. Raises `RedactionError` where it cannot be done.
        """


class Parse(Protocol):
    """Reads a body by its Content-Type: `redaction.documents.parse_document`."""

    def __call__(
        self, content_type: str, body: bytes, depth: int = 1, *, opaque: Opaque = "refuse"
    ) -> Document:
        """Read a body that lies in so many others; raises `UnsupportedDocument`."""


class Reading(NamedTuple):
    """How documents within a document are read."""

    parse: Parse
    depth: int = 1
    opaque: Opaque = "refuse"

    @property
    def may_nest(self) -> bool:
        """Whether documents within this one are still opened."""
        return self.depth <= MAX_NESTING

    def deeper(self) -> Reading:
        """Give how the documents within a document of this one are read."""
        return self._replace(depth=self.depth + 1)

    def open(self, content_type: str, body: bytes) -> Document:
        """Read a document within this one; raises `UnsupportedDocument`."""
        return self.parse(content_type, body, self.depth + 1, opaque=self.opaque)


class Relabelled:
    """A document with other leaves over the same texts."""

    def __init__(self, document: Document, change: Callable[[Leaf], Leaf]) -> None:
        self._document = document
        self.leaves: Sequence[Leaf] = [change(leaf) for leaf in document.leaves]

    def rebuild(self, replaced: Mapping[int, str]) -> bytes:
        """Put the document together as it was."""
        return self._document.rebuild(replaced)
