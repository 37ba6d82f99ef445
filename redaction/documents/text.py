"""Text as one leaf: plain text, XML, HTML, CSV and all that reads as text."""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping

from redaction.documents.model import Leaf
from redaction.entities import ENTITIES
from redaction.errors import UnsupportedDocument

_CODECS = {
    "": "utf-8",
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "us-ascii": "utf-8",
    "ascii": "utf-8",
    "iso-8859-1": "latin-1",
    "latin-1": "latin-1",
    "latin1": "latin-1",
    "windows-1252": "cp1252",
    "cp1252": "cp1252",
    "utf-16": "utf-16-be",
    "utf-16le": "utf-16-le",
    "utf-16be": "utf-16-be",
}
"""Charsets that are read, and the codec without byte order mark (RFC 2781 section 4.3)."""

_PLACEHOLDER = re.compile(rf"<((?:{'|'.join(sorted(ENTITIES))})(?::[0-9a-f]+)?)>")

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def codec_of(charset: str) -> str:
    """Give the codec of a charset; raises `UnsupportedDocument` for one that is not read here."""
    codec = _CODECS.get(charset)
    if codec is None:
        raise UnsupportedDocument("The body's charset is not one of utf-8, utf-16 and latin-1.")
    return codec


def _is_utf8(content: bytes) -> bool:
    """Tell whether bytes are UTF-8; what is UTF-16 has NUL bytes, or is none but for chance."""
    if not content or b"\0" in content:
        return False
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


class TextDocument:
    """A text, and bytes that are none kept as they are."""

    def __init__(
        self,
        body: bytes,
        charset: str = "",
        *,
        strict: bool = False,
        markup: bool = False,
        hint: str = "",
    ) -> None:
        """Read the body; `strict` refuses bytes outside the charset, `markup` is for XML and HTML.

        Raises `UnsupportedDocument` for an unknown charset and for what is no text.
        """
        self._body = body
        self._markup = markup
        self._mark = b""
        self._codec = codec_of(charset)
        for mark, codec in _MARKS:
            if body.startswith(mark):
                self._mark, self._codec = mark, codec
                break
        self._errors = "surrogateescape"
        if strict or self._codec.startswith("utf-16"):
            self._errors = "strict"
        content = body[len(self._mark) :]
        if self._codec.startswith("utf-16") and _is_utf8(content):
            # Whoever looks at the bytes alone reads another text in them.
            raise UnsupportedDocument("The body is not text in its charset, but in UTF-8.")
        try:
            text = content.decode(self._codec, self._errors)
        except UnicodeError:
            raise UnsupportedDocument("The body is not text in its charset.") from None
        if "\0" in text:
            raise UnsupportedDocument("The body is not text: it has NUL characters.")
        self.leaves = [Leaf("", text, hint)] if text else []

    def rebuild(self, replaced: Mapping[int, str]) -> bytes:
        """Put a new text in place of the text."""
        if 0 not in replaced:
            return self._body
        text = replaced[0]
        if self._markup:
            # As it stands <US_SSN> would be an element.
            text = _PLACEHOLDER.sub(r"&lt;\1&gt;", text)
        try:
            return self._mark + text.encode(self._codec, self._errors)
        except UnicodeEncodeError:
            # A replacement from the policy that this charset has no letters for.
            return self._mark + text.encode(self._codec, "replace")
