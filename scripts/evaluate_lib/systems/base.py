"""What a system is asked, and what it answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from scripts.evaluate_lib.model import Case


class SystemMissing(Exception):  # noqa: N818 - it is no error to lack an optional one
    """A system that cannot run here, with the reason for people."""


class Found(NamedTuple):
    """A span that a system takes out of a text."""

    start: int
    end: int
    entity: str
    score: float


@dataclass(frozen=True, slots=True)
class Options:
    """How the systems are set up."""

    profile: str = "safe-harbor"
    threshold: float | None = None
    """The lowest score that counts; None: what each takes by itself."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a structured body."""

    output: str = ""
    refused: str = ""
    """Why it was refused, which lets nothing out."""


class System(Protocol):
    """Finds personal data in texts and takes it out of bodies."""

    name: str
    families: frozenset[str]
    """The families that it looks for."""

    def find(self, texts: Sequence[str]) -> list[list[Found]]:
        """Give the spans that it takes out of each text."""

    def redact(self, case: Case) -> Outcome:
        """Take what it finds out of a body."""
