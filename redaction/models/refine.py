"""What a model says is trimmed to the name itself and checked against the lists of names."""

from __future__ import annotations

import re
from collections.abc import Iterator

from redaction.findings import Finding
from redaction.lexicon import STATE_CODES, cities, fold, places
from redaction.name_words import (
    CALENDAR,
    CITY,
    CLINICAL,
    CREDENTIAL,
    DRUG,
    EPONYM,
    GIVEN,
    NAME,
    NOBODY,
    PLACE,
    SUFFIXES,
    SURE_EPONYM,
    SURE_GIVEN,
    SURE_NAME,
    SURE_SURNAME,
    SURNAME,
    TERM,
    TITLE,
    WORD,
    Word,
    kinds_of_words,
    words_in,
)
from redaction.recognizers.facilities import facilities
from redaction.recognizers.name_context import (
    NOT_A_PERSON,
    after_is_credential,
    after_is_thing,
    context_before,
)

SURE, LIKELY, FAIR, WIDE, DOUBTFUL = 0.85, 0.6, 0.5, 0.35, 0.3
"""Scores: known names, names that no list has, words that are names too, what is above a city,
and what hardly is one."""

_SPLIT = re.compile(
    r"[\n\r\t;|:/()\[\]<>]+|[ ]{3,}|[ ]+(?:and|&|und|et|y|or|vs\.?)[ ]+|,[ ]+(?:and[ ]+)?"
)
_CODE = re.compile(r"[_=\\{}<>@#$^~`0-9]")
_SUFFIX = re.compile(r"(?i),?[ ]{1,2}(?:jr|sr|ii|iii|iv)\b\.?")
_ACRONYM = 5
_BEGUN = 0.4
_TITLE_BEFORE = re.compile(
    r"\b(?:Dr|DR|Mr|MR|Mrs|MRS|Ms|Miss|Prof|Professor|Doctor|Nurse|Officer|Sgt|Capt|Judge|Rev|Sra?"
    r"|Herr|Frau|[dm]rs?|ms)"
    r"\b\.?\s{1,4}\Z"
)
_BEGINS = re.compile(r"(?:\A|[.:;,\n!?\-*•][ ,\t\n\"']{0,4}|[0-9]\.?[ ]{1,2})\Z")
_PREPOSITION = re.compile(
    r"(?i)\b(?:in|at|from|to|near|outside|around|visit(?:ed|ing)?|via|toward|towards|of"
    r"|,)\s{1,3}(?:the[ ])?\Z"
)


def people(text: str, start: int, end: int, why: str, cased: bool = True) -> Iterator[Finding]:
    """Give the names in a span that a model takes for a person."""
    for first, last in _parts(text, start, end):
        yield from _person(text, first, last, why, cased)


