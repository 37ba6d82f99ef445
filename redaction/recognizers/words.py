"""Sets of words, written as text."""

from __future__ import annotations


def set_of(words: str) -> frozenset[str]:
    """Give the words of a text."""
    return frozenset(words.split())
