"""What a search for personal data depends on; what is done with the finds is another matter."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

DEFAULT_THRESHOLD = 0.4
"""The lowest score of what is taken out, where the policy names none."""

DEFAULT_MODELS: tuple[str, ...] = ("spacy",)
DEFAULT_LANGUAGES: tuple[str, ...] = ("en",)


@dataclass(frozen=True, slots=True)
class Search:
    """Which entities are looked for, how sure a find must be, and with what help.

    Equal searches find the same in the same text, so a cache may go by `key`.
    """

    entities: frozenset[str]
    threshold: float = DEFAULT_THRESHOLD
    models: tuple[str, ...] = DEFAULT_MODELS
    """The language models that are asked for names and places; none: patterns alone."""
    languages: tuple[str, ...] = DEFAULT_LANGUAGES
    recognizers: tuple[str, ...] = ()
    """The user's own recognisers, each as canonical JSON."""
    key: str = field(init=False, compare=False, repr=False)
    """A digest of all the above, for caches."""

    def __post_init__(self) -> None:
        sought = json.dumps(self.as_json(), sort_keys=True, separators=(",", ":"))
        object.__setattr__(self, "key", hashlib.sha256(sought.encode()).hexdigest()[:16])

    def as_json(self) -> dict[str, Any]:
        """Give plain data, as it goes to a worker process."""
        return {
            "entities": sorted(self.entities),
            "threshold": self.threshold,
            "models": list(self.models),
            "languages": list(self.languages),
            "recognizers": list(self.recognizers),
        }

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """Read what `as_json` gave; raises `ValueError` where it is nothing of the kind."""
        if not isinstance(data, Mapping):
            raise ValueError("malformed search")
        threshold = data.get("threshold")
        if isinstance(threshold, bool) or not isinstance(threshold, int | float):
            raise ValueError("malformed search")
        return cls(
            frozenset(_texts(data.get("entities"))),
            float(threshold),
            _texts(data.get("models", [*DEFAULT_MODELS])),
            _texts(data.get("languages", [*DEFAULT_LANGUAGES])),
            _texts(data.get("recognizers", [])),
        )


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError("malformed search")
    return tuple(value)


def canonical_json(value: Any) -> str:
    """Write plain data so that equal data give equal texts."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
