"""What a language model must do to serve the search."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from redaction.findings import Finding


class NameModel(Protocol):
    """Finds names, places and the like in prose, by what it has learned."""

    @property
    def name(self) -> str:
        """The model's name, as a policy's `models` has it."""

    def find(
        self, texts: Sequence[str], known: Sequence[Sequence[Finding]] | None = None
    ) -> Iterator[list[Finding]]:
        """Give the findings of each text, which should be of a few kilobytes.

        `known` is what was found in each before; a costly model need not look there again.
        """
