"""Regular expressions of RE2, whose time is linear in the text, with little to pay for each call.

The Python package of RE2 encodes the text anew and counts its characters in every call, which for
short texts costs more than the search. Here the same text is encoded once for all patterns that
follow one another on it. Names and meanings are those of `re`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import re2

_ANYWHERE = re2._Anchor.UNANCHORED
_AT_START = re2._Anchor.ANCHOR_START
_WHOLE = re2._Anchor.ANCHOR_BOTH
_NONE = (-1, -1)

Spans = list[tuple[int, int]]


class Match:
    """Where a pattern and its groups were found; as `re.Match`."""

    __slots__ = ("_names", "_spans", "string")

    def __init__(self, text: str, spans: Spans, names: dict[str, int]) -> None:
        self.string = text
        self._spans = spans
        self._names = names

    def span(self, group: int | str = 0) -> tuple[int, int]:
        """Give start and end of a group."""
        return self._spans[group if isinstance(group, int) else self._names[group]]

    def start(self, group: int | str = 0) -> int:
        """Give the start of a group."""
        return self.span(group)[0]

    def end(self, group: int | str = 0) -> int:
        """Give the end of a group."""
        return self.span(group)[1]

    def __getitem__(self, group: int | str) -> Any:
        """Give the text of a group; None of one that took no part."""
        start, end = self.span(group)
        return None if start < 0 else self.string[start:end]

    group = __getitem__

    @property
    def lastindex(self) -> int | None:
        """The last group that took part."""
        taken = [index for index, span in enumerate(self._spans) if index and span != _NONE]
        return taken[-1] if taken else None


_found: Any = Match
"""Its users know it as what it is like."""


class Pattern:
    """A compiled pattern; as `re.Pattern`."""

    __slots__ = ("_match", "_names", "pattern")

    def __init__(self, pattern: str, options: Any = None) -> None:
        self.pattern = pattern
        compiled = re2.compile(pattern, options=options)
        self._match = compiled._regexp.Match
        self._names: dict[str, int] = dict(compiled.groupindex)

    def search(self, text: str, pos: int = 0, endpos: int | None = None) -> re.Match[str] | None:
        """Give the first place that matches."""
        return self._one(_ANYWHERE, text, pos, endpos)

    def match(self, text: str, pos: int = 0, endpos: int | None = None) -> re.Match[str] | None:
        """Match at `pos`."""
        return self._one(_AT_START, text, pos, endpos)

    def fullmatch(self, text: str, pos: int = 0, endpos: int | None = None) -> re.Match[str] | None:
        """Match all from `pos` to `endpos`."""
        return self._one(_WHOLE, text, pos, endpos)

    def finditer(
        self, text: str, pos: int = 0, endpos: int | None = None
    ) -> Iterator[re.Match[str]]:
        """Give all places that match, left to right, none within another."""
        data, wide = _encoded(text)
        first, last = _bounds(data, wide, pos, endpos)
        match, names = self._match, self._names
        while first <= last:
            spans = match(_ANYWHERE, data, first, last)
            start, end = spans[0]
            if start < 0:
                return
            yield _found(text, spans if wide is None else wide.spans(spans), names)
            if first == last:
                return
            # An empty match must not be found again.
            empty = end == first
            first = end if not empty else first + 1 if wide is None else wide.after(first)

    def sub(self, new: str, text: str) -> str:
        """Put a text in place of each match; it may name no groups."""
        pieces: list[str] = []
        position = 0
        for match in self.finditer(text):
            start, end = match.span()
            pieces += [text[position:start], new]
            position = end
        return "".join(pieces) + text[position:] if pieces else text

    def findall(self, text: str) -> list[Any]:
        """Give the text of each match, or of its only group."""
        group = min(1, self.groups)
        return [match[group] or "" for match in self.finditer(text)]

    @property
    def groups(self) -> int:
        """How many groups it has."""
        return int(re2.compile(self.pattern).groups)

    def _one(self, anchor: Any, text: str, pos: int, endpos: int | None) -> re.Match[str] | None:
        data, wide = _encoded(text)
        first, last = _bounds(data, wide, pos, endpos)
        if first > last:
            return None
        spans = self._match(anchor, data, first, last)
        if spans[0][0] < 0:
            return None
        found: re.Match[str] = _found(
            text, spans if wide is None else wide.spans(spans), self._names
        )
        return found


def compile(pattern: str, options: Any = None) -> Pattern:
    """Compile a pattern; raises `re2.error`."""
    return Pattern(pattern, options)


class _Wide:
    """Bytes and characters of a text of which some characters are several bytes."""

    __slots__ = ("byte_of", "char_of")

    def __init__(self, data: bytes) -> None:
        # A fifth of a second, which those that never see such a text need not pay.
        import numpy as np

        starts = (np.frombuffer(data, np.uint8) & 0xC0) != 0x80
        self.byte_of: list[int] = [*np.flatnonzero(starts).tolist(), len(data)]
        self.char_of: list[int] = [*(np.cumsum(starts) - 1).tolist(), len(self.byte_of) - 1]

    def spans(self, spans: Spans) -> Spans:
        """Give spans in characters."""
        char_of = self.char_of
        return [(char_of[start], char_of[end]) if start >= 0 else _NONE for start, end in spans]

    def after(self, first: int) -> int:
        """Give the byte of the next character."""
        return self.byte_of[self.char_of[first] + 1]


_last: tuple[str, bytes, _Wide | None] = ("", b"", None)


def _encoded(text: str) -> tuple[bytes, _Wide | None]:
    global _last
    # One look at it, for another thread may put its own text there.
    known, data, wide = _last
    if known is not text:
        data = text.encode()
        wide = None if len(data) == len(text) else _Wide(data)
        _last = text, data, wide
    return data, wide


def _bounds(data: bytes, wide: _Wide | None, pos: int, endpos: int | None) -> tuple[int, int]:
    """Give the bytes between which to search."""
    if pos <= 0 and endpos is None:
        return 0, len(data)
    length = len(data) if wide is None else len(wide.byte_of) - 1
    first = max(0, min(pos, length))
    last = length if endpos is None else max(0, min(endpos, length))
    return (first, last) if wide is None else (wide.byte_of[first], wide.byte_of[last])


error = re2.error
Options = re2.Options
