"""Spans in the usual spellings: mappings, triples, or values to be looked for in the text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from scripts.evaluate_lib.model import Notes, SetError, Span
from scripts.evaluate_lib.readers.files import keys

LABEL_KEYS = keys(
    "label entity_type type entity_label identifier_type category tag types labels class "
    "entity_group phi_type pii_type"
)
VALUE_KEYS = keys("value entity_value text word mention surface string content span entity")
START_KEYS = keys(
    "start start_position start_offset begin start_char start_idx startoffset from offset"
)
END_KEYS = keys("end end_position end_offset stop end_char end_idx endoffset to")
PAIR_KEYS = keys("span offsets offset position")
OUTSIDE = frozenset({"", "O"})


class Place(NamedTuple):
    """Where a record stands, for messages."""

    path: Path
    line: int
    notes: Notes

    def bad(self, message: str) -> SetError:
        """Make the error that names this place."""
        return SetError(self.path, self.line, message)


def spans_of(items: Sequence[Any], text: str, place: Place) -> tuple[Span, ...]:
    """Read the spans of a text; raises `SetError`."""
    found: set[Span] = set()
    loose: list[tuple[str, str]] = []
    for item in items:
        span = _triple(item) if isinstance(item, (list, tuple)) else _mapping(item, place)
        if span is None:
            raise place.bad(
                "a span must be {start, end, label}, [start, end, label] or {value, label}."
            )
        start, end, label, value = span
        if label in OUTSIDE:
            continue
        if start is None or end is None:
            loose.append((value, label))
            continue
        if not 0 <= start < end <= len(text):
            raise place.bad(
                f"span {start} to {end} does not lie in a text of {len(text)} characters."
            )
        if value and _folded(text[start:end]) != _folded(value):
            place.notes.add("spans whose offsets do not fit their value, looked for by the value")
            loose.append((value, label))
            continue
        found.add(Span(start, end, label))
    found |= set(_looked_up(loose, text, place.notes))
    return tuple(sorted(found))


def _triple(item: Sequence[Any]) -> tuple[int | None, int | None, str, str] | None:
    if len(item) < 3:
        return None
    # [start, end, label], or [label, start, end].
    first, second, third = item[:3]
    if isinstance(first, str) and _is_int(second) and _is_int(third):
        first, second, third = second, third, first
    if not (_is_int(first) and _is_int(second) and isinstance(third, str)):
        return None
    return first, second, third, ""


def _mapping(item: Any, place: Place) -> tuple[int | None, int | None, str, str] | None:
    if not isinstance(item, Mapping):
        return None
    folded = {str(key).lower(): value for key, value in item.items()}
    start, end = _first_int(folded, START_KEYS), _first_int(folded, END_KEYS)
    if start is not None and end is None and _is_int(folded.get("length")):
        end = start + folded["length"]
    if start is None or end is None:
        start, end = _pair(folded)
    label = _label(folded)
    if label is None and start is not None and isinstance(folded.get("entity"), str):
        # Some call the label "entity", others the value.
        label = folded.pop("entity")
    if label is None:
        return None
    value = str(next((folded[key] for key in VALUE_KEYS if _is_value(folded.get(key))), ""))
    if start is None and not value:
        place.notes.add("spans with neither offsets nor a value, left out")
    return start, end, label, value


def _label(item: Mapping[str, Any]) -> str | None:
    for key in LABEL_KEYS:
        value = item.get(key)
        if isinstance(value, list) and value:
            value = value[0]
        if isinstance(value, str):
            return value
    return None


def _is_value(value: object) -> bool:
    return isinstance(value, str) or _is_int(value)


def _pair(item: Mapping[str, Any]) -> tuple[int | None, int | None]:
    for key in PAIR_KEYS:
        pair = item.get(key)
        if isinstance(pair, list) and pair and isinstance(pair[0], list):
            pair = [pair[0][0], pair[-1][-1]] if pair[0] and pair[-1] else None
        if isinstance(pair, list) and len(pair) == 2 and _is_int(pair[0]) and _is_int(pair[1]):
            return pair[0], pair[1]
    return None, None


def _first_int(item: Mapping[str, Any], keys: Sequence[str]) -> int | None:
    return next((item[key] for key in keys if _is_int(item.get(key))), None)


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _folded(value: str) -> str:
    return " ".join(value.split())


def _looked_up(values: Sequence[tuple[str, str]], text: str, notes: Notes) -> list[Span]:
    """Find every place of these values in the text, the longer before those within them."""
    taken: list[Span] = []
    for value, label in sorted(set(values), key=lambda pair: -len(pair[0])):
        words = value.split()
        if not words:
            continue
        pattern = r"\s+".join(map(re.escape, words))
        pattern = rf"(?<![^\W_]){pattern}" if value.strip()[0].isalnum() else pattern
        pattern = rf"{pattern}(?![^\W_])" if value.strip()[-1].isalnum() else pattern
        places = list(re.finditer(pattern, text)) or list(re.finditer(pattern, text, re.IGNORECASE))
        if not places:
            notes.add("values that do not stand in their text, left out")
        for match in places:
            start, end = match.span()
            if not any(span.start <= start and end <= span.end for span in taken):
                taken.append(Span(start, end, label))
    return taken
