"""Readable stand-ins for values, the same for the same value all through one conversation.

    token        [[PERSON_7f3a9c21]]        says what it stands for
    realistic    Emily Carter               reads like a value, and is nobody's

What is realistic stays where nothing real is: telephone numbers of 555-01, hosts of example.com,
addresses of TEST-NET, social security numbers from 900 on, which are issued to nobody.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from redaction.canonical import Stream, canonical, keyed, plain
from redaction.date_shift import shift_date
from redaction.dates import read_dates
from redaction.errors import CollisionError
from redaction.operator_spec import Operator
from redaction.person_names import person
from redaction.realistic import realistic
from redaction.scope import Scope, Taken

TOKEN = re.compile(r"\[\[[A-Z][A-Z0-9_]{0,62}_[0-9a-f]{8}\]\]")
"""What a surrogate of the style `token` looks like."""

MAX_BUMPS = 8
"""Tries after which a value gets a token instead of one that looks real."""

_TOKEN_DIGITS = 8
_DIGEST_DIGITS = 32


class Surrogate(NamedTuple):
    """What is put in the place of a value, and the value's digest."""

    text: str
    digest: str
    reversible: bool = True
    """Whether it stands for this value alone, wherever it is read."""


def surrogate(
    operator: Operator, entity: str, value: str, scope: Scope, subject: str, form: str
) -> Surrogate:
    """Give the surrogate of a value in this session."""
    digest = digest_of(entity, value, scope)
    bumps = scope.bumps.get(digest, 0)
    # Two dates of two subjects may become one, and no other try would part them.
    if entity == "DATE_TIME" and (form or (operator.style == "realistic" and not bumps)):
        moved = shift_date(operator, value, scope, subject)
        if moved is not None:
            dates = read_dates(moved, day_first=operator.day_first).dates
            exact = bool(dates) and all(date.exact for date in dates)
            return Surrogate(moved, digest, exact and not form)
    # In a field that takes e-mail addresses only one of them fits.
    if operator.style == "realistic" or form == "email":
        found = person(value, scope) if entity == "PERSON" else None
        if found is not None:
            digest = found.digest
        stream = _stream(entity, digest, scope)
        # Where all that look real are taken already, a token does.
        if scope.bumps.get(digest, 0) < MAX_BUMPS:
            made = found.text if found is not None else realistic(entity, plain(value), stream)
            if made is not None:
                # There are only so many ages.
                return Surrogate(made, digest, entity != "AGE")
    token = _stream(entity, digest, scope).hexadecimal(_TOKEN_DIGITS)
    return Surrogate(f"[[{entity}_{token}]]", digest)


def digest_of(entity: str, value: str, scope: Scope) -> str:
    """Give the digest of a value in this session, the same for all its spellings."""
    words = (scope.session, entity, canonical(value, entity))
    return keyed(scope.key, "surrogate", *words).hex()[:_DIGEST_DIGITS]


def _stream(entity: str, digest: str, scope: Scope) -> Stream:
    return Stream(scope.key, "surrogate", entity, digest, str(scope.bumps.get(digest, 0)))


def check_collisions(taken: Iterable[Taken], known: Mapping[str, str] | None = None) -> None:
    """Raise `CollisionError` where two values got one surrogate.

    `known` are digests by surrogate that were given before in this session.
    """
    owners = dict(known or {})
    wrong = {
        item.digest
        for item in taken
        if item.reversible and owners.setdefault(item.replacement, item.digest) != item.digest
    }
    if wrong:
        raise CollisionError(frozenset(wrong))
