"""Codes of fingers, eyes, voices and faces."""

from __future__ import annotations

from typing import ClassVar

from redaction.recognizers.labelled import LabelledRecognizer, label_pattern

_PART = (
    r"(?:finger ?prints?|thumb ?prints?|palm(?: ?prints?)?|retinal?|iris|voice ?prints?|voice"
    r"|facial"
    r"|face|biometrics?|hand geometry|dna|gait|vein|ear ?prints?)"
)
_RECORD = r"(?:scan|template|profile|sample|record|print|recognition|enrol?lment|data|pattern|map)"


class BiometricRecognizer(LabelledRecognizer):
    """BIOMETRIC_ID: numbers of biometric records."""

    entity: ClassVar[str] = "BIOMETRIC_ID"
    labels = label_pattern(
        rf"{_PART} {_RECORD}(?: (?:hash|key|token|template))?|(?:biometric|faceprint) (?:hash|key)",
        _PART,
    )
    least_digits = 3
