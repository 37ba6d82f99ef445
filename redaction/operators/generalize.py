"""Values made less exact, as 45 CFR 164.514(b)(2)(i) lets them stay."""

from __future__ import annotations

import ipaddress
import re

from redaction.canonical import plain
from redaction.dates import read_dates
from redaction.forms import DATE_FORMS, matches
from redaction.operator_spec import Operator
from redaction.scope import Scope

OVER = 90
"""The age from which all ages are one: "90 or older"."""

SPARSE_PREFIXES = frozenset(
    {
        *("036", "059", "063", "102", "203", "556", "692", "790", "821"),
        *("823", "830", "831", "878", "879", "884", "890", "893"),
    }
)
"""First three digits of ZIP codes in whose areas 20,000 people live or fewer, by the census of
2000, which the guidance on 45 CFR 164.514(b)(2)(i)(B) lists; they are written 000."""

_ZIP = re.compile(r"(?<![0-9A-Za-z-])([0-9]{3})[0-9]{2}(?:-?[0-9]{4})?(?![0-9A-Za-z-])")
_STATE_ZIP = re.compile(r"(?:(?P<state>[A-Z]{2})[ ,]{1,2})?(?P<zip>[0-9]{5}(?:-?[0-9]{4})?)\Z")
_STATES = frozenset(
    {
        *("AL", "AK", "AZ", "AR", "CA", "CO", "CT", "DE", "DC", "FL", "GA", "HI", "ID", "IL"),
        *("IN", "IA", "KS", "KY", "LA", "ME", "MD", "MA", "MI", "MN", "MS", "MO", "MT", "NE"),
        *("NV", "NH", "NJ", "NM", "NY", "NC", "ND", "OH", "OK", "OR", "PA", "RI", "SC", "SD"),
        *("TN", "TX", "UT", "VT", "VA", "WA", "WV", "WI", "WY"),
    }
)
_STREET = re.compile(
    r"\b(?:street|st\.?$|avenue|ave|road|rd|boulevard|blvd|lane|ln|drive|court|terrace|parkway|pkwy"
    r"|highway|hwy|square|apartment|apt|suite|unit|box|floor)\b"
    r"|(?:stra(?:ss|ß)e|str\.|weg|platz|allee)(?![a-z])"
    r"|\b(?:rue|avenida|calle|via|piazza|rua)\b",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"[0-9]{1,3}")
_YOUNGER = re.compile(r"month|week|day|hour|minute|\b(?:mos?|wks?|m/o|d/o)\b", re.IGNORECASE)
_YEAR = re.compile(r"(?<![0-9A-Za-z])(?:1[89]|20)[0-9]{2}(?![0-9A-Za-z])")
_WORDS = re.compile(r"ninet|hundred", re.IGNORECASE)
_YOUNG_WORDS = re.compile(
    r"\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w{3,5}teen|twenty"
    r"|thirty|forty|fifty|sixty|seventy|eighty)\b",
    re.IGNORECASE,
)
_MADE_LESS = frozenset({"LOCATION", "DATE_TIME", "AGE", "IP_ADDRESS"})
"""Entities of which something is left."""

_YEAR_DIGITS, _CENTURIES = 4, ("18", "19", "20")
_IP4_BITS, _IP6_BITS = 24, 48


def generalize(operator: Operator, entity: str, value: str, scope: Scope, form: str) -> str:
    """Give what may be left of a value; where nothing may, the entity's name."""
    if entity == "DATE_TIME" and form in DATE_FORMS and _begins(value) and matches(form, value):
        # It has no disguise, for its form leaves no room for one.
        return _year_told(int(value[:_YEAR_DIGITS]), scope, form)
    if entity not in _MADE_LESS:
        return f"<{entity}>"
    text = plain(value).strip()
    match entity:
        case "LOCATION":
            return _town(text) if operator.keep == "city" else _location(text)
        case "DATE_TIME":
            return _date(operator, text, scope, form)
        case "AGE":
            return _age(text)
        case _:
            return _address(text)


def _location(text: str) -> str:
    if text in _STATES:
        return text
    match = _STATE_ZIP.search(text)
    if match is None or (match.start() and text[match.start() - 1].isalnum()):
        return "<LOCATION>"
    prefix = match["zip"][:3]
    area = "000" if prefix in SPARSE_PREFIXES else prefix
    rest = text[: match.start()]
    state = match["state"] if match["state"] in _STATES else ""
    place = "<LOCATION>" if rest.strip(" ,") or (match["state"] and not state) else ""
    if _ZIP.search(rest):
        return "<LOCATION>"
    return " ".join(
        part for part in (f"{place}," if place and state else place, state, area) if part
    )


def _town(text: str) -> str:
    """Leave town, state and ZIP code of an address, as 45 CFR 164.514(e)(2)(ii) does."""
    parts = [part.strip() for part in re.split(r"[,\n]", text) if part.strip()]
    kept = [part for part in parts if not _is_street(part)]
    if len(kept) == len(parts):
        return text
    if kept:
        return ", ".join(["<LOCATION>", *kept])
    end = _STATE_ZIP.search(text)
    return f"<LOCATION>, {end[0]}" if end is not None and end.start() else "<LOCATION>"


def _is_street(part: str) -> bool:
    bare = _STATE_ZIP.sub("", part)
    return any(char.isdigit() for char in bare) or _STREET.search(bare) is not None


def _date(operator: Operator, text: str, scope: Scope, form: str) -> str:
    if form in DATE_FORMS and _begins(text) and matches(form, text):
        return _told({int(text[:_YEAR_DIGITS])}, scope, form)
    years = {date.year for date in read_dates(text, day_first=operator.day_first).dates}
    years |= {int(match[0]) for match in _YEAR.finditer(text)}
    years.discard(0)
    return _told(years, scope, form)


def _begins(text: str) -> bool:
    return text[:2] in _CENTURIES


def _told(years: set[int], scope: Scope, form: str) -> str:
    if len(years) != 1:
        return "<DATE_TIME>"
    (year,) = years
    return _year_told(year, scope, form)


def _year_told(year: int, scope: Scope, form: str) -> str:
    if scope.today is not None and year <= scope.today.year - OVER:
        # Whoever was there then is 90 or older, or will be this year.
        last = f"{scope.today.year - OVER:04}"
        return last if form else f"{last} or earlier"
    return f"{year:04}"


def _age(text: str) -> str:
    if _YOUNGER.search(text) is not None:
        return text
    numbers = [int(match[0]) for match in _NUMBER.finditer(text)]
    if not numbers:
        if _WORDS.search(text) is not None:
            return f"{OVER}+"
        return text if _YOUNG_WORDS.search(text) is not None else "<AGE>"
    return _NUMBER.sub(lambda match: f"{OVER}+" if int(match[0]) >= OVER else match[0], text)


def _address(text: str) -> str:
    try:
        address = ipaddress.ip_address(text.strip("[]").partition("%")[0])
    except ValueError:
        return "<IP_ADDRESS>"
    bits = _IP4_BITS if address.version == 4 else _IP6_BITS
    return str(ipaddress.ip_network((address, bits), strict=False))
