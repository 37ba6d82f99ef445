"""Post codes and coordinates."""

from __future__ import annotations

import re
from collections.abc import Iterator

from redaction import linear
from redaction.lexicon import STATE_CODES
from redaction.recognizers.base import Span

_FORM, _LIKELY, _GUESS, _DOUBTFUL = 0.7, 0.6, 0.45, 0.3

_STATE = "|".join(sorted(STATE_CODES))
_STATE_ZIP = linear.compile(rf"\b(?:{_STATE})[,. ]{{1,3}}([0-9]{{5}}(?:-[0-9]{{4}})?)\b")
_ZIP_LABELLED = re.compile(
    r"(?i)\b(?:zip|postal|post|postcode|plz|cap|cp)\b[ _-]?(?:code)?[ ]{0,2}(?:is|of|:|="
    r"|#)?[ ]{0,2}([0-9]{4,6}(?:-[0-9]{3,4})?)(?![0-9])"
)
_ZIP_WORD = linear.compile(r"(?i)\b(?:zip|postal|post ?code|plz)\b")
_UK_POSTCODE = linear.compile(
    r"\b(?:[A-Z]{1,2}[0-9][0-9A-Z]?[ ]?[0-9][ABD-HJLNP-UW-Z]{2}|GIR[ ]?0AA)\b"
)
_CA_POSTCODE = linear.compile(r"\b[ABCEGHJ-NPRSTVXY][0-9][A-Z][ -]?[0-9][A-Z][0-9]\b")
_CODE_CITY = re.compile(
    r"(?<=[,\n(])(?:(?<=,)[ ])?(?:[A-Z]{1,2}-)?[0-9]{4,5}"
    r"(?:[ ][A-Z]{2})?[ ][A-Z\u00c0-\u00de][a-z\u00df-\u024f-]{2,24}(?:[ ]"
    r"(?:am|an der|sur|de|di)[ ][A-Z][a-z]{2,15})?"
)
_UNIT_ALONE = linear.compile(
    r"\b(?:Apt|Apartment|Suite|Ste|apartment|apt)\b\.?[ ]{0,2}#?[ ]?[0-9]{1,5}[A-Za-z]?\b"
)
_COORDINATES = re.compile(
    r"(?<![0-9A-Za-z.,-])([-+]?[0-9]{1,2}\.[0-9]{3,8})[ ]?°?[ ]?([NS])?[, ]{1,3}"
    r"([-+]?[0-9]{1,3}\.[0-9]{3,8})[ ]?°?[ ]?([EW])?"
    r"(?![0-9.,])"
)
_DEGREES = re.compile(
    r"[0-9]{1,3}°[ ]?[0-9]{1,2}['′’](?:[ ]?[0-9]{1,2}(?:\.[0-9]{1,4})?(?:[\"″”]"
    r"|''))?[ ]?[NSEW](?![A-Za-z])"
)
_LOCATED = re.compile(
    r"(?i)\b(?:lat|lon|lng|long|latitude|longitude|gps|coord\w{0,8}|located|location|geo\w{0,8})\b"
)
_LOCATED_CHARS = 40


def post_codes(text: str) -> Iterator[Span]:
    """Give the spans of codes and coordinates in a text that has a digit in it."""
    for match in _STATE_ZIP.finditer(text):
        if text[match.end() : match.end() + 1] != "-":
            yield *match.span(), _FORM
    for pattern, score in _CODES:
        for match in pattern.finditer(text):
            yield *match.span(), score
    for word in _ZIP_WORD.finditer(text):
        code = _ZIP_LABELLED.match(text, word.start())
        if code is not None:
            yield *code.span(1), _FORM
    yield from _coordinates(text)


_CODES = (
    (_UK_POSTCODE, _LIKELY),
    (_CA_POSTCODE, _LIKELY),
    (_CODE_CITY, _GUESS),
    (_UNIT_ALONE, _GUESS),
)


def _coordinates(text: str) -> Iterator[Span]:
    if "°" in text:
        for match in _DEGREES.finditer(text):
            yield *match.span(), _FORM
    if _FRACTION.search(text) is None:
        return
    for match in _COORDINATES.finditer(text):
        if abs(float(match[1])) > 90 or abs(float(match[3])) > 180:
            continue
        told = match[2] or match[4] or _LOCATED.search(
            text, max(0, match.start() - _LOCATED_CHARS), match.start()
        )  # fmt: skip
        yield *match.span(), _FORM if told else _DOUBTFUL


_FRACTION = linear.compile(r"[0-9]\.[0-9]{3}[^,]{0,10},[ ]?[-+]?[0-9]{1,3}\.[0-9]{3}")
