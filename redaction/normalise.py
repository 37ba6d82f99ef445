"""A text without its disguises, and where each of its characters came from."""

from __future__ import annotations

import re
import unicodedata
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from redaction import linear
from redaction.edits import Edit
from redaction.escapes import escapes
from redaction.folding import SMUGGLED, folded, unhidden
from redaction.spelled import GATE, spelled_digits

__all__ = ["MAX_PASSES", "Normalised", "folded", "normalise"]

MAX_PASSES = 3
"""How many layers of escapes are undone."""

_ESCAPED = (
    r"[%&\\<]|=[0-9A-F]{2}|=\r?\n|[0-9-][`*~]{1,3}[0-9-]|[`*~]-[`*~]|U\+[0-9A-Fa-f]{4}"
    r"|[0-9A-Za-z/+-][\"']\s?(?:[+.&]|\|\|)\s?[\"']|\+[A-Za-z0-9+/]{3,}-"
)
_SUSPECT = linear.compile(rf"[\x{{80}}-\x{{10ffff}}]|{_ESCAPED}|{GATE}")
_HAS_ESCAPES = linear.compile(_ESCAPED)
_SPELLED = linear.compile(GATE)


@dataclass(slots=True)
class Normalised:
    """A plain text with a map back to the original."""

    text: str
    starts: array[int]
    ends: array[int]
    decoded: bool
    """Whether more than dashes, spaces and punctuation was rewritten."""

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Give the span of the original that a span of the plain text came from."""
        return self.starts[start], self.ends[end - 1]


def normalise(text: str) -> Normalised | None:
    """Undo escapes and fold look-alikes to ASCII; None where the text is plain already.

    Percent-encoding (RFC 3986), HTML character references, quoted-printable, UTF-7 and backslash
    escapes are undone up to `MAX_PASSES` deep; HTML comments, tags within a line, marks between
    digits and invisible characters fall away, but for those that hide letters; digits in words,
    dashes, spaces, digits of every script and compatibility forms (NFKC) become what they look
    like. Time is linear in the text.
    """
    if _SUSPECT.search(text) is None:
        return None
    length = len(text)
    current = Normalised(text, array("i", range(length)), array("i", range(1, length + 1)), False)
    result = _fold(current)
    for _ in range(MAX_PASSES):
        source = result or current
        if _HAS_ESCAPES.search(source.text) is None:
            break
        unescaped = _edited(source, escapes(source.text), decoded=True)
        if unescaped is None:
            break
        result = _fold(unescaped) or unescaped
    source = result or current
    if _SPELLED.search(source.text) is not None:
        result = _edited(source, spelled_digits(source.text), decoded=source.decoded) or result
    return result


# Folded, these make a difference only beside a digit.
_COMMON = frozenset("’‘“”…—–•«»")
_BESIDE_DIGIT = linear.compile(r"[0-9] ?[’‘“”…—–•«»]|[’‘“”…—–•«»] ?[0-9]")
_SYMBOLS = re.compile(
    "(?<=[0-9-])[\u2190-\u21ff\u25a0-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff]{1,4}(?=[0-9-])"
)
_HARMLESS = frozenset({"Pd", "Zs", "Pi", "Pf", "Po"})


def _fold(source: Normalised) -> Normalised | None:
    if source.text.isascii():
        return None
    shown = _edited(source, _unhidden(source.text), decoded=True)
    start = shown or source
    changes = {
        ord(char): new
        for char in set(start.text)
        if char > "\x7f" and (new := folded(char)) != char
    }
    if not changes or (
        all(chr(code) in _COMMON for code in changes) and _BESIDE_DIGIT.search(start.text) is None
    ):
        result = shown
    else:
        decoded = start.decoded or not all(
            unicodedata.category(chr(code)) in _HARMLESS for code in changes
        )
        result = _translated(start, changes, decoded)
    last = result or start
    if not last.text.isascii():
        marks = ((match.start(), match.end(), "") for match in _SYMBOLS.finditer(last.text))
        result = _edited(last, marks, decoded=True) or result
    return result


def _unhidden(text: str) -> Iterator[Edit]:
    for match in SMUGGLED.finditer(text):
        new = unhidden(match[0])
        if new is not None:
            yield match.start(), match.end(), new


def _translated(source: Normalised, changes: dict[int, str], decoded: bool) -> Normalised:
    if all(len(new) == 1 for new in changes.values()):
        return Normalised(source.text.translate(changes), source.starts, source.ends, decoded)
    pattern = re.compile(f"[{re.escape(''.join(map(chr, changes)))}]")
    edits = (
        (match.start(), match.end(), changes[ord(match[0])])
        for match in pattern.finditer(source.text)
    )
    result = _edited(source, edits, decoded=decoded)
    assert result is not None
    return result


def _edited(source: Normalised, edits: Iterable[Edit], *, decoded: bool) -> Normalised | None:
    """Make the edits, which are in order and apart; None where there are none."""
    text, starts, ends = source.text, source.starts, source.ends
    pieces: list[str] = []
    new_starts, new_ends = array("i"), array("i")
    position = 0
    for start, end, new in edits:
        if position < start:
            pieces.append(text[position:start])
            new_starts.extend(starts[position:start])
            new_ends.extend(ends[position:start])
        pieces.append(new)
        for _ in new:
            new_starts.append(starts[start])
            new_ends.append(ends[end - 1])
        position = end
    if position == 0:
        return None
    pieces.append(text[position:])
    new_starts.extend(starts[position:])
    new_ends.extend(ends[position:])
    return Normalised("".join(pieces), new_starts, new_ends, source.decoded or decoded)
