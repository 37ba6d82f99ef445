"""The firewall's own search and its replacement of what was found.

All that knows the interface of `redaction` is here.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Sequence
from typing import TYPE_CHECKING

from redaction import (
    Document,
    Job,
    Profile,
    Redacted,
    RedactionError,
    Scope,
    TextDocument,
    parse_document,
)
from redaction.profile import load_profile
from scripts.evaluate_lib.labels import families_of
from scripts.evaluate_lib.model import Case
from scripts.evaluate_lib.systems.base import Found, Options, Outcome, SystemMissing

if TYPE_CHECKING:
    from redaction import Analyzer

_SCOPE = Scope(b"a key for the pseudonyms of an evaluation", today=datetime.date(2026, 1, 1))
_BATCH = 64


class Aegis:
    """The analyzer of a worker process with the entities of one profile."""

    def __init__(self, options: Options, models: tuple[str, ...]) -> None:
        self.name = "+".join(("aegis", *models[1:]))
        self._profile = _profile(options, models)
        self._analyzer = _analyzer(self._profile)
        self.families = families_of(self._profile.operators.keys())

    def find(self, texts: Sequence[str]) -> list[list[Found]]:
        """Give what was taken out of each text: what may stay by its operator is no find."""
        found: list[list[Found]] = []
        for first in range(0, len(texts), _BATCH):
            documents = [
                TextDocument(text.encode("utf-8", "replace"))
                for text in texts[first : first + _BATCH]
            ]
            for redacted in self._redacted(documents):
                items = redacted.taken.get(0, ())
                found.append([Found(item.start, item.end, item.entity, 1.0) for item in items])
        return found

    def redact(self, case: Case) -> Outcome:
        """Do with a body what the firewall does before it sends it."""
        try:
            document = parse_document(case.content_type, case.body.encode())
            [redacted] = self._redacted([document])
            output = redacted.content.decode()
        except RedactionError as error:
            return Outcome(refused=type(error).__name__)
        return Outcome(output)

    def _redacted(self, documents: Sequence[Document]) -> list[Redacted]:
        """Take out of each document by itself, with one question to the analyzer for all."""
        jobs = [Job([document], self._profile) for document in documents]
        texts = [text for job in jobs for text in job.texts]
        hints = [hint for job in jobs for hint in job.hints]
        answers = self._analyzer.analyze(texts, self._profile.search, hints)
        results: list[Redacted] = []
        position = 0
        for job in jobs:
            mine = answers[position : position + len(job.texts)]
            position += len(job.texts)
            results += job.finish(mine, _SCOPE)
        return results


def _profile(options: Options, models: tuple[str, ...]) -> Profile:
    try:
        profile = load_profile(options.profile)
    except (RedactionError, OSError) as error:
        raise ValueError(str(error)) from None
    threshold = profile.threshold if options.threshold is None else options.threshold
    return dataclasses.replace(profile, models=models, threshold=threshold)


def _analyzer(profile: Profile) -> Analyzer:
    from redaction import Analyzer

    analyzer = Analyzer()
    try:
        analyzer.warm(profile.search)
    except (RedactionError, ImportError) as error:
        raise SystemMissing(str(error)) from None
    return analyzer
