"""The shape that all documents share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

MAX_LEAVES = 100_000
"""Texts of one document, at most."""


class Leaf(NamedTuple):
    """One text of a document."""

    pointer: str
    """Where it is, for people: a JSON Pointer (RFC 6901), cut where it is long."""
    text: str
    hint: str = ""
    """The names of the fields it stands in, which tell what it may be."""


class Document(Protocol):
    """Something with texts in it that can be put together again."""

    @property
    def leaves(self) -> Sequence[Leaf]:
        """The texts, in the order of the document."""

    def rebuild(self, replaced: Mapping[int, str]) -> bytes:
        """Put the document together with new texts at these indices of `leaves`.

        Without any the bytes are the original's. Raises `RedactionError` where it cannot be done.
        """
