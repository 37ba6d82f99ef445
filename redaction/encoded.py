"""Words that are text in base64 (RFC 4648) or hexadecimal."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator

_WORD = re.compile(r"[A-Za-z0-9+/_-]{11,}+={0,2}")
_PIECE = re.compile(r"[A-Za-z0-9]{11,}+={0,2}")
_HEX = re.compile(r"(?:[0-9a-fA-F]{2}){8,}+")
_TEXT_BYTES = bytes(range(0x20, 0x7F)) + b"\t\r\n"
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_SHIFTED_FROM = 15
_URL_SAFE = str.maketrans("-_", "+/")


def decoded_words(text: str) -> Iterator[tuple[int, int, str]]:
    """Give the span of each word of 11 or more characters that decodes to text, and that."""
    for match in _WORD.finditer(text):
        word = match[0]
        plain = _decode(word)
        if plain is not None:
            yield *match.span(), plain
        elif not word.isalnum():
            # In a path or a file name the code is one of several pieces.
            for piece in _PIECE.finditer(word):
                plain = _decode(piece[0])
                if plain is not None:
                    start = match.start()
                    yield start + piece.start(), start + piece.end(), plain


def _decode(word: str) -> str | None:
    digits = word.removeprefix("0x")
    if _HEX.fullmatch(digits):
        plain = _text(bytes.fromhex(digits))
        if plain is not None:
            return plain
    body = word.rstrip("=").translate(_URL_SAFE)
    # A letter or two before it, and base64 reads as something else.
    for shift in range(4 if len(body) >= _SHIFTED_FROM else 1):
        part = body[shift:]
        if len(part) % 4 == 1:
            # One character too many: what follows it is not part of it.
            part = part[:-1]
        plain = _text(binascii.a2b_base64(part + "=" * (-len(part) % 4)))
        if plain is not None:
            return plain
    return None


def _text(data: bytes) -> str | None:
    if not data.translate(None, _TEXT_BYTES):
        return data.decode("ascii")
    if len(data) % 2 == 0 and not any(data[1::2]):
        # UTF-16, as scripts on Windows encode.
        return _text(data[::2])
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return None if _CONTROL.search(text) else text
