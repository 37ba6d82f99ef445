"""Texts from templates: slots filled, and where each value of them stands."""

from __future__ import annotations

import functools
import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import yaml

from scripts.evaluate_lib.generate.slots import AS_IT_IS, Makers
from scripts.evaluate_lib.generate.words import split_of
from scripts.evaluate_lib.model import Span

FOLDER = Path(__file__).parent.parent / "templates"
TEXT_KINDS = ("notes", "queries", "general")

_SLOT = re.compile(r"\{([a-z][a-z0-9_]*)(#[0-9])?((?:\.[a-z0-9_]+)*)(#[0-9])?\}")
_LOWER, _UPPER = 0.12, 0.05


@dataclass(frozen=True, slots=True)
class Text:
    """A text with its labelled values, and those that identify nobody."""

    template: str
    text: str
    spans: tuple[Span, ...]
    keep: tuple[str, ...]
    literal: str
    """The text without what was filled in."""


@functools.cache
def templates(kind: str, split: str | None = None) -> dict[str, str]:
    """Read the templates of a kind, those of one split or all."""
    content = yaml.safe_load((FOLDER / f"{kind}.yaml").read_text("utf-8"))
    return {
        str(name): str(text).rstrip("\n")
        for name, text in content.items()
        if split is None or split_of(str(name)) == split
    }


def a_text(rng: random.Random, kind: str, split: str | None, number: int | None = None) -> Text:
    """Fill a template, drawn or by its number; some texts are in one case throughout."""
    chosen = list(templates(kind, split).items())
    name, template = chosen[number % len(chosen)] if number is not None else rng.choice(chosen)
    draw = rng.random()
    case: Callable[[str], str] = str
    if kind != "general":
        case = str.lower if draw < _LOWER else str.upper if draw < _LOWER + _UPPER else str
    return fill(name, template, Makers(rng, split), case)


def fill(name: str, template: str, makers: Makers, case: Callable[[str], str] = str) -> Text:
    """Fill the slots of a template."""
    pieces: list[str] = []
    literal: list[str] = []
    spans: list[Span] = []
    keep: list[str] = []
    length = position = 0

    def put(piece: str) -> None:
        nonlocal length
        pieces.append(piece)
        length += len(piece)

    for slot in _SLOT.finditer(template):
        before = case(template[position : slot.start()])
        position = slot.end()
        put(before)
        literal.append(before)
        kind, form, number = slot[1], slot[3][1:], slot[2] or slot[4] or ""
        label, value = makers.make(kind, form, number)
        if form == "titled":
            put(case(f"{makers.person(kind + number).title} "))
        value = value if kind in AS_IT_IS else case(value)
        start = length
        put(value)
        if label is None:
            keep.append(value)
        else:
            spans.append(Span(start, length, label))
    rest = case(template[position:])
    put(rest)
    literal.append(rest)
    return Text(name, "".join(pieces), tuple(spans), tuple(keep), "\n".join(literal))
