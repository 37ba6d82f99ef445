"""Patterns of RE2 mean what they mean in its own package, whatever the text's characters."""

from __future__ import annotations

import random

import pytest
import re2

from redaction import linear

_PATTERNS = [
    r"[0-9]{3,}",
    r"(?i)\b(?:mrn|dob)[ :]*([0-9/]{4,})(x)?",
    r"(?P<name>[a-z]+)@(?P<host>[a-z.]+)",
    r"x*",
    r"\pL+",
    "",
]
_BOUNDS = [(0, None), (3, None), (2, 30), (40, 10), (-5, 999)]


def _texts() -> list[str]:
    chance = random.Random(7)
    plain = ["", "x", "MRN: 123456 dob 1/2/1990", "ann@example.org and bob@example.com, 5551234"]
    signs = ["a", "1", " ", "@", "\u00e9", "\u65e5", "\U0001f600", "x", "mrn 12345", "\0"]
    return plain + ["".join(chance.choices(signs, k=chance.randint(1, 60))) for _ in range(60)]


@pytest.mark.parametrize("pattern", _PATTERNS)
def test_finds_the_same(pattern: str) -> None:
    theirs, ours = re2.compile(pattern), linear.compile(pattern)
    for text in _texts():
        for pos, endpos in _BOUNDS:
            expected = [(m.span(), m.groups()) for m in theirs.finditer(text, pos, endpos)]
            found = [
                (m.span(), tuple(m[n] for n in range(1, ours.groups + 1)))
                for m in ours.finditer(text, pos, endpos)
            ]
            assert found == expected
            for name in ("search", "match", "fullmatch"):
                one = getattr(theirs, name)(text, pos, endpos)
                other = getattr(ours, name)(text, pos, endpos)
                assert (one and one.span()) == (other and other.span())


def test_groups_have_names() -> None:
    match = linear.compile(_PATTERNS[2]).search("\u65e5 ann@example.org")
    assert match is not None
    assert (match["name"], match["host"]) == ("ann", "example.org")
    assert match.span("host") == (match.start("host"), match.end("host")) == (6, 17)
    assert match.lastindex == 2


def test_replaces() -> None:
    assert linear.compile("[0-9]+").sub("#", "a1\u65e522b") == "a#\u65e5#b"
    assert linear.compile("[0-9]+").findall("a1\u65e522b") == ["1", "22"]
    with pytest.raises(linear.error):
        linear.compile("(")