def _parts(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    position = start
    for gap in _SPLIT.finditer(text, start, end):
        if _is_inverted(text, gap, position, end):
            continue
        if gap.start() > position:
            yield position, gap.start()
        position = gap.end()
    if position < end:
        yield position, end


def _is_inverted(text: str, gap: re.Match[str], start: int, end: int) -> bool:
    """Tell whether a comma stands in "Last, First"."""
    if gap[0][0] != ",":
        return False
    before = list(words_in(text, start, gap.start()))
    after = list(words_in(text, gap.end(), end))
    return len(before) == 1 and 0 < len(after) <= 3 and after[0].has(GIVEN)


def _person(text: str, start: int, end: int, why: str, cased: bool) -> Iterator[Finding]:
    words = list(words_in(text, start, end))
    if not words and (not cased or text.islower() or not text[start:end].isascii()):
        words = list(words_in(text, start, end, any_case=True))
    words = _trim(text, words)
    if not words:
        return
    words = _extend(text, words)
    start, end = words[0].start, words[-1].end
    suffix = _SUFFIX.match(text, end)
    end = end if suffix is None else suffix.end()
    before = _TITLE_BEFORE.search(text, max(0, start - 16), start)
    if before is not None:
        start = before.start()
    score = person_score(text, words, lower=cased)
    if score:
        yield Finding(start, end, "PERSON", score, why)


def _trim(text: str, words: list[Word]) -> list[Word]:
    while words and _is_no_part(text, words[0], len(words)):
        words = words[1:]
    while words and (
        _is_no_part(text, words[-1], len(words)) or _is_degree(text, words[-1], len(words))
    ):
        words = words[:-1]
    return words


def _is_no_part(text: str, word: Word, count: int) -> bool:
    if word.initial:
        return count == 1
    if word.has(TITLE) and (count > 1 or not word.has(NAME)):
        return True
    if word.has(CALENDAR | NOBODY | CLINICAL) and not word.has(SURE_NAME):
        return count > 1 or not (word.has(NAME) and text[word.start : word.end].istitle())
    return word.has(WORD | TERM) and not word.has(NAME) and count > 1


def _is_degree(text: str, word: Word, count: int) -> bool:
    return count > 1 and word.has(CREDENTIAL) and text[word.start : word.end].isupper()


def _extend(text: str, words: list[Word]) -> list[Word]:
    """Take in a first name or initial before a name, and initials or a surname behind it."""
    before = list(words_in(text, max(0, words[0].start - 24), words[0].start))
    while before and text[before[-1].end : words[0].start] in {" ", ". "} and len(words) < 5:
        word = before.pop()
        if not (word.initial or word.has(SURE_GIVEN)) or (
            word.start and text[word.start - 1].isalnum()
        ):
            break
        if word.initial and text[word.end - 1] != ".":
            break
        words = [word, *words]
    after = list(words_in(text, words[-1].end, min(len(text), words[-1].end + 32)))
    while after and text[words[-1].end : after[0].start] in {" ", ". "} and len(words) < 5:
        word = after.pop(0)
        joined = text[words[-1].end] == " " or words[-1].initial
        named = word.has(SURE_SURNAME) and not word.has(CITY) and words[0].has(GIVEN)
        initial = word.initial and (
            text[word.end - 1] == "." or text[word.end : word.end + 1] in {",", ")", ""}
        )
        if not joined or not (named or initial) or word.folded in NOT_A_PERSON:
            break
        words = [*words, word]
    return words


def person_score(text: str, words: list[Word], lower: bool = True) -> float:
    """Score words that a model takes for a name; 0 for what is surely none."""
    full = [word for word in words if not word.initial]
    if not full:
        return DOUBTFUL
    start, end = words[0].start, words[-1].end
    value = text[start:end]
    told = context_before(text, start) is not None or after_is_credential(text, end)
    if any(word.has(DRUG) for word in full) or (
        full[0].has(SURE_EPONYM) and not told and not full[-1].has(SURE_NAME)
    ):
        return 0.0
    if _CODE.search(value) is not None or text[end : end + 1] in {"_", "=", "@"}:
        return DOUBTFUL
    if after_is_thing(text, end) and (len(full) == 1 or full[-1].has(EPONYM)):
        return 0.0
    if _next_word(text, end) in NOT_A_PERSON or full[-1].folded in NOT_A_PERSON:
        return DOUBTFUL
    if all(word.has(PLACE | CALENDAR) for word in full):
        return DOUBTFUL
    if value.islower() and value.isascii() and not any(word.has(SURE_NAME) for word in full):
        # Models that know no case take many a word for a name.
        unlisted = len(full) > 1 and not any(word.has(WORD | TERM) for word in full)
        return FAIR if text.islower() and unlisted else DOUBTFUL
    if len(full) == 1:
        if not told and full[0].has(EPONYM) and _is_listed(text, start, end):
            return DOUBTFUL
        if not told and _is_code_word(text, start, end):
            return DOUBTFUL
        if full[0].has(EPONYM) and _NUMBER_NEXT.match(text, end) is not None:
            return DOUBTFUL
        begins = _BEGINS.search(text[max(0, start - 6) : start]) is not None
        return _one_word(value, full[0], told, len(words) > 1, begins)
    if any(word.has(NOBODY) and not word.has(SURE_NAME) for word in full) or (
        full[0].folded in SUFFIXES
    ):
        return DOUBTFUL
    if any(word.has(SURE_NAME) for word in full):
        return SURE if full[0].has(GIVEN) or full[-1].has(SURNAME) else LIKELY
    if all(word.has(WORD | TERM) for word in full):
        named = all(word.has(NAME) for word in full) and full[0].has(GIVEN)
        return FAIR if named or (told and full[0].has(NAME)) else DOUBTFUL
    if value.isupper() and not any(word.has(NAME) for word in full):
        return DOUBTFUL
    return LIKELY


_NUMBER_NEXT = re.compile(r"[ ]{0,2}[0-9]")


_LISTED_BEFORE = re.compile(
    r"([^\W\d_]{3,20})(?:,[ ](?:and[ ])?|[ ](?:and|or|vs\.?|versus)[ ]|/)\Z"
)
_LISTED_BEHIND = re.compile(r"(?:,[ ](?:and[ ])?|[ ](?:and|or|vs\.?|versus)[ ]|/)([^\W\d_]{3,20})")


def _is_listed(text: str, start: int, end: int) -> bool:
    """Tell whether another eponym stands beside an eponym: "Addison, Sjogren, Raynaud"."""
    before = _LISTED_BEFORE.search(text, max(0, start - 32), start)
    behind = _LISTED_BEHIND.match(text, end)
    kinds = kinds_of_words()
    return any(
        kinds.get(fold(match[1]), 0) & (EPONYM | SURE_EPONYM)
        for match in (before, behind)
        if match is not None
    )


def _is_code_word(text: str, start: int, end: int) -> bool:
    """Tell whether it is an abbreviation: short, in capitals, in a line that has small letters."""
    value = text[start:end]
    if not value.isupper() or len(value) > _ACRONYM:
        return False
    first = text.rfind("\n", 0, start) + 1
    last = text.find("\n", end)
    return any(map(str.islower, text[first : last if last >= 0 else len(text)][:400]))


def _one_word(value: str, word: Word, told: bool, initialled: bool, begins: bool) -> float:
    if word.has(NOBODY) and not told:
        return DOUBTFUL
    if value.isupper() and len(value) < 3 and not told:
        return DOUBTFUL
    if word.has(SURE_NAME):
        return SURE if word.has(SURE_GIVEN) or told or initialled else LIKELY
    if word.has(CLINICAL | NOBODY | TERM) or (word.has(WORD) and not word.has(NAME)):
        return LIKELY if told and word.has(NAME) else DOUBTFUL
    if word.has(NAME):
        if told or initialled:
            return LIKELY
        surname = not word.has(GIVEN)
        return WIDE if surname and (begins or word.has(WORD)) else FAIR
    if (value.isupper() and len(value) <= _ACRONYM) or len(value) < 3:
        return DOUBTFUL
    # At the beginning of a sentence any word has a capital.
    return LIKELY if told else _BEGUN if begins else FAIR


def _next_word(text: str, end: int) -> str:
    match = re.compile(r"[ ]([A-Za-z]{1,20})").match(text, end)
    return "" if match is None else match[1].lower()


def location(
    text: str, start: int, end: int, why: str, building: bool = False
) -> Iterator[Finding]:
    """Give the place in a span that a model takes for one."""
    for first, last in _place_parts(text, start, end):
        value = text[first:last].strip(" .,;:-'\"*")
        if not value:
            continue
        first = text.index(value, first)
        last = first + len(value)
        score = _place_score(text, value, first, last, building)
        if score:
            yield Finding(first, last, "LOCATION", score, why)


_PLACE_SPLIT = re.compile(r"[\n\r\t;|:()\[\]<>]+|[ ]{3,}")


def _place_parts(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    position = start
    for gap in _PLACE_SPLIT.finditer(text, start, end):
        yield position, gap.start()
        position = gap.end()
    yield position, end


def _place_score(text: str, value: str, start: int, end: int, building: bool) -> float:
    folded = fold(value)
    if folded in places() or value in STATE_CODES:
        return WIDE
    if (value.islower() and not text.islower()) or after_is_thing(text, end):
        return 0.0
    if kinds_of_words().get(folded, 0) & SURE_EPONYM:
        return 0.0
    if folded in cities() and not value.islower():
        return FAIR if all(word.has(WORD) for word in words_in(text, start, end)) else SURE
    words = list(words_in(text, start, end, any_case=value.islower()))
    if not words:
        return DOUBTFUL if value.isascii() else LIKELY
    if any(word.has(DRUG | SURE_EPONYM | CREDENTIAL) for word in words):
        return 0.0
    if all(word.initial for word in words):
        return DOUBTFUL
    if _CODE.search(value.replace(",", "")) is not None and (not building or "#" in value):
        return DOUBTFUL
    if all(word.has(WORD | TERM | CLINICAL | NOBODY | CALENDAR) for word in words):
        return DOUBTFUL
    first = text[words[0].start : words[0].end]
    if len(words) == 1 and first.isupper() and len(first) <= _ACRONYM:
        return DOUBTFUL
    if any(word.has(CLINICAL | NOBODY) for word in words):
        return DOUBTFUL
    if len(words) == 1 and not building:
        told = _PREPOSITION.search(text[max(0, start - 12) : start]) is not None
        return LIKELY if told else WIDE
    return LIKELY


def organisation(text: str, start: int, end: int, why: str) -> Iterator[Finding]:
    """Give the firm, facility or person in what a model takes for an organisation."""
    value = text[start:end]
    for first, last, score in facilities(value):
        kept = SURE if score > LIKELY else score
        yield Finding(start + first, start + last, "LOCATION", kept, why)
    words = list(words_in(text, start, end))
    if not words:
        return
    if any(word.has(DRUG | SURE_EPONYM) for word in words):
        return
    if len(words) in {2, 3} and words[0].has(SURE_GIVEN) and words[-1].has(SURE_NAME):
        yield from people(text, start, end, why)
    elif len(words) == 1 and words[0].has(SURE_GIVEN) and not value.isupper():
        yield Finding(words[0].start, words[0].end, "PERSON", FAIR, why)
    score = SURE
    if all(word.has(CLINICAL | NOBODY | CALENDAR) for word in words) or (
        all(word.has(WORD | CLINICAL) for word in words) and (len(words) == 1 or value.isupper())
    ):
        score = DOUBTFUL
    elif len(words) == 1 and value.isupper() and len(value) <= _ACRONYM:
        score = FAIR
    elif _CODE.search(value) is not None and len(words) == 1:
        score = DOUBTFUL
    yield Finding(start, end, "ORGANIZATION", score, why)
    before = _TREATED_AT.search(text[max(0, start - 24) : start])
    if before is not None and score > DOUBTFUL:
        yield Finding(start, end, "LOCATION", LIKELY, why)


_TREATED_AT = re.compile(
    r"(?i)\b(?:(?:admitted|transferred|transported|referred|presented|brought|taken)[ ]to"
    r"|(?:treated|seen|operated|hospitali[sz]ed|evaluated|performed|done|diagnosed|care|followed"
    r"|born|surgery)[ ]at"
    r"|(?:discharged|transferred|records|referral)[ ]from)[ ](?:the[ ])?\Z"
)
