"""A policy's own Rego (packages `aegis.user.*`), evaluated by an interpreter.

It may deny, require approval and redact, and never allow. It has no bound on time or memory, so
where calls wait for it `rules.user_rego_worker` runs it in a process of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import orjson
import regorus

from rules.errors import EvaluationError, PolicyError
from rules.user_rego_check import FINDINGS, check_modules, read_modules

__all__ = ["REFUSED", "UserRego", "check_modules"]

REFUSED = "Refused by a rule of the policy's own."
"""The reason of what gives none."""

MAX_FOUND = 1000
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,126}")


class UserRego:
    """Evaluates the modules of a policy's own; belongs to the thread that made it.

    Raises `PolicyError` when they are not right.
    """

    def __init__(self, modules: Mapping[str, str]) -> None:
        found, problems = read_modules(modules)
        if problems:
            raise PolicyError(problems)
        self._texts: dict[str, str] = {}
        for module in found:
            for text, line in module.texts.items():
                self._texts.setdefault(text, f"{module.file}:{line}")
        self._asked = sorted(
            {(finding, module.package) for module in found for finding in module.findings}
        )
        self._engine = regorus.Engine()
        for file in sorted(modules):
            self._engine.add_policy(file, modules[file])

    def source(self, id: str) -> str:
        """Give the file and line of the rule that finds an id, empty for none."""
        return self._texts.get(id, "")

    def evaluate(self, input: Mapping[str, Any]) -> dict[str, Any]:
        """Give what the modules deny, want approved and redacted; raises `EvaluationError`.

        Ids and reasons are texts that are written in the modules, so that no value of a request
        comes out.
        """
        found: dict[str, dict[str, str]] = {finding: {} for finding in FINDINGS}
        try:
            self._engine.set_input_json(orjson.dumps(input).decode())
            for finding, package in self._asked:
                rule = f"data.{package}.{finding}"
                for item in orjson.loads(self._engine.eval_rule_as_json(rule)):
                    name, reason = self._read(finding, item)
                    if not found[finding].get(name):
                        found[finding][name] = reason
        except (KeyboardInterrupt, SystemExit, EvaluationError):
            raise
        except BaseException as error:  # a panic of the library is no Exception
            raise EvaluationError(f"own Rego failed ({_why(error)})") from None
        if any(len(items) > MAX_FOUND for items in found.values()):
            raise EvaluationError(f"own Rego found more than {MAX_FOUND} of a kind")
        return {
            "deny": list(_plain(found["deny"])),
            "approve": list(_plain(found["approve"])),
            "redact": sorted(found["redact"]),
        }

    def _read(self, finding: str, item: Any) -> tuple[str, str]:
        """Read an element of a set: an id, or an object with an id and perhaps a reason."""
        name, reason = (
            (item.get("id"), item.get("reason", "")) if isinstance(item, dict) else (item, "")
        )
        if not isinstance(name, str) or not _ID.fullmatch(name):
            raise EvaluationError(f"own Rego: an element of {finding} has no id")
        if name not in self._texts:
            raise EvaluationError(
                f"own Rego: an id of {finding} is not written in it; ids are never put together"
            )
        # A reason that was put together may hold a value of the request.
        return name, reason if isinstance(reason, str) and reason in self._texts else ""


def _plain(found: Mapping[str, str]) -> Iterator[dict[str, str]]:
    for name, reason in sorted(found.items()):
        yield {"id": name, "reason": reason or REFUSED}


def _why(error: BaseException) -> str:
    """Say where and why, as far as no value of the request is in it."""
    place = re.search(r"-->\s*(\S.*?:\d+:\d+)", str(error))
    return f"{type(error).__name__} at {place[1]}" if place else type(error).__name__
