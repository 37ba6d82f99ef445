"""Texts in capitals, and texts without any, as one would write them: models know names by case."""

from __future__ import annotations

import re

from redaction.lexicon import fold
from redaction.name_words import CITY, CLINICAL, SHORTHAND, SURE_NAME, TERM, WORD, kinds_of_words

_SHOUTED = re.compile(r"[A-Z]{2,}[^a-z\n]{1,80}[A-Z]{2,}").search
_LINE = re.compile(r"[^\n]+")
_LETTERS = re.compile(r"[^\W\d_]+")
_LEAST_LETTERS = 6


def truecase(text: str) -> str:
    """Give a text of the same length with capitals where names are."""
    if text.islower():
        return _LETTERS.sub(_raised, text)
    if _SHOUTED(text) is None:
        return text
    return _LINE.sub(_line, text)


def _line(match: re.Match[str]) -> str:
    line = match[0]
    upper = sum(map(str.isupper, line))
    if upper < _LEAST_LETTERS or any(map(str.islower, line)):
        # "Patient: JOHN SMITH" is found by its label; a line with small letters is left as it is.
        return _RUN.sub(_run, line) if upper >= _LEAST_LETTERS else line
    return _LETTERS.sub(_lowered, line)


_RUN = re.compile(r"(?<![A-Za-z])[A-Z]{3,20}(?:[ ,]{1,2}[A-Z]{1,20}){1,4}(?![A-Za-z])")


def _run(match: re.Match[str]) -> str:
    kinds = kinds_of_words()
    found = [kinds.get(word.lower(), 0) for word in _LETTERS.findall(match[0])]
    named = any(kind & SURE_NAME for kind in found)
    return _LETTERS.sub(_lowered, match[0]) if named else match[0]


def _lowered(match: re.Match[str]) -> str:
    word = match[0]
    if len(word) == 1:
        return word
    kind = kinds_of_words().get(fold(word), 0)
    if kind & SHORTHAND:
        return word
    new = word.lower() if kind & (WORD | TERM) and not kind & SURE_NAME else word.capitalize()
    return new if len(new) == len(word) else word


def _raised(match: re.Match[str]) -> str:
    word = match[0]
    if word == "i":
        return "I"
    kind = kinds_of_words().get(fold(word), 0)
    if len(word) < 3 or kind & (WORD | CLINICAL) or not kind & (SURE_NAME | CITY):
        return word
    new = word.capitalize()
    return new if len(new) == len(word) else word
