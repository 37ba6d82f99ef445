"""Values that machines write, whose form leaves no room for anything else."""

from __future__ import annotations

import re

from redaction.documents.model import Leaf
from redaction.forms import DATE_FORMS, matches

_NOTHING: frozenset[str] = frozenset()
_DATE: frozenset[str] = frozenset({"DATE_TIME"})

_LONGEST = 45
_UUID = re.compile(r"(?:urn:uuid:)?([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})")
_LEAST_LETTERS = 2
"""Letters of a UUID: a random one has 12, one that is filled with a number none."""

_MOMENT = re.compile(
    r"(?:19|20)[0-9]{2}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
    r"(?:T(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,6})?)?"
    r"(?:Z|[+-][01][0-9]:[0-5][0-9])?)?"
)
_NUMBER = re.compile(r"-?[0-9]{1,4}(?:\.[0-9]{1,3})?")
_FIRST = frozenset("0123456789abcdefu-")


def only_entities(text: str) -> frozenset[str] | None:
    """Give the entities that a value of such a form may be; None for any other text."""
    if len(text) > _LONGEST or text[:1] not in _FIRST:
        return None
    if _MOMENT.fullmatch(text) is not None:
        return _DATE
    match = _UUID.fullmatch(text)
    if match is not None:
        letters = sum(map(str.isalpha, match[1]))
        return _NOTHING if letters >= _LEAST_LETTERS else None
    return _DATE if _NUMBER.fullmatch(text) is not None else None


def is_plain_date(leaf: Leaf) -> bool:
    """Tell whether a leaf is a date by its place, and has the form of nothing but one."""
    return leaf.entity == "DATE_TIME" and leaf.form in DATE_FORMS and matches(leaf.form, leaf.text)
