"""What decides: an engine that evaluates one bundle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

STRINGS = ("effect", "rule", "reason", "destination", "mode")
_EFFECTS = frozenset({"allow", "sanitize", "require_approval", "deny"})


def whole_decision(document: Any) -> bool:
    """Say whether a document is a decision; an undefined one is not."""
    return (
        isinstance(document, dict)
        and all(isinstance(document.get(key), str) for key in STRINGS)
        and document["effect"] in _EFFECTS
        and all(_texts(document.get(key)) for key in ("dial", "redact", "throttle"))
        and all(_records(document.get(key)) for key in ("approve", "reserve"))
        and _text_values(document.get("route"))
        and _text_values(document.get("would"))
        and document["would"].get("effect") in _EFFECTS
    )


def _texts(found: Any) -> bool:
    return isinstance(found, list) and all(isinstance(item, str) for item in found)


def _records(found: Any) -> bool:
    return isinstance(found, list) and all(_text_values(item) for item in found)


def _text_values(found: Any) -> bool:
    return isinstance(found, dict) and all(isinstance(value, str) for value in found.values())


class PolicyEngine(Protocol):
    """Evaluates `data.aegis.decision` and `data.aegis.explanation` of a bundle."""

    @property
    def revision(self) -> str:
        """The revision of the bundle."""
        ...

    def evaluate(self, input: Mapping[str, Any]) -> dict[str, Any]:
        """Give the decision document on an input; raises `EvaluationError`."""
        ...

    def explain(self, input: Mapping[str, Any]) -> dict[str, Any]:
        """Give the decision and all that took part in it; raises `EvaluationError`."""
        ...
