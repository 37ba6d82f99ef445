"""Presidio's own pattern recognisers, run so that they cannot fail open."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import presidio_analyzer.predefined_recognizers as predefined
import regex  # type: ignore[import-untyped]

from redaction.entities import STOCK_RECOGNIZERS
from redaction.recognizers.base import (
    CONTEXT_FLOOR,
    CONTEXT_GAIN,
    Recognizer,
    Span,
    near,
    word_pattern,
)

_FLAGS = regex.DOTALL | regex.MULTILINE | regex.IGNORECASE


class StockRecognizer(Recognizer):
    """The patterns, checks and context words of one of Presidio's recognisers.

    Presidio runs patterns under a time limit and skips, with a warning, what does not end in it.
    Here they run to the end, on texts that are short enough for that.
    """

    def __init__(self, entity: str) -> None:
        self.entity = entity  # type: ignore[misc]  # one class for many entities
        super().__init__()
        self._stock: Any = getattr(predefined, STOCK_RECOGNIZERS[entity])()
        self._patterns = [
            (regex.compile(pattern.regex, _FLAGS), pattern.score)
            for pattern in self._stock.patterns
        ]
        words = list(self._stock.context or ())
        self._words = word_pattern(words) if words else None

    def find(self, text: str) -> Iterator[Span]:
        """Give the spans of the entity in a text of a few kilobytes."""
        for pattern, base in self._patterns:
            for match in pattern.finditer(text):
                value = match[0]
                if not value or self._stock.invalidate_result(value):
                    continue
                if value[0].isalnum() and text[match.start() - 1 : match.start()].isalpha():
                    continue  # A part of a longer word: the number of a trial, a key.
                valid = self._stock.validate_result(value)
                score = base if valid is None else float(bool(valid))
                if not score:
                    continue
                if score < 1 and self._words is not None and near(self._words, text, *match.span()):
                    score = max(CONTEXT_FLOOR, min(1.0, score + CONTEXT_GAIN))
                yield *match.span(), score
