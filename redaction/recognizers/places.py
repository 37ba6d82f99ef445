"""Places by their form."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from redaction.recognizers.base import Recognizer, Span, has_digit
from redaction.recognizers.facilities import facilities
from redaction.recognizers.post_codes import post_codes
from redaction.recognizers.streets import streets
from redaction.recognizers.towns import towns


class AddressRecognizer(Recognizer):
    """LOCATION: addresses and all that is below a state; facilities of care and schools too."""

    entity: ClassVar[str] = "LOCATION"

    def find(self, text: str) -> Iterator[Span]:
        """Give the spans of places."""
        yield from facilities(text)
        yield from towns(text)
        if has_digit(text):
            yield from streets(text)
            yield from post_codes(text)
