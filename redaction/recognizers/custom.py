"""Recognisers of the user's own, as Presidio's."""

from __future__ import annotations

from collections.abc import Iterator

from redaction.custom import CustomSpec
from redaction.recognizers.base import (
    CONTEXT_FLOOR,
    CONTEXT_GAIN,
    Recognizer,
    Span,
    near,
    word_pattern,
)


class CustomRecognizer(Recognizer):
    """Finds what the patterns and the deny list of one recogniser match."""

    def __init__(self, spec: CustomSpec) -> None:
        self._spec = spec
        self._context = word_pattern([*spec.context]) if spec.context else None
        # Of the instance: each finds an entity of its own.
        vars(self)["entity"] = spec.entity
        super().__init__()

    @property
    def why(self) -> str:
        """What a finding says of where it comes from: the recogniser's own name."""
        return self._spec.name

    def find(self, text: str) -> Iterator[Span]:
        """Give the spans of the entity; words of its context near by make them surer."""
        for start, end, score in self._spec.find(text):
            if self._context is not None and near(self._context, text, start, end):
                score = min(max(score + CONTEXT_GAIN, CONTEXT_FLOOR), 1.0)
            yield start, end, score
