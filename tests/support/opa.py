"""OPA's own library in this process: what every other engine is compared with.

It evaluates and nothing more: it neither loads bundle files, nor verifies or formats them.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping
from typing import Any

import pytest

from rules import Bundle, EvaluationError
from rules.engine import whole_decision


def library() -> Any:
    """Give the module with OPA's library; where there is none to be had, the test is skipped."""
    try:
        import opa_bindings
    except ImportError:
        if (platform.system(), platform.machine()) == ("Linux", "x86_64"):
            raise
        pytest.skip("OPA's library is not to be had for this machine")
    return opa_bindings


class OpaLibrary:
    """Evaluates a bundle as OPA does."""

    def __init__(self, bundle: Bundle) -> None:
        self._library = library()
        self.revision = bundle.revision
        self._engine = self._library.OpaEngine()
        for path, text in bundle.modules.items():
            self._engine.add_policy(path, text)
        self._engine.add_data(bundle.data)

    def document(self, path: str, input: Any) -> Any:
        """Give a document such as `aegis.decision`; None when it is undefined."""
        try:
            return self._engine.eval_document(path, input)
        except self._library.OpaUndefinedError:
            return None
        except self._library.OpaError as error:
            raise EvaluationError(str(error)) from None

    def query(self, text: str, input: Any = None) -> list[dict[str, Any]]:
        """Give the bindings of a query, as `opa eval` does."""
        found: list[dict[str, Any]] = self._engine.eval_query(text, input)
        return found

    def evaluate(self, input: Mapping[str, Any]) -> dict[str, Any]:
        """Give the decision document on an input; raises `EvaluationError`."""
        decision = self.document("aegis.decision", input)
        if not whole_decision(decision):
            raise EvaluationError("the policy gave no whole decision")
        return dict(decision)

    def explain(self, input: Mapping[str, Any]) -> dict[str, Any]:
        """Give the decision and all that took part in it; raises `EvaluationError`."""
        found = self.document("aegis.explanation", input)
        if not isinstance(found, dict):
            raise EvaluationError("the policy gave no explanation")
        return found

    def close(self) -> None:
        """Give its memory back."""
        self._engine.close()
