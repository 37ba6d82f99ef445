"""The search: all recognisers over a text as it is, as a reader would see it, and decoded."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence

from redaction.documents.json_body import inner_fields
from redaction.encoded import decoded_words
from redaction.entities import ENTITIES, NER_ENTITIES
from redaction.errors import RedactionError
from redaction.field_names import entity_of_field, is_keyword_field, is_quantity
from redaction.findings import Finding
from redaction.ner import NameFinder
from redaction.normalise import Normalised, normalise
from redaction.profile import DEFAULT_THRESHOLD
from redaction.recognizers import Recognizer, finder
from redaction.segments import prose, windows
from redaction.tables import TABLE_HINT, table_cells

PROBE_DEPTH = 2
"""How many layers of base64 or hexadecimal are opened."""

_FIELD_SCORE, _QUANTITY_SCORE = 0.95, 0.3
_BARE_NINE = re.compile(r"\s*[0-9]{9}\s*")
_SURROGATE = re.compile("[\ud800-\udfff]")
_IDENTIFIER_CHARS = 200
_LETTER = re.compile(r"[^\W\d_]")
_IDENTIFIER = re.compile(r"[a-z0-9_.:/+-]*|\S*[0-9_={}<>/\\]\S*")


class Analyzer:
    """Finds entities in texts; loading it takes a second, so worker processes hold it."""

    def __init__(self) -> None:
        self._finders: dict[str, Recognizer | None] = {}
        self._names: NameFinder | None = None

    def warm(self, entities: Collection[str] = NER_ENTITIES | {"US_SSN", "PHONE_NUMBER"}) -> None:
        """Load all that a search for these entities needs, the language model among it."""
        self.analyze(["Dr. Jane Doe, SSN 123-45-6789, tel. (415) 555-0100"], list(entities))

    def analyze(
        self,
        texts: Sequence[str],
        entities: Collection[str],
        threshold: float = DEFAULT_THRESHOLD,
        hints: Sequence[str] | None = None,
    ) -> list[tuple[Finding, ...]]:
        """Find entities in each text; `hints` are names of the fields the texts stand in.

        Findings below the threshold are left out. Raises `RedactionError` for an unknown entity.
        """
        wanted = frozenset(entities)
        hints = [""] * len(texts) if hints is None else hints
        # Bytes that are no text are lone surrogates, which neither RE2 nor spaCy takes.
        texts = [text if text.isascii() else _SURROGATE.sub("\ufffd", text) for text in texts]
        found = [self._by_form(text, wanted, hint) for text, hint in zip(texts, hints, strict=True)]
        if wanted & NER_ENTITIES:
            self._by_model(texts, hints, wanted, found)
        return [
            tuple(sorted({f for f in each if f.score >= threshold and f.end > f.start}))
            for each in found
        ]

    def _by_form(self, text: str, wanted: frozenset[str], hint: str) -> list[Finding]:
        whole = entity_of_field(hint, text)
        found: list[Finding] = []
        if whole in wanted and whole is not None:
            found.append(Finding(0, len(text), whole, _FIELD_SCORE))
        for start, end, name, value in _fields(text, hint):
            inner = entity_of_field(name, value)
            if inner in wanted and inner is not None:
                found.append(Finding(start, end, inner, _FIELD_SCORE))
        found += self._search(text, wanted, PROBE_DEPTH)
        if _BARE_NINE.fullmatch(text) and is_quantity(hint):
            found = [f._replace(score=min(f.score, _QUANTITY_SCORE)) for f in found]
        return found

    def _search(self, text: str, wanted: frozenset[str], depth: int) -> list[Finding]:
        found = list(self._patterns(text, wanted))
        plain = normalise(text)
        if plain is not None and plain.text:
            for item in self._patterns(plain.text, wanted):
                found.append(Finding(*plain.span(item.start, item.end), item.entity, item.score))
        if depth:
            readable = text if plain is None else plain.text
            for start, end, hidden in decoded_words(readable):
                for item in self._search(hidden, wanted, depth - 1):
                    # What is encoded cannot be cut, so the whole word goes.
                    span = (start, end) if plain is None else plain.span(start, end)
                    found.append(Finding(*span, item.entity, item.score))
        return found

    def _patterns(self, text: str, wanted: frozenset[str]) -> Iterator[Finding]:
        finders = [(entity, self._finder(entity)) for entity in sorted(wanted)]
        for window_start, window_end, start, end in windows(text):
            part = text[window_start:window_end]
            for entity, search in finders:
                if search is None:
                    continue
                for first, last, score in search.find(part):
                    # What lies on the border is found in both windows, and counted once.
                    if window_start + last > start and window_start + first < end:
                        yield Finding(window_start + first, window_start + last, entity, score)

    def _finder(self, entity: str) -> Recognizer | None:
        if entity not in self._finders:
            if entity not in ENTITIES:
                raise RedactionError(f"There is no entity {entity!r}.")
            self._finders[entity] = finder(entity)
        return self._finders[entity]

    def _by_model(
        self,
        texts: Sequence[str],
        hints: Sequence[str],
        wanted: frozenset[str],
        found: Sequence[list[Finding]],
    ) -> None:
        if self._names is None:
            self._names = NameFinder()
        pieces: list[str] = []
        places: list[tuple[int, int, Normalised | None]] = []
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
        for (index, start, plain), spans in zip(places, self._names.find(pieces), strict=True):
            found[index].extend(_moved(spans, start, plain, wanted))


def _fields(text: str, hint: str) -> Iterator[tuple[int, int, str, str]]:
    """Give start, end, name and value of the fields that a text has in it."""
    if hint == TABLE_HINT:
        for start, end, name in table_cells(text):
            yield start, end, name, text[start:end]
        return
    for start, end, leaf in inner_fields(text):
        if start < end:
            yield start, end, leaf.hint, leaf.text


def _is_prose(text: str, hint: str) -> bool:
    """Tell whether the model may find a name: identifiers and keywords only mislead it."""
    if len(text) > _IDENTIFIER_CHARS:
        return True
    if len(_LETTER.findall(text)) < 2:
        return False
    return not is_keyword_field(hint) and _IDENTIFIER.fullmatch(text) is None


def _moved(
    spans: Iterable[Finding], offset: int, plain: Normalised | None, wanted: frozenset[str]
) -> Iterator[Finding]:
    for span in spans:
        if span.entity not in wanted:
            continue
        start, end = span.start + offset, span.end + offset
        if plain is not None:
            start, end = plain.span(start, end)
        yield Finding(start, end, span.entity, span.score)
