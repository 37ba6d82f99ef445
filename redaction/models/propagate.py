"""A name that was found in one place of a document is a name wherever else it stands."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from redaction.findings import Finding
from redaction.name_words import (
    CALENDAR,
    CLINICAL,
    DRUG,
    NOBODY,
    PLACE,
    SURE_EPONYM,
    WORD,
    Word,
    words_in,
)
from redaction.recognizers.name_context import NOT_A_PERSON, after_is_thing

_LEAST_SCORE, _SCORE = 0.6, 0.6
_LEAST_LETTERS = 3
_WHY = "named elsewhere"
_MOST = 10_000
_UNFIT = WORD | CLINICAL | DRUG | PLACE | CALENDAR | NOBODY | SURE_EPONYM


def propagate(texts: Sequence[str], findings: Sequence[Iterable[Finding]]) -> list[list[Finding]]:
    """Give what is to be added to the findings of each of a document's texts.

    A part of a name counts where it is a whole word with a capital, of three letters or more, and
    no common word: "Okonkwo" once "Dr. Adaeze Okonkwo" is known, but never "Brown" for "Ms. Brown".
    """
    found = [list(each) for each in findings]
    known: set[str] = set()
    for text, each in zip(texts, found, strict=True):
        for finding in each:
            if finding.entity == "PERSON" and finding.score >= _LEAST_SCORE and len(known) < _MOST:
                known.update(
                    word.folded for word in words_in(text, finding.start, finding.end) if _fit(word)
                )
    if not known:
        return [[] for _ in texts]
    # The same words stand in many fields of a record.
    plain: dict[str, list[Finding]] = {}
    added: list[list[Finding]] = []
    for text, each in zip(texts, found, strict=True):
        if each:
            whole = any(f.start == 0 and f.end == len(text) and f.score >= _SCORE for f in each)
            added.append([] if whole else _elsewhere(text, each, known))
            continue
        more = plain.get(text)
        if more is None:
            more = plain[text] = _elsewhere(text, each, known)
        added.append(more)
    return added


def _fit(word: Word) -> bool:
    return not word.initial and word.end - word.start >= _LEAST_LETTERS and not word.has(_UNFIT)


def _elsewhere(text: str, found: list[Finding], known: set[str]) -> list[Finding]:
    covered = sorted((f.start, f.end) for f in found if f.entity == "PERSON" and f.score >= _SCORE)
    added: list[Finding] = []
    position = 0
    for word in words_in(text):
        while position < len(covered) and covered[position][1] <= word.start:
            position += 1
        if position < len(covered) and covered[position][0] <= word.start:
            continue
        if word.folded in known and not _of_a_thing(text, word.end):
            added.append(Finding(word.start, word.end, "PERSON", _SCORE, _WHY))
    return added


def _of_a_thing(text: str, end: int) -> bool:
    following = text[end : end + 24].split(None, 1)
    if (
        text[end : end + 1] == " "
        and following
        and following[0].lower().strip(".,") in NOT_A_PERSON
    ):
        return True
    return after_is_thing(text, end)
