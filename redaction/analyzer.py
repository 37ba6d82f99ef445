"""The search: all recognisers over a text as it is, as a reader would see it, and decoded."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from redaction.documents.json_body import inner_fields
from redaction.documents.model import CODE_HINT, JOINED_HINT
from redaction.encoded import decoded_words
from redaction.entities import ENTITIES, NER_ENTITIES
from redaction.errors import RedactionError
from redaction.field_names import entity_of_field, is_keyword_field, is_quantity
from redaction.findings import Finding
from redaction.models import load_models
from redaction.ner import NameFinder
from redaction.normalise import Normalised, normalise
from redaction.plain_values import only_entities
from redaction.recognizers.base import Recognizer
from redaction.recognizers.custom import CustomRecognizer, recognizers_of
from redaction.recognizers.registry import finder
from redaction.search import DEFAULT_THRESHOLD, Search
from redaction.segments import prose, windows
from redaction.tables import TABLE_HINT, table_cells, tables_in

PROBE_DEPTH = 2
"""How many layers of base64 or hexadecimal are opened."""

_FIELD_SCORE, _QUANTITY_SCORE = 0.95, 0.3
_BY_FIELD = "field name"
_BARE_NINE = re.compile(r"\s*[0-9]{9}\s*")
_SURROGATE = re.compile("[\ud800-\udfff]")
_IDENTIFIER_CHARS = 200
_LETTER = re.compile(r"[^\W\d_]")
_IDENTIFIER = re.compile(r"[a-z0-9_.:/+-]*|\S*[0-9_={}<>/\\]\S*")


Finders = Sequence[tuple[str, Recognizer]]
"""The entities of a search, each with what finds it by its form."""


class Analyzer:
    """Finds entities in texts; loading it takes a second, so worker processes hold it."""

    def __init__(self, engine: Mapping[str, Any] | None = None) -> None:
        """Take the models of other languages than English, as Presidio's NLP engine names them."""
        self._engine = engine
        self._finders: dict[str, Recognizer | None] = {}
        self._own: dict[str, list[Recognizer]] = {}
        self._names: dict[tuple[tuple[str, ...], tuple[str, ...]], NameFinder] = {}

    def warm(self, search: Search) -> None:
        """Load all that a search needs, language models among it."""
        self.analyze(["Dr. Jane Doe, SSN 123-45-6789, tel. (415) 555-0100"], search)

    def analyze(
        self,
        texts: Sequence[str],
        search: Search | Collection[str],
        hints: Sequence[str] | None = None,
    ) -> list[tuple[Finding, ...]]:
        """Find entities in each text; `hints` are names of the fields the texts stand in.

        Entities alone make the usual search for them. Findings below the threshold are left out.
        Raises `RedactionError` for an unknown entity, or a model that is not there.
        """
        if not isinstance(search, Search):
            search = Search(frozenset(search), DEFAULT_THRESHOLD)
        hints = [""] * len(texts) if hints is None else hints
        # Bytes that are no text are lone surrogates, which neither RE2 nor spaCy takes.
        texts = [text if text.isascii() else _SURROGATE.sub("\ufffd", text) for text in texts]
        finders = self._finders_of(search)
        # What systems of codes are called by is no address of anybody.
        of_codes = [(entity, finder) for entity, finder in finders if entity != "URL"]
        found = [
            self._by_form(text, of_codes if hint == CODE_HINT else finders, search.entities, hint)
            for text, hint in zip(texts, hints, strict=True)
        ]
        if search.entities & NER_ENTITIES and search.models:
            self._by_model(texts, hints, search, found)
        return [_best(each, search.threshold) for each in found]

    def _by_form(
        self, text: str, finders: Finders, wanted: frozenset[str], hint: str
    ) -> list[Finding]:
        whole = entity_of_field(hint, text)
        found: list[Finding] = []
        if whole in wanted and whole is not None:
            found.append(Finding(0, len(text), whole, _FIELD_SCORE, _BY_FIELD))
        for start, end, name, value in _fields(text, hint):
            inner = entity_of_field(name, value)
            if inner in wanted and inner is not None:
                found.append(Finding(start, end, inner, _FIELD_SCORE, _BY_FIELD))
        only = only_entities(text)
        if only is None:
            found += _search(text, finders, PROBE_DEPTH)
        else:
            found += _patterns(
                text,
                [
                    each
                    for each in finders
                    if each[0] in only or isinstance(each[1], CustomRecognizer)
                ],
            )
        if _BARE_NINE.fullmatch(text) and is_quantity(hint):
            found = [f._replace(score=min(f.score, _QUANTITY_SCORE)) for f in found]
        return found

    def _finders_of(self, search: Search) -> Finders:
        finders = [
            (entity, finder)
            for entity in sorted(search.entities & ENTITIES)
            if (finder := self._finder(entity)) is not None
        ]
        if search.recognizers:
            own = self._own.get(search.key)
            if own is None:
                own = self._own[search.key] = recognizers_of(search)
            finders += [(recognizer.entity, recognizer) for recognizer in own]
        unknown = search.entities - ENTITIES - {entity for entity, _ in finders}
        if unknown:
            raise RedactionError(f"There is no entity {min(unknown)!r}.")
        return finders

    def _finder(self, entity: str) -> Recognizer | None:
        if entity not in self._finders:
            self._finders[entity] = finder(entity)
        return self._finders[entity]

    def _names_of(self, search: Search) -> NameFinder:
        key = search.models, search.languages
        if key not in self._names:
            self._names[key] = NameFinder(load_models(*key, self._engine))
        return self._names[key]

    def _by_model(
        self,
        texts: Sequence[str],
        hints: Sequence[str],
        search: Search,
        found: Sequence[list[Finding]],
    ) -> None:
        names = self._names_of(search)
        pieces: list[str] = []
        places: list[tuple[int, int, Normalised | None]] = []
        known: list[list[Finding]] = []
        for index, (text, hint) in enumerate(zip(texts, hints, strict=True)):
            if not _is_prose(text, hint):
                continue
            plain = normalise(text)
            # Folded punctuation would only confuse the model; undone disguises it must see.
            disguised = plain is not None and plain.decoded
            readable = plain.text if plain is not None and disguised else text
            for start, end in prose(readable):
                pieces.append(readable[start:end])
                places.append((index, start, plain if disguised else None))
                # Offsets of what is disguised are not those of what the model reads.
                known.append([] if disguised else _within(found[index], start, end))
        for (index, start, plain), spans in zip(places, names.find(pieces, known), strict=True):
            found[index].extend(_moved(spans, start, plain, search.entities))


