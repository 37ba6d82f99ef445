"""Digits in words: "five three six, nine zero", "double five", "thirty-six"."""

from __future__ import annotations

import re
from collections.abc import Iterator

import re2

from redaction.edits import Edit

_DIGITS = {
    word: str(value)
    for words in (
        "zero one two three four five six seven eight nine",
        "oh won too tree fower fife six seven ate niner",
        "cero uno dos tres cuatro cinco seis siete ocho nueve",
        "zéro un deux trois quatre cinq six sept huit neuf",
        "null eins zwei drei vier fünf sechs sieben acht neun",
        "zero uno due tre quattro cinque sei sette otto nove",
        "zero um dois três quatro cinco seis sete oito nove",
    )
    for value, word in enumerate(words.split())
    # Words that mean something else in prose, and no digit in any phrase of numbers.
    if word not in {"won", "too", "tree", "fower", "fife", "ate"}
} | {"nought": "0", "naught": "0", "zwo": "2", "fuenf": "5", "tres": "3", "meia": "6"}
_TEENS = {
    word: str(value)
    for value, word in enumerate(
        ["ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"],
        10,
    )
}
_TENS = {
    word: str(value)
    for value, word in enumerate(["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"], 2)
}
_TIMES = {"double": 2, "triple": 3, "treble": 3}
_DASHES = ["dash", "hyphen", "minus", "guion", "guión", "tiret", "strich", "bindestrich", "trattino", "traço"]

_WORD = "|".join(sorted([*_DIGITS, *_TEENS, *_TENS, *_TIMES, "hundred"], key=len, reverse=True))
_ITEM = rf"(?:(?:{_WORD})|[0-9]{{1,4}})"
_BETWEEN = rf"[\s,.;/_|-]{{1,4}}(?:(?:{'|'.join([*_DASHES, 'space', 'dot', 'point', 'slash', 'and', 'then'])})[\s,.]{{1,3}})?"
_RUN = re2.compile(rf"(?i)\b{_ITEM}(?:{_BETWEEN}{_ITEM}){{2,}}\b")
_ITEMS = re.compile(rf"(?P<word>{_WORD})|(?P<digits>[0-9]+)|(?P<dash>{'|'.join(_DASHES)})", re.I)
_HAS_WORD = re.compile(rf"(?:{_WORD})", re.IGNORECASE)
_DASHED = re.compile(r"\s-\s")
_LEAST_DIGITS = 4

GATE = rf"(?i:\b(?:{_WORD})[\s,.;/_|-]{{1,4}}(?:{_WORD}|[0-9]|dash|hyphen|minus))"
"""A pattern, for RE2, that any text with such a run matches."""


def spelled_digits(text: str) -> Iterator[Edit]:
    """Give the edits that write numbers in words as digits, each in its word's place."""
    for run in _RUN.finditer(text):
        start, end = run.span()
        if _HAS_WORD.search(text, start, end) is None:
            continue
        edits = list(_edits(text, start, end))
        if sum(len(new.replace("-", "")) for _, _, new in edits) >= _LEAST_DIGITS:
            yield from edits


def _edits(text: str, start: int, end: int) -> Iterator[Edit]:
    position, times, tens = start, 1, False
    for item in _ITEMS.finditer(text, start, end):
        first, last = item.span()
        between = text[position:first]
        dash = "-" if _DASHED.search(between) and not tens else ""
        if position < first:
            yield position, first, dash
        word = item[0].lower()
        new = ""
        if item["digits"]:
            new = word
        elif item["dash"]:
            new = "-"
        elif word in _TIMES:
            times = _TIMES[word]
        elif word in _TENS:
            # A digit behind it is its second one; without one it is a nought.
            new = _TENS[word] if _digit_follows(text, last, end) else _TENS[word] + "0"
        elif word in _TEENS:
            new = _TEENS[word]
        elif word == "hundred":
            new = "" if _number_follows(text, last, end) else "00"
        else:
            new = _DIGITS[word] * times
        if word not in _TIMES:
            times = 1
        tens = word in _TENS
        yield first, last, new
        position = last


_ONES = re.compile(r"[ -](?:one|two|three|four|five|six|seven|eight|nine)\b", re.IGNORECASE)
_SMALL = re.compile(rf"[ ,-]{{1,2}}(?:and[ ])?(?:{'|'.join([*_TENS, *_TEENS])})\b", re.IGNORECASE)


def _digit_follows(text: str, position: int, end: int) -> bool:
    match = _ONES.match(text, position, end)
    return match is not None


def _number_follows(text: str, position: int, end: int) -> bool:
    return _SMALL.match(text, position, end) is not None
