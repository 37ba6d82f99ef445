"""Vehicles: their identification numbers and plates."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar

from redaction import linear
from redaction.recognizers.base import Span, has_digit, near, word_pattern
from redaction.recognizers.checks import vin_valid
from redaction.recognizers.labelled import LabelledRecognizer, label_pattern

_VIN = linear.compile(r"\b[A-HJ-NPR-Za-hj-npr-z0-9]{17}\b")
_VIN_WORDS = word_pattern(
    ["vin", "vehicle", "vehicle identification", "chassis", "car", "truck", "auto", "automobile"]
)
_PLATE = linear.compile(
    r"(?i:\b(?:licen[cs]e[ -]?plates?|number[ -]?plates?|reg(?:istration)?[ -]?plates?"
    r"|vehicle[ -]?reg"
    r"(?:istration)?|plates?|kfz-?kennzeichen|kennzeichen|plaque d[’']immatriculation"
    r"|immatriculation"
    r"|matr[ií]cula|targa|placas?)(?:[ ]?(?:numbers?|no\.?|num|#|nr\.?|id|tag)){0,2}"
    r"[\"']?(?:[ ]?(?:is|was|reads?|reading|of|[:=#,-]|\()){0,2}[ ]?[\"'(#]?)"
    r"((?:[A-Z]{2}[ ])?[A-Z0-9]{1,8}(?:[ ·•-]{1,2}[A-Z0-9]{1,5}){0,3})\b"
)
_LOWER_PLATE = linear.compile(
    r"(?i:\b(?:licen[cs]e |number )?plates?(?: (?:number|no\.?|#))?[ ]?(?:is|was|[:=#])?[ ]?)"
    r"([a-z0-9]{1,4}-[a-z0-9]{2,5}|[a-z]{1,3}[0-9]{2,4}[a-z]{0,3}|[0-9]{1,3}[a-z]{2,3}[0-9]{0,3})\b"
)
_OF_A_CAR = linear.compile(
    r"\b(?i:car|vehicle|driving|drove|truck|suv|sedan|van|pickup"
    r"|motorcycle)[ ](?:[a-z]{2,12}[ ]){0,3}"
    r"([0-9]?[A-Z]{2,3}[ -]?[0-9]{3,4}[A-Z]?|[0-9]{3}[ -]?[A-Z]{3})\b"
)
_STATES = re.compile(
    r"(?:A[KLRZ]|C[AOT]|D[CE]|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|P[AR]|RI"
    r"|S[CD]|T[NX]|UT|V[AT]|W[AIVY])[ ]"
)
_SHORTEST, _LONGEST = 4, 10


class VehicleRecognizer(LabelledRecognizer):
    """VEHICLE_ID."""

    entity: ClassVar[str] = "VEHICLE_ID"
    labels = label_pattern(
        r"vins?|vehicle identification|chassis|hin|fahrgestell ?nummer|num[eé]ro de ch[aâ]ssis",
        r"vehicle|car|chassis|fleet|boat|hull",
    )
    least_digits = 4
    weak = re.compile(r"chassis|hin|car.*|boat.*|fleet.*", re.DOTALL)

    def find(self, text: str) -> Iterator[Span]:
        """Give the spans of vehicles' numbers, and of plates behind a word for them."""
        if not has_digit(text):
            return
        yield from super().find(text)
        for match in _VIN.finditer(text):
            value = match[0].upper()
            if value.isdecimal() or value.isalpha():
                continue
            if near(_VIN_WORDS, text, *match.span()):
                yield *match.span(), 0.9
            elif vin_valid(value) and match[0].isupper():
                yield *match.span(), 0.8
        for pattern in (_LOWER_PLATE, _OF_A_CAR):
            for match in pattern.finditer(text):
                if has_digit(match[1]) and len(match[1]) >= _SHORTEST:
                    yield *match.span(1), 0.6
        for match in _PLATE.finditer(text):
            value = match[1]
            plain = _STATES.sub("", value, count=1)
            size = sum(map(str.isalnum, plain))
            if has_digit(plain) and _SHORTEST <= size <= _LONGEST and not _only_a_year(plain):
                yield *match.span(1), 0.75


def _only_a_year(value: str) -> bool:
    return value.isdecimal() and len(value) < 5 and value[:2] in {"19", "20"}
