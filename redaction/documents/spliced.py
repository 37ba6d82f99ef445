"""Texts in which leaves stand at known places, put together by position."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from redaction.documents.model import MAX_LEAVES, Document, Leaf
from redaction.errors import UnsupportedDocument

Write = Callable[[str], str]


class Part(NamedTuple):
    """A leaf of a stretch of text, but for whose record it stands in."""

    start: int
    end: int
    """Where it stands in the stretch."""
    words: tuple[str, str, str, str, str]
    """Its pointer, text, hint, entity and form."""


class SplicedText:
    """A text with its leaves, each from one place to another and written in its own way."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.leaves: list[Leaf] = []
        self._places: list[tuple[int, int, Write]] = []
        self._documents: list[tuple[int, int, Document, Callable[[bytes], str], int]] = []

    def add(self, start: int, end: int, leaf: Leaf, write: Write) -> None:
        """Add a leaf; raises `UnsupportedDocument` where there are too many."""
        self.leaves.append(leaf)
        self._places.append((start, end, write))
        self._check()

    def add_parts(
        self, stretches: Sequence[tuple[int, Sequence[Part]]], subject: str, write: Write
    ) -> None:
        """Add the leaves of stretches, each from a place on; raises `UnsupportedDocument`."""
        leaves, places = self.leaves, self._places
        for at, parts in stretches:
            for start, end, words in parts:
                leaves.append(Leaf(*words, subject))
                places.append((at + start, at + end, write))
        self._check()

    def _check(self) -> None:
        if len(self.leaves) > MAX_LEAVES:
            raise UnsupportedDocument(f"The body has more than {MAX_LEAVES} texts.")

    def add_document(
        self,
        start: int,
        end: int,
        document: Document,
        encode: Callable[[bytes], str],
        pointer: str,
        subject: str = "",
    ) -> None:
        """Add the leaves of a document that stands in the text."""
        self._documents.append((start, end, document, encode, len(self.leaves)))
        for leaf in document.leaves:
            place = f"{pointer}{leaf.pointer}"[:200]
            placed = leaf._replace(pointer=place, subject=leaf.subject or subject)
            self.add(start, start, placed, str)

    def rebuild(self, replaced: Mapping[int, str]) -> str:
        """Put new texts in place of leaves; what did not change stays as it is written."""
        changes = {i: text for i, text in replaced.items() if text != self.leaves[i].text}
        written: list[tuple[int, int, str]] = []
        for start, end, document, encode, first in self._documents:
            inner = range(first, first + len(document.leaves))
            changed = {i - first: changes.pop(i) for i in inner if i in changes}
            if changed:
                written.append((start, end, encode(document.rebuild(changed))))
        for index, text in changes.items():
            start, end, write = self._places[index]
            written.append((start, end, write(text)))
        pieces: list[str] = []
        old, position = self.text, 0
        for start, end, text in sorted(written):
            pieces += old[position:start], text
            position = end
        pieces.append(old[position:])
        return "".join(pieces)
