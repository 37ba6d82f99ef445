"""A text on its way back piece by piece, whatever it is a text of."""

from __future__ import annotations

import codecs

from addons.way_back import Ways
from redaction.documents.text import codec_of
from redaction.errors import RedactionError


class TextRestorer:
    """Takes a body in pieces and gives it on with values in place of surrogates.

    `code` says that it is a JSON text, in whose strings values are written with escapes.
    """

    def __init__(self, ways: Ways, charset: str = "", *, code: bool = False) -> None:
        try:
            self._codec = codec_of(charset)
        except RedactionError:
            self._codec = "latin-1"
        self._errors = "strict" if self._codec.startswith("utf-16") else "surrogateescape"
        self._decoder = codecs.getincrementaldecoder(self._codec)(self._errors)
        self._way = ways.way(code=code)

    @property
    def holding(self) -> bool:
        """Whether the start of what may be a surrogate is held back."""
        return bool(self._way.held)

    def feed(self, data: bytes) -> list[bytes]:
        """Take a piece, an empty one at the end."""
        text = self._way.feed(self._decoder.decode(data, not data))
        if not data:
            text += self._way.end()
        return [self._encoded(text)] if text else []

    def release(self) -> list[bytes]:
        """Give what is held: nothing has come for a while."""
        text = self._way.end()
        return [self._encoded(text)] if text else []

    def _encoded(self, text: str) -> bytes:
        try:
            return text.encode(self._codec, self._errors)
        except UnicodeEncodeError:
            # A value that this charset has no letters for.
            return text.encode(self._codec, "replace")
