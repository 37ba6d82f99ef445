"""Whose data is taken out, under which key, and what was taken out."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Scope:
    """What operators depend on beside the value and the policy."""

    key: bytes
    """The secret of the installation, or of one tenant of it."""
    session: str = ""
    """The conversation within which equal values get equal surrogates."""
    subject: str = ""
    """Whose dates move together, where the document does not say whose they are."""
    bumps: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}), hash=False)
    """How often the surrogate of a value (its digest) was taken already by another value."""
    today: datetime.date | None = None
    """The day on which somebody is over 89; without one no year is taken for too long ago."""
    given: Collection[str] = field(default=(), hash=False)
    """Surrogates of this session that stand for somebody already, and stay as they are."""


class Taken(NamedTuple):
    """Something that was taken out of a text."""

    entity: str
    original: str
    replacement: str
    start: int
    end: int
    """Where it stood in the old text."""
    reversible: bool
    """Whether the replacement can be found again in an answer and stands for this value alone."""
    digest: str
    """Of a surrogate a keyed digest of the value, the same for all its spellings."""
