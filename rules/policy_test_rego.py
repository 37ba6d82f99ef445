"""The cases of policy tests as a Rego module that `opa test` runs on the bundle's folder."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rules.decision import Effect
from rules.policy_test import CaseResult

TEST_PATH = "aegis/aegis_test.rego"

_HEAD = """# METADATA
# title: Aegis policy tests
# description: Generated from documents of the kind PolicyTest; run with `opa test`.
# scope: package
package aegis_test

import data.aegis

strictness := {"allow": 0, "sanitize": 1, "require_approval": 2, "deny": 3}

# The approval that is asked for, or the rule that asks where it names none.
approval(item) := item.id if {
	item.id != ""
} else := item.rule
"""


def emit_rego(results: Sequence[CaseResult]) -> str:
    """Write the cases as a Rego test module, formatted as `opa fmt` would.

    A case that is refused before policy is asked has no input; it becomes a comment.
    """
    text = _HEAD
    taken: set[str] = set()
    for result in results:
        title = " ".join(result.case.name.split())
        documents = result.answer.documents if result.answer is not None else ()
        if not documents:
            text += f"\n# {title}: is refused before the policy is asked.\n"
            continue
        name = _rule_name(title, taken)
        text += f"\n# {title} ({result.case.source})\n{name} if {{\n"
        expect = result.case.expect
        if len(documents) == 1:
            text += f"\tdecision := aegis.decision with input as {_object(documents[0])}\n"
            lines = list(_one(expect))
        else:
            names = [f"decision_{number}" for number in range(1, len(documents) + 1)]
            for each, document in zip(names, documents, strict=True):
                text += f"\t{each} := aegis.decision with input as {_object(document)}\n"
            text += f"\tdecisions := [{', '.join(names)}]\n"
            lines = list(_several(expect))
        text += "".join(f"\t{line}\n" for line in lines) + "}\n"
    return text


def _one(expect: Mapping[str, Any]) -> Iterator[str]:
    yield f"decision.effect == {_text(expect['effect'])}"
    if "rule" in expect:
        yield f"decision.rule == {_text(expect['rule'])}"
    for key, element in _sets(expect):
        yield f"{{{element} | some item in decision.{key}}} == {_set(expect[key])}"
    if "route" in expect:
        yield f'object.get(decision.route, "host", "") == {_text(expect["route"])}'
    for key, value in expect.get("observed", {}).items():
        yield f"decision.would.{key} == {_text(value)}"


def _several(expect: Mapping[str, Any]) -> Iterator[str]:
    """Expect of the calls of one request that one decides and none is stricter."""
    yield "some decision in decisions"
    yield f"decision.effect == {_text(expect['effect'])}"
    if "rule" in expect:
        yield f"decision.rule == {_text(expect['rule'])}"
    yield "every other in decisions { strictness[other.effect] <= strictness[decision.effect] }"
    for key, element in _sets(expect):
        found = f"{{{element} | some each in decisions; some item in each.{key}}}"
        yield f"{found} == {_set(expect[key])}"
    if expect.get("route"):
        yield "some routed in decisions"
        yield f"routed.route.host == {_text(expect['route'])}"


def _sets(expect: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    elements = {
        "redact": "item",
        "approve": "approval(item)",
        "reserve": "item.id",
        "throttle": "item",
    }
    for key, element in elements.items():
        # What is not sent is not redacted, whatever applies to it.
        if key in expect and (key != "redact" or expect["effect"] == Effect.SANITIZE):
            yield key, element


def _rule_name(title: str, taken: set[str]) -> str:
    stem = "test_" + re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_")
    name, number = stem, 1
    while name in taken:
        number += 1
        name = f"{stem}_{number}"
    taken.add(name)
    return name


def _object(document: Mapping[str, Any]) -> str:
    lines = "".join(f"\t\t{_text(key)}: {_text(document[key])},\n" for key in sorted(document))
    return f"{{\n{lines}\t}}"


def _set(names: Sequence[str]) -> str:
    return f"{{{', '.join(map(_text, sorted(names)))}}}" if names else "set()"


def _text(value: Any) -> str:
    """Write a value as Rego, which takes JSON."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
