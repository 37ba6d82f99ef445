"""Documents on their way through one search: what has to be asked, and what comes of the answers.

    job = Job(documents, profile)
    answers = ...                       findings for each of `job.texts`, under `job.hints`
    results = job.finish(answers, scope)

Who answers, and where, is the caller's business: an `Analyzer` at hand, or worker processes.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from redaction.documents import Document, Leaf
from redaction.documents.joins import JoinedView, joined_views
from redaction.documents.model import CODE_HINT, JOINED_HINT
from redaction.errors import CollisionError
from redaction.findings import Finding
from redaction.models.propagate import propagate
from redaction.operators import Scope, Taken, take_out
from redaction.places import place_of
from redaction.plain_values import is_plain_date
from redaction.profile import Profile
from redaction.span_cache import needs_analysis

BY_PLACE = 1.0
"""The score of what a format says by its place."""

Answers = Sequence[tuple[Finding, ...]]


@dataclass(slots=True)
class Redacted:
    """A document without what was found in it, and what that was, without the values."""

    content: bytes
    places: Counter[tuple[str, str]] = field(default_factory=Counter)
    """How much of each entity was taken out at each place (see `redaction.places`)."""
    surrogates: dict[str, tuple[str, str]] = field(default_factory=dict)
    """For each surrogate that was put in the digest of its value, and the value."""
    marks: list[str] = field(default_factory=list)
    """A salted digest of each value with its entity and place, in order."""
    taken: dict[int, list[Taken]] = field(default_factory=dict, repr=False)
    """What was taken out of each leaf, where that was done in this process."""

    @property
    def counts(self) -> Counter[str]:
        """How much of each entity was taken out."""
        counts: Counter[str] = Counter()
        for (_, entity), count in self.places.items():
            counts[entity] += count
        return counts


class Job:
    """One search over documents that belong together."""

    def __init__(self, documents: Sequence[Document], profile: Profile) -> None:
        self._documents = documents
        self._profile = profile
        self.leaves: list[Leaf] = [leaf for document in documents for leaf in document.leaves]
        self._asked: dict[tuple[str, str], int] = {}
        operators = profile.operators.values()
        self._strictest = max((each.strictness for each in operators), default=(0, 0, 0))
        self._questions = [self._ask_about(leaf) for leaf in self.leaves]
        self._joined: list[tuple[int, JoinedView, int]] = []
        offset = 0
        for document in documents:
            leaves = document.leaves
            for view in joined_views(leaves):
                question = self._ask(JOINED_HINT, view.text)
                if question is not None:
                    self._joined.append((offset, view, question))
            offset += len(leaves)
        self.hints = [hint for hint, _ in self._asked]
        self.texts = [text for _, text in self._asked]

    def _ask_about(self, leaf: Leaf) -> int | None:
        operator = self._profile.operators.get(leaf.entity) if leaf.entity else None
        if operator is None:
            return self._ask(leaf.hint, leaf.text)
        if (
            operator.strictness >= self._strictest
            or operator.leaves_nothing_else(leaf.entity)
            or is_plain_date(leaf)
        ):
            # It goes as a whole, whatever else a search might find in it.
            return None
        # What it is by its place no model knows better.
        return self._ask(CODE_HINT, leaf.text)

    def _ask(self, hint: str, text: str) -> int | None:
        if not needs_analysis(text, self._profile, hint):
            return None
        return self._asked.setdefault((hint, text), len(self._asked))

    def findings(self, answers: Answers) -> list[tuple[Finding, ...]]:
        """Give the findings in each leaf, by what was found in `texts`."""
        wanted, threshold = self._profile.operators, self._profile.threshold
        found = [answers[number] if number is not None else () for number in self._questions]
        for index, leaf in enumerate(self.leaves):
            if leaf.entity in wanted and leaf.text:
                whole = Finding(0, len(leaf.text), leaf.entity, BY_PLACE, "place in the format")
                found[index] = (whole, *found[index])
        for offset, view, number in self._joined:
            for finding in answers[number]:
                for index, start, end in _parts(view, finding):
                    part = finding._replace(start=start, end=end, why=f"{finding.why}, joined")
                    found[offset + index] = (*found[offset + index], part)
        if "PERSON" in wanted:
            more = propagate([leaf.text for leaf in self.leaves], found)
            found = [
                (*spans, *new) if new else spans for spans, new in zip(found, more, strict=True)
            ]
        return [
            spans if all(f.score >= threshold for f in spans) else _above(spans, threshold)
            for spans in found
        ]

    def entities(self, answers: Answers) -> set[str]:
        """Name the entities of the profile that are in the documents."""
        return {finding.entity for spans in self.findings(answers) for finding in spans}

    def finish(self, answers: Answers, scope: Scope, salt: bytes = b"") -> list[Redacted]:
        """Take out what was found; raises `RedactionError` where a document cannot be rebuilt.

        `salt` makes the marks ones that nobody can test for a value they guess.
        """
        found = self.findings(answers)
        results: list[Redacted] = []
        # In a record the same value stands in many places.
        made: dict[tuple[object, ...], tuple[str, list[Taken]]] = {}
        offset = 0
        for document in self._documents:
            leaves = document.leaves
            result = Redacted(b"")
            replaced: dict[int, str] = {}
            for index, leaf in enumerate(leaves):
                spans = found[offset + index]
                if spans:
                    same = leaf.text, leaf.form, leaf.subject, spans
                    known = made.get(same)
                    if known is None:
                        known = made[same] = take_out(leaf, spans, self._profile, scope)
                    text, taken = known
                    if taken:
                        replaced[index] = text
                        result.taken[index] = taken
                        _note(result, leaf, taken, salt)
            result.content = document.rebuild(replaced)
            results.append(result)
            offset += len(leaves)
        return results


def _parts(view: JoinedView, finding: Finding) -> list[tuple[int, int, int]]:
    """Give leaf, start and end of each part of a finding over several leaves."""
    touched = [
        (leaf, offset + max(finding.start - start, 0), offset + min(finding.end, end) - start)
        for (leaf, start, end), offset in zip(view.parts, view.offsets, strict=True)
        if start < finding.end and end > finding.start
    ]
    return touched if len(touched) > 1 else []


def _above(spans: tuple[Finding, ...], threshold: float) -> tuple[Finding, ...]:
    return tuple([finding for finding in spans if finding.score >= threshold])


def _note(result: Redacted, leaf: Leaf, taken: Sequence[Taken], salt: bytes) -> None:
    place = place_of(leaf.pointer)
    for item in taken:
        result.places[place, item.entity] += 1
        if item.reversible:
            _remember(result.surrogates, item.replacement, item.digest, item.original)
        value = "\0".join((place, item.entity, item.original)).encode("utf-8", "surrogatepass")
        result.marks.append(hmac.digest(salt, value, hashlib.sha256).hex())


def _remember(
    known: dict[str, tuple[str, str]], surrogate: str, digest: str, original: str
) -> None:
    other, _ = known.setdefault(surrogate, (digest, original))
    if other != digest:
        raise CollisionError(frozenset({digest}))


def surrogates_of(results: Sequence[Redacted]) -> dict[str, tuple[str, str]]:
    """Give digest and value of each surrogate; raises `CollisionError` where it has two values."""
    known: dict[str, tuple[str, str]] = {}
    for result in results:
        for surrogate, (digest, original) in result.surrogates.items():
            _remember(known, surrogate, digest, original)
    return known


def commitment(results: Sequence[Redacted]) -> str:
    """Give one digest over all marks: who knows the salt and the values can prove them by it."""
    digest = hashlib.sha256()
    for result in results:
        for mark in result.marks:
            digest.update(bytes.fromhex(mark))
    return digest.hexdigest()
