"""Made-up people of many origins, and the ways in which their names are written."""

from __future__ import annotations

import functools
import random
import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scripts.evaluate_lib.generate.words import words, words_of

if TYPE_CHECKING:
    from faker import Faker

LOCALES = ("en_US", "en_GB", "en_IN", "es_MX", "de_DE", "fr_FR", "pl_PL", "tr_TR")


@functools.cache
def faker() -> Faker:
    """Load the makers of names and numbers of several countries."""
    from faker import Faker

    return Faker(list(LOCALES))


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who does not exist."""

    first: str
    middle: str
    last: str
    title: str
    kin: str
    style: int
    """Which of the ways of writing a full name this person's record uses."""

    def written(self, form: str) -> str:
        """Give the name in a form that a template asks for."""
        lower = form.endswith("lower") and form != "lower"
        upper = form.endswith("upper") and form != "upper"
        value = self._plain(form.removesuffix(".lower").removesuffix(".upper"))
        return value.lower() if lower else value.upper() if upper else value

    def _plain(self, form: str) -> str:
        match form:
            case "first" | "last":
                return str(getattr(self, form))
            case "kin":
                return self.kin
            case "listed":
                middle = f" {self.middle[0]}." if self.style % 2 else ""
                return f"{self.last}, {self.first}{middle}"
            case "short":
                return f"{self.first} {self.last[0].upper()}."
            case "initials":
                return f"{self.first[0]}.{self.last[0].upper()}."
            case "sql":
                return f"{self.first} {self.last}".replace("'", "''")
            case "lower":
                return self.full.lower()
            case "upper":
                return self.full.upper()
            case _:
                return self.full

    @property
    def full(self) -> str:
        """The name as this person's record has it."""
        forms = (
            f"{self.first} {self.last}",
            f"{self.first} {self.middle[0]}. {self.last}",
            f"{self.first} {self.last}",
            f"{self.first} {self.middle} {self.last}",
            f"{self.first[0]}. {self.last}",
            f"{self.first} {self.last}",
        )
        return forms[self.style]

    @property
    def mailbox(self) -> str:
        """The name as it goes into an address."""
        plain = unicodedata.normalize("NFKD", f"{self.first}.{self.last}").encode("ascii", "ignore")
        return re.sub(r"[^a-z.]+", "", plain.decode().lower()) or "x.y"


def somebody(rng: random.Random, split: str | None) -> Person:
    """Make somebody up."""
    if rng.random() < 0.5:
        source = faker()[rng.choice(LOCALES)]
        source.seed_instance(rng.getrandbits(32))
        first, last = str(source.first_name()), str(source.last_name())
    else:
        first = rng.choice(words_of("names", "given", split))
        last = rng.choice(words_of("names", "surnames", split))
    return Person(
        first,
        rng.choice(words("names", "given")),
        last,
        rng.choice(words("names", "prefixes")),
        rng.choice(words("names", "kin")),
        rng.randrange(6),
    )
