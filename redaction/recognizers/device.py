"""Devices: serial numbers, implants, telephones."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar

from redaction import linear
from redaction.recognizers.base import Span, has_digit, near, word_pattern
from redaction.recognizers.checks import digits_of, luhn
from redaction.recognizers.labelled import LabelledRecognizer, label_pattern

# Unique Device Identifier (21 CFR 801) as GS1 and HIBCC write it.
_UDI = linear.compile(
    r"\(01\)[ ]?[0-9]{14}(?:[ ]?\((?:10|11|17|21|30|240)\)[ ]?[A-Za-z0-9./-]{1,20}){0,5}"
)
_HIBC = linear.compile(r"\+[A-Z][A-Z0-9]{3}[A-Z0-9]{1,18}[0-9]/\$\$?[A-Z0-9/+$]{2,40}")
_IMEI = linear.compile(r"\b[0-9]{2}[ -]?[0-9]{6}[ -]?[0-9]{6}[ -]?[0-9](?:[ /-]?[0-9]{2})?\b")
_ICCID = linear.compile(r"\b89[0-9]{17,18}\b")
_TELEPHONE_WORDS = word_pattern(["imei", "phone", "handset", "device", "mobile", "cell", "sim"])
_YEAR = re.compile("(?:19|20)[0-9]{2}")
_LOT = linear.compile(
    r"(?i)\b(?:lot|batch)(?:[ ]?(?:no\.?|number|#))?[ ]?[:=#]?[ ]?([A-Z0-9-]{4,20})\b"
)
_DEVICE_WORDS = word_pattern(
    [
        *("device", "implant", "implanted", "pacemaker", "icd", "defibrillator", "stent", "valve"),
        *("pump", "prosthesis", "lens", "catheter", "serial", "udi", "stimulator", "cpap"),
    ]
)


class DeviceRecognizer(LabelledRecognizer):
    """DEVICE_ID."""

    entity: ClassVar[str] = "DEVICE_ID"
    labels = label_pattern(
        r"serials?|s/?n ?(?:#|:)|sn(?:=|(?: ?number| ?no\b))|imei(?: ?sv)?|meid|imsi|iccid|esn|udid"
        r"|udi|idfa|gaid|aaid|advertising id|android id|asset tag|(?:device|implant|pacemaker|icd"
        r"|defibrillator|stimulator|pump|cpap|lens|valve|stent|monitor|meter|glucometer|prosthesis)"
        r" (?:serial|sn|s/n)|serien ?nummer|num[eé]ro de s[eé]rie|n[uú]mero de s[eé]rie",
        r"device|implant|pacemaker|defibrillator|stimulator|generator|insulin pump|pump"
        r"|sim(?: card)?"
        r"|hardware|equipment|handset|unit serial",
    )
    weak = re.compile(r"(?:serials?|hardware.*|equipment.*|generator.*|udi|esn)", re.DOTALL)

    def find(self, text: str) -> Iterator[Span]:
        """Give the spans of labelled numbers, and of those with a form of devices."""
        if not has_digit(text):
            return
        yield from super().find(text)
        for pattern in (_UDI, _HIBC):
            for match in pattern.finditer(text):
                yield *match.span(), 0.9
        for match in _IMEI.finditer(text):
            if luhn(digits_of(match[0])[:15]) and near(_TELEPHONE_WORDS, text, *match.span()):
                yield *match.span(), 0.85
        for match in _ICCID.finditer(text):
            if luhn(match[0]):
                yield *match.span(), 0.6
        for match in _LOT.finditer(text):
            if (
                has_digit(match[1])
                and not _YEAR.fullmatch(match[1])
                and near(_DEVICE_WORDS, text, *match.span())
            ):
                yield *match.span(1), 0.55
