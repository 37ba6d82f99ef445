"""Medical record numbers, which have no form of their own: what is said beside them counts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar

from redaction.recognizers.base import Span, has_digit
from redaction.recognizers.headers import headers
from redaction.recognizers.labelled import LabelledRecognizer, label_pattern

_BESIDE = 0.6


class MedicalRecordRecognizer(LabelledRecognizer):
    """MEDICAL_RECORD_NUMBER."""

    entity: ClassVar[str] = "MEDICAL_RECORD_NUMBER"
    labels = label_pattern(
        r"[cepu]?mrns?|mr ?(?:#|no\b|num\b|number)|med(?:ical|s)? rec(?:ord)?s?"
        r"|(?:health|hospital|clinical|patient|pt|chart) rec(?:ord)?s?|med(?:ical)? (?:file|chart)"
        r"|histori(?:a|al) cl[ií]nic[ao]|expediente|prontu[aá]rio|cartella clinica"
        r"|patienten ?(?:nummer|nr|id|akte)|dossier (?:m[eé]dical|patient)|nhc|ipp",
        r"(?:hospital|hosp|clinic|facility)(?: (?:patient|pt))?|chart|unit|patient|patients|pt"
        r"|pat|patient file|records?|rec|episode",
    )
    least_digits = 3
    weak = re.compile(
        r"unit.*|(?:health|hospital|clinical|patient|pt|chart|med|medical|meds) rec(?:ord)?s?"
        r"|med(?:ical)? (?:file|chart)|expediente|ipp|nhc|records?.*|rec.*",
        re.DOTALL,
    )

    def find(self, text: str) -> Iterator[Span]:
        """Give the spans of labelled numbers, and of those beside a name and a date."""
        if not has_digit(text):
            return
        yield from super().find(text)
        for header in headers(text):
            if header.dated:
                for start, end in header.records:
                    yield start, end, _BESIDE
