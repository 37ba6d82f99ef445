"""The shape of our recognisers, which any Presidio AnalyzerEngine can hold too."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar

from presidio_analyzer import LocalRecognizer, RecognizerResult

Span = tuple[int, int, float]
"""Start, end and score."""

CONTEXT_CHARS = 40
"""How far from a value a word may stand that tells what it is."""

CONTEXT_GAIN, CONTEXT_FLOOR = 0.35, 0.4
"""What such a word adds to a score, and the least it makes of one (Presidio's own figures)."""

has_digit = re.compile("[0-9]").search


def near(words: re.Pattern[str], text: str, start: int, end: int) -> bool:
    """Tell whether one of the words stands within `CONTEXT_CHARS` before or after a span."""
    return (
        words.search(text, max(0, start - CONTEXT_CHARS), start) is not None
        or words.search(text, end, end + CONTEXT_CHARS) is not None
    )


def word_pattern(words: list[str]) -> re.Pattern[str]:
    """Make a pattern of whole words; "lic" must not be found in "public"."""
    joined = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
    return re.compile(rf"(?<![^\W_])(?:{joined})(?![^\W_])", re.IGNORECASE)


class Recognizer(LocalRecognizer):
    """Finds one entity in time linear in the text."""

    entity: ClassVar[str]

    def __init__(self) -> None:
        super().__init__(supported_entities=[self.entity])

    @property
    def why(self) -> str:
        """What a finding says of where it comes from."""
        return type(self).__name__

    def load(self) -> None:
        """Nothing to load."""

    @abstractmethod
    def find(self, text: str) -> Iterator[Span]:
        """Give the spans of the entity in a text."""

    def analyze(
        self, text: str, entities: list[str], nlp_artifacts: Any = None
    ) -> list[RecognizerResult]:
        """Give the spans as Presidio wants them."""
        return [
            RecognizerResult(entity_type=self.entity, start=start, end=end, score=score)
            for start, end, score in self.find(text)
        ]
