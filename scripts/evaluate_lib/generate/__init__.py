"""Synthetic labelled sets: everything in them is made up, by a seed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scripts.evaluate_lib.generate import chats, fhir, hl7
from scripts.evaluate_lib.generate.record import Record, of_split
from scripts.evaluate_lib.generate.texts import TEXT_KINDS, a_text
from scripts.evaluate_lib.generate.words import SPLITS, TESTING, TUNING
from scripts.evaluate_lib.model import Case, Example, Notes
from scripts.evaluate_lib.readers.records import item_of

__all__ = ["KINDS", "SPLITS", "TESTING", "TUNING", "generate", "synthetic_set"]

_BODIES = {"fhir": fhir, "hl7v2": hl7, "chats": chats}

KINDS = (*TEXT_KINDS, *_BODIES)
"""The kinds of sets there are."""


def generate(
    kind: str, count: int, seed: int = 0, split: str | None = None
) -> Iterator[dict[str, Any]]:
    """Make so many records of a kind, in the shape that the reader of JSON lines reads.

    A split has templates, and words of our own lists, that the other does not have.
    """
    for number in range(count):
        rng = random.Random(f"{kind}/{seed}/{split}/{number}")
        if kind in _BODIES:
            yield {"id": f"{kind}-{number}", **_body(kind, rng, split, number)}
            continue
        text = a_text(rng, kind, split, number)
        spans = [{"start": s.start, "end": s.end, "label": s.label} for s in text.spans]
        yield {
            "id": f"{text.template}-{number}",
            "template": text.template,
            "text": text.text,
            "spans": spans,
        }


def _body(kind: str, rng: random.Random, split: str | None, number: int) -> dict[str, Any]:
    module = _BODIES[kind]
    makers = of_split(module.KINDS, split)
    name, make = makers[number % len(makers)]
    record = Record(rng, split)
    body = module.body(make, record)
    content_type = rng.choice(hl7.CONTENT_TYPES) if module is hl7 else module.CONTENT_TYPE
    return record.as_data(content_type, body, name)


def synthetic_set(kind: str, count: int, seed: int, split: str | None) -> list[Example | Case]:
    """Make a set and read it as one from a file would be read."""
    path, notes = Path(f"synthetic {kind}"), Notes()
    records = generate(kind, count, seed, split)
    return [item_of(record, path, line, notes) for line, record in enumerate(records, 1)]
