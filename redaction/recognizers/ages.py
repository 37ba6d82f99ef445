"""Ages: those over 89 identify (45 CFR 164.514(b)(2)(i)(C)), others score low."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar

from redaction import linear
from redaction.recognizers.base import Recognizer, Span, has_digit

_OLD, _OTHER = 0.85, 0.3
_LEAST_OLD, _OLDEST = 90, 130
_LAST_BIRTH_YEAR = 1936
"""Who was born in this year or before is about 90 or older."""

_UNIT = (
    r"(?:[- ]{0,2}(?:years?|yrs?|y)[- .]{0,2}(?:old|o)\b|[- ]?y[./-]{1,2}o\b\.?|[ ]?yo\b"
    r"|[- ]year[- ]olds?\b"
    r"|[ ](?:years?|yrs?)[ ]of[ ]age\b|[ ]?[FM]\b|[ ]?(?:y|yr|yrs|years?)(?=[ ]?(?:male|female|man"
    r"|woman|[FM]\b)))"
)
_WITH_UNIT = re.compile(rf"(?<![0-9A-Za-z.,/$€£-])([0-9]{{1,3}})({_UNIT})")
_LABELLED = re.compile(
    r"\b(?:age[ds]?|turn(?:ed|ing|s)|edad|alter|âge|età|idade)\b[ \t]{0,2}(?:is|of|was|:|="
    r"|-)?[ \t]{0,2}"
    r"(?<![0-9.])([0-9]{1,3})\b(?![.,]?[0-9]|%|[ ]?(?:months?|mos?|weeks?|days?|/))",
    re.IGNORECASE,
)
_LABEL_WORD = linear.compile(r"(?i)\b(?:aged?|ages|turn(?:ed|ing|s)|edad|alter|âge|età|idade)\b")
_DECADE = linear.compile(
    r"\bin(?:to)? (?:her|his|their|the|my) (?:late |early |mid-? ?)?(90|100)['’]?s\b"
)
_BIRTHDAY = linear.compile(r"\b((?:9[0-9]|1[0-2][0-9])(?:st|nd|rd|th)) birthday")
_BORN = linear.compile(r"\bborn (?:in )?(18[0-9]{2}|19[0-3][0-9])\b")
_WORD_AGE = linear.compile(
    r"(?i)\b(?:(?:ninety|one hundred|a hundred)(?:[- ](?:and[- ])?(?:one|two|three|four|five|six"
    r"|seven|eight"
    r"|nine|ten))?)(?:[- ]years?[- ]old|[- ]years of age)|\baged? (?:ninety"
    r"|one hundred)(?:[- ](?:one|two|three"
    r"|four|five|six|seven|eight|nine))?\b|\bnonagenarian\b|\bcentenarian\b|\bin (?:her|his"
    r"|their) nineties\b"
)


class AgeRecognizer(Recognizer):
    """AGE."""

    entity: ClassVar[str] = "AGE"

    def find(self, text: str) -> Iterator[Span]:
        """Give the spans of ages; an age of months, weeks or days is left out."""
        for match in _WORD_AGE.finditer(text):
            yield *match.span(), _OLD
        if not has_digit(text):
            return
        for match in _WITH_UNIT.finditer(text):
            years = int(match[1])
            short = match[2].strip() in {"F", "M"}
            if years <= _OLDEST and not (short and (years < 14 or _is_measure(text, match))):
                yield *match.span(), _score(years)
        for word in _LABEL_WORD.finditer(text):
            labelled = _LABELLED.match(text, word.start())
            if labelled is not None and int(labelled[1]) <= _OLDEST:
                yield *labelled.span(1), _score(int(labelled[1]))
        for pattern in (_DECADE, _BIRTHDAY):
            for match in pattern.finditer(text):
                yield *match.span(1), _OLD
        for match in _BORN.finditer(text):
            if int(match[1]) <= _LAST_BIRTH_YEAR and text[match.end() : match.end() + 1] not in {
                "-",
                "/",
            }:
                yield *match.span(1), _OLD


def _score(years: int) -> float:
    return _OLD if years >= _LEAST_OLD else _OTHER


def _is_measure(text: str, match: re.Match[str]) -> bool:
    """Tell whether it is a temperature, a molarity or an amount of money: "98 F", "$40M"."""
    if text[match.start() - 1 : match.start()] in {"$", "€", "£"}:
        return True
    return match[2] == " F" and (
        "temp" in text[max(0, match.start() - 20) : match.start()].lower() or int(match[1]) >= 96
    )
