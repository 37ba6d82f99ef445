"""Names, addresses and dates whose form gives them away, beside what the language model finds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar

from redaction.recognizers.base import Recognizer, Span, has_digit

_NAME = r"[A-Z][^\W\d_]*(?:['’-][A-Z]?[^\W\d_]+)?"
_TITLED = re.compile(
    rf"(?<![A-Za-z])(?:Dr|Mr|Mrs|Ms|Miss|Prof|Professor|Doctor|Nurse|Sister|Rev)\b\.?[ \t]{{1,2}}"
    rf"({_NAME}(?:[ \t]{{1,2}}(?:[A-Z]\.|{_NAME})){{0,2}})"
)
_LABELLED = re.compile(
    r"(?i:(?<![A-Za-z])(?:patient|pt|member|subscriber"
    r"|(?:full|first|last|patient|contact)?[ _-]?name|next of kin|attending|provider))"
    r"[\"']?[ \t]{0,2}[:=][ \t]{0,3}[\"']?"
    rf"({_NAME},?(?:[ \t]{{1,2}}(?:[A-Z]\.?(?![A-Za-z])|{_NAME})){{1,3}})"
)


class PersonFormRecognizer(Recognizer):
    """PERSON: names behind a title or a label."""

    entity: ClassVar[str] = "PERSON"

    def find(self, text: str) -> Iterator[Span]:
        """Give the spans of names."""
        for match in _TITLED.finditer(text):
            yield *match.span(1), 0.6
        for match in _LABELLED.finditer(text):
            yield *match.span(1), 0.6


_STREET = re.compile(
    r"(?<![0-9A-Za-z.,-])[0-9]{1,6}[A-Za-z]?[ \t]{1,2}"
    r"(?:[A-Z0-9][\w'’.-]{0,24}[ \t]{1,2}){1,4}"
    r"(?:Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Place|Pl|Square|Sq"
    r"|Terrace|Ter|Parkway|Pkwy|Circle|Cir|Highway|Hwy|Trail|Trl)\b\.?"
    r"(?:,?[ \t]{1,2}(?:Apt|Apartment|Suite|Ste|Unit|#)\.?[ \t]{0,2}[0-9A-Za-z-]{1,6})?"
)
_BOX = re.compile(r"(?i)\bP\.?[ ]?O\.?[ ]?Box[ ]{1,2}[0-9]{1,6}\b")
_STATE_ZIP = re.compile(
    r"\b(?:A[KLRZ]|C[AOT]|D[CE]|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|P[AR]|RI"
    r"|S[CD]|T[NX]|UT|V[AT]|W[AIVY])[ ]{1,2}[0-9]{5}(?:-[0-9]{4})?(?![0-9-])"
)


class AddressRecognizer(Recognizer):
    """LOCATION: street addresses, post boxes and ZIP codes of the United States."""

    entity: ClassVar[str] = "LOCATION"

    def find(self, text: str) -> Iterator[Span]:
        """Give the spans of addresses."""
        if not has_digit(text):
            return
        for pattern in (_STREET, _BOX, _STATE_ZIP):
            for match in pattern.finditer(text):
                yield *match.span(), 0.6


_DATE = re.compile(
    r"(?<![0-9A-Za-z.\-/])(?:(?:19|20)[0-9]{2}([-/.])[01]?[0-9]\1[0-3]?[0-9]"
    r"|[0-3]?[0-9]([-/.])[0-3]?[0-9]\2(?:19|20)?[0-9]{2})(?![0-9A-Za-z\-/]|\.[0-9])"
)


class DateFormRecognizer(Recognizer):
    """DATE_TIME: dates in digits; a time stamp with a T is a machine's and no date of a person."""

    entity: ClassVar[str] = "DATE_TIME"

    def find(self, text: str) -> Iterator[Span]:
        """Give the spans of dates."""
        if has_digit(text):
            for match in _DATE.finditer(text):
                yield *match.span(), 0.6
