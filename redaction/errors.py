"""What can go wrong while personal data is taken out; no message holds a value from the data."""

from __future__ import annotations


class RedactionError(Exception):
    """Redaction cannot be done as asked; the message says what to mend."""


class UnsupportedDocument(RedactionError):  # noqa: N818 - named for what the document is
    """A document that cannot be read for certain, so nobody can say what it holds."""


class RuleError(RedactionError):
    """A mistake in a redaction rule or in a recogniser of the user's own, with its place.

    `section` is `redaction`, `recognizers` or empty, `item` the id or the name there, `path` what
    leads from the item to the value that is wrong, and `mend` what to do.
    """

    def __init__(
        self, section: str, item: str, path: tuple[str | int, ...], message: str, mend: str = ""
    ) -> None:
        self.section, self.item, self.path = section, item, path
        self.message, self.mend = message, mend
        keys = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path)
        place = f"{section}.{item}{keys}" if section else f"{item}{keys}"
        super().__init__(f"{place}: {message}." + (f" {mend}" if mend else ""))


class CollisionError(RedactionError):
    """Two values got one surrogate, which could not be told apart later.

    `digests` are those of `Scope.bumps` that must be raised by one for another try.
    """

    def __init__(self, digests: frozenset[str]) -> None:
        self.digests = digests
        super().__init__("Two values got the same surrogate.")


class ModelMissing(RedactionError):  # noqa: N818 - named for what is the matter
    """A language model that a policy asks for is not installed, or cannot be loaded."""
