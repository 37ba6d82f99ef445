"""US Social Security numbers, however they are written.

Areas, groups and serials that were never issued (000, 666, 00, 0000) and the sample numbers of
old wallets count as well: a number that is no SSN costs a mask, one that is missed costs a leak.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import ClassVar

from redaction import linear
from redaction.recognizers.base import CONTEXT_CHARS, Recognizer, Span, has_digit
from redaction.recognizers.nearby import label_before, label_of

_WORDS = re.compile(
    r"""(?<![a-z])(?:
        social\W{1,3}security\W{1,3}(?:card|number|no|num)
      | ssns? | ss[ ]?\# | ss[ ]?no | ss[ ]?num(?:ber)? | s\.s\.n?\.? | itins? | tins? | sosec
      | social(?:s|\W{0,3}(?:sec(?:urity)?|insurance))? | soc\W{0,3}sec(?:urity)?
      | tax\W?payer | tax[\W_]{0,2}id(?:entification)?
      | segur(?:o|idad|an[çc]a)\W{1,3}social
      | s[ée]curit[ée]\W{1,3}sociale | sicurezza\W{1,3}sociale
      | sozialversicherungs\W?(?:nummer|nr)
    )(?![a-z]) | (?-i:(?<=[a-z])S[Ss][Nn]s?(?![a-z]))""",
    re.VERBOSE | re.IGNORECASE,
)
_NUMBER_FOLLOWS = re.compile(
    r"[\"')\]]?[ ]{0,2}(?:is|was|number|no\.?|#|[:=#-]|[ ]){0,4}[ ]?[\"'(]?[0-9*xX]{3}"
)

_GAP = r"(\s{0,3}[-./_\\,:|~*+=]{1,5}\s{0,3}|[ \t]{1,4}|[ \t]{0,3}\r?\n[ \t]{0,3})"
_SEPARATED = re.compile(rf"(?<![0-9])[0-9]{{3}}{_GAP}[0-9]{{2}}{_GAP}[0-9]{{4}}(?![0-9])")
_BARE = re.compile(r"(?<![0-9])[0-9]{9}(?![0-9])")
_TWO_PARTS = re.compile(
    r"(?<![0-9])(?:[0-9]{3}[-. /_:]{1,3}[0-9]{6}|[0-9]{5}[-. /_:]{1,3}[0-9]{4})(?![0-9])"
)
_LOOSE = re.compile(r"(?<![0-9])[0-9](?:[^0-9A-Za-z]{0,11}[0-9]){8}(?![0-9])")
# Digit by digit, but with wider gaps where the groups end.
_SPREAD = re.compile(
    r"(?<![0-9A-Za-z])[0-9]([ .\n])[0-9]\1[0-9](?:\1?[-/|]\1?|\1{2,3})"
    r"[0-9]\1[0-9](?:\1?[-/|]\1?|\1{2,3})[0-9]\1[0-9]\1[0-9]\1[0-9](?![0-9A-Za-z])"
)
_DIGIT_BY_DIGIT = re.compile(r"\s*([0-9](?:([ .,\n-])[0-9])(?:\2[0-9]){7})\s*")
_NINE = linear.compile(r"[0-9OolISBZ|](?:[^0-9A-Za-z]{0,11}[0-9OolISBZ|]){8}")
_FOUR = linear.compile(r"[0-9]{4,}")
_LAST = re.compile(
    r"(?<![a-z])(?:end(?:s|ing|ed)?|last\W{0,2}_?(?:4|four)(?:\W{1,2}digits?)?"
    r"|termina(?:ndo)?|endet|se[ ]termine)(?![a-z])[^0-9]{0,40}\Z",
    re.IGNORECASE,
)
_LAST_CHARS = 60
# Letters that look like digits.
_LETTERED = re.compile(
    r"(?<![0-9A-Za-z])[0-9OolISBZ|]{3}([-._/ ]?)[0-9OolISBZ|]{2}\1[0-9OolISBZ|]{4}(?![0-9A-Za-z])"
)
_MASKED = linear.compile(
    r"(?:[*#•.?]{3}|xxx|XXX|[0-9][*#•xX?]{2})[-. ]?(?:[*#•.?]{2}|xx|XX)[-. ]?[0-9]{4}"
    r"|[0-9]{3}[-. ](?:[*#•?]{2}|xx|XX)[-. ][0-9]{4}|[0-9]{3}-(?:[0-9]{2}|XX|xx"
    r"|[*#•?]{2})-(?:[*#•?]{4}|xxxx|XXXX)"
)
_BACKWARDS = re.compile(r"(?<![0-9])[0-9]{4}[-. /][0-9]{2}[-. /][0-9]{3}(?![0-9])")
_BACKWARDS_WORDS = re.compile(r"revers|backward", re.IGNORECASE)
_MEASURED = re.compile(
    r"[ ]{0,2}(?:(?i:bytes|dollars|usd|eur|euros?|pounds|people|users|rows|records|units|times"
    r"|views"
    r"|ms|ns|us|seconds|hz|[kmgt]i?b|hits|iterations|tokens|votes|shares|miles|km|years"
    r"|percent)\b|[%$€£¥])"
)

_SEPARATOR_SCORES = {"-": 0.85, ".": 0.6, "/": 0.6, "_": 0.5, "": 0.5}
_BY_CONTEXT, _LOOSE_BY_CONTEXT, _LAST_FOUR_SCORE = 0.99, 0.9, 0.8
_BY_WORDS_ONLY = ((_TWO_PARTS, 0.95), (_LOOSE, _LOOSE_BY_CONTEXT))
_DIGITS, _LEAST_DIGITS, _FEWEST_DIGITS = 9, 7, 5
_BARE_SCORE, _DOUBTFUL, _OF_A_PRODUCT = 0.45, 0.3, 0.35
_JOINTS = (".", ",", "-", ":")
_CURRENCIES = ("$", "€", "£", "¥")


class UsSsnRecognizer(Recognizer):
    """US_SSN."""

    entity: ClassVar[str] = "US_SSN"

    def find(self, text: str) -> Iterator[Span]:
        """Give the spans of numbers, and of last four digits that are said to be of one."""
        if not has_digit(text):
            return
        if _NINE.search(text) is not None:
            yield from _nine_digits(text)
        for match in _MASKED.finditer(text):
            start, end = match.span()
            if not text[start - 1 : start].isalnum() and not text[end : end + 1].isalnum():
                yield start, end, _LAST_FOUR_SCORE
        for match in _FOUR.finditer(text):
            start, end = match.span()
            before = text[max(0, start - _LAST_CHARS) : start]
            if end - start == 4 and _LAST.search(before) and _said(text, start, end):
                yield start, end, _LAST_FOUR_SCORE


_SOME_WORD = linear.compile(r"(?i)ss|s\.s|soc|tin|sec|tax|segur|s[ée]cu|sicur|sozial")


def _nine_digits(text: str) -> Iterator[Span]:
    for match in _SEPARATED.finditer(text):
        yield *match.span(), _separated_score(text, match)
    for match in _BARE.finditer(text):
        yield *match.span(), _bare_score(text, *match.span())
    for pattern, score in _BY_WORDS_ONLY if _SOME_WORD.search(text) is not None else ():
        for match in pattern.finditer(text):
            # Nine digits in a row are judged above.
            if match.end() - match.start() > _DIGITS and _said(text, *match.span()):
                yield *match.span(), score
    for match in _SPREAD.finditer(text):
        yield *match.span(), 0.6
    alone = _DIGIT_BY_DIGIT.fullmatch(text)
    if alone is not None and not _counts(alone[1][::2]):
        yield *alone.span(1), _BARE_SCORE
    for match in _LETTERED.finditer(text):
        start, end = match.span()
        digits = sum(map(str.isdecimal, match[0]))
        if digits < _DIGITS and digits >= _FEWEST_DIGITS and _said(text, start, end):
            yield start, end, 0.9
        elif _LEAST_DIGITS <= digits < _DIGITS and match[1].strip() and match[0].count("|") == 0:
            yield start, end, _BARE_SCORE
    for match in _BACKWARDS.finditer(text):
        start, end = match.span()
        if _said(text, start, end) and _BACKWARDS_WORDS.search(text[max(0, start - 60) : end + 60]):
            yield start, end, 0.6


def _counts(digits: str) -> bool:
    """Tell whether digits only count up or down, as in a list."""
    return len({int(b) - int(a) for a, b in itertools.pairwise(digits)}) == 1


def _said(text: str, start: int, end: int) -> bool:
    """Tell whether the words beside a number say that it is an SSN, and not another's label."""
    first = max(0, start - CONTEXT_CHARS)
    if _SOME_WORD.search(text[first : end + CONTEXT_CHARS]) is None:
        return False
    nearest = max((match.end() for match in _WORDS.finditer(text, first, start)), default=-1)
    _, other = label_before(text, start)
    if nearest >= 0:
        return nearest >= other
    if other >= 0:
        return False
    after = _WORDS.search(text, end, end + CONTEXT_CHARS)
    # The word may belong to the number that follows it.
    return after is not None and _NUMBER_FOLLOWS.match(text, after.end()) is None


