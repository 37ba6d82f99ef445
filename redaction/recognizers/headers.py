"""Lines that begin with a person: `WHITCOMBE, ANN  00412345  DOB 3/14/1961  F`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

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
    SURE_GIVEN,
    SURE_NAME,
    TERM,
    TITLE,
    WORD,
    words_in,
)

_LETTERS = r"[^\W\d_]"
_PART = rf"{_LETTERS}{{2,20}}+(?:['’-]{_LETTERS}{{2,20}}+){{0,2}}+"
_LAST_FIRST = re.compile(
    rf"(?:^|(?<=[:|][ \t])|(?<=[:|]))[ \t]{{0,3}}+"
    rf"((?:{_LETTERS}['’])?{_PART}(?:[ ]{_PART})?,[ ]?{_PART}"
    rf"(?:[ ]{_LETTERS}(?:\.|(?!\w)))?)(?![\w.])",
    re.MULTILINE,
)
_FIRST_LAST = re.compile(
    rf"(?<![\w'’-])({_PART}[ ](?:{_LETTERS}\.?[ ])?{_PART})(?=[ ]?[,:-]?[ ][0-9])"
)
_LABEL = re.compile(r"\b(?i:name|patient|pt|member|client|insured|subscriber)[ ]?:[ \t]{0,3}\Z")
_SPACE = re.compile(r"[ \t]{0,12}+[,/|;:(–-]?[ \t]{0,12}+\)?[ \t]{0,2}+")
_BIRTH = re.compile(r"(?i:d\.?o\.?b\.?|born|birth ?date|date of birth)[ \t]?[:=]?[ \t]{0,3}")
_MONTH = r"(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}"
_DATE = re.compile(
    r"(?:[0-9]{1,2}([-/.])[0-9]{1,2}\1(?:[0-9]{4}|[0-9]{2})|[0-9]{4}-[0-9]{2}-[0-9]{2}"
    rf"|{_MONTH}\.?[ ][0-9]{{1,2}},?[ ][0-9]{{4}}|[0-9]{{1,2}}[ -]{_MONTH}\.?[ -][0-9]{{4}})"
    r"(?![\w-]|[/.][0-9])"
)
_SEX = re.compile(r"(?i:male|female|[mf]|[0-9]{1,3}[ ]?(?:y/?o|yrs?|y)?[ ]?[mf]?)(?![\w./-])")
_NUMBER = re.compile(
    r"#?([A-Za-z]{0,3}-?[0-9]{2,12}(?:-[0-9]{2,8}){0,3}(?:-[A-Za-z]{1,2})?)(?![\w/%]|[-.][0-9])"
)
_TELEPHONE = re.compile(r"[2-9][0-9]{2}[2-9][0-9]{6}")
_LEAST_DIGITS, _FIELDS = 6, 5
_UNFIT = CALENDAR | CLINICAL | DRUG | PLACE | TITLE | CREDENTIAL | SURE_EPONYM


class Header(NamedTuple):
    """A name that a line begins with, and the numbers beside it."""

    start: int
    end: int
    dated: bool
    """Whether a date stands beside the name."""
    records: tuple[tuple[int, int], ...]
    telephones: tuple[tuple[int, int], ...]


def headers(text: str) -> Iterator[Header]:
    """Give names in the order "Last, First" that dates or numbers stand beside."""
    if "," not in text:
        return
    for match in _LAST_FIRST.finditer(text):
        start, end = match.span(1)
        header = _read(text, start, end)
        told = _LABEL.search(text, max(0, start - 16), start) is not None
        if (told or header.dated or header.records or header.telephones) and _is_name(
            text, start, end
        ):
            yield header


def telephones(text: str) -> Iterator[tuple[int, int]]:
    """Give ten digits that stand right behind a name, with no date beside them."""
    for header in headers(text):
        if not header.dated:
            yield from header.telephones
    for match in _FIRST_LAST.finditer(text):
        header = _read(text, *match.span(1))
        if header.dated or not header.telephones:
            continue
        words = list(words_in(text, *match.span(1)))
        if (
            len(words) > 1
            and words[0].has(SURE_GIVEN)
            and not any(word.has(_UNFIT | NOBODY) for word in words)
        ):
            yield from header.telephones


def _read(text: str, start: int, end: int) -> Header:
    """Read the fields behind a name: dates, sex, age and numbers, in any order."""
    position, dated = end, False
    records: list[tuple[int, int]] = []
    phones: list[tuple[int, int]] = []
    for _ in range(_FIELDS):
        space = _SPACE.match(text, position)
        if space is None or space.end() == position:
            break
        position = space.end()
        birth = _BIRTH.match(text, position)
        position = position if birth is None else birth.end()
        date = _DATE.match(text, position)
        other = date or _SEX.match(text, position)
        if other is not None:
            dated = dated or date is not None
            position = other.end()
            continue
        number = _NUMBER.match(text, position)
        if number is None:
            break
        position = number.end()
        if _TELEPHONE.fullmatch(number[1]) is not None:
            phones.append(number.span(1))
        if sum(map(str.isdecimal, number[1])) >= _LEAST_DIGITS:
            records.append(number.span(1))
    return Header(start, end, dated, tuple(records), tuple(phones))


def _is_name(text: str, start: int, end: int) -> bool:
    comma = text.index(",", start, end)
    last = list(words_in(text, start, comma, any_case=True))
    first = [word for word in words_in(text, comma, end, any_case=True) if not word.initial]
    if not last or not first:
        return False
    if any(word.has(_UNFIT) and not word.has(NAME) for word in (*last, *first)):
        return False
    if all(word.has(PLACE | CITY) for word in (*last, *first)):
        return False  # A town and its country.
    if first[0].has(GIVEN) and not first[0].has(SURE_EPONYM):
        return not all(word.has(CITY | NOBODY) and not word.has(SURE_NAME) for word in last)
    return last[0].has(SURE_NAME) and not first[0].has(WORD | TERM | CITY | NOBODY)
