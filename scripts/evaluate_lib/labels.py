"""Labels of corpora, and entities of systems, brought to families that can be compared."""

from __future__ import annotations

import functools
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

FILE = Path(__file__).with_name("labels.yaml")

_FOLD = re.compile(r"[^a-z0-9]+")
_AGE = re.compile(r"[0-9]{1,3}")
_OVER_89_IN_WORDS = re.compile(r"(?i)\b(?:ninety|hundred|centenarian|nonagenarian)")
_YEAR = re.compile(r"\W*(?:(?:18|19|20|21)[0-9]{2}|'?[0-9]{2}s|(?:19|20)[0-9]{2}s)\W*")
_DATE_WORD = re.compile(
    r"(?i)[0-9]|\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"
    r"|\b(?:christmas|new year|thanksgiving|easter|independence|halloween|labou?r|memorial)\b"
)
_SPOKEN = re.compile(
    r"(?i)\W*(?:about |over |approximately )?(?:a|an|one|two|three|four|five|six|seven|[0-9]+)?"
    r"[ -]?(?:day|week|month|year|hour|minute)s?(?: ago| old| later)?\W*"
)


def fold(label: str) -> str:
    """Give a label without case and separators."""
    return _FOLD.sub("", label.lower())


@dataclass(frozen=True, slots=True)
class LabelMap:
    """Tells which family a label belongs to and which labels do not count."""

    families: dict[str, str]
    ignored: frozenset[str]
    optional: frozenset[str]
    allowed: frozenset[str]
    numbers: frozenset[str]

    def family(self, label: str) -> str:
        """Give the family of a label; one that is not known is its own."""
        return self.families.get(fold(label), label.upper())

    def is_known(self, label: str) -> bool:
        """Tell whether the map has this label."""
        return fold(label) in self.families or fold(label) in self.ignored

    def right(self, gold: str, found: str) -> bool:
        """Tell whether a find of one family is right for a span of another."""
        if gold == found:
            return True
        both = {gold, found}
        regions = both == {"LOCATION", "REGION"}
        return regions or ("ID" in both and both <= self.numbers)


@dataclass(frozen=True, slots=True)
class Counting:
    """Which labelled spans count in a run."""

    labels: LabelMap
    sought: frozenset[str] = frozenset()
    """The families that the systems look for, for the optional ones."""
    strict: bool = False
    """Whether all labelled spans count, also what Safe Harbor leaves in place."""
    ignore: frozenset[str] = frozenset()
    """More families or labels that do not count."""

    def counts(self, label: str, value: str) -> bool:
        """Tell whether a span with this label and value must be covered."""
        family = self.labels.family(label)
        if family in self.ignore or label.upper() in self.ignore:
            return False
        if not any(char.isalnum() for char in value):
            return False
        if self.strict:
            return True
        if fold(label) in self.labels.ignored or family in self.labels.allowed:
            return False
        if family in self.labels.optional and family not in self.sought:
            return False
        return not _harmless(family, value)


def _harmless(family: str, value: str) -> bool:
    """Tell what may stay by 45 CFR 164.514(b)(2): ages to 89, years, days of the week, spans."""
    if family == "AGE":
        ages = [int(age) for age in _AGE.findall(value)]
        return all(age < 90 for age in ages) and not _OVER_89_IN_WORDS.search(value)
    if family == "DATE":
        return (
            _YEAR.fullmatch(value) is not None
            or _DATE_WORD.search(value) is None
            or _SPOKEN.fullmatch(value) is not None
        )
    return False


@functools.cache
def label_map() -> LabelMap:
    """Read the map."""
    data: dict[str, Any] = yaml.safe_load(FILE.read_text("utf-8"))
    families = {
        fold(name): family for family, names in data["families"].items() for name in names.split()
    }
    families |= {fold(family): family for family in data["families"]}
    return LabelMap(
        families,
        frozenset(fold(name) for name in data["ignored"].split()),
        frozenset(data["optional"]),
        frozenset(data["allowed"]),
        frozenset(data["numbers"]),
    )


def families_of(entities: Collection[str]) -> frozenset[str]:
    """Give the families of a system's entities."""
    return frozenset(map(label_map().family, entities))
