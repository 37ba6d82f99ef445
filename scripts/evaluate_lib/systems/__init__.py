"""The systems that are compared, each behind the same two questions."""

from __future__ import annotations

from collections.abc import Callable

from scripts.evaluate_lib.systems.aegis import Aegis
from scripts.evaluate_lib.systems.base import Found, Options, Outcome, System, SystemMissing
from scripts.evaluate_lib.systems.stock import Stock

__all__ = ["SYSTEMS", "Found", "Options", "Outcome", "System", "SystemMissing", "make"]

SYSTEMS: dict[str, Callable[[Options], System]] = {
    "stock": Stock,
    "aegis": lambda options: Aegis(options, ("spacy",)),
    "aegis+rampart": lambda options: Aegis(options, ("spacy", "rampart")),
}
"""By the names that people give."""


def make(name: str, options: Options) -> System:
    """Load a system, which takes a second or more; raises `SystemMissing`."""
    return SYSTEMS[name](options)