def _separated_score(text: str, match: re.Match[str]) -> float:
    start, end = match.span()
    if _said(text, start, end):
        return _BY_CONTEXT
    first, second = _sign(match[1]), _sign(match[2])
    score = _SEPARATOR_SCORES.get(first, _DOUBTFUL)
    if first != second:
        score = min(score, _SEPARATOR_SCORES.get(second, _DOUBTFUL), 0.5)
    if first == "-":
        # Inside a longer number with dashes it is rather a part of that.
        score = 0.5 if _continues(text, start, end, "-") else score
    elif first == "." and (_continues(text, start, end, ".") or text[start - 1 : start].isalpha()):
        return _DOUBTFUL
    elif not first and _continues(text, start, end, " \t\n\r"):
        # Three numbers in a row of numbers.
        return _DOUBTFUL
    kind = label_of(text, start)
    if kind == "product":
        return min(score, _OF_A_PRODUCT)
    if kind and score < 0.6:
        return _DOUBTFUL
    return min(score, 0.5) if kind else score


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
    before, after = text[max(0, start - 4) : start], text[end : end + 2]
    glued_before = before[-1:].isalpha() and before[-3:].lower() != "ssn"
    glued_after = after[:1].isalpha()
    if glued_before and glued_after:
        return 0.1
    context = before[-3:].lower() == "ssn" or _said(text, start, end)
    if glued_before or glued_after:
        # Part of a word, a hash or a serial number.
        return 0.5 if context else 0.1
    if context:
        return _BY_CONTEXT
    if before[-1:] in _JOINTS and before[-2:-1].isdigit():
        return _DOUBTFUL
    if after[:1] in _JOINTS and after[1:2].isdigit():
        return _DOUBTFUL
    if before[-1:] in _CURRENCIES or before.rstrip(" ")[-1:] in _CURRENCIES:
        return _DOUBTFUL
    if _MEASURED.match(text, end) or label_of(text, start):
        return _DOUBTFUL
    return _BARE_SCORE
