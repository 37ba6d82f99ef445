r"""Recognisers of the user's own, in the YAML form of Presidio, compiled with RE2.

    recognizers:
      - name: badge
        supported_entity: BADGE_NUMBER
        supported_language: en
        patterns: [{name: badge, regex: "\\bB-[0-9]{6}\\b", score: 0.6}]
        deny_list: [B-TEST]
        context: [badge, door]

Nothing here needs Presidio, so that the proxy can check what its workers will use.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from redaction import linear
from redaction.errors import RedactionError
from redaction.operator_spec import Place
from redaction.search import canonical_json
from redaction.trie import Trie

MAX_WORDS, MAX_WORD, MAX_REGEX = 10_000, 200, 5_000
"""Words of a list, characters of a word and of a pattern, at most."""

_ENTITY = re.compile(r"[A-Z][A-Z0-9_]{0,62}")
_LANGUAGE = re.compile(r"[a-z]{2}")
_KEYS = (
    *("name", "supported_entity", "supported_language", "supported_languages", "patterns"),
    *("deny_list", "deny_list_score", "context", "type", "enabled", "version"),
)
_FLAGS = "(?ism)"
"""What Presidio searches with unless told otherwise: any case, many lines, a dot for all."""

_PROBES = ("", "a", "Z9", "0", " ", "a b", "-", "\n", "ab-12 (x)")
"""Texts in which a pattern that matches nothing at all shows itself."""


@dataclass(frozen=True, slots=True)
class CustomSpec:
    """One recogniser as it was written, with its patterns compiled."""

    name: str
    entity: str
    languages: tuple[str, ...]
    """The languages of texts it is for; none: all."""
    patterns: tuple[tuple[linear.Pattern, float], ...]
    words: Trie | None
    words_score: float
    context: tuple[str, ...]
    """Words that make a find surer where they stand near it."""

    def serves(self, languages: Sequence[str]) -> bool:
        """Tell whether it is for one of these languages."""
        return not self.languages or not set(self.languages).isdisjoint(languages)

    def find(self, text: str) -> Iterator[tuple[int, int, float]]:
        """Give start, end and score of what the patterns and the words match."""
        for pattern, score in self.patterns:
            for match in pattern.finditer(text):
                if match.end() > match.start():
                    yield match.start(), match.end(), score
        if self.words is not None:
            for hit in self.words.scan(text).hits:
                yield hit.start, hit.end, self.words_score


def recognizer_items(document: object) -> list[Mapping[str, Any]]:
    """Give the recognisers of a YAML document: one, a list, or a file's `recognizers`.

    Those that are switched off (`enabled: false`) are left out.
    """
    if isinstance(document, Mapping) and "recognizers" in document:
        document = document["recognizers"]
    items: list[Mapping[str, Any]] = []
    for index, item in enumerate(document if isinstance(document, list | tuple) else [document]):
        if isinstance(item, Mapping):
            items.append(item)
        else:
            raise Place("recognizers", str(index + 1)).wrong(
                "a recogniser is a mapping with a name, an entity and patterns or a deny list",
                "Presidio's own need not be named; they run for the entities that are wanted.",
            )
    return [item for item in items if item.get("enabled", True) is not False]


def read_recognizers(path: Path) -> list[Mapping[str, Any]]:
    """Read a YAML file of recognisers; raises `RedactionError` that names the mistake."""
    try:
        document = yaml.safe_load(path.read_text("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError):
        raise RedactionError(f"{path}: this is no YAML.") from None
    items = recognizer_items(document)
    for item in items:
        custom_spec(item)
    return items


def custom_spec(item: Mapping[str, Any]) -> CustomSpec:
    """Read one recogniser; raises `RuleError` that names it and the pattern that is wrong."""
    return spec_of(canonical_json(item))


@functools.lru_cache(maxsize=1024)
def spec_of(text: str) -> CustomSpec:
    """Read one recogniser from canonical JSON, as a `Search` holds it."""
    item: Mapping[str, Any] = json.loads(text)
    name = item.get("name")
    if not isinstance(name, str) or not name:
        raise Place("recognizers", "?", ("name",)).wrong("a recogniser needs a name")
    place = Place("recognizers", name)
    for key in item:
        if key not in _KEYS:
            raise place.under(key).wrong("a recogniser has no such key", f"Keys: {_known()}.")
    if item.get("type", "custom") != "custom":
        raise place.under("type").wrong(
            "only recognisers of the type custom can be given",
            "Presidio's own run for the entities that are wanted.",
        )
    entity = item.get("supported_entity")
    if not isinstance(entity, str) or _ENTITY.fullmatch(entity) is None:
        raise place.under("supported_entity").wrong(
            "the name of an entity is in capitals", "Write it like BADGE_NUMBER."
        )
    languages, context = _languages(item, place)
    patterns = tuple(_patterns(item.get("patterns"), place.under("patterns")))
    words = _words(item.get("deny_list"), place.under("deny_list"))
    if not patterns and not words:
        raise place.wrong("it has neither patterns nor a deny list", "Give it one of them.")
    return CustomSpec(
        name,
        entity,
        languages,
        patterns,
        Trie(words, any_case=True) if words else None,
        _score(item.get("deny_list_score", 1.0), place.under("deny_list_score")),
        context,
    )


def _known() -> str:
    return ", ".join(_KEYS)


def _languages(item: Mapping[str, Any], place: Place) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Give the languages, and the words of context in all of them."""
    context = _words(item.get("context"), place.under("context"))
    languages: list[str] = []
    if "supported_language" in item:
        languages.append(_language(item["supported_language"], place.under("supported_language")))
    several = item.get("supported_languages") or []
    here = place.under("supported_languages")
    if not isinstance(several, list):
        raise here.wrong("this must be a list of languages", "Write it like [en, de].")
    for index, entry in enumerate(several):
        at = here.under(index)
        if isinstance(entry, Mapping):
            context += _words(entry.get("context"), at.under("context"))
            entry, at = entry.get("language"), at.under("language")
        languages.append(_language(entry, at))
    return tuple(languages), tuple(dict.fromkeys(context))


