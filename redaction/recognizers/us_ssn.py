"""US Social Security numbers, however they are written.

Areas, groups and serials that were never issued (000, 666, 00, 0000) and the sample numbers of
old wallets count as well: a number that is no SSN costs a mask, one that is missed costs a leak.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar

import re2

from redaction.recognizers.base import Recognizer, Span, has_digit, near

_WORDS = re.compile(
    r"""(?<![a-z])(?:
        ssns? | ss[ ]?\# | ss[ ]?no | ss[ ]?num(?:ber)? | itins? | tins?
      | social(?:s|\W{0,3}(?:sec(?:urity)?|insurance))? | soc\W{0,3}sec(?:urity)?
      | tax\W?payer | tax\W{0,2}id(?:entification)? | segur(?:o|idad)\W{1,3}social
    )(?![a-z]) | (?-i:(?<=[a-z])S[Ss][Nn]s?(?![a-z]))""",
    re.VERBOSE | re.IGNORECASE,
)

_GAP = r"(\s{0,3}[-./_\\,:|~*+=]{1,5}\s{0,3}|[ \t]{1,4}|[ \t]{0,3}\r?\n[ \t]{0,3})"
_SEPARATED = re.compile(rf"(?<![0-9])[0-9]{{3}}{_GAP}[0-9]{{2}}{_GAP}[0-9]{{4}}(?![0-9])")
_BARE = re.compile(r"(?<![0-9])[0-9]{9}(?![0-9])")
_TWO_PARTS = re.compile(
    r"(?<![0-9])(?:[0-9]{3}[-. /_:]{1,3}[0-9]{6}|[0-9]{5}[-. /_:]{1,3}[0-9]{4})(?![0-9])"
)
_LOOSE = re.compile(r"(?<![0-9])[0-9](?:[^0-9A-Za-z]{0,3}[0-9]){8}(?![0-9])")
_FOUR = re.compile(r"(?<![0-9])[0-9]{4}(?![0-9])")
_SAID_TO_BE_LAST = re.compile(
    r"\b(?:end(?:s|ing|ed)?|last\W{0,2}(?:4|four)(?:\W{1,2}digits?)?)\b[^0-9]{0,40}\Z",
    re.IGNORECASE,
)
_SAID_CHARS = 60
# Letters that look like digits; RE2, because it looks at every letter of every text.
_LETTERED = re2.compile(r"\b[0-9OolI]{3}[-._/]?[0-9OolI]{2}[-._/]?[0-9OolI]{4}\b")
_MASK_BEFORE = re.compile(
    r"(?<![0-9A-Za-z])(?:[*#•.]{3}|xxx)[-. ]?(?:[*#•.]{2}|xx)[-. ]?\Z", re.IGNORECASE
)
_MASK_CHARS = 8

_DIGIT_WORD = r"(?:zero|one|two|three|four|five|six|seven|eight|nine|oh)"
_SPELLED = re2.compile(
    rf"(?i)\b{_DIGIT_WORD}(?:[\s,.;/-]{{1,4}}(?:dash\W{{1,3}})?{_DIGIT_WORD}){{8,}}\b"
)
_SPELLED_DIGIT = re.compile(_DIGIT_WORD, re.IGNORECASE)

_SEPARATOR_SCORES = {"-": 0.85, ".": 0.6, "/": 0.6, "_": 0.5, "": 0.5}
_BY_CONTEXT, _LOOSE_BY_CONTEXT, _LAST_FOUR_SCORE = 0.85, 0.8, 0.6
_BY_WORDS_ONLY = ((_TWO_PARTS, _BY_CONTEXT), (_LOOSE, _LOOSE_BY_CONTEXT))
_DIGITS, _LEAST_DIGITS = 9, 7
_BARE_SCORE, _DOUBTFUL = 0.45, 0.3


class UsSsnRecognizer(Recognizer):
    """US_SSN."""

    entity: ClassVar[str] = "US_SSN"

    def find(self, text: str) -> Iterator[Span]:
        """Give the spans of numbers, and of last four digits that are said to be of one."""
        for match in _SPELLED.finditer(text):
            start, end = match.span()
            if len(_SPELLED_DIGIT.findall(text, start, end)) == _DIGITS:
                yield start, end, _BY_CONTEXT if near(_WORDS, text, start, end) else _BARE_SCORE
        if not has_digit(text):
            return
        for match in _SEPARATED.finditer(text):
            start, end = match.span()
            score = _separated_score(text, match)
            if score < _BY_CONTEXT and near(_WORDS, text, start, end):
                score = _BY_CONTEXT
            yield start, end, score
        for match in _BARE.finditer(text):
            start, end = match.span()
            yield start, end, _bare_score(text, start, end)
        for pattern, score in _BY_WORDS_ONLY:
            for match in pattern.finditer(text):
                if near(_WORDS, text, *match.span()):
                    yield *match.span(), score
        for match in _LETTERED.finditer(text):
            start, end = match.span()
            digits = sum(char.isdigit() for char in text[start:end])
            if _LEAST_DIGITS <= digits < _DIGITS:
                if near(_WORDS, text, start, end):
                    yield start, end, _BY_CONTEXT
                elif end - start > _DIGITS + 1:
                    yield start, end, _BARE_SCORE
        for match in _FOUR.finditer(text):
            start, end = match.span()
            said = _SAID_TO_BE_LAST.search(text[max(0, start - _SAID_CHARS) : start])
            if said is not None and near(_WORDS, text, start, end):
                yield start, end, _LAST_FOUR_SCORE
            mask_start = max(0, start - _MASK_CHARS)
            mask = _MASK_BEFORE.search(text[mask_start:start])
            if mask is not None and not text[end : end + 1].isalnum():
                yield mask_start + mask.start(), end, _LAST_FOUR_SCORE


def _separated_score(text: str, match: re.Match[str]) -> float:
    start, end = match.span()
    first, second = _sign(match[1]), _sign(match[2])
    score = _SEPARATOR_SCORES.get(first, _DOUBTFUL)
    if first != second:
        score = min(score, _SEPARATOR_SCORES.get(second, _DOUBTFUL), 0.5)
    if first == "-":
        # Inside a longer number with dashes it is rather a part of that.
        return 0.5 if _continues(text, start, end, "-") else score
    if first == "." and (_continues(text, start, end, ".") or text[start - 1 : start].isalpha()):
        return _DOUBTFUL
    if not first and _continues(text, start, end, " \t\n\r"):
        # Three numbers in a row of numbers.
        return _DOUBTFUL
    return score


def _sign(gap: str) -> str:
    """Give the separator of a gap that tells most; of `**-**` it is the dash."""
    return next((sign for sign in "-./_" if sign in gap), gap.strip()[:1])


def _continues(text: str, start: int, end: int, separators: str) -> bool:
    before, after = text[max(0, start - 3) : start], text[end : end + 3]
    left, right = before.rstrip(separators), after.lstrip(separators)
    return (len(left) < len(before) and left[-1:].isdigit()) or (
        len(right) < len(after) and right[:1].isdigit()
    )


def _bare_score(text: str, start: int, end: int) -> float:
    before, after = text[max(0, start - 3) : start], text[end : end + 2]
    context = near(_WORDS, text, start, end) or before.lower() == "ssn"
    glued_before = before[-1:].isalpha() and before.lower() != "ssn"
    glued_after = after[:1].isalpha()
    if glued_before or glued_after:
        # Part of a word, a hash or a serial number.
        return 0.5 if context and not (glued_before and glued_after) else 0.1
    if context:
        return _BY_CONTEXT
    if before[-1:] in _JOINTS and before[-2:-1].isdigit():
        return _DOUBTFUL
    if after[:1] in _JOINTS and after[1:2].isdigit():
        return _DOUBTFUL
    return _DOUBTFUL if before[-1:] in _CURRENCIES else _BARE_SCORE


_JOINTS = (".", ",", "-", ":")
_CURRENCIES = ("$", "€", "£", "¥")
