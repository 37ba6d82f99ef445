"""Values that look real and belong to nobody, by entity."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable

from redaction.canonical import Stream
from redaction.forms import shares_run
from redaction.person_names import a_name

_LEAST_CHARS = 5
"""Letters and digits below which too many values would get the same surrogate."""

_MOST_CHARS = 200
_NEVER = frozenset({"DATE_TIME", "NRP"})
"""Entities of which other letters and digits are nonsense."""

_TRIES = 50
_NETS = ("192.0.2", "198.51.100", "203.0.113")
_STREETS = ("Street", "Avenue", "Road", "Lane", "Drive", "Court")
_ENDINGS = ("ville", "ton", "bury", "field", "ford", "haven", "stead", "wick")
_FIRMS = ("Group", "Partners", "and Sons", "Holdings", "Services", "Associates")
_ZIP = re.compile(r"[0-9]{5}(?:-[0-9]{4})?")
_SSN_GROUPS = [*range(1, 50), *range(66, 70), 89]
"""Groups that no individual taxpayer number (50 to 65, 70 to 88, 90 to 99) has."""


def realistic(entity: str, value: str, stream: Stream) -> str | None:
    """Give a value in the place of another; None where nothing would look real."""
    for _ in range(_TRIES):
        made = _make(entity, value, stream)
        if made is None or made.casefold() != value.casefold():
            return made
    return None


def _make(entity: str, value: str, stream: Stream) -> str | None:
    make = _MAKERS.get(entity)
    if make is not None:
        return make(value, stream)
    bare = "".join([char for char in value if char.isalnum()])
    if (
        entity in _NEVER
        or not _LEAST_CHARS <= len(bare) <= _MOST_CHARS
        or not any(char.isdigit() for char in bare)
    ):
        return None
    for _ in range(_TRIES):
        made = stream.like(value)
        if made.isascii() and not shares_run(made, value):
            return made
    return None


def _person(value: str, stream: Stream) -> str:
    return " ".join(a_name(stream))


def _email(value: str, stream: Stream) -> str:
    first, last = a_name(stream)
    host = ("com", "org", "net")[stream.below(3)]
    return f"{first}.{last}{stream.below(1000)}@example.{host}".lower()


def _phone(value: str, stream: Stream) -> str:
    area = 200 + stream.below(800)
    return f"{area}-555-01{stream.below(100):02}"


def _ssn(value: str, stream: Stream) -> str:
    group = _SSN_GROUPS[stream.below(len(_SSN_GROUPS))]
    return f"9{stream.below(100):02}-{group:02}-{stream.below(10_000):04}"


def _card(value: str, stream: Stream) -> str:
    count = sum(char.isdigit() for char in value)
    digits = stream.like("0" * (count if 12 <= count <= 19 else 16))
    # One that no check digit makes right.
    return digits if not luhn(digits) else digits[:-1] + str((int(digits[-1]) + 5) % 10)


def luhn(digits: str) -> bool:
    """Tell whether the last digit is the check digit of the others (ISO/IEC 7812)."""
    total = 0
    for place, char in enumerate(reversed(digits)):
        number = int(char) * (2 if place % 2 else 1)
        total += number - 9 if number > 9 else number
    return total % 10 == 0


def _ip(value: str, stream: Stream) -> str:
    if ":" in value:
        address = int(ipaddress.IPv6Address("2001:db8::")) + stream.below(2**64)
        return str(ipaddress.IPv6Address(address))
    return f"{_NETS[stream.below(3)]}.{1 + stream.below(254)}"


def _url(value: str, stream: Stream) -> str:
    return f"https://example.com/{stream.hexadecimal(8)}"


def _iban(value: str, stream: Stream) -> str:
    count = max(sum(char.isalnum() for char in value) - 4, 11)
    # No country is XX, and no check digits are 00.
    return "XX00" + stream.like("0" * min(count, 30))


def _mac(value: str, stream: Stream) -> str:
    octets = stream.hexadecimal(10)
    # Administered locally: no maker's.
    return "02:" + ":".join(octets[index : index + 2] for index in range(0, 10, 2))


def _location(value: str, stream: Stream) -> str:
    first, last = a_name(stream)
    if _ZIP.fullmatch(value):
        # Prefixes 001 to 004 are nobody's.
        return f"00{1 + stream.below(4)}{stream.below(100):02}"
    if any(char.isdigit() for char in value):
        return f"{1 + stream.below(9998)} {first} {_STREETS[stream.below(len(_STREETS))]}"
    return f"{last}{_ENDINGS[stream.below(len(_ENDINGS))]}"


def _organization(value: str, stream: Stream) -> str:
    _, last = a_name(stream)
    return f"{last} {_FIRMS[stream.below(len(_FIRMS))]}"


def _age(value: str, stream: Stream) -> str:
    return str(18 + stream.below(72))


def _user(value: str, stream: Stream) -> str:
    return f"user{stream.hexadecimal(8)}"


def _password(value: str, stream: Stream) -> str:
    return f"secret-{stream.hexadecimal(12)}"


_MAKERS: dict[str, Callable[[str, Stream], str]] = {
    "PERSON": _person,
    "EMAIL_ADDRESS": _email,
    "PHONE_NUMBER": _phone,
    "US_SSN": _ssn,
    "CREDIT_CARD": _card,
    "IP_ADDRESS": _ip,
    "URL": _url,
    "IBAN_CODE": _iban,
    "MAC_ADDRESS": _mac,
    "LOCATION": _location,
    "ORGANIZATION": _organization,
    "AGE": _age,
    "USERNAME": _user,
    "PASSWORD": _password,
}
