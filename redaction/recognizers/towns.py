"""Towns: with the state behind them, or behind words such as "lives in"; and counties."""

from __future__ import annotations

import re
from collections.abc import Iterator

from redaction import linear
from redaction.lexicon import STATE_CODES, cities, fold, states, word_set
from redaction.name_words import (
    CALENDAR,
    CITY,
    CLINICAL,
    NOBODY,
    SURE_GIVEN,
    WORD,
    is_casual,
    words_in,
)
from redaction.recognizers.base import Span

_FORM, _LIKELY, _GUESS = 0.7, 0.6, 0.45

_STATE = "|".join(sorted(STATE_CODES))
_TOWN = r"[A-Z\u00c0-\u00de][\w\u00c0-\u024f'’.\-]{1,20}+"
_COMMA_STATE = linear.compile(rf",\s{{0,2}}(?:{_STATE})\b")
_SPACE_STATE = linear.compile(rf"[a-z.][ ](?:{_STATE})\b")
_STATE_NAME = linear.compile(
    ",[ \n](?i:" + "|".join(sorted(name.replace(" ", "[ ]") for name in states())) + r")\b"
)
_STATE_AND_ZIP = linear.compile(
    rf"[ ](?:{_STATE}|(?i:" + "|".join(sorted(states())) + r"))[ ,]{1,2}[0-9]{5}(?:-[0-9]{4})?\b"
)
_BEFORE_COMMA = re.compile(rf"(?:{_TOWN}[ ]){{0,2}}{_TOWN}\Z")
_COUNTY = linear.compile(r"\b(?:County|Parish|Borough|Township|Twp|Shire|Municipality)\b")
_TOWN_CHARS = 48
_ZIP = re.compile(r"[ ,.]{1,3}[0-9]{5}(?:-[0-9]{4})?(?![0-9-])")
# Behind a name these are degrees as well.
_DEGREES_TOO = frozenset(
    {"MD", "PA", "MA", "DO", "MS", "DE", "AL", "IN", "OR", "ME", "OK", "HI", "ID"}
)
_NOT_A_TOWN = word_set(
    """
    the a an in at of from to and or for near by with is was his her their this that street st
    ave avenue road rd drive dr lane ln court ct blvd suite apt unit floor box department
    division office
    """
)
_LIVING = linear.compile(
    r"(?i)\b(?:li(?:ves?|ved|ving)|resid(?:es?|ed|ing)|born|raised|moved|relocated|native|resident"
    r"|located|based"
    r"|travel(?:l?ed)?|from|stays?|staying|grew up|visited|flew)(?: (?:back|here))?(?: (?:in|at|to"
    r"|from|of|near))?[ ]"
)


def towns(text: str) -> Iterator[Span]:
    """Give the spans of towns with their state, of counties, and of where somebody lives."""
    for pattern in (_COMMA_STATE, _STATE_NAME):
        for match in pattern.finditer(text):
            yield from _town_before(text, match.start(), match.end())
    for match in _SPACE_STATE.finditer(text):
        yield from _town_before(text, match.start() + 1, match.end())
    for match in _STATE_AND_ZIP.finditer(text):
        line = text.rfind("\n", 0, match.start()) + 1
        offset = max(line, match.start() - _TOWN_CHARS)
        before = _BEFORE_COMMA.search(text[offset : match.start()])
        begin = match.start() + 1 if before is None else offset + before.start()
        yield begin, match.end(), _FORM
    for match in _COUNTY.finditer(text):
        start = max(0, match.start() - _TOWN_CHARS)
        before = _BEFORE_COMMA.search(text[start : match.start()].rstrip(" "))
        if before is not None and text[match.start() - 1 : match.start()] == " ":
            first = _without_small_words(before[0])
            if first:
                offset = match.start() - 1 - len(first)
                yield offset, match.end(), _LIKELY
    if is_casual(text):
        yield from _in_small_letters(text)
    known = cities()
    for match in _IN_CAPITAL.finditer(text):
        town = match[1]
        word = next(words_in(text, *match.span(1)), None)
        if word is None or word.has(CALENDAR) or (word.has(WORD) and match[0][2:5] == "to "):
            continue
        if fold(town) in known:
            yield *match.span(1), _GUESS
    for match in _LIVING.finditer(text):
        # What is said to be lived in is a place, whether it is known or not.
        town = _AFTER_LIVING.match(text, match.end())
        if town is None:
            continue
        words = list(words_in(text, town.start(), town.end()))
        if words and words[0].has(CALENDAR | CLINICAL):
            continue
        if fold(town[0]) in known or fold(town[0].split()[0]) in known:
            yield *town.span(), _LIKELY
            continue
        unlisted = words and not any(word.has(WORD | NOBODY | SURE_GIVEN) for word in words)
        if unlisted and match[0].rstrip().lower() not in {"from", "visited"}:
            yield *town.span(), _GUESS


_AFTER_LIVING = re.compile(rf"{_TOWN}(?:[ ]{_TOWN}){{0,2}}")


_IN_CAPITAL = linear.compile(
    r"[a-z,] (?:in|from|near|to) ([A-Z][a-z]{3,20})(?:[.,;?!)\n]|$| [a-z])"
)
_IN_SMALL = linear.compile(r"\b(?:in|from|near|to|at)[ ][a-z]")
_SMALL_TOWN = re.compile(r"[a-z]{3,20}(?:[ ][a-z]{3,20})?")


def _in_small_letters(text: str) -> Iterator[Span]:
    known = cities()
    for match in _IN_SMALL.finditer(text):
        town = _SMALL_TOWN.match(text, match.end() - 1)
        if town is None:
            continue
        if town[0] in known:
            yield *town.span(), _GUESS
            continue
        first = town[0].split(" ")[0]
        [*words] = words_in(text, town.start(), town.start() + len(first), any_case=True)
        if first in known and words and not words[0].has(WORD | CLINICAL | NOBODY):
            yield town.start(), town.start() + len(first), _GUESS


def _town_before(text: str, comma: int, end: int) -> Iterator[Span]:
    before = _BEFORE_COMMA.search(text[max(0, comma - _TOWN_CHARS) : comma])
    if before is None:
        return
    town = _without_small_words(before[0])
    if not town:
        return
    start = comma - len(town)
    code = text[comma + 1 : end].strip()
    words = list(words_in(text, start, comma))
    zipped = _ZIP.match(text, end)
    if zipped is not None:
        yield start, zipped.end(), _FORM
        return
    if (code in _DEGREES_TOO or text[comma] == " ") and fold(town) not in cities():
        return
    if (
        text[comma - 1] == "."
        or not words
        or any(word.has(CLINICAL | CALENDAR | NOBODY) for word in words)
    ):
        return
    if all(word.has(WORD) and not word.has(CITY) for word in words) and fold(town) not in cities():
        return
    if fold(town) not in cities() and words and words[0].has(SURE_GIVEN) and code in STATE_CODES:
        return
    if any(word.has(WORD) for word in words) and len(words) > 2:
        return
    yield start, end, _LIKELY


def _without_small_words(town: str) -> str:
    words = town.split(" ")
    while words and words[0].lower().rstrip(".") in _NOT_A_TOWN:
        words = words[1:]
    if any(word.lower().rstrip(".") in _NOT_A_TOWN - {"st"} for word in words):
        return ""
    return " ".join(words)