def _search(text: str, finders: Finders, depth: int) -> list[Finding]:
    found = list(_patterns(text, finders))
    plain = normalise(text)
    if plain is not None and plain.text:
        for item in _patterns(plain.text, finders):
            start, end = plain.span(item.start, item.end)
            found.append(Finding(start, end, item.entity, item.score, f"{item.why}, normalised"))
    if depth:
        readable = text if plain is None else plain.text
        for start, end, hidden in decoded_words(readable):
            # What is encoded cannot be cut, so the whole word goes.
            span = (start, end) if plain is None else plain.span(start, end)
            for item in _search(hidden, finders, depth - 1):
                found.append(Finding(*span, item.entity, item.score, f"{item.why}, decoded"))
    return found


def _patterns(text: str, finders: Finders) -> Iterator[Finding]:
    for window_start, window_end, start, end in windows(text):
        part = text[window_start:window_end]
        for entity, recognizer in finders:
            for first, last, score in recognizer.find(part):
                # What lies on the border is found in both windows, and counted once.
                if window_start + last > start and window_start + first < end:
                    place = window_start + first, window_start + last
                    yield Finding(*place, entity, score, recognizer.why)


def _best(findings: Iterable[Finding], threshold: float) -> tuple[Finding, ...]:
    """Give the surest finding of each span and entity, in order."""
    best: dict[tuple[int, int, str], Finding] = {}
    for finding in findings:
        if finding.score < threshold or finding.end <= finding.start:
            continue
        key = finding[:3]
        known = best.get(key)
        if known is None or finding.score > known.score:
            best[key] = finding
    return tuple(sorted(best.values()))


def _fields(text: str, hint: str) -> Iterator[tuple[int, int, str, str]]:
    """Give start, end, name and value of the fields that a text has in it."""
    if hint == TABLE_HINT:
        for start, end, name in table_cells(text):
            yield start, end, name, text[start:end]
        return
    if "\n" in text:
        for first, last in tables_in(text):
            table = text[first:last]
            for start, end, name in table_cells(table):
                yield first + start, first + end, name, table[start:end]
    for start, end, leaf in inner_fields(text):
        if start < end:
            yield start, end, leaf.hint, leaf.text


def _is_prose(text: str, hint: str) -> bool:
    """Tell whether the model may find a name: identifiers and keywords only mislead it."""
    if hint == JOINED_HINT:
        return False
    if len(text) > _IDENTIFIER_CHARS:
        return True
    if len(_LETTER.findall(text)) < 2:
        return False
    return not is_keyword_field(hint) and _IDENTIFIER.fullmatch(text) is None


def _within(findings: Iterable[Finding], start: int, end: int) -> list[Finding]:
    """Give the findings of a part of a text, by their places in it."""
    return [
        finding._replace(start=finding.start - start, end=finding.end - start)
        for finding in findings
        if start < finding.end and finding.start < end
    ]


def _moved(
    spans: Iterable[Finding], offset: int, plain: Normalised | None, wanted: frozenset[str]
) -> Iterator[Finding]:
    for span in spans:
        if span.entity not in wanted:
            continue
        start, end = span.start + offset, span.end + offset
        if plain is not None:
            start, end = plain.span(start, end)
        yield span._replace(start=start, end=end)
