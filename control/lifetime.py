"""Lifetimes as people write them: 90, 90s, 15m, 12h, 7d."""

from __future__ import annotations

import re
from typing import Annotated

import typer

_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}


def parse_lifetime(text: str | int) -> int:
    """Give a lifetime in seconds, a default as it is; raises `typer.BadParameter`."""
    match = re.fullmatch(r"([0-9]{1,12})([smhd]?)", str(text))
    if match is None:
        raise typer.BadParameter(f"'{text}' is no lifetime; write it like 90s, 15m, 12h or 7d.")
    return int(match[1]) * _SECONDS[match[2]]


Lifetime = Annotated[
    int | None,
    typer.Option(
        parser=parse_lifetime,
        metavar="TIME",
        help="How long it is good: 15m, 12h, 7d. Default: ever.",
    ),
]
