"""Dates moved by a constant number of days for each subject, so that time between them stays."""

from __future__ import annotations

from redaction.canonical import keyed, plain
from redaction.dates import moved, read_dates
from redaction.operator_spec import Operator
from redaction.scope import Scope


def shift_date(operator: Operator, value: str, scope: Scope, subject: str) -> str | None:
    """Write a date as many days earlier as the subject's are moved; None where it is not read.

    The form, the precision and the time of day stay.
    """
    text = plain(value)
    read = read_dates(text, day_first=operator.day_first)
    if not read.whole:
        return None
    days = shift_of(scope, subject, operator.days)
    pieces: list[str] = []
    position = 0
    try:
        for date in read.dates:
            pieces += text[position : date.start], moved(date, days)
            position = date.end
    except OverflowError:
        return None
    return "".join(pieces) + text[position:]


def shift_of(scope: Scope, subject: str, most: int) -> int:
    """Give the number of days, from 1 to the most, by which a subject's dates go back."""
    whose = subject or scope.subject or scope.session
    return 1 + int.from_bytes(keyed(scope.key, "shift_date", whose)[:8], "big") % most
