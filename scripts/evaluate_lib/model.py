"""What a labelled set holds: texts with spans, and bodies with the values that must not survive."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol


class SetError(Exception):
    """A labelled set that cannot be read, with the place where."""

    def __init__(self, path: Path, line: int | None, message: str) -> None:
        place = f"{path}" if line is None else f"{path}, line {line}"
        super().__init__(f"{place}: {message}")


class Span(NamedTuple):
    """A labelled span, in characters of its text."""

    start: int
    end: int
    label: str


@dataclass(frozen=True, slots=True)
class Example:
    """One labelled text; without spans it is clean."""

    name: str
    text: str
    spans: tuple[Span, ...] = ()


class Value(NamedTuple):
    """A value within a structured body."""

    value: str
    label: str
    place: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """One structured body: `values` must not survive, `keep` should."""

    name: str
    content_type: str
    body: str
    values: tuple[Value, ...] = ()
    keep: tuple[Value, ...] = ()


@dataclass(slots=True)
class Notes:
    """What a reader had to put right, counted by sentence."""

    counts: dict[str, int] = field(default_factory=dict)

    def add(self, sentence: str) -> None:
        """Count one more of this kind."""
        self.counts[sentence] = self.counts.get(sentence, 0) + 1


class Reader(Protocol):
    """Reads labelled sets of one shape."""

    name: str

    def fits(self, path: Path, head: str) -> bool:
        """Tell whether a file or folder has this shape, from its name and its first characters."""

    def read(self, path: Path, notes: Notes) -> Iterator[Example | Case]:
        """Give what the set holds; raises `SetError`."""
