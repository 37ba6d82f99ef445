"""What a search for personal data gives: spans of a text, never the text."""

from __future__ import annotations

from typing import NamedTuple


class Finding(NamedTuple):
    """A span of a leaf's text, in characters, that holds an entity, with a score from 0 to 1."""

    start: int
    end: int
    entity: str
    score: float
    why: str = ""
    """What found it, for people: a recogniser, a model, a field's name, a place in a format."""
