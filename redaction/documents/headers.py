"""Header fields (RFC 9110 section 5): their values."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from redaction.documents.model import Leaf
from redaction.errors import UnsupportedDocument

_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f]")


class HeaderDocument:
    """The values of header fields; the caller leaves out those that must stay as they are."""

    def __init__(self, fields: Sequence[tuple[str, str]]) -> None:
        """Take fields as names and values; raises `UnsupportedDocument` for NUL characters."""
        if any("\0" in name or "\0" in value for name, value in fields):
            raise UnsupportedDocument("A header has a NUL character.")
        self._fields = list(fields)
        self.leaves = [Leaf(name, value, name) for name, value in fields]

    def rebuild(self, replaced: Mapping[int, str]) -> bytes:
        """Give all fields in a form that `parse` reads."""
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
