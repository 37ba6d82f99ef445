"""A text that is spread over several runs, and what of a new text each of them gets."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

from redaction.errors import RedactionError

_ANCHOR = 8
"""Characters of the start of a run that are enough to find it again in the new text."""
_AHEAD = 8
_MAX_WORDS = 1_500
_WORD = re.compile(r"\s+|\w+|[^\w\s]")


def spread_over(old: Sequence[str], changed: Sequence[str], whole: str) -> list[str]:
    """Give each run its part of the new text `whole` of all runs together.

    `changed` are the runs as they were replaced one by one, `old` as they were. What was taken out
    either way is out of the result. Raises `RedactionError` where it cannot be told apart.
    """
    if "".join(changed) == whole:
        return list(changed)
    written: list[str] = []
    for start, end, new in _groups(old, whole):
        was, one = "".join(old[start:end]), "".join(changed[start:end])
        written.append(_both(was, one, new))
        written += [""] * (end - start - 1)
    return written


def _groups(old: Sequence[str], whole: str) -> Iterator[tuple[int, int, str]]:
    """Give runs that belong together with their part of the new text; the parts make up all."""
    position = index = 0
    count = len(old)
    while index < count:
        run = old[index]
        if index == count - 1:
            yield index, count, whole[position:]
            return
        if whole.startswith(run, position):
            yield index, index + 1, run
            position += len(run)
            index += 1
            continue
        for later in range(index + 1, min(count, index + 1 + _AHEAD)):
            known = old[later][:_ANCHOR]
            at = whole.find(known, position) if len(known) == _ANCHOR else -1
            if at >= 0:
                yield index, later, whole[position:at]
                position, index = at, later
                break
        else:
            # From here to where both end alike is one change.
            end, last = len(whole), count
            while last > index + 1 and whole.endswith(old[last - 1], position, end):
                last -= 1
                end -= len(old[last])
            yield index, last, whole[position:end]
            for rest in range(last, count):
                yield rest, rest + 1, old[rest]
            return


def _both(was: str, one: str, other: str) -> str:
    """Make both of two changes to a text: a word that either took out is out."""
    if one in (was, other):
        return other
    if other == was:
        return one
    words = _WORD.findall(was)
    if len(words) > _MAX_WORDS:
        raise RedactionError("What was found is spread over several elements of the XML.")
    out: list[str | None] = [*words]
    put: dict[int, str] = {}
    for new in (one, other):
        others = _WORD.findall(new)
        matcher = SequenceMatcher(None, words, others, autojunk=False)
        for kind, start, end, first, last in matcher.get_opcodes():
            if kind == "equal":
                continue
            out[start:end] = [None] * (end - start)
            put.setdefault(start, "".join(others[first:last]))
    pieces: list[str] = []
    removed = False
    for index, word in enumerate(out):
        # Of changes that touch only the first leaves its text.
        if index in put and not removed:
            pieces.append(put[index])
        removed = word is None
        if word is not None:
            pieces.append(word)
    pieces.append(put.get(len(out), ""))
    return "".join(pieces)
