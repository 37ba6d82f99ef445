"""Names in small letters where words introduce one, and initials that stand for a person."""

from __future__ import annotations

import re
from collections.abc import Iterator

from redaction import linear
from redaction.lexicon import abbreviations, word_set
from redaction.name_words import (
    CLINICAL,
    NAME,
    NOBODY,
    PARTICLES,
    SUFFIXES,
    SURE_GIVEN,
    SURE_NAME,
    SURNAME,
    TERM,
    TITLE,
    USUAL_GIVEN,
    WORD,
    Word,
    words_in,
)
from redaction.recognizers.base import Span
from redaction.recognizers.name_context import context_before
from redaction.recognizers.name_scores import LIKELY, SINGLE

_INTRODUCED = linear.compile(
    r"\b(?i:name(?:['’]?s| is|d)|i am|i['’]?m|this is|call me|dear|hi|hey|hello|regards,?|thanks,?"
    r"|spoke (?:with|to)"
    r"|name:|patient:|pt:|patient)[ \t]{1,2}\n?[a-z]|\b(?:[Dd]r|[Mm]r|[Mm]rs"
    r"|[Mm]s)\.?[ \t]{1,2}[a-z]"
)
_LOWER_NAME = re.compile(r"[a-z]++(?:['’-][a-z]++)?(?:[ \t][a-z]++(?:['’-][a-z]++)?){0,2}")
_TITLE_END = re.compile(r"\b(?:[Dd]r|[Mm]r|[Mm]rs|[Mm]s)\.?\s*\Z")


_SIGNED = re.compile(r"(?:[-–—~][ ]?|\n)([^\W\d_]{3,20}(?:[ ][^\W\d_]{2,20})?)\s{0,3}\Z")
_SIGNED_CHARS = 48
_GREETED = word_set("hi hey hello dear")
_INITIALS = linear.compile(r"\b(?:[A-Z\x{c0}-\x{de}]\.[ ]?){2,3}|\b(?:[a-z]\.){2}")
_GLUE = frozenset("@.-_")
_AGED = re.compile(r",[ ](?:an?[ ])?[0-9]{1,3}(?:,|[ ]|y|-)|[ ]is[ ]an?[ ][0-9]{1,3}\b")


def initials(text: str) -> Iterator[Span]:
    """Give initials that stand for a person: where an age follows, or at the end of a note."""
    for match in _INITIALS.finditer(text):
        value = match[0].rstrip()
        if (
            text[match.start() - 1 : match.start()] in _GLUE
            or text[match.end() : match.end() + 1].isalnum()
        ):
            continue
        told = text[max(0, match.start() - 10) : match.start()].lower().endswith("initials ")
        if value.lower().replace(" ", "") in abbreviations() and not told:
            continue
        end = match.start() + len(value)
        last = not text[end:].strip() and text[: match.start()].rstrip()[-1:] in {".", "", "-"}
        if last or _AGED.match(text, end) is not None or (
            (before := context_before(text, match.start())) is not None and not before.strict
        ):  # fmt: skip
            yield match.start(), end, SINGLE


_SPEAKER = re.compile(
    r"(?:^|\n)\[[0-9:. APMapm]{3,12}\][ ]([A-Z\u00c0-\u00de][^\W\d_]+(?:-[^\W\d_]+)?"
    r"(?:[ ][A-Z][^\W\d_]+)?):"
)


def speakers(text: str) -> Iterator[Span]:
    """Give names of who speaks in a chat with times: "[10:42] Diya: Hi"."""
    if "]" not in text:
        return
    for match in _SPEAKER.finditer(text):
        word = next(words_in(text, *match.span(1)), None)
        if word is None or word.has(NOBODY | CLINICAL | TITLE | TERM):
            continue
        if word.has(NAME) or not word.has(WORD):
            yield *match.span(1), LIKELY


def introduced(text: str) -> Iterator[Span]:
    """Give names in lower case behind words that introduce one, and one that signs a text."""
    signed = _SIGNED.search(text[-_SIGNED_CHARS:])
    if signed is not None:
        offset = max(0, len(text) - _SIGNED_CHARS)
        start, end = offset + signed.start(1), offset + signed.end(1)
        signer = next(words_in(text, start, end, any_case=True), None)
        if signer is not None and signer.has(SURE_GIVEN):
            yield start, end, SINGLE
    for match in _INTRODUCED.finditer(text):
        first = match.end() - 1
        name = _LOWER_NAME.match(text, first)
        if name is None:
            continue
        titled = _TITLE_END.search(match[0][:-1]) is not None
        words: list[Word] = []
        for word in words_in(text, name.start(), name.end(), any_case=True):
            known = word.has(SURE_NAME) or (
                titled and not words and word.has(SURNAME) and not word.has(NOBODY | CLINICAL)
            )
            if not known or word.folded in PARTICLES | SUFFIXES:
                break
            words.append(word)
        greeted = match[0][:-1].strip().lower() in _GREETED
        if words and (
            titled or words[0].has(SURE_GIVEN if greeted else USUAL_GIVEN) or len(words) > 1
        ):
            yield match.start() if titled else words[0].start, words[-1].end, LIKELY
