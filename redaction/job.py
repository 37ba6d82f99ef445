"""Documents on their way through one search: what has to be asked, and what comes of the answers.

    job = Job(documents, profile)
    answers = ...                       findings for each of `job.texts`, under `job.hints`
    results = job.finish(answers, scope)

Who answers, and where, is the caller's business: an `Analyzer` at hand, or worker processes.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from redaction.canonical import KeyedHash
from redaction.documents import Document, Leaf
from redaction.documents.joins import JoinedView, joined_views
from redaction.documents.model import CODE_HINT, JOINED_HINT
from redaction.errors import CollisionError
from redaction.findings import Finding
from redaction.models.propagate import propagate
from redaction.operators import Scope, Taken, TakeOut
from redaction.places import place_of
from redaction.plain_values import is_plain_date
from redaction.profile import Profile
from redaction.span_cache import needs_analysis

BY_PLACE = 1.0
"""The score of what a format says by its place."""

_WHY = "place in the format"

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
        operators = profile.operators
        strictest = max((each.strictness for each in operators.values()), default=(0, 0, 0))
        self._whole = {
            entity
            for entity, operator in operators.items()
            if operator.strictness >= strictest or operator.leaves_nothing_else(entity)
        }
        """Entities that go as a whole, whatever else a search might find in them."""
        self._numbers: dict[tuple[str, str], int | None] = {}
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
        entity = leaf.entity
        if not entity or entity not in self._profile.operators:
            return self._ask(leaf.hint, leaf.text)
        if entity in self._whole or is_plain_date(leaf):
            return None
        # What it is by its place no model knows better.
        return self._ask(CODE_HINT, leaf.text)

    def _ask(self, hint: str, text: str) -> int | None:
        key = hint, text
        try:
            return self._numbers[key]
        except KeyError:
            number = None
        if needs_analysis(text, self._profile, hint):
            number = self._asked[key] = len(self._asked)
        self._numbers[key] = number
        return number

    def findings(self, answers: Answers) -> list[tuple[Finding, ...]]:
        """Give the findings in each leaf, by what was found in `texts`."""
        wanted, threshold = self._profile.operators, self._profile.threshold
        answers = [
            spans if all(f.score >= threshold for f in spans) else _above(spans, threshold)
            for spans in answers
        ]
        found = [answers[number] if number is not None else () for number in self._questions]
        by_place: dict[tuple[int, str], tuple[Finding, ...]] = {}
        for index, leaf in enumerate(self.leaves):
            entity = leaf.entity
            if entity and leaf.text and entity in wanted:
                known = len(leaf.text), entity
                whole = by_place.get(known)
                if whole is None:
                    by_place[known] = whole = (Finding(0, *known, BY_PLACE, _WHY),)
                found[index] = whole + found[index]
        for offset, view, number in self._joined:
            for finding in answers[number]:
                for index, start, end in _parts(view, finding):
                    part = finding._replace(start=start, end=end, why=f"{finding.why}, joined")
                    found[offset + index] = (*found[offset + index], part)
        if "PERSON" in wanted:
            self._propagate(found)
        return found

    def _propagate(self, found: list[tuple[Finding, ...]]) -> None:
        """Add the names that were found elsewhere, once for all leaves that are alike."""
        alike: dict[tuple[str, tuple[Finding, ...]], list[int]] = {}
        for index, (leaf, spans) in enumerate(zip(self.leaves, found, strict=True)):
            if spans and len(spans) == 1 and spans[0].why == _WHY and leaf.entity != "PERSON":
                # It goes as a whole, and tells no name.
                continue
            key = leaf.text, spans
            known = alike.get(key)
            if known is None:
                alike[key] = [index]
            else:
                known.append(index)
        more = propagate([text for text, _ in alike], [spans for _, spans in alike])
        threshold = self._profile.threshold
        for (key, indices), new in zip(alike.items(), more, strict=True):
            added = _above(new, threshold)
            if added:
                for index in indices:
                    found[index] = key[1] + added

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
        take_out, marks = TakeOut(self._profile, scope), KeyedHash(salt)
        offset = 0
        for document in self._documents:
            leaves = document.leaves
            result = Redacted(b"")
            replaced: dict[int, str] = {}
            for index, leaf in enumerate(leaves):
                spans = found[offset + index]
                if spans:
                    text, taken = take_out.of(leaf, spans)
                    if taken:
                        replaced[index] = text
                        result.taken[index] = taken
            _note(result, leaves, marks)
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


def _above(spans: Sequence[Finding], threshold: float) -> tuple[Finding, ...]:
    return tuple([finding for finding in spans if finding.score >= threshold])


def _note(result: Redacted, leaves: Sequence[Leaf], marks: KeyedHash) -> None:
    """Note what was taken out of a document."""
    counts: dict[tuple[str, str], int] = {}
    for index, taken in result.taken.items():
        place = place_of(leaves[index].pointer)
        for item in taken:
            key = place, item.entity
            counts[key] = counts.get(key, 0) + 1
            if item.reversible:
                _remember(result.surrogates, item.replacement, item.digest, item.original)
            value = f"{place}\0{item.entity}\0{item.original}".encode("utf-8", "surrogatepass")
            result.marks.append(marks.digest(value).hex())
    result.places = Counter(counts)


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
