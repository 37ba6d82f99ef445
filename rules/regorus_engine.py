"""The engine in process: regorus' bytecode machine, for the Rego that Aegis itself generates.

It is the fastest there is and knows no threads and no time limit; its differences from OPA are kept
out by the form of our one module. An engine belongs to the thread that made it.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import orjson
import regorus

from rules.bundle import Bundle
from rules.engine import whole_decision
from rules.errors import EvaluationError, refused
from rules.own_rego import EMBEDDED, OWN_PATH, USER_PATH

DECISION, EXPLANATION = ENTRYPOINTS = ("data.aegis.decision", "data.aegis.explanation")


class RegorusEngine:
    """Evaluates a bundle in this process; warmed up when it is made.

    Raises `PolicyError` when the bundle does not compile.
    """

    def __init__(self, bundle: Bundle) -> None:
        self.revision = bundle.revision
        self._thread = threading.get_ident()
        data = orjson.dumps(bundle.data).decode()
        modules = {
            path: text for path, text in bundle.modules.items() if not path.startswith(USER_PATH)
        }
        modules[OWN_PATH] = EMBEDDED
        try:
            program = regorus.Program.compile_from_modules(
                data, list(modules.items()), list(ENTRYPOINTS)
            )
            self._machine = regorus.Rvm()
            self._machine.load_program(program)
            self._machine.set_data_json(data)
            self.evaluate(_WARM_UP)
            self.explain(_WARM_UP)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # a panic of the library is no Exception
            raise refused(
                "bundle",
                f"the policy does not compile ({type(error).__name__})",
                "Compile it anew with this version of Aegis.",
            ) from None

    def evaluate(self, input: Mapping[str, Any]) -> dict[str, Any]:
        """Give the decision document on an input; raises `EvaluationError`."""
        decision = self._run(DECISION, input)
        if not whole_decision(decision):
            raise EvaluationError("the policy gave no whole decision")
        return dict(decision)

    def explain(self, input: Mapping[str, Any]) -> dict[str, Any]:
        """Give the decision and all that took part in it; raises `EvaluationError`."""
        explanation = self._run(EXPLANATION, input)
        if not isinstance(explanation, dict) or not whole_decision(explanation.get("decision")):
            raise EvaluationError("the policy gave no whole decision")
        return dict(explanation)

    def _run(self, entrypoint: str, input: Mapping[str, Any]) -> Any:
        if threading.get_ident() != self._thread:
            raise EvaluationError("the engine was asked by another thread than its own")
        try:
            self._machine.set_input_json(orjson.dumps(input).decode())
            return orjson.loads(self._machine.execute_entry_point(entrypoint))
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            raise EvaluationError(f"the engine failed ({type(error).__name__})") from None


_WARM_UP = {
    "stage": "request",
    "agent": {"id": "", "tenant": "", "groups": []},
    "destination": {"scheme": "https", "host": "warm.up.invalid", "port": 443},
    "tool": {"name": "", "kind": "http", "arguments": {}, "readable": True},
}
