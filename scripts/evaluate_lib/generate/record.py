"""One made-up patient record, and what of it a structured body holds."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from scripts.evaluate_lib.generate import dates
from scripts.evaluate_lib.generate.numbers import fill
from scripts.evaluate_lib.generate.slots import Makers, state, street, zip_code
from scripts.evaluate_lib.generate.words import split_of
from scripts.evaluate_lib.model import Value

SHORTEST = 3
"""Characters of a value, at least, that can be looked for in what is left of a body."""


class Record:
    """Makes values and remembers each with its place: to go (`secret`) or to stay (`plain`)."""

    def __init__(self, rng: random.Random, split: str | None) -> None:
        self.rng = rng
        self.makers = Makers(rng, split)
        self.split = split
        self.values: list[Value] = []
        self.keep: list[Value] = []
        self.patient = self.makers.person("patient")

    def secret(self, label: str, value: str, place: str) -> str:
        """Put a value in that must not survive."""
        if len(value) >= SHORTEST:
            self.values.append(Value(value, label, place))
        return value

    def plain(self, value: str, place: str) -> str:
        """Put a value in that should stay."""
        if len(value) >= SHORTEST:
            self.keep.append(Value(value, "", place))
        return value

    def slot(self, kind: str, place: str, form: str = "") -> str:
        """Put in what a template's slot would get."""
        label, value = self.makers.make(kind, form, "")
        return self.plain(value, place) if label is None else self.secret(label, value, place)

    def fresh(self, kind: str, place: str, form: str = "") -> str:
        """Put in another value of a kind that was there before."""
        label, value = self.makers.make(kind, form, f"#{self.rng.randrange(1 << 30)}")
        return self.plain(value, place) if label is None else self.secret(label, value, place)

    def name(self, role: str, place: str) -> tuple[str, str]:
        """Put in a first and a last name."""
        who = self.makers.person(role)
        first = self.secret("NAME", who.first, f"{place}.given")
        return first, self.secret("NAME", who.last, f"{place}.family")

    def day(self, place: str, form: str = "iso", *, birth: bool = False) -> str:
        """Put in a day."""
        make = dates.birth if birth else dates.date
        return self.secret("DATE", make(self.rng, form), place)

    def address(self, place: str) -> tuple[str, str, str, str]:
        """Put in street, city and ZIP code, with a state that may stay."""
        line = self.secret("STREET", street(self.rng, self.split), f"{place}.line")
        city = self.slot("city", f"{place}.city")
        return line, city, state(self.rng), self.secret("ZIP", zip_code(self.rng), f"{place}.zip")

    def token(self, form: str) -> str:
        """Give something that is neither to go nor to stay."""
        return fill(self.rng, form)

    def as_data(self, content_type: str, body: Any, template: str) -> dict[str, Any]:
        """Give the body with what is in it, but for values that are to go here and stay there."""
        kept = {value.value for value in self.keep}
        gone = {value.value for value in self.values}
        return {
            "template": template,
            "content_type": content_type,
            "body": body,
            "values": [v._asdict() for v in self.values if v.value not in kept],
            "keep": [v._asdict() for v in self.keep if v.value not in gone],
        }


Maker = Callable[[Record], Any]


def of_split(makers: Mapping[str, Maker], split: str | None) -> Sequence[tuple[str, Maker]]:
    """Choose the makers of a split, by a hash of their names."""
    return [(n, make) for n, make in makers.items() if split is None or split_of(n) == split]
