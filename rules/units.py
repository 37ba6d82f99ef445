"""Sizes, durations and times of day as policies write them."""

from __future__ import annotations

import re

_SIZES = {"": 1, "B": 1, "KB": 1000, "MB": 1000**2, "GB": 1000**3}
_TIMES = {"s": 1, "m": 60, "h": 3600, "d": 86400}
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def size(written: int | str) -> int:
    """Give a size such as 10MB in bytes."""
    if isinstance(written, int):
        return written
    match = re.fullmatch(r"([0-9]+) ?([A-Z]*)", written)
    assert match is not None
    return int(match[1]) * _SIZES[match[2]]


def seconds(written: str) -> int:
    """Give a duration such as 15m in seconds."""
    return int(written[:-1]) * _TIMES[written[-1]]


def minute(written: str) -> int:
    """Give a time of day such as 09:30 in minutes since midnight."""
    hours, minutes = written.split(":")
    return int(hours) * 60 + int(minutes)


def days(written: list[str]) -> list[int]:
    """Give days such as `mon` and `wed-fri` as numbers, Monday first and 0."""
    found: set[int] = set()
    for item in written:
        first, _, last = item.partition("-")
        begin, end = DAYS.index(first), DAYS.index(last or first)
        found.update(range(begin, end + 1) if begin <= end else [*range(begin, 7), *range(end + 1)])
    return sorted(found)
