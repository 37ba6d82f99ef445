"""Dates, in the forms in which people write them."""

from __future__ import annotations

import datetime
import random

_FORMS = (
    "%m/%d/%Y",
    "%-m/%-d/%y",
    "%m/%d/%y",
    "%m-%d-%Y",
    "%Y-%m-%d",
    "%B %-d, %Y",
    "%B %-d %Y",
    "%-d %B %Y",
    "%b %-d, %Y",
    "%b. %-d, %Y",
    "%d-%b-%Y",
    "%d.%m.%Y",
    "%B {nth}, %Y",
    "the {nth} of %B %Y",
    "%b %-d",
    "%-m/%-d",
    "%B {nth}",
    "%B %Y",
    "%A, %B %-d, %Y",
)
_BIRTHS = ("%m/%d/%Y", "%-m/%-d/%Y", "%Y-%m-%d", "%B %-d, %Y", "%d %b %Y", "%m-%d-%Y", "%m.%d.%y")


def a_day(rng: random.Random, first: int = 2015, last: int = 2026) -> datetime.date:
    """Draw a day of these years."""
    start = datetime.date(first, 1, 1).toordinal()
    return datetime.date.fromordinal(rng.randrange(start, datetime.date(last, 1, 1).toordinal()))


def written(day: datetime.date, form: str) -> str:
    """Write a day in a form of strftime, which may have `{nth}` in it."""
    return day.strftime(form.replace("{nth}", nth(day.day)))


def nth(number: int) -> str:
    """Write an ordinal in digits."""
    if number % 100 in (11, 12, 13):
        return f"{number}th"
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th') }"


def date(rng: random.Random, form: str) -> str:
    """Give a date of these years, in the form asked for or in any."""
    return _formed(a_day(rng), rng, form, _FORMS)


def birth(rng: random.Random, form: str) -> str:
    """Give a date of birth."""
    return _formed(a_day(rng, 1938, 2016), rng, form, _BIRTHS)


def _formed(day: datetime.date, rng: random.Random, form: str, forms: tuple[str, ...]) -> str:
    fixed = {"iso": "%Y-%m-%d", "short": "%-m/%-d", "month_day": "%B %-d", "hl7": "%Y%m%d"}
    return written(day, fixed.get(form) or rng.choice(forms))
