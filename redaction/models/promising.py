"""Which sentences of a text a costly model should read: those that hold what it may add.

What a model says of a word is checked against the lists afterwards (`refine`), and most words
cannot pass whatever it says. Where no word can, or where all that can are found already, it need
not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from redaction.findings import Finding
from redaction.name_words import (
    CALENDAR,
    CITY,
    CLINICAL,
    CREDENTIAL,
    DRUG,
    GIVEN,
    NAME,
    NOBODY,
    PLACE,
    SURE_EPONYM,
    SURE_NAME,
    TERM,
    TITLE,
    WORD,
    Word,
    is_casual,
    words_in,
)
from redaction.recognizers.name_context import after_is_thing, context_before

_COVERED = 0.5
"""From this score on a finding needs no second opinion."""

_CONTEXT = 120
"""Characters that a model should see at least."""

_ACRONYM, _SHORT = 5, 3
_NO_NAME = CLINICAL | DRUG | CALENDAR | NOBODY | PLACE | TITLE | CREDENTIAL | SURE_EPONYM
_SENTENCE = re.compile(r"\n\s*|(?<=[^\s.][.!?])[\"')\]]{0,2}\s+(?=[\"'(\[]{0,2}[^\Wa-z])|;\s+|\t+")
_ADDRESS = re.compile(
    r"(?<![\w.,/-])[0-9]{1,6}[A-Za-z]?,?[ ]{1,2}(?:[^\W\d_a-z][^\W\d_A-Z]{2,20}\b(?![ ]{0,2}[0-9])"
    r"|[NSEW]\.?[ ])"
    r"|\b(?i:p\.?[ ]?o\.?[ ]?box|apt|apartment|suite|ste|unit|flat|floor|bldg|zip|zipcode|address"
    r"|postcode|street|avenue|boulevard|lane|road|drive|rd|blvd|ave|ln|hwy|highway|pkwy"
    r"|county|township|rue|via|calle|avenida|plaza|platz|chemin|place)\b"
)
_SMALL_ADDRESS = re.compile(r"(?<![\w.,/-])[0-9]{1,6}[ ]([^\W\d_]{4,20})(?![\w'’-])")
_ADDRESS_DIGIT = re.compile(r"[0-9]")
_DIGIT_RUN = re.compile(r"[0-9](?:[ \-./()]{0,2}[0-9]){4,30}")
_NO_NUMBER = re.compile(
    r"[0-9]{1,4}[-/.][0-9]{1,2}[-/.][0-9]{1,4}|(?:19|20)[0-9]{2}-(?:19|20)?[0-9]{2}"
    r"|[0-9.]{1,6}(?:[ ]?/[ ]?[0-9.]{1,6}){1,6}|[0-9]{1,5}-[0-9]"
)
"""Dates, spans of years, readings, and codes of LOINC."""

_VAGUE = frozenset({"ORGANIZATION", "NRP"})
_MORE = re.compile(r",?[ ]{1,2}(?:[A-Z][a-z]{2,20}|[0-9]{5})\b")


def promising(text: str, known: Sequence[Finding] = ()) -> list[tuple[int, int]]:
    """Give start and end of the sentences and lines to read; `known` is what was found already."""
    hits = sorted(_hits(text, [f for f in known if f.score >= _COVERED]))
    if not hits:
        return []
    parts = list(sentences(text))
    chosen: set[int] = set()
    position = 0
    for index, (start, end) in enumerate(parts):
        while position < len(hits) and hits[position] < start:
            position += 1
        if position < len(hits) and hits[position] < end:
            chosen.update(_with_neighbours(parts, index))
    return [parts[index] for index in sorted(chosen)]


def _with_neighbours(parts: Sequence[tuple[int, int]], index: int) -> range:
    """Give a part with those beside it, before it first, until there is something to go by."""
    first, last = index, index + 1
    while parts[last - 1][1] - parts[first][0] < _CONTEXT:
        if first and index - first <= last - 1 - index:
            first -= 1
        elif last < len(parts):
            last += 1
        elif first:
            first -= 1
        else:
            break
    return range(first, last)


def sentences(text: str) -> Iterator[tuple[int, int]]:
    """Give start and end of each sentence or line, with the space behind it."""
    start = 0
    for gap in _SENTENCE.finditer(text):
        yield start, gap.end()
        start = gap.end()
    if start < len(text):
        yield start, len(text)


def _hits(text: str, known: Sequence[Finding]) -> Iterator[int]:
    """Give the places of what a model may add: names and cities, streets, numbers."""
    # What is found as an organisation may be a person or a place yet.
    covered = sorted((f.start, f.end) for f in known if f.entity not in _VAGUE)
    position = 0
    small = text.islower()
    casual = small or is_casual(text)
    before = -2
    for word in words_in(text, any_case=True):
        while position < len(covered) and covered[position][1] <= word.start:
            position += 1
        if position < len(covered) and covered[position][0] < word.end:
            continue
        if small and (word.initial or not word.kinds) and text[word.start : word.end].isascii():
            # Of words that no list has, only two together are taken for a name.
            if not word.initial and word.start - before <= 2:
                yield word.start
            before = word.end
        elif (not word.kinds or word.has(NAME | CITY)) and _may_be_added(text, word, casual):
            yield word.start
    if small:
        for match in _SMALL_ADDRESS.finditer(text):
            behind = next(words_in(text, *match.span(1), any_case=True), None)
            if behind is not None and not behind.has(WORD | TERM | _NO_NAME):
                yield match.start()
    placed = sorted((f.start, f.end) for f in known if f.entity == "LOCATION")
    for match in _ADDRESS.finditer(text):
        if not _is_covered(placed, *match.span()) and _has_digit(text, *match.span()):
            yield match.start()
    for first, last in placed:
        # Of an address forms often find a part.
        more = _MORE.match(text, last)
        if more is not None and not _is_covered(covered, last + 1, more.end()):
            yield first
        digit = text[first - 1 : first] == " " and text[first - 2 : first - 1].isdigit()
        if digit and not _is_covered(covered, first - 2, first - 1):
            yield first
    for match in _DIGIT_RUN.finditer(text):
        if not _is_covered(covered, *match.span()) and _NO_NUMBER.fullmatch(match[0]) is None:
            yield match.start()


def _may_be_added(text: str, word: Word, casual: bool) -> bool:
    """Tell whether a word would pass the lists where a model takes it for a name or a place."""
    value = text[word.start : word.end]
    if word.initial or len(value) < _SHORT - 1 or (word.has(CALENDAR) and value.isascii()):
        return False
    if not word.kinds:
        if value.islower():
            return not value.isascii()
        if value.isupper() and len(value) <= _ACRONYM:
            return False
        return not after_is_thing(text, word.end)
    if word.has(SURE_NAME):
        fits = casual or not value.islower() or len(value) > _SHORT
        return fits and not after_is_thing(text, word.end)
    if word.has(_NO_NAME | TERM):
        if word.has(CITY) and not value.islower():
            return True
        return (value.istitle() or casual) and _is_told(text, word, surely=True)
    if word.has(WORD):
        alone = word.has(GIVEN) and value.istitle()
        return alone or ((value.istitle() or casual) and _is_told(text, word))
    return casual or not value.islower()


def _is_told(text: str, word: Word, surely: bool = False) -> bool:
    """Tell whether what stands before a word says that it is a name; `surely`: and says it well."""
    if not word.has(NAME):
        return False
    before = context_before(text, word.start)
    return before is not None and not (surely and before.strict)


def _has_digit(text: str, start: int, end: int) -> bool:
    """Tell whether a digit stands near a word of addresses."""
    return _ADDRESS_DIGIT.search(text, max(0, start - 16), end + 12) is not None


def _is_covered(covered: Sequence[tuple[int, int]], start: int, end: int) -> bool:
    return any(first < end and start < last for first, last in covered)
