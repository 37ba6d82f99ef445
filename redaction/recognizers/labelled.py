"""Numbers that only a label tells from others: `MRN: 00123456`, `4471-88 is her member id`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar

from redaction import linear
from redaction.recognizers.base import Recognizer, Span, has_digit

GAP = r"[\s_.\-]{0,3}"
"""What may stand between the words of a label."""

QUALIFIER = (
    rf"(?:{GAP}(?:id(?:entif(?:ier|ication)|entity)?s?|numbers?|num(?:mer|ero)?s?|nbr|nos?|nr"
    rf"|n[uú]mero|num[eé]ro|n[º°]|code|#)\b?)"
)
"""The part of a label that says that a number follows."""


def label_pattern(strong: str, qualified: str = "") -> linear.Pattern:
    """Make a pattern of labels in RE2: some that stand alone, some only with a qualifier.

    A space in either stands for what may separate the words of a label. RE2 takes a few
    microseconds for a kilobyte, however many labels there are.
    """
    kinds = [f"(?:{strong}){QUALIFIER}{{0,2}}"] if strong else []
    if qualified:
        kinds.append(f"(?:{qualified}){QUALIFIER}{{1,2}}")
    return linear.compile(rf"(?i)(?:\b|_)(?:{'|'.join(kinds)})".replace(" ", GAP))


# Behind the label: what closes a name of a field or mark-up, a verb or a sign, an end of line,
# and what opens a value.
_LINK = r"""
    \.?+ (?:[ \t]{0,2}\([^()\n0-9]{1,30}\))?+ (?:["'`_\])]|\*(?!\*\*)){0,4}+ [ \t]{0,4}+
    (?:(?:(?i:is|was|are|were|of|as|reads?|equals|es|est|ist|lautet|[eéè]
           |end(?:s|ing|ed)?[ ](?:in|with|on)|last[ ](?:four|4)(?:[ ]digits?)?)\b(?!-)
        |\#(?=[ \t:])|[:=|>→–-]{1,3}+|,(?=[ ]))(?:`|\*\*(?!\*)){0,2}+[ \t]{0,4}+){0,4}+
    (?:\r?\n[ \t]{0,8}+){0,2}+ (?:["'`(\[{<|]|\*\*(?!\*)){0,3}+ [ ]?+
"""
_VALUE = r"""
    (\#?+[ ]?(?:(?:[*xX•]{2,12}+[- ]?){1,4}+|[A-Z]{1,5}[ ](?=[0-9]{2}))?+
     [A-Za-z0-9]{1,40}+(?:[-./_][A-Za-z0-9]{1,24}+){0,7}+
     (?:(?<=[0-9])[ ][0-9]{2,4}(?![0-9A-Za-z%/:-]|\.[0-9])
        |(?<=[ \-][0-9]{2})[ ][A-Z](?![A-Za-z0-9])){0,5}+)
    (?![%@]|://)
"""
_DIRECT = re.compile(_LINK + _VALUE, re.VERBOSE)
# MRN of the patient in bed 4 is 123456: words, then a verb or sign.
_BRIDGED = re.compile(
    r"[ ,]{1,2}(?:[^\W\d_]|[ ,'’()\-]|(?<![0-9])[0-9](?![0-9])){0,40}?(?:(?i:\bis|\bwas|\bas)\b"
    r"|[:=])[ \t]{0,3}+[\"'(]{0,2}+" + _VALUE,
    re.VERBOSE,
)
_NEXT = re.compile(
    r"[ \t]{0,2}(?:,|;|/|&|\+|,?[ ]and|,?[ ]or|,?[ ]y|,?[ ]et|,?[ ]und)[ \t]{1,2}" + _VALUE,
    re.VERBOSE,
)
_BEFORE = re.compile(
    r"""(?<![0-9A-Za-z.$€£-])(\#?[A-Za-z0-9]{1,24}+(?:[-./_][A-Za-z0-9]{1,24}+){0,6}+)
    (?:[ ]{0,2}\(|[ ]{1,2}(?:(?:is|was|being|as|=|are)[ ]{1,2})
      (?:(?i:my|the|his|her|their|your|our|its|this|a|new|old|current
          |patient[’']?s?)[ ]{1,2}){0,2})\Z
    """,
    re.VERBOSE,
)
_BEFORE_CHARS = 64

_OTHER_FORMS = re.compile(
    r"[0-9]{1,2}[/.-][0-9]{1,2}[/.-](?:19|20)[0-9]{2}|(?:19"
    r"|20)[0-9]{2}[/.-][0-9]{1,2}[/.-][0-9]{1,2}"
    r"(?:T.*)?|[0-9]{1,2}/[0-9]{1,2}/[0-9]{2}|[0-9]{1,3}\.[0-9]{1,2}|[0-9]{1,3}/[0-9]{1,3}"
    r"|(?i:[0-9]{1,4}(?:mg|mcg|ml|kg|g|lbs?|cm|mm|hz|years?|yo|yr|days?|hrs?|hours?|min|x|th|st"
    r"|nd|rd)"
    r"|v?[0-9]{1,2}(?:\.[0-9]{1,3}){1,3})"
)
_LAST_DIGITS = re.compile(
    r"[^\n]{0,12}?(?:\b(?:end(?:s|ing|ed)?[ ](?:in|with)|last[ ](?:four|4))\b|[*xX•#]{3})",
    re.IGNORECASE,
)
_YEAR = re.compile(r"(?:19|20)[0-9]{2}")
_UNIT_FOLLOWS = re.compile(
    r"[ ]{0,2}(?:mg|mcg|ml|mmhg|kg|cm|mm|units?|times|people|patients|users|records|days?|weeks?"
    r"|months?|years?|hours?|minutes?|percent|dollars?|usd|eur|euros?|bytes|[kmg]b)\b",
    re.IGNORECASE,
)
_TAIL = re.compile(r"[-./_](?:[a-z]{4,}|[A-Z]?[a-z]{2,})\Z|\.[A-Za-z]{2,}\Z|/[A-Za-z]?[0-9]{0,2}\Z")
_LIST = 20


def value_after(
    text: str, position: int, least: int, pattern: re.Pattern[str] = _DIRECT
) -> tuple[int, int] | None:
    """Give the span of a number that stands right behind a label, or None."""
    match = pattern.match(text, position)
    return None if match is None else _number(text, match, least)


def _number(text: str, match: re.Match[str], least: int) -> tuple[int, int] | None:
    start, end = match.span(1)
    value = match[1]
    while (tail := _TAIL.search(value)) is not None:
        value = value[: tail.start()]
    end = start + len(value)
    if text[start : start + 2] == "# ":
        start += 2
    elif value[:1] == "#" and not text[start - 1 : start].isspace():
        start += 1
    if sum(map(str.isdecimal, value)) < least or _OTHER_FORMS.fullmatch(value.lstrip("#")):
        return None
    if end - start < 6 and _UNIT_FOLLOWS.match(text, end):
        return None
    return start, end


class LabelledRecognizer(Recognizer):
    """A number behind a label, or before one that explains it."""

    labels: ClassVar[linear.Pattern]
    least_digits: ClassVar[int] = 4
    weak: ClassVar[re.Pattern[str] | None] = None
    """Labels that say little: behind them a year or a short number is nothing."""
    score: ClassVar[float] = 0.9

    def find(self, text: str) -> Iterator[Span]:
        """Give the spans of numbers beside a label of theirs."""
        if not has_digit(text):
            return
        for label in self.labels.finditer(text):
            start, end = label.span()
            if text[end : end + 1].isalpha() and text[end - 1].isalpha():
                continue
            yield from self.beside(text, start, end)

    def beside(self, text: str, start: int, end: int) -> Iterator[Span]:
        """Give the spans of numbers beside a label."""
        label = text[start:end].strip(" _.-\t\r\n").casefold()
        last_digits = _LAST_DIGITS.match(text, end) is not None
        weak = self.weak is not None and self.weak.fullmatch(label) is not None and not last_digits
        least = 3 if last_digits else self.least_digits
        found, score = value_after(text, end, least), self.score
        if found is None and not weak:
            found, score = value_after(text, end, max(4, least), _BRIDGED), self.score - 0.2
        if found is None:
            found, score = _value_before(text, start, max(4, least)), self.score - 0.1
            if found is not None and self.believes(text[slice(*found)], weak):
                yield *found, score
            return
        shape = text[slice(*found)]
        for _ in range(_LIST):
            value = text[slice(*found)]
            if not self.believes(value, weak):
                return
            yield *found, score
            after = _NEXT.match(text, found[1])
            found = None if after is None else _number(text, after, max(4, least))
            if found is None or not _alike(shape, text[slice(*found)]):
                return

    def believes(self, value: str, weak: bool) -> bool:
        """Tell whether a value is enough like the entity; `weak`: the label says little."""
        if not weak:
            return True
        digits = sum(map(str.isdecimal, value))
        if value.startswith("0x"):
            return False
        return digits >= 5 or (digits >= 3 and not value.lstrip("#").isdecimal())


def _value_before(text: str, start: int, least: int) -> tuple[int, int] | None:
    """Give the span of a number before a label: `123456 (MRN)`, `123456 is the MRN`."""
    first = max(0, start - _BEFORE_CHARS)
    match = _BEFORE.search(text[first:start])
    if match is None:
        return None
    value = match[1]
    if sum(map(str.isdecimal, value)) < least or _OTHER_FORMS.fullmatch(value):
        return None
    if _YEAR.fullmatch(value):
        return None
    return first + match.start(1), first + match.end(1)


def _alike(first: str, second: str) -> bool:
    """Tell whether a second number of a list is of the first one's kind."""
    return abs(len(first) - len(second)) <= 2 and first[:1].isdigit() == second[:1].isdigit()
