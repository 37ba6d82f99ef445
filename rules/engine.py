"""What decides: an engine that evaluates one bundle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol


class PolicyEngine(Protocol):
    """Evaluates `data.aegis.decision` of a bundle."""

    @property
    def revision(self) -> str:
        """The revision of the bundle."""
        ...

    def evaluate(self, input: Mapping[str, Any]) -> dict[str, Any]:
        """Give the decision document on an input; raises `EvaluationError`."""
        ...
