"""What can go wrong while personal data is taken out; no message holds a value from the data."""

from __future__ import annotations


class RedactionError(Exception):
    """Redaction cannot be done as asked; the message says what to mend."""


class UnsupportedDocument(RedactionError):  # noqa: N818 - named for what the document is
    """A document that cannot be read for certain, so nobody can say what it holds."""
