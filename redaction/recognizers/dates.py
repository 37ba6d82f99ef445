"""Dates by their form: all that says more than a year (45 CFR 164.514(b)(2)(i)(C))."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar

from redaction import linear
from redaction.recognizers.base import Recognizer, Span, has_digit

_SURE, _FORM, _LIKELY, _MONTH_ALONE, _DOUBTFUL = 0.85, 0.6, 0.5, 0.45, 0.3

# English, Spanish, French, German, Italian, Portuguese, Dutch.
_FULL_MONTH = (
    "january|february|march|april|may|june|july|august|september|october|november|december"
    "|enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|setiembre|octubre|noviembre"
    "|diciembre|janvier|février|fevrier|mars|avril|mai|juin|juillet|août|aout|septembre|octobre"
    "|novembre|décembre|decembre|januar|jänner|februar|märz|maerz|juni|juli|oktober|dezember"
    "|gennaio|febbraio|aprile|maggio|giugno|luglio|settembre|ottobre|dicembre|janeiro|fevereiro"
    "|março|marco|maio|junho|julho|setembro|outubro|novembro|dezembro|januari|februari|maart|mei"
    "|augustus"
)
_SHORT_MONTH = (
    "jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec|ene|abr|ago|dic|okt|dez|janv|févr|juil"
)
_MONTH_WORD = linear.compile(rf"(?i)(?:\b|[0-9])({_FULL_MONTH}|{_SHORT_MONTH})(?:\b|[0-9])")

_DAY = r"(?:[12][0-9]|3[01]|0?[1-9])(?:st|nd|rd|th|er|º|ª|\.)?"
_YEAR = r"(?:(?:1[89]|20)[0-9]{2}|['’][0-9]{2})(?![0-9])"
_OF = r"(?:[ \t,./-]{1,3}|[ \t]{1,2}(?:of|de|del|di|do|den)[ \t]{1,2})"
_TO = r"[ \t]{0,2}(?:-|–|—|to|through|thru|until|and|&|al|au|bis)[ \t]{0,2}"
_DAYS = rf"{_DAY}(?:{_TO}{_DAY})?"
# What may stand before and behind a month: "March 3-5, 2024", "5th of [May] 2020", "14-[Mar]-24".
_BEHIND_MONTH = re.compile(
    rf"\.?(?:[ \t,-]{{1,3}}(?:the[ \t])?{_DAYS}(?![0-9%]|[:.,][0-9])"
    rf"(?:(?:[ \t]?,[ \t]{{0,2}}|[ \t]{{1,2}}(?:of[ \t])?|-){_YEAR}|-[0-9]{{2}}\b)?"
    rf"|{_OF}{_YEAR})",
    re.IGNORECASE,
)
_DAY_BEFORE = re.compile(rf"(?:\bthe[ ])?(?<![0-9A-Za-z.,/:-]){_DAYS}(?:{_OF}|)\Z", re.IGNORECASE)
_YEAR_BEHIND = re.compile(
    rf"\.?(?:(?:[ \t,./-]{{1,3}}|[ \t]{{1,2}}(?:of|de|del)[ \t]{{1,2}}|){_YEAR}|-[0-9]{{2}}\b)",
    re.IGNORECASE,
)
_WEEKDAY_BEFORE = re.compile(
    r"\b(?:mon|tues?|wed(?:nes)?|thur?s?|fri|sat(?:ur)?|sun)(?:day)?\.?,?[ \t]{1,2}(?:the[ \t])?\Z",
    re.IGNORECASE,
)
_BEFORE_CHARS, _WEEKDAY_CHARS = 28, 16

_BEFORE_MONTH = re.compile(
    r"(?:\b(?:in|since|last|this|next|early|late|mid|of|until|till|through|by|during|from|to|before"
    r"|after"
    r"|every|between|and)[ \t]{1,2}|\bmid-)\Z",
    re.IGNORECASE,
)
_WHICH = re.compile(r"(?i)\b(?:last|next|this|early|late|mid)[ -]\Z")
_WORDS_TOO = frozenset({"may", "march", "august", "mars", "mai", "marco", "mei", "avril", "mayo"})

_NUMERIC = re.compile(
    r"(?<![0-9A-Za-z.,/$€£#=:])(?:"
    r"(?P<y>(?:1[89]|20)[0-9]{2})(?P<s1>[-/.])(?P<m1>[01]?[0-9])(?P=s1)(?P<d1>[0-3]?[0-9])"
    r"|(?P<a>[0-3]?[0-9])[ ]?(?P<s2>[-/.])[ ]?(?P<b>[0-3]?[0-9])[ ]?(?P=s2)[ ]?"
    r"(?P<y2>(?:1[89]|20)[0-9]{2}|['’]?[0-9]{2})"
    r"|(?P<my>[01]?[0-9])(?P<s3>[-/])(?P<y3>(?:19|20)[0-9]{2})"
    r"|(?P<y4>(?:19|20)[0-9]{2})(?P<s4>[-/])(?P<m4>[01][0-9])"
    r"|(?P<p>[01]?[0-9])(?P<s5>[/])(?P<q>[0-3]?[0-9])"
    r"|(?P<c>(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01]))"
    r")(?P<t>T[0-9]{2}:[0-9]{2})?(?![0-9A-Za-z/%]|-(?![0-3]?[0-9]/)[0-9A-Za-z]|\.[0-9])"
)
_RANGE_END = re.compile(r"[ ]?[-–—][ ]?(?=[01]?[0-9]/[0-3]?[0-9](?:/[0-9]{2,4})?(?![0-9/]))")
_STAMP_TAIL = re.compile(
    r"T[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?"
)

_TOLD = re.compile(
    r"(?:\b(?:d\.?o\.?b|d\.?o\.?s|d\.?o\.?a|d\.?o\.?d|date[ds]?|born|birth(?:day|date)?"
    r"|admi(?:t(?:ted)?|ssion)"
    r"|discharged?|d/c'?e?d?|seen|visit(?:ed)?|encounter|service|since|on|from|until|till|through"
    r"|thru|by|dated"
    r"|collected|performed|signed|dictated|transcribed|expires?|exp|died|death|surgery|scheduled"
    r"|appointment"
    r"|appt|follow-?up|f/u|before|after|of|due|started|stopped|received|updated|last|next|period"
    r"|effective"
    r"|expiry|expiration|valid|issued|lmp|edd|deadline|booked|labs?|recall|filed|cultures?|cath"
    r"|echo|cxr|mri|ct|ekg|ecg|x-?ray|note|rounds|drawn|resulted|sent|adm|placed|removed|comparison"
    r"|here|exam|visit|for"
    r"|to|between|and"
    r"|as of|starting"
    r"|ending|begin"
    r"|beginning)\b|\brecord[ ]date\b)[ \t:.=(\"'-]{0,4}(?:the[ ])?\Z",
    re.IGNORECASE,
)
_TOLD_CHARS = 18
_COUNTED = re.compile(r"(?i)\b(?:of|for|to|between|and|exp|expir\w{1,6}|valid)[ \t:(]{0,3}\Z")
_TIME = re.compile(
    r"[ ,]{1,2}[0-2]?[0-9]:[0-5][0-9](?::[0-5][0-9](?:[.,][0-9]{1,6})?)?(?:[ ]?[AaPp]\.?[Mm]\b\.?)?"
    r"(?![0-9:])"
)
_NOT_A_DATE_AFTER = re.compile(
    r"[ \t]?(?:mg|mcg|ml|mm|cm|kg|lb|oz|hours?|hrs?|h\b|min|days?|weeks?|wks?|months?|years?|yrs?"
    r"|tabs?|tablets?"
    r"|capsules?|units?|inch|in\b(?! [A-Z])|strength|systolic|murmur|pain|scale|points?|times"
    r"|doses?|%|°|x\b"
    r"|and a half|cups?|of (?:the|a)|lymph|nodes?|positive|cores?|beats?|stars?|people|patients"
    r"|pupils"
    r"|hpf|power|motor|reflexes|bilateral|in severity|on (?:the|a) )",
    re.IGNORECASE,
)
_NOT_A_DATE_BEFORE = re.compile(
    r"(?:\b(?:pain|rated|rates?|scored?|strength|grade|apgars?|gcs|motor|power|scale|severity"
    r"|murmur|ef|bp|ratio"
    r"|visual acuity|va|vision|size|dose|version|section|chapter|page|item|step|room|t|v|level"
    r"|levels|vessel"
    r"|reflexes|stage|phq|score of|orientation|out of|approximately|about|x)[ \t:=(-]{0,3}(?:is|of"
    r"|was|at|a)?"
    r"[ \t]{0,2})\Z",
    re.IGNORECASE,
)
_NEAR_CHARS = 24

_HOLIDAY = linear.compile(
    r"(?i)\b(?:christmas(?: eve| day)?|thanksgiving(?: day)?|easter(?: sunday| monday)?"
    r"|new year['’]?s(?: eve| day)"
    r"|halloween|independence day|labor day|memorial day|valentine['’]?s day|mother['’]?s day"
    r"|father['’]?s day"
    r"|st\.? patrick['’]?s day|ramadan|hanukkah|diwali|fourth of july|july fourth)"
    r"(?:,? (?:of )?(?:19|20)[0-9]{2}\b)"
)
_SEASON = linear.compile(
    r"(?i)\b(?:spring|summer|fall|autumn|winter)(?:,? (?:of )?(?:19|20)[0-9]{2}\b)"
)


class DateFormRecognizer(Recognizer):
    """DATE_TIME: dates written in digits and words; years, times and durations alone stay."""

    entity: ClassVar[str] = "DATE_TIME"

    def find(self, text: str) -> Iterator[Span]:
        """Give the spans of dates."""
        yield from _in_words(text)
        if has_digit(text):
            yield from _in_digits(text)
            for match in _HOLIDAY.finditer(text):
                yield *match.span(), _FORM
            for match in _SEASON.finditer(text):
                yield *match.span(), _STAMP


def _in_words(text: str) -> Iterator[Span]:
    reached = 0
    for month in _MONTH_WORD.finditer(text):
        start, end = month.span(1)
        if start < reached:
            continue
        span = _around(text, start, end)
        if span is not None:
            reached = span[1]
            yield span
        elif _is_month_alone(text, start, end):
            which = _WHICH.search(text[max(0, start - 6) : start])
            yield start if which is None else start - len(which[0]), end, _MONTH_ALONE


def _around(text: str, start: int, end: int) -> Span | None:
    """Give the date that a month is the middle of: a day before it, or a day or year behind it."""
    offset = max(0, start - _BEFORE_CHARS)
    before = text[offset:start]
    day = _DAY_BEFORE.search(before) if has_digit(before) else None
    if day is not None:
        year = _YEAR_BEHIND.match(text, end)
        return _with_weekday(text, offset + day.start()), end if year is None else year.end(), _FORM
    behind = _BEHIND_MONTH.match(text, end)
    if behind is None:
        return None
    # "may 3 times" is no date, "may 3, 2019" is one.
    if text[start:end] in _WORDS_TOO and _FOUR_DIGITS.search(behind[0]) is None:
        return None
    return _with_weekday(text, start), behind.end(), _FORM


def _with_weekday(text: str, start: int) -> int:
    weekday = _WEEKDAY_BEFORE.search(text[max(0, start - _WEEKDAY_CHARS) : start])
    return start if weekday is None else start - len(weekday[0])


_FOUR_DIGITS = re.compile("[0-9]{4}")


def _is_month_alone(text: str, start: int, end: int) -> bool:
    name = text[start:end]
    if len(name) < 4 or not name[0].isupper() or name.isupper():
        return False
    before = _BEFORE_MONTH.search(text[max(0, start - 12) : start])
    if before is None:
        return False
    if name.lower() not in _WORDS_TOO:
        return True
    return before[0].strip().lower() in {
        "in",
        "since",
        "last",
        "early",
        "late",
        "mid-",
        "of",
        "next",
    }


def _in_digits(text: str) -> Iterator[Span]:
    in_range = -1
    for match in _NUMERIC.finditer(text):
        start, end = match.span()
        if match["t"] is not None:
            stamp = _STAMP_TAIL.match(text, match.start("t"))
            end = match.end() if stamp is None else stamp.end()
        within = in_range == match.start()
        if not within and text[match.start() - 1 : match.start()] == "-":
            continue
        score = _numeric_score(text, match, within)
        if not score:
            continue
        time = _TIME.match(text, end) if match["t"] is None and match["p"] is None else None
        end = end if time is None else time.end()
        follows = _RANGE_END.match(text, end)
        if follows is not None:
            score = max(score, _FORM)
            in_range = follows.end()
        yield _with_weekday(text, start), end, score


def _numeric_score(text: str, match: re.Match[str], in_range: bool) -> float:
    start = match.start()
    before = text[max(0, start - _TOLD_CHARS) : start]
    told = _TOLD.search(before) is not None
    if match["t"] is not None:
        # A machine's time stamp, unless it is said of a person.
        return _FORM if _of_a_person(text, start) else _STAMP
    if match["y"] is not None:
        valid = _valid(match["m1"], match["d1"]) or _valid(match["d1"], match["m1"])
        return (_SURE if told else _FORM) if valid else 0.0
    if match["a"] is not None:
        return _full_score(match, told)
    if match["c"] is not None:
        return _FORM if told else _DOUBTFUL
    if match["my"] is not None:
        return _FORM if 1 <= int(match["my"]) <= 12 else 0.0
    if match["y4"] is not None:
        return (_FORM if told else _DOUBTFUL) if 1 <= int(match["m4"]) <= 12 else 0.0
    return _partial_score(text, match, told, in_range)


_STAMP = 0.35


def _full_score(match: re.Match[str], told: bool) -> float:
    first, second, sign = match["a"], match["b"], match["s2"]
    if not (_valid(first, second) or _valid(second, first)):
        return 0.0
    if len(match["y2"].lstrip("'’")) == 4:
        return _SURE if told else _FORM
    if sign == ".":
        # Two digits each, as dates are and versions are not.
        if len(first) == len(second) == 2:
            return _FORM if told else _LIKELY
        return _FORM if told else _DOUBTFUL
    return _SURE if told else _FORM


def _partial_score(text: str, match: re.Match[str], told: bool, in_range: bool) -> float:
    first, second = match["p"], match["q"]
    start, end = match.span()
    if not _valid(first, second):
        return 0.0
    if _NOT_A_DATE_AFTER.match(text, end) is not None:
        return 0.0
    if _NOT_A_DATE_BEFORE.search(text[max(0, start - _NEAR_CHARS) : start]) is not None:
        return 0.0
    if _WEEKDAY_BEFORE.search(text[max(0, start - _WEEKDAY_CHARS) : start]) is not None:
        return _FORM
    if in_range or (told and _COUNTED.search(text[max(0, start - _TOLD_CHARS) : start]) is None):
        return _FORM
    if text[max(0, start - 2) : start] == ", " and text[end : end + 1] in {"", "\n"}:
        return _LIKELY  # Behind a signature.
    # "7/10" may be a score, "4/19" hardly.
    return _LIKELY if int(second) > 12 else _DOUBTFUL


def _valid(month: str, day: str) -> bool:
    return 1 <= int(month) <= 12 and 1 <= int(day) <= 31


_PERSONAL = re.compile(
    r"(?i)\b(?:dob|dos|born|birth|admi(?:t|ssion)|discharge|seen|visit|encounter|died|death|surgery"
    r"|collected"
    r"|appointment|service)"
)
_PERSONAL_CHARS = 40


def _of_a_person(text: str, start: int) -> bool:
    return _PERSONAL.search(text, max(0, start - _PERSONAL_CHARS), start) is not None
