"""Recognisers of the user's own, as Presidio's."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from redaction.custom import CustomSpec, custom_spec, spec_of
from redaction.recognizers.base import (
    CONTEXT_FLOOR,
    CONTEXT_GAIN,
    Recognizer,
    Span,
    near,
    word_pattern,
)
from redaction.search import Search


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


def custom_recognizer(item: Mapping[str, Any] | str) -> Recognizer:
    """Make a Presidio recogniser of one; needs Presidio, which takes a moment to load."""
    return CustomRecognizer(custom_spec(json.loads(item) if isinstance(item, str) else item))


def recognizers_of(search: Search) -> list[Recognizer]:
    """Make the user's recognisers that a search is to use."""
    made: list[Recognizer] = []
    for text in search.recognizers:
        spec = spec_of(text)
        if spec.entity in search.entities and spec.serves(search.languages):
            made.append(custom_recognizer(text))
    return made
