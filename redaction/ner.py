"""Names, places, dates and organisations, by one or several language models."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from redaction.findings import Finding
from redaction.models import NameModel, load_models
from redaction.models.merge import merged
from redaction.models.propagate import propagate

__all__ = ["NameFinder", "propagate"]


class NameFinder:
    """The models of a search as one."""

    def __init__(self, models: Sequence[NameModel] | None = None) -> None:
        self._models = load_models() if models is None else list(models)

    def find(self, texts: Sequence[str]) -> Iterator[list[Finding]]:
        """Give the findings of each text, which should be of a few kilobytes."""
        if not self._models:
            yield from ([] for _ in texts)
            return
        for text, *found in zip(texts, *(model.find(texts) for model in self._models), strict=True):
            findings = merged(found)
            [more] = propagate([text], [findings])
            yield findings + more
