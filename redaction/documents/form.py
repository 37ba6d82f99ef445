"""Forms: application/x-www-form-urlencoded, names and values."""

from __future__ import annotations

from collections.abc import Mapping

from redaction.documents.pairs import Parts, split_pairs
from redaction.errors import UnsupportedDocument


class FormDocument:
    """A form; every name and value is a leaf."""

    def __init__(self, body: bytes) -> None:
        """Read the body; raises `UnsupportedDocument` where it has NUL bytes."""
        if b"\0" in body:
            raise UnsupportedDocument("The form has NUL bytes.")
        self._body = body
        self._parts = Parts(split_pairs(body.decode("utf-8", "surrogateescape"), ""))
        self.leaves = self._parts.leaves

    def rebuild(self, replaced: Mapping[int, str]) -> bytes:
        """Put new texts in place of names and values; all else keeps its bytes."""
        if not replaced:
            return self._body
        return self._parts.join(dict(replaced)).encode("utf-8", "surrogateescape")
