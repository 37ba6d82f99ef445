"""Places of a text shown so that no value of it can be read."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from scripts.evaluate_lib.model import Example, Span

WORDS = 4
"""Words shown on each side."""

COMMON = 3
"""Texts in which a word must stand to be shown: a value rarely does."""

_WORD = re.compile(r"\S+")
_CORE = re.compile(r"[^\W\d_]+")


def shape(value: str) -> str:
    """Give the form of a value: its letters as A and a, its digits as 9, the rest as it is."""
    return "".join(_sign(char) for char in value)


def _sign(char: str) -> str:
    if char.isdigit():
        return "9"
    if char.isalpha():
        return "A" if char.isupper() else "a"
    return " " if char.isspace() else char


@dataclass(slots=True)
class Shower:
    """Shows places of the texts of one set."""

    examples: Sequence[Example]
    show_values: bool
    _common: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        texts: Counter[str] = Counter()
        for example in self.examples:
            texts.update({word.lower() for word in _CORE.findall(example.text)})
        secret = {
            word.lower()
            for example in self.examples
            for span in example.spans
            for word in _CORE.findall(example.text[span.start : span.end])
        }
        self._common = frozenset(w for w, n in texts.items() if n >= COMMON and w not in secret)

    def value(self, index: int, start: int, end: int) -> str:
        """Show a value, or its form."""
        value = self.examples[index].text[start:end]
        return " ".join(value.split()) if self.show_values else " ".join(shape(value).split())

    def context(self, index: int, start: int, end: int) -> tuple[str, str]:
        """Show the words before and after a place."""
        text = self.examples[index].text
        before = list(_WORD.finditer(text, max(0, start - 200), start))[-WORDS:]
        after = list(_WORD.finditer(text, end, end + 200))[:WORDS]
        return self._words(index, before), self._words(index, after)

    def _words(self, index: int, words: Sequence[re.Match[str]]) -> str:
        spans = self.examples[index].spans
        return " ".join(self._word(word, spans) for word in words)

    def _word(self, word: re.Match[str], spans: Sequence[Span]) -> str:
        if self.show_values:
            return word[0]
        for span in spans:
            if span.start < word.end() and word.start() < span.end:
                return f"[{span.label}]"
        return _CORE.sub(
            lambda m: m[0] if m[0].lower() in self._common else shape(m[0]),
            re.sub(r"\d", "9", word[0]),
        )
