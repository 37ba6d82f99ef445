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

    def find(
        self, texts: Sequence[str], known: Sequence[Sequence[Finding]] | None = None
    ) -> Iterator[list[Finding]]:
        """Give the findings of each text, which should be of a few kilobytes.

        `known` is what forms showed in each. A later model also knows what those before it found.
        """
        if not self._models:
            yield from ([] for _ in texts)
            return
        before: list[Sequence[Finding]] = [()] * len(texts) if known is None else list(known)
        answers: list[list[list[Finding]]] = []
        for model in self._models:
            answers.append(list(model.find(texts, before)))
            before = [[*old, *new] for old, new in zip(before, answers[-1], strict=True)]
        for text, *found in zip(texts, *answers, strict=True):
            findings = merged(found)
            [more] = propagate([text], [findings])
            yield findings + more
