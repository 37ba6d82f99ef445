"""Tests of policies (kind PolicyTest): loaded, checked whole, run and compared."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

from rules.errors import EvaluationError, PolicyError, Problem, refused
from rules.marked_yaml import MAX_BYTES, Marked, Path, read
from rules.policy_bench import Answer, PolicyBench
from rules.policy_test_request import merge, mistakes
from rules.schema import check_shape, suggest

SCHEMA_FILE = FilePath(__file__).parent / "schema" / "policy_test.schema.json"


@dataclass(frozen=True, slots=True)
class Case:
    """One request and what must be decided on it; `source` is the file and line."""

    name: str
    request: Mapping[str, Any]
    expect: Mapping[str, Any]
    source: str


@dataclass(frozen=True, slots=True)
class PolicyTest:
    """A test whose shape, references and requests are right; `policy` as it is written."""

    name: str
    file: str
    policy: str | None
    cases: tuple[Case, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that was expected and what it was."""

    key: str
    expected: str
    actual: str

    def __str__(self) -> str:
        return f"{self.key}: expected {self.expected}, got {self.actual}"


@dataclass(frozen=True, slots=True)
class CaseResult:
    """How a case went; `answer` is None where the policy gave none."""

    case: Case
    differences: tuple[Difference, ...]
    answer: Answer | None

    @property
    def passed(self) -> bool:
        """Whether all was as expected."""
        return not self.differences

    @property
    def fired(self) -> frozenset[str]:
        """The ids of all rules that took part."""
        return self.answer.fired if self.answer is not None else frozenset()


@functools.cache
def test_schema() -> dict[str, Any]:
    """Give the JSON Schema (2020-12) of a policy test."""
    document: dict[str, Any] = json.loads(SCHEMA_FILE.read_text("utf-8"))
    return document


def load_policy_test(path: FilePath) -> PolicyTest:
    """Load a policy test from a file; raises `PolicyError` with every mistake in it."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise refused(str(path), "there is no such file", "Check the path.") from None
    except OSError as error:
        raise refused(
            str(path), f"the file cannot be read ({error.strerror})", "Check its rights."
        ) from None
    return parse_policy_test(content, path.name)


def parse_policy_test(text: str | bytes, name: str) -> PolicyTest:
    """Read a policy test from text; `name` is its file in messages. Raises `PolicyError`."""
    marked = read(text.encode() if isinstance(text, str) else text, name)
    if not isinstance(marked.data, dict):
        raise PolicyError(
            [marked.problem((), "a policy test is a mapping", "Begin with `kind: PolicyTest`.")]
        )
    problems = check_shape(marked, test_schema()) or list(_check_meaning(marked))
    if problems:
        raise PolicyError(problems)
    data = marked.data
    cases = tuple(
        Case(
            case["name"],
            _whole(data, case),
            case["expect"],
            f"{name}:{marked.line(('cases', index))}",
        )
        for index, case in enumerate(data["cases"])
    )
    return PolicyTest(data["metadata"]["name"], name, data.get("policy"), cases)


def run_test(test: PolicyTest, bench: PolicyBench) -> list[CaseResult]:
    """Run the cases of a test against a policy."""
    return [run_case(case, bench) for case in test.cases]


def run_case(case: Case, bench: PolicyBench) -> CaseResult:
    """Run one case against a policy."""
    try:
        answer = bench.ask(bench.request(case.request))
    except EvaluationError as error:
        gave = f"no decision: {error}"
        return CaseResult(case, (Difference("effect", case.expect["effect"], gave),), None)
    return CaseResult(case, tuple(_differences(case.expect, answer)), answer)


def _whole(data: Mapping[str, Any], case: Mapping[str, Any]) -> dict[str, Any]:
    fixtures = data.get("fixtures", {})
    return merge([*(fixtures[name] for name in case.get("use", ())), case.get("request", {})])


def _check_meaning(marked: Marked) -> Iterator[Problem]:
    data = marked.data
    fixtures = data.get("fixtures", {})
    sound = True
    for name, fixture in fixtures.items():
        for path, message, mend in mistakes(fixture, whole=False):
            sound = False
            yield marked.problem(("fixtures", name, *path), message, mend)
    names = [case["name"] for case in data["cases"]]
    for index, case in enumerate(data["cases"]):
        here: Path = ("cases", index)
        if names.index(case["name"]) < index:
            first = marked.line(("cases", names.index(case["name"])))
            yield marked.problem(
                (*here, "name"),
                f"a case of this name stands in line {first}",
                "Give each its own name.",
            )
        unknown = [name for name in case.get("use", ()) if name not in fixtures]
        for name in unknown:
            yield marked.problem(
                (*here, "use", case["use"].index(name)),
                f"there is no fixture '{name}'",
                suggest(name, list(fixtures)),
            )
        own = list(mistakes(case.get("request", {}), whole=False))
        if not own and not unknown and sound:
            own = list(mistakes(_whole(data, case), whole=True))
        for path, message, mend in own:
            yield marked.problem((*here, "request", *path), message, mend)


def _differences(expect: Mapping[str, Any], answer: Answer) -> Iterator[Difference]:
    yield from _word("effect", expect, answer.effect)
    yield from _word("rule", expect, answer.rule)
    called = [call.name for call in answer.calls]
    if "tool" in expect and (called if expect["tool"] is None else expect["tool"] not in called):
        yield Difference("tool", _said(expect["tool"]), _said(called))
    decision = answer.decision
    for key, names in (
        ("redact", decision.redact if decision else ()),
        ("reserve", [item.id for item in decision.reserve] if decision else ()),
        ("throttle", decision.throttle if decision else ()),
    ):
        yield from _names(key, expect, names)
    # A rule that names no approval has that of its own id.
    approve = [item.id or item.rule for item in decision.approve] if decision else []
    yield from _names("approve", expect, approve)
    yield from _word("route", expect, decision.route_host if decision else "")
    if "observed" in expect:
        would = decision.would if decision and decision.would else (answer.effect, answer.rule)
        wanted = expect["observed"]
        for key, actual in zip(("effect", "rule"), would, strict=True):
            if key in wanted and wanted[key] != actual:
                yield Difference(f"observed.{key}", _said(wanted[key]), _said(str(actual)))


def _word(key: str, expect: Mapping[str, Any], actual: str) -> Iterator[Difference]:
    if key in expect and expect[key] != actual:
        yield Difference(key, _said(expect[key]), _said(str(actual)))


def _names(key: str, expect: Mapping[str, Any], actual: Sequence[str]) -> Iterator[Difference]:
    if key in expect and set(expect[key]) != set(actual):
        yield Difference(key, _said(sorted(expect[key])), _said(sorted(set(actual))))


def _said(value: Any) -> str:
    if not value:
        return "none"
    return ", ".join(value) if isinstance(value, list) else str(value)
