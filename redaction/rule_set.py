"""Redaction rules as plain data: what is sent to a worker process is the rules, not the profile."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from redaction.profile import Profile, profile_from
from redaction.search import canonical_json


@dataclass(frozen=True, slots=True)
class RuleSet:
    """Rules that apply together, and the user's own recognisers that they may name."""

    text: str
    """Both as canonical JSON."""

    @classmethod
    def of(
        cls, rules: Sequence[Mapping[str, Any]], recognizers: Sequence[Mapping[str, Any]] = ()
    ) -> Self:
        """Take rules as a policy has them."""
        return cls(canonical_json([[dict(rule) for rule in rules], [*map(dict, recognizers)]]))

    @property
    def profile(self) -> Profile:
        """What they come to; raises `RedactionError` where a rule cannot be."""
        return _profile(self.text)


@functools.lru_cache(maxsize=256)
def _profile(text: str) -> Profile:
    rules, recognizers = json.loads(text)
    return profile_from(rules, recognizers)