def _language(value: object, place: Place) -> str:
    if not isinstance(value, str) or _LANGUAGE.fullmatch(value) is None:
        raise place.wrong("a language has two letters", "Write it like en.")
    return value


def _patterns(value: object, place: Place) -> Iterator[tuple[linear.Pattern, float]]:
    if value is None:
        return
    if not isinstance(value, list):
        raise place.wrong("this must be a list of patterns", "Give each a name, regex and score.")
    for index, item in enumerate(value):
        here = place.under(index)
        if not isinstance(item, Mapping) or item.keys() - {"name", "regex", "score"}:
            raise here.wrong("a pattern has a name, a regex and a score")
        regex = item.get("regex")
        if not isinstance(regex, str) or not regex or len(regex) > MAX_REGEX:
            raise here.under("regex").wrong(f"this must be a text of 1 to {MAX_REGEX} characters")
        score = _score(item.get("score"), here.under("score"))
        yield _compile(regex, str(item.get("name", index)), here.under("regex")), score


def _compile(regex: str, name: str, place: Place) -> linear.Pattern:
    options = linear.Options()
    options.log_errors = False
    try:
        pattern: linear.Pattern = linear.compile(_FLAGS + regex, options=options)
    except (linear.error, UnicodeError) as error:
        why = error.args[0] if error.args else ""
        said = why.decode("utf-8", "replace") if isinstance(why, bytes) else str(why)
        raise place.wrong(
            f"the pattern {name!r} cannot be compiled ({said})",
            "It must be in RE2's syntax, which has no look-around and no back-references.",
        ) from None
    for probe in _PROBES:
        if any(match.end() == match.start() for match in pattern.finditer(probe)):
            raise place.wrong(
                f"the pattern {name!r} matches an empty text", "Let it match one character or more."
            )
    return pattern


def _score(value: object, place: Place) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise place.wrong("a score is a number from 0 to 1", "Write it like 0.6.")
    return float(value)


def _words(value: object, place: Place) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, list) or len(value) > MAX_WORDS:
        raise place.wrong(f"this must be a list of at most {MAX_WORDS} words")
    for index, word in enumerate(value):
        if not isinstance(word, str) or not word.strip() or len(word) > MAX_WORD:
            raise place.under(index).wrong(f"this must be a text of 1 to {MAX_WORD} characters")
    return list(value)


__all__ = [
    "CustomSpec",
    "custom_spec",
    "read_recognizers",
    "recognizer_items",
    "spec_of",
]
