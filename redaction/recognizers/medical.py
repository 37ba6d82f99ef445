"""Medical record numbers, which have no form of their own: what is said beside them counts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar

from redaction.recognizers.base import Recognizer, Span, has_digit

_LABELLED = re.compile(
    r"""(?<![a-z])(?:
        mrns? | emrn | med(?:ical)?\.?[ _-]{0,2}rec(?:ord)?s?\.?
      | (?:patient|chart|hospital|encounter|accession)[ _-]{0,2}(?=id|n[uo]|\#|ident)
    )
    (?:[ _-]{0,2}(?:id(?:entifier)?|num(?:ber)?|nos?\b\.?|nr))?
    [ ]{0,2}["']?[ \t]{0,3}(?:is|was|of|\#|[:=>-]){0,3}[ \t\r\n]{0,3}["'(#]{0,2}
    ( [a-z]{0,4}[-_.]?[0-9](?:[-. /]?[0-9a-z]){2,19} )(?![0-9a-z])""",
    re.VERBOSE | re.IGNORECASE,
)
_DIGITS = 4


class MedicalRecordRecognizer(Recognizer):
    """MEDICAL_RECORD_NUMBER."""

    entity: ClassVar[str] = "MEDICAL_RECORD_NUMBER"

    def find(self, text: str) -> Iterator[Span]:
        """Give the spans of numbers that follow a label such as MRN."""
        if not has_digit(text):
            return
        for match in _LABELLED.finditer(text):
            start, end = match.span(1)
            # The number ends with its last digit's word, not with the prose behind it.
            end = start + max(_word_end(match[1], index) for index in _digits(match[1]))
            if sum(char.isdigit() for char in text[start:end]) >= _DIGITS:
                yield start, end, 0.85


def _digits(value: str) -> list[int]:
    return [index for index, char in enumerate(value) if char.isdigit()]


def _word_end(value: str, index: int) -> int:
    while index < len(value) and value[index].isalnum():
        index += 1
    return index
