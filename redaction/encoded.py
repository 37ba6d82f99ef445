"""Words that are text in base64, base32 or hexadecimal (RFC 4648), or as lists of bytes."""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections.abc import Iterator

from redaction import linear

_WORD = linear.compile(r"[A-Za-z0-9+/_-]{11,}={0,6}")
_PIECE = re.compile(r"[A-Za-z0-9]{11,}+={0,2}")
_HEX = re.compile(r"(?:[0-9a-fA-F]{2}){8,}+")
_BASE32 = re.compile(r"[A-Z2-7]{15,}+={0,6}")
# No word of prose and no name: base64 of a digit has a capital in it, and not only as its first.
_PROSE = re.compile(r"[A-Z]?[a-z]+(?:[-_/][A-Z]?[a-z]+)*|[A-Z_-]+")
# Lines of one length, as MIME and PEM wrap it.
_WRAPPED = linear.compile(
    r"(?m)^[A-Za-z0-9+/_-]{8,}(?:[ \t]?\r?\n[A-Za-z0-9+/_-]{8,})*"
    r"[ \t]?\r?\n[A-Za-z0-9+/_-]+={0,2}[ \t]*\r?$"
)
_LISTS = linear.compile(
    r"\b(?:0x)?[0-9A-Fa-f]{2}(?:[ :,;._\n-]{1,2}(?:0x)?[0-9A-Fa-f]{2}){7,}"
    r"|\b[0-9A-Fa-f]{4}(?: {1,2}[0-9A-Fa-f]{4}){4,}(?: [0-9A-Fa-f]{2})?\b"
    r"|[0-9]{2,3}(?:[ ,;]{1,3}[0-9]{2,3}){7,}"
    r"|[01]{8}(?:[ ,;]{0,2}[01]{8}){7,}"
)
_ITEM = re.compile(r"[0-9A-Fa-fx]+")
_BYTE = re.compile(r"[01]{8}")
_SHOWN = re.compile(rb"[\t\r\n\x20-\x7e]{11,}")
_TEXT_BYTES = bytes(range(0x20, 0x7F)) + b"\t\r\n"
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_SHIFTED_FROM = 15
_URL_SAFE = str.maketrans("-_", "+/")
_COMPRESSED = (b"\x1f\x8b", b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")
_MOST_INFLATED = 64 * 1024
_GZIP_OR_ZLIB = 47


def decoded_words(text: str) -> Iterator[tuple[int, int, str]]:
    """Give the span of each word of 11 or more characters that decodes to text, and that."""
    for match in _WORD.finditer(text):
        start, end = match.span()
        word = text[start:end]
        if _PROSE.fullmatch(word):
            continue
        plain = _decode(word)
        if plain is not None:
            yield start, end, plain
        elif not word.isalnum():
            # In a path or a file name the code is one of several pieces.
            for piece in _PIECE.finditer(word):
                plain = _decode(piece[0])
                if plain is not None:
                    yield start + piece.start(), start + piece.end(), plain
    if "\n" in text:
        for match in _WRAPPED.finditer(text):
            yield from _wrapped(match)
    for match in _LISTS.finditer(text):
        for plain in _listed(match[0]):
            yield *match.span(), plain


def _wrapped(match: re.Match[str]) -> Iterator[tuple[int, int, str]]:
    """Read base64 that is cut into lines of one length; the last may be shorter."""
    lines = match[0].split()
    last = lines[-1].rstrip("=")
    if len({len(line) for line in lines[:-1]}) == 1 and len(last) <= len(lines[0]):
        plain = _decode("".join(lines))
        if plain is not None:
            yield *match.span(), plain


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
        plain = _text(_inflated(binascii.a2b_base64(part + "=" * (-len(part) % 4))))
        if plain is not None:
            return plain
    if _BASE32.fullmatch(word.upper()):
        return _base32(word.upper().rstrip("="))
    if len(body) >= _SHIFTED_FROM:
        whole = body[:-1] if len(body) % 4 == 1 else body
        return _shown(binascii.a2b_base64(whole + "=" * (-len(whole) % 4)))
    return None


def _shown(data: bytes) -> str | None:
    """Give the texts in what is no text as a whole, such as a message with a length before it."""
    found = _SHOWN.findall(data) or _SHOWN.findall(data.translate(None, b"\0"))
    return b"\n".join(found).decode("ascii") if found else None


def _base32(body: str) -> str | None:
    try:
        return _text(base64.b32decode(body + "=" * (-len(body) % 8)))
    except binascii.Error:
        return None


def _inflated(data: bytes) -> bytes:
    """Give what gzip or zlib made of a text, up to a limit; other data as it is."""
    if data[:2] not in _COMPRESSED:
        return data
    try:
        return zlib.decompressobj(_GZIP_OR_ZLIB).decompress(data, _MOST_INFLATED)
    except zlib.error:
        return data


def _listed(run: str) -> Iterator[str]:
    """Read bytes that are written one by one, in hexadecimal, decimal, octal or binary.

    Two digits may be either of the first two, so both readings are given.
    """
    items = _ITEM.findall(run)
    if len(items[0]) == 4 and run[1] not in "xX":
        items = [item[at : at + 2] for item in items for at in range(0, len(item), 2)]
    if all(len(item) % 8 == 0 for item in items):
        items = _BYTE.findall(run)
        bases: tuple[int, ...] = (2,)
    else:
        octal = all(len(item) == 3 and item[0] == "0" for item in items)
        bases = (8,) if octal else (16, 10)
    for base in bases:
        plain = _bytes(items, base)
        if plain is not None:
            yield plain


def _bytes(items: list[str], base: int) -> str | None:
    try:
        return _text(bytes(int(item, base) for item in items))
    except ValueError:
        return None


def _text(data: bytes) -> str | None:
    if not data.translate(None, _TEXT_BYTES):
        return data.decode("ascii")
    if len(data) % 2 == 0 and not any(data[1::2]):
        # UTF-16, as scripts on Windows encode.
        return _text(data[::2])
    if len(data) % 2 == 0 and not any(data[::2]):
        return _text(data[1::2])
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return None if _CONTROL.search(text) else text
