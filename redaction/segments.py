"""Long texts cut into pieces, so that no search costs more than its share."""

from __future__ import annotations

import re
from collections.abc import Iterator

WINDOW = 4096
"""Characters that patterns see at once."""

OVERLAP = 256
"""Characters on each side of what a window answers for; no identifier is as long."""

PROSE = 2048
"""Characters that the language model sees at once."""

_BREAKS = (
    re.compile(r"\n[^\S\n]*+(?=\S)"),
    re.compile(r"[.!?]\s++(?=\S)"),
    re.compile(r"(?<!\s)\s++(?=\S)"),
)


def windows(text: str) -> Iterator[tuple[int, int, int, int]]:
    """Give start and end of each window, and of the part of it that it answers for."""
    length = len(text)
    if length <= WINDOW:
        yield 0, length, 0, length
        return
    step = WINDOW - 2 * OVERLAP
    for start in range(0, length, step):
        end = min(length, start + step)
        yield max(0, start - OVERLAP), min(length, end + OVERLAP), start, end


def prose(text: str) -> Iterator[tuple[int, int]]:
    """Give start and end of pieces, cut at an end of a paragraph, a sentence or a word."""
    start, length = 0, len(text)
    while length - start > PROSE:
        cut = start + PROSE
        for pattern in _BREAKS:
            ends = [match.end() for match in pattern.finditer(text, start + PROSE // 2, cut)]
            if ends:
                cut = ends[-1]
                break
        yield start, cut
        start = cut
    if start < length:
        yield start, length
