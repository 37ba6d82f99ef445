"""Licences, certificates, permits and passports."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar

from redaction import linear
from redaction.recognizers.base import Span, has_digit, near, word_pattern
from redaction.recognizers.checks import dea_valid
from redaction.recognizers.labelled import LabelledRecognizer, label_pattern

_DEA = linear.compile(r"\b[ABCDEFGHJKLMPRSTUX][A-Z9][0-9]{7}\b")
_DEA_WORDS = word_pattern(["dea", "prescriber", "controlled substance"])


class LicenseRecognizer(LabelledRecognizer):
    """LICENSE_NUMBER: of drivers and professions, certificates and permits."""

    entity: ClassVar[str] = "LICENSE_NUMBER"
    labels = label_pattern(
        r"(?:driver['’]?s?['’]?|drivers|driving|medical|nursing|rn|physician|pharmacy|pharmacist"
        r"|dental|professional|state|board|occupational|firearms?|pilot|commercial|operator['’]?s?"
        r"|teaching|law|bar|real estate|marriage|business|provider|hunting|fishing)"
        r" (?:driver['’]?s? )?(?:licen[cs]es?|lic\b|permits?|certificates?|certifications?|cert\b)"
        r"|licen[cs]e|cdl|dea|f[uü]hrerschein(?: ?nummer)?|permis de conduire|carnet de conducir"
        r"|licencia(?: de conducir)?|patente di guida|carteira de motorista|cnh|npi"
        r"|(?:birth|death|marriage) certificate|dl ?(?:#|:|no\b|num\b|number)|upin",
        r"lic|licen[cs]e|certificates?|certification|cert|permit|dl|registration|d\.l\.|bar"
        r"|professional|credential|medical council|gmc|hcpc|nmc",
    )
    least_digits = 3
    weak = re.compile(
        r"licen[cs]e|licencia|dea|cert.*|bar.*|registration.*|credential.*|business.*", re.DOTALL
    )

    def find(self, text: str) -> Iterator[Span]:
        """Give the spans of labelled numbers, and of DEA registrations by their check digit."""
        yield from super().find(text)
        if not has_digit(text):
            return
        for match in _DEA.finditer(text):
            if dea_valid(match[0]):
                yield *match.span(), 0.9 if near(_DEA_WORDS, text, *match.span()) else 0.6


class DriverLicenseRecognizer(LabelledRecognizer):
    """US_DRIVER_LICENSE: what of the above a driver holds."""

    entity: ClassVar[str] = "US_DRIVER_LICENSE"
    labels = label_pattern(
        r"(?:driver['’]?s?['’]?|driving|operator['’]?s?|commercial driver['’]?s?)"
        r" (?:licen[cs]es?|lic\b|permits?|id)|cdl|f[uü]hrerschein(?: ?nummer)?|permis de conduire"
        r"|licencia de conducir|carnet de conducir|patente di guida|dl ?(?:#|:|no\b|num\b|number)",
        r"dl",
    )
    least_digits = 3


# The two lines at the foot of a passport (ICAO 9303).
_MACHINE_READABLE = linear.compile(
    r"\bP[A-Z<][A-Z]{3}[A-Z<]{39}\s{1,3}[A-Z0-9<]{9}[0-9][A-Z]{3}[0-9]{7}[A-Z0-9<]{20,23}"
)


class PassportRecognizer(LabelledRecognizer):
    """PASSPORT: numbers of passports of any country, behind their label, and their last lines."""

    entity: ClassVar[str] = "PASSPORT"
    labels = label_pattern(
        r"(?:u\.?s\.? )?passports?(?: book| card)?|passeport|pasaporte|passaporto|passaporte"
        r"|reise ?pass(?: ?nummer)?|pass ?nummer|travel document"
    )
    least_digits = 5

    def find(self, text: str) -> Iterator[Span]:
        """Give the spans of labelled numbers and of machine-readable lines."""
        yield from super().find(text)
        if "<<" in text:
            for match in _MACHINE_READABLE.finditer(text):
                yield *match.span(), 0.95
