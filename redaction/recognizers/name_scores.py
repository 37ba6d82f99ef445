"""How much speaks for some words being a name."""

from __future__ import annotations

import re

from redaction.lexicon import word_set
from redaction.name_words import (
    CITY,
    CLINICAL,
    EPONYM,
    GIVEN,
    NAME,
    NOBODY,
    PLACE,
    SUFFIXES,
    SURE_GIVEN,
    SURE_NAME,
    SURE_SURNAME,
    SURNAME,
    TERM,
    USUAL_GIVEN,
    WORD,
    Word,
)
from redaction.recognizers.name_context import NOT_A_PERSON, after_is_thing

TITLED, LABELLED, FULL, LIKELY, SINGLE, GUESS = 0.85, 0.8, 0.65, 0.55, 0.45, 0.4
"""Scores: behind a title, behind a label, a known full name, and what is ever less sure."""

_BACTERIA = word_set("coli diff difficile aureus pneumoniae faecalis pylori albicans flu")


def own_score(text: str, part: list[Word], swapped: bool, any_case: bool) -> float:
    """Score words by what the lists say of them alone."""
    full = [word for word in part if not word.initial]
    if not full:
        return 0.0
    first, last = full[0], full[-1]
    if swapped:
        return FULL if first.has(SURE_SURNAME) or last.has(SURE_GIVEN) else LIKELY
    if len(full) == 1:
        return _one_word_score(text, part, full[0], any_case)
    shouted = not any_case and text[first.start : last.end].isupper()
    if first.has(SURE_GIVEN):
        if last.has(SURE_SURNAME | SURE_GIVEN):
            return FULL
        if last.has(SURNAME):
            return LIKELY
        return GUESS if shouted or any_case or last.has(CITY) else LIKELY
    if first.has(GIVEN) and last.has(SURE_SURNAME):
        return LIKELY
    joined = part[1].initial or text[part[-2].end : part[-1].start].strip()
    if first.has(GIVEN) and joined and not last.has(WORD):
        return LIKELY
    if last.has(SURE_GIVEN) and first.has(SURE_SURNAME):
        return LIKELY
    if shouted or any_case or last.has(CITY) or not last.has(SURE_SURNAME):
        return 0.0
    return GUESS if first.has(SURE_SURNAME) or not first.kinds else 0.0


def _one_word_score(text: str, part: list[Word], word: Word, any_case: bool) -> float:
    if len(part) == 1:
        return SINGLE if word.has(USUAL_GIVEN) else 0.0
    if word.folded in _BACTERIA:
        return 0.0
    dotted = any(text[item.end - 1] == "." or text[item.end : item.end + 1] == "." for item in part
                 if item.initial)  # fmt: skip
    if part[0].initial:
        if not dotted:
            return 0.0
        shouted = text[word.start : word.end].isupper()
        if word.has(SURE_NAME):
            return LIKELY
        return GUESS if word.has(NAME) and not shouted and not any_case else 0.0
    if word.has(SURE_GIVEN):
        return LIKELY if dotted else SINGLE
    fits_initial = word.has(GIVEN) or not word.has(WORD)
    return GUESS if dotted and word.has(NAME) and fits_initial else 0.0


def fits(text: str, part: list[Word], strict: bool, any_word: bool = False) -> bool:
    """Tell whether words can be a name where something beside them says that one stands there."""
    full = [word for word in part if not word.initial and word.folded not in SUFFIXES]
    if not full or any(word.has(PLACE) for word in full):
        return False
    value = text[full[0].start : full[-1].end]
    if len(full) == 1 and value.isupper() and len(value) < 5 and not text.isupper():
        return not strict and full[0].has(NAME)
    if any_word:
        return not any(word.has(CLINICAL | NOBODY) for word in full)
    if strict:
        return (
            any(word.has(SURE_NAME) for word in full)
            or (len(full) == 2 and full[0].has(GIVEN) and full[1].has(SURNAME))
            or (len(full) > 1 and not any(word.has(WORD | TERM) for word in full))
        )
    return not all(word.has(WORD | TERM) and not word.has(NAME) for word in full)


# Without a comma it is written as a part of the name.
def trimmed(text: str, part: list[Word], titled: bool) -> list[Word]:
    """Leave out words at both ends that are rather no part of the name."""
    if not titled:
        # A sentence may begin with a word that is a name as well: "Will", "Mark".
        while len(part) > 2 and part[0].has(WORD) and not part[0].has(GIVEN):
            part = part[1:]
    while len(part) > 1 and (
        (part[-1].has(WORD) and not part[-1].has(NAME))
        or (part[-1].initial and text[part[-1].start] in {"a", "i"})
    ):
        part = part[:-1]
    return part


def of_a_thing(
    text: str, part: list[Word], rest: list[tuple[Word, str]], told: bool = False
) -> bool:
    """Tell whether it names a street, a hospital, a firm or an illness."""
    if rest and rest[0][1] in {" ", "p"} and rest[0][0].folded in NOT_A_PERSON:
        return True
    if part[-1].folded in NOT_A_PERSON:
        # "Hyde Park", but "told Min-ho Park".
        return not (told and len(part) > 1 and part[0].has(SURE_GIVEN) and part[-1].has(SURNAME))
    return after_is_thing(text, part[-1].end) and (
        len(part) == 1 or any(word.has(EPONYM) for word in part)
    )


_DEGREE = re.compile(r"[ ](?:MD|DDS|DVM|PhD|RN|DO|NP|PA|JD|CPA)\b(?![-/])")
_SUFFIX = re.compile(r",?[ \t]{1,2}(Jr|Sr|JR|SR|II|III|IV)\b\.?")


def with_suffix(text: str, end: int) -> int:
    """Give the end of a name with its suffix, and a degree that no comma parts from it."""
    if text[end - 2 : end] in {"Jr", "Sr"} and text[end : end + 1] == ".":
        end += 1
    for pattern in (_SUFFIX, _DEGREE):
        match = pattern.match(text, end)
        end = end if match is None else match.end()
    return end
