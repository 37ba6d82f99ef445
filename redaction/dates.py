"""Dates as people and machines write them: read, moved, and written back the same way."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from redaction.month_names import LANGUAGES, MONTH, weekday_names

YEAR, MONTH_PRECISION, DAY = 1, 2, 3


class Written(NamedTuple):
    """A date in a text, and how to write another in its place; one without a year has year 0."""

    start: int
    end: int
    year: int
    month: int
    day: int
    exact: bool
    """Whether it is one day: a year, a month and a day are written."""
    write: Callable[[datetime.date], str]


@dataclass(frozen=True, slots=True)
class ReadDates:
    """The dates in a text, and whether anything beside them says when."""

    dates: list[Written]
    whole: bool
    """Whether all that is left beside them is a time of day, or says nothing of time."""


_NO_YEAR = 2000
"""The year by which days are counted where none is written: it has a 29 February."""

_COMPACT = re.compile(
    r"(?<![0-9A-Za-z])(?P<y>(?:1[6-9]|20)[0-9]{2})(?P<m>0[1-9]|1[0-2])(?P<d>0[1-9]|[12][0-9]|3[01])"
    r"(?P<t>T?[0-9]{2}(?:[0-9]{2}){0,2}(?:\.[0-9]{1,6})?)?(?:Z|[+-][0-9]{4})?(?![0-9A-Za-z])"
)
_COMPACT_MONTH = re.compile(r"(?P<y>(?:19|20)[0-9]{2})(?P<m>0[1-9]|1[0-2])")
_ISO = re.compile(
    r"(?<![0-9A-Za-z])(?P<y>[0-9]{4})(?P<s1>[-/.])(?P<m>[0-9]{1,2})(?:(?P=s1)(?P<d>[0-9]{1,2}))"
    r"(?=T[0-9]|(?![0-9A-Za-z]))"
)
_ISO_MONTH = re.compile(
    r"(?<![0-9A-Za-z/.-])(?P<y>[0-9]{4})(?P<s1>[-/])(?P<m>0[1-9]|1[0-2])(?![0-9A-Za-z/-])"
)
_NUMERIC = re.compile(
    r"(?<![0-9A-Za-z/.-])(?P<a>[0-9]{1,2})(?P<s1>[-/.] ?)(?P<b>[0-9]{1,2})(?P<s2>[-/.] ?)"
    r"(?P<y>[0-9]{4}|'?[0-9]{2})(?![0-9A-Za-z])"
)
_MONTH_YEAR = re.compile(
    r"(?<![0-9A-Za-z/.-])(?P<m>0?[1-9]|1[0-2])(?P<s1>[-/.])(?P<y>(?:19|20)[0-9]{2})(?![0-9A-Za-z])"
)
_SHORT = re.compile(
    r"(?<![0-9A-Za-z/.-])(?P<a>[0-9]{1,2})/(?P<b>[0-9]{1,2})(?![0-9A-Za-z/]|[.-][0-9])"
)
_TAIL = r"(?P<y>(?:1[6-9]|20)[0-9]{2}|'[0-9]{2}|(?<=-)[0-9]{2}(?![0-9]))"
_NAMED_FIRST = re.compile(
    rf"(?<![^\W_])(?P<n>{MONTH})(?P<s1>\.?[ -]{{1,2}})(?P<d>[0-9]{{1,2}})"
    rf"(?P<o>st|nd|rd|th)?(?:(?P<s2>,?[ -]{{1,2}}|,){_TAIL})?(?![0-9A-Za-z]|:[0-9])",
    re.IGNORECASE,
)
_NAMED_SECOND = re.compile(
    rf"(?<![0-9A-Za-z/-])(?P<d>[0-9]{{1,2}})(?P<o>st|nd|rd|th|er|º)?"
    rf"(?P<s1>\.?(?:[ ](?:of|de)[ ]|[ -])|\.)?(?P<n>{MONTH})"
    rf"(?:(?P<s2>\.?,?(?:[ ](?:de|del|of)[ ]|[ -])|,){_TAIL})?(?![0-9A-Za-z])",
    re.IGNORECASE,
)
_NAMED_MONTH = re.compile(
    rf"(?<![^\W_])(?P<n>{MONTH})(?P<s2>\.?,?(?:[ ](?:de|del|of)[ ]|[ -]))"
    r"(?P<y>(?:1[6-9]|20)[0-9]{2})(?![0-9A-Za-z])",
    re.IGNORECASE,
)
_YEAR = re.compile(r"(?<![0-9A-Za-z/.:-])(?P<y>(?:1[89]|20)[0-9]{2})(?![0-9A-Za-z/:-]|\.[0-9])")
_WEEKDAY_CHARS = 16
_WEEKDAY = re.compile(r"(?<![^\W_])(?P<w>[^\W\d_]{2,12})(?P<dot>\.?),?[ ]{1,2}\Z")


def read_dates(text: str, *, day_first: bool = False) -> ReadDates:
    """Find all dates in a short text that is one or holds some."""
    found: list[Written] = []
    taken = bytearray(len(text))
    for pattern, read in _KINDS:
        for match in pattern.finditer(text):
            if any(taken[match.start() : match.end()]):
                continue
            for written in read(match, text, day_first):
                found.append(written)
                start, end = min(written.start, match.start()), match.end()
                taken[start:end] = b"\1" * (end - start)
    rest = "".join([" " if taken[index] else char for index, char in enumerate(text)])
    return ReadDates(sorted(found), not _TELLS.search(_TIME.sub(" ", rest)))


_TIME = re.compile(
    r"[T ]?(?<![0-9])[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]{1,9})?)?"
    r"(?:[ ]?(?:[ap]\.?m\.?(?![a-z])|Z(?![a-z])|[+-][0-9]{2}:?[0-9]{2}))?"
    r"|(?<![0-9])[0-9]{1,2}[ ]?[ap]\.?m\.?(?![a-z])|o'clock|Z\b|UTC|GMT",
    re.IGNORECASE,
)
_TELLS = re.compile(
    rf"[0-9]|(?<![^\W_])(?:{MONTH}|mon|tue|wed|thu|fri|sat|sun)[a-z]{{0,6}}(?![^\W_])",
    re.IGNORECASE,
)


def _compact(match: re.Match[str], text: str, day_first: bool) -> Iterator[Written]:
    def write(date: datetime.date) -> str:
        return f"{date.year:04}{date.month:02}{date.day:02}"

    # The time of day behind it stays.
    yield from _made(match.start(), match.end("d"), match["y"], match["m"], match["d"], write)


def _compact_month(match: re.Match[str], text: str, day_first: bool) -> Iterator[Written]:
    if match[0] == text.strip():
        yield from _made(
            *match.span(),
            match["y"],
            match["m"],
            "15",
            lambda d: f"{d.year:04}{d.month:02}",
            exact=False,
        )


def _iso(match: re.Match[str], text: str, day_first: bool) -> Iterator[Written]:
    month, day, gap = match["m"], match["d"], match["s1"]

    def write(date: datetime.date) -> str:
        return f"{date.year:04}{gap}{_padded(date.month, month)}{gap}{_padded(date.day, day)}"

    yield from _made(*match.span(), match["y"], month, day, write)


def _iso_month(match: re.Match[str], text: str, day_first: bool) -> Iterator[Written]:
    gap = match["s1"]
    yield from _made(
        *match.span(),
        match["y"],
        match["m"],
        "15",
        lambda d: f"{d.year:04}{gap}{d.month:02}",
        exact=False,
    )


def _numeric(match: re.Match[str], text: str, day_first: bool) -> Iterator[Written]:
    first, second, year = match["a"], match["b"], match["y"]
    gaps = match["s1"], match["s2"]
    if gaps[0].strip() != gaps[1].strip():
        return
    # With dots it is the way of countries that write the day first.
    days_come_first = int(first) > 12 or (int(second) <= 12 and (day_first or gaps[0][0] == "."))
    day, month = (first, second) if days_come_first else (second, first)
    pads = _padding(first, second)

    def write(date: datetime.date) -> str:
        parts = [date.day, date.month] if days_come_first else [date.month, date.day]
        a, b = (f"{part:02}" if pads else str(part) for part in parts)
        return f"{a}{gaps[0]}{b}{gaps[1]}{_year(date, year)}"

    yield from _made(*match.span(), year, month, day, write)


def _month_year(match: re.Match[str], text: str, day_first: bool) -> Iterator[Written]:
    month, gap = match["m"], match["s1"]
    yield from _made(
        *match.span(),
        match["y"],
        month,
        "15",
        lambda d: f"{_padded(d.month, month)}{gap}{d.year:04}",
        exact=False,
    )


def _short(match: re.Match[str], text: str, day_first: bool) -> Iterator[Written]:
    first, second = match["a"], match["b"]
    days_come_first = int(first) > 12 or (int(second) <= 12 and day_first)
    day, month = (first, second) if days_come_first else (second, first)
    pads = _padding(first, second)

    def write(date: datetime.date) -> str:
        parts = [date.day, date.month] if days_come_first else [date.month, date.day]
        return "/".join(f"{part:02}" if pads else str(part) for part in parts)

    yield from _made(*match.span(), "", month, day, write)


def _named(match: re.Match[str], text: str, day_first: bool) -> Iterator[Written]:
    names = match.groupdict()
    name, day, year = match["n"], names.get("d") or "", names.get("y") or ""
    month, language = _month_of(name, match)
    start, weekday = _weekday(match.start(), text)

    def write(date: datetime.date) -> str:
        new = _cased(_month_name(date.month, name, language), name)
        number = _padded(date.day, day, only_zero=True)
        if names.get("o"):
            number += _ordinal(date.day, names["o"])
        pieces = []
        for key in _ORDERS[match.re]:
            if key == "n":
                pieces.append(new)
            elif key == "d":
                pieces.append(number if day else "")
            elif key == "y":
                pieces.append(_year(date, year) if year else "")
            else:
                pieces.append(names.get(key) or "")
        return weekday(date) + "".join(pieces)

    place = start, match.end()
    yield from _made(*place, year, str(month), day or "15", write, exact=bool(day))


def _only_year(match: re.Match[str], text: str, day_first: bool) -> Iterator[Written]:
    year = match["y"]
    yield from _made(*match.span(), year, "7", "1", lambda d: f"{d.year:04}", exact=False)


_ORDERS = {
    _NAMED_FIRST: ("n", "s1", "d", "s2", "y"),
    _NAMED_SECOND: ("d", "s1", "n", "s2", "y"),
    _NAMED_MONTH: ("n", "s2", "y"),
}
_KINDS: tuple[
    tuple[re.Pattern[str], Callable[[re.Match[str], str, bool], Iterator[Written]]], ...
] = (
    (_COMPACT, _compact),
    (_ISO, _iso),
    (_NUMERIC, _numeric),
    (_NAMED_SECOND, _named),
    (_NAMED_FIRST, _named),
    (_NAMED_MONTH, _named),
    (_ISO_MONTH, _iso_month),
    (_MONTH_YEAR, _month_year),
    (_COMPACT_MONTH, _compact_month),
    (_SHORT, _short),
    (_YEAR, _only_year),
)


def _made(
    start: int,
    end: int,
    year: str,
    month: str,
    day: str,
    write: Callable[[datetime.date], str],
    *,
    exact: bool = True,
) -> Iterator[Written]:
    number = int(year.strip("'")) if year else _NO_YEAR
    if year and len(year.strip("'")) == 2:
        number += 2000 if number < 69 else 1900
    try:
        datetime.date(number, int(month), int(day))
    except ValueError:
        return
    exact = exact and bool(year)
    yield Written(start, end, number if year else 0, int(month), int(day), exact, write)


def moved(written: Written, days: int) -> str:
    """Write a date so many days earlier; raises `OverflowError` before the year 1."""
    year = written.year or _NO_YEAR
    date = datetime.date(year, written.month, written.day) - datetime.timedelta(days=days)
    return written.write(date)


def _padded(number: int, like: str, *, only_zero: bool = False) -> str:
    wide = like.startswith("0") if only_zero else len(like) == 2
    return f"{number:02}" if wide else str(number)


def _padding(first: str, second: str) -> bool:
    if first[0] == "0" or second[0] == "0":
        return True
    return len(first) == len(second) == 2


def _year(date: datetime.date, like: str) -> str:
    if len(like.strip("'")) == 2:
        return ("'" if like.startswith("'") else "") + f"{date.year % 100:02}"
    return f"{date.year:04}"


def _ordinal(day: int, like: str) -> str:
    if like not in ("st", "nd", "rd", "th"):
        return like if day == 1 or like != "er" else ""
    if day in (11, 12, 13):
        return "th"
    return {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")


def _month_of(name: str, match: re.Match[str]) -> tuple[int, str]:
    small = name.casefold().rstrip(".")
    gap = match.groupdict().get("s1") or ""
    if small == "sept":
        return 9, "en"
    order = (
        ["de", *LANGUAGES] if gap.startswith(".") and match.re is _NAMED_SECOND else [*LANGUAGES]
    )
    for language in order:
        long, short = LANGUAGES[language]
        for names in (long, short):
            if small in names:
                return names.index(small) + 1, language
    raise AssertionError(name)


def _month_name(month: int, like: str, language: str) -> str:
    long, short = LANGUAGES[language]
    small = like.casefold()
    return (long if small in long else short)[month - 1]


def _cased(word: str, like: str) -> str:
    if like.isupper():
        return word.upper()
    return word.capitalize() if like[0].isupper() else word


def _weekday(start: int, text: str) -> tuple[int, Callable[[datetime.date], str]]:
    """Give where a date begins with the day of the week before it, and how to write that."""
    head = text[max(0, start - _WEEKDAY_CHARS) : start]
    match = _WEEKDAY.search(head)
    names = weekday_names(match["w"].casefold()) if match else None
    if match is None or names is None:
        return start, lambda date: ""
    word, rest = match["w"], match[0][len(match["w"]) :]

    def write(date: datetime.date) -> str:
        return _cased(names[date.weekday()], word) + rest

    return start - len(match[0]), write
