"""Digits in words: "five three six, nine zero", "double five", "thirty-six"."""

from __future__ import annotations

import re
from collections.abc import Iterator

from redaction import linear
from redaction.edits import Edit

_DIGITS = {
    word: str(value)
    for words in (
        "zero one two three four five six seven eight nine",
        "cero uno dos tres cuatro cinco seis siete ocho nueve",
        "zéro un deux trois quatre cinq six sept huit neuf",
        "null eins zwei drei vier fünf sechs sieben acht neun",
        "zero uno due tre quattro cinque sei sette otto nove",
        "zero um dois três quatro cinco seis sete oito nove",
    )
    for value, word in enumerate(words.split())
} | {
    "oh": "0",
    "niner": "9",
    "nought": "0",
    "naught": "0",
    "zwo": "2",
    "fuenf": "5",
    "tres": "3",
    "meia": "6",
}
_TEENS = {
    "ten": "10", "eleven": "11", "twelve": "12", "thirteen": "13", "fourteen": "14",
    "fifteen": "15", "sixteen": "16", "seventeen": "17", "eighteen": "18", "nineteen": "19",
}  # fmt: skip
_TENS = {
    "twenty": "2", "thirty": "3", "forty": "4", "fifty": "5", "sixty": "6", "seventy": "7",
    "eighty": "8", "ninety": "9",
}  # fmt: skip
_TIMES = {"double": 2, "triple": 3, "treble": 3}
_DASH = "dash|hyphen|minus|gui[oó]n|tiret|strich|bindestrich|trattino|traço"

_WORD = "|".join(sorted([*_DIGITS, *_TEENS, *_TENS, *_TIMES, "hundred"], key=len, reverse=True))
_ITEM = rf"(?:(?:{_WORD})|[0-9]{{1,4}})"
_BETWEEN = rf"[\s,.;/_|-]{{1,4}}(?:(?:{_DASH}|space|dot|point|slash|and|then)[\s,.]{{1,3}})?"
_RUN = linear.compile(rf"(?i)\b{_ITEM}(?:{_BETWEEN}{_ITEM}){{2,}}\b")
_ITEMS = re.compile(rf"(?P<word>{_WORD})|(?P<digits>[0-9]+)|(?P<dash>{_DASH})", re.I)
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
        word = item[0].lower()
        if position < first and times == 1:
            dash = "-" if _DASHED.search(text[position:first]) and not tens else ""
            yield position, first, dash
            position = first
        if word in _TIMES:
            # It goes with the digit that it doubles.
            times = _TIMES[word]
            continue
        yield position, last, _digits(text, item, end) * times
        position, times, tens = last, 1, word in _TENS
    if position < end:
        yield position, end, ""


def _digits(text: str, item: re.Match[str], end: int) -> str:
    word, last = item[0].lower(), item.end()
    if item["digits"]:
        return word
    if item["dash"]:
        return "-"
    if word in _TENS:
        # A digit behind it is its second one; without one it is a nought.
        return _TENS[word] + ("" if _ONES.match(text, last, end) else "0")
    if word == "hundred":
        return "" if _SMALL.match(text, last, end) else "00"
    return _TEENS.get(word) or _DIGITS[word]


_ONES = re.compile(r"[ -](?:one|two|three|four|five|six|seven|eight|nine)\b", re.IGNORECASE)
_SMALL = re.compile(rf"[ ,-]{{1,2}}(?:and[ ])?(?:{'|'.join([*_TENS, *_TEENS])})\b", re.IGNORECASE)
