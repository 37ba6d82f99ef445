"""The ways of taking an entity out, and their options as a policy writes them."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from redaction.errors import RuleError


class OperatorKind(enum.StrEnum):
    """How an entity is taken out, from what gives away most to what gives away least."""

    GENERALIZE = "generalize"
    MASK = "mask"
    SHIFT_DATE = "shift_date"
    SURROGATE = "surrogate"
    ENCRYPT = "encrypt"
    HASH = "hash"
    REPLACE = "replace"
    DROP = "drop"


_STRICTNESS = {kind: rank for rank, kind in enumerate(OperatorKind)}

_WHOLE = frozenset({OperatorKind.HASH, OperatorKind.REPLACE, OperatorKind.DROP})
_SHORT_RESTS = frozenset({"LOCATION", "DATE_TIME", "IP_ADDRESS"})

STYLES = ("token", "realistic")
KEEPS = ("zip3", "city")
MAX_DAYS = 365


@dataclass(frozen=True, slots=True)
class Operator:
    """One way of taking an entity out."""

    kind: OperatorKind = OperatorKind.REPLACE
    text: str | None = None
    """What `replace` puts in; None for the entity's name in angle brackets."""
    char: str = "*"
    """What `mask` puts over each character."""
    keep_last: int = 0
    """How many characters `mask` leaves readable at the end; never more than half."""
    style: str = "token"
    """What a `surrogate` looks like: a token, or a value that might be real."""
    days: int = MAX_DAYS
    """How many days a date is shifted at most."""
    day_first: bool = False
    """Whether 03/04 is the third of April, where a date is shifted or generalised."""
    keep: str = "zip3"
    """What `generalize` leaves of a place: three digits of its ZIP code, or all but the street."""

    @property
    def strictness(self) -> tuple[int, int, int]:
        """Sort key: the operator that gives away less is greater."""
        return _STRICTNESS[self.kind], -KEEPS.index(self.keep), -self.keep_last

    def leaves_nothing_else(self, entity: str) -> bool:
        """Tell whether it takes a value of this entity whole, with whatever else is in it."""
        if self.kind is OperatorKind.GENERALIZE:
            # What is left is a year, a state and three digits, a part of an address.
            return entity in _SHORT_RESTS and self.keep == KEEPS[0]
        return self.kind in _WHOLE


_DATES = {"days": (OperatorKind.SHIFT_DATE, OperatorKind.SURROGATE)} | {
    "day_first": (OperatorKind.SHIFT_DATE, OperatorKind.SURROGATE, OperatorKind.GENERALIZE)
}
_OF: dict[str, tuple[OperatorKind, ...]] = {
    "with": (OperatorKind.REPLACE,),
    "char": (OperatorKind.MASK,),
    "keep_last": (OperatorKind.MASK,),
    "style": (OperatorKind.SURROGATE,),
    "keep": (OperatorKind.GENERALIZE,),
    **_DATES,
}
"""The options, and the operators that take them."""

_CHECKS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "with": (lambda value: isinstance(value, str), "a text"),
    "char": (lambda value: isinstance(value, str) and len(value) == 1, "one character"),
    "keep_last": (lambda value: _whole(value) and value >= 0, "a whole number from 0"),
    "style": (lambda value: value in STYLES, " or ".join(STYLES)),
    "keep": (lambda value: value in KEEPS, " or ".join(KEEPS)),
    "days": (lambda value: _whole(value) and 1 <= value <= MAX_DAYS, f"from 1 to {MAX_DAYS}"),
    "day_first": (lambda value: isinstance(value, bool), "true or false"),
}

OPTIONS = ("operator", *_OF)
"""The keys of an operator as a policy writes it."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands in a policy or a profile, for messages."""

    section: str
    item: str
    path: tuple[str | int, ...] = ()

    def under(self, *keys: str | int) -> Place:
        """Give the place of something within this one."""
        return Place(self.section, self.item, (*self.path, *keys))

    def wrong(self, message: str, mend: str = "") -> RuleError:
        """Make an error about this place."""
        return RuleError(self.section, self.item, self.path, message, mend)


def operator_from(spec: object, place: Place) -> Operator:
    """Read an operator: its name, or a mapping of it and its options; None is `replace`."""
    if spec is None:
        return Operator()
    if isinstance(spec, str):
        spec = {"operator": spec}
    if not isinstance(spec, Mapping):
        raise place.wrong("an operator is a name or a mapping", f"Use {_names()}.")
    name = spec.get("operator", "replace")
    try:
        kind = OperatorKind(name)
    except ValueError:
        here = place.under("operator") if "operator" in spec else place
        raise here.wrong(f"there is no operator {name!r}", f"Use {_names()}.") from None
    for key, value in spec.items():
        if key != "operator":
            _check_option(str(key), value, kind, place.under(str(key)))
    return Operator(
        kind,
        spec.get("with"),
        spec.get("char", "*"),
        spec.get("keep_last", 0),
        spec.get("style", "token"),
        spec.get("days", MAX_DAYS),
        spec.get("day_first", False),
        spec.get("keep", "zip3"),
    )


def _check_option(key: str, value: object, kind: OperatorKind, place: Place) -> None:
    if key not in _OF:
        raise place.wrong("an operator has no such option", f"Options: {', '.join(_OF)}.")
    if kind not in _OF[key]:
        owners = ", ".join(_OF[key])
        raise place.wrong(f"this is no option of {kind}", f"It belongs to {owners}.")
    right, wanted = _CHECKS[key]
    if not right(value):
        raise place.wrong(f"this must be {wanted}", "Change the value.")


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _names() -> str:
    return ", ".join(OperatorKind)
