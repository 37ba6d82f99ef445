"""Header fields (RFC 9110 section 5): their values."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from redaction.documents.model import Leaf
from redaction.errors import RedactionError, UnsupportedDocument
from redaction.field_names import NAME_HINT

_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f]")
_PROTOCOL = frozenset({"accept", "accept-encoding", "content-type", "expect", "te"})
"""Headers of words of the protocol, in which no model looks for names."""
_LEAST_DIGITS = 4
"""Digits of a header's name from which on it may be a value."""


class HeaderDocument:
    """The values of header fields; the caller leaves out those that must stay as they are."""

    def __init__(self, fields: Sequence[tuple[str, str]]) -> None:
        """Take fields as names and values; raises `UnsupportedDocument` for NUL characters."""
        if any("\0" in name or "\0" in value for name, value in fields):
            raise UnsupportedDocument("A header has a NUL character.")
        self._fields = list(fields)
        self.leaves = [
            Leaf(name, value, NAME_HINT if name.lower() in _PROTOCOL else name)
            for name, value in fields
        ]
        self.leaves += [
            Leaf("header", name, NAME_HINT)
            for name, _ in fields
            if sum(map(str.isdigit, name)) >= _LEAST_DIGITS
        ]

    def rebuild(self, replaced: Mapping[int, str]) -> bytes:
        """Give all fields in a form that `parse` reads.

        Raises `RedactionError` where something was found in a name.
        """
        if any(index >= len(self._fields) for index in replaced):
            raise RedactionError("What was found is the name of a header and cannot be cut out.")
        pieces: list[str] = []
        for index, (name, value) in enumerate(self._fields):
            new = replaced.get(index)
            # A replacement must never end the field and start another.
            pieces += [name, value if new is None else _CONTROL.sub(" ", new)]
        return "\0".join(pieces).encode("utf-8", "surrogateescape")

    @staticmethod
    def parse(content: bytes) -> list[tuple[str, str]]:
        """Read the fields that `rebuild` gave."""
        if not content:
            return []
        pieces = content.decode("utf-8", "surrogateescape").split("\0")
        return list(zip(pieces[::2], pieces[1::2], strict=True))
