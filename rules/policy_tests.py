"""The tests that a policy has: found beside it, and run."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from rules.bundle import Bundle
from rules.compiler import load_bundle
from rules.errors import PolicyError, Problem, refused
from rules.marked_yaml import read
from rules.policy import DOCUMENTS, is_test, policy_files
from rules.policy_bench import PolicyBench
from rules.policy_test import CaseResult, load_policy_test, run_test

MAX_LEVELS = 4
"""Folders above a test in which its policy is looked for."""

Bench = Callable[[Bundle], AbstractContextManager[PolicyBench]]
"""Gives what asks a bundle; how its own Rego is run is the caller's."""


@dataclass(frozen=True, slots=True)
class TestReport:
    """How all cases of all tests under a path went."""

    results: tuple[CaseResult, ...]

    @property
    def failures(self) -> tuple[CaseResult, ...]:
        """The cases that failed."""
        return tuple(result for result in self.results if not result.passed)

    @property
    def fired(self) -> frozenset[str]:
        """The ids of all rules that took part in any case."""
        return frozenset[str]().union(*(result.fired for result in self.results))


def run_tests(path: Path, bench_of: Bench) -> TestReport:
    """Run a test, or all tests of a policy; raises `PolicyError` for what cannot be run.

    Those of a folder are in it; those of a single file name it with `policy:` and stand beside it
    or in the folder `tests` there. A policy without tests gives an empty report.
    """
    if path.is_dir():
        files = _tests_in(path)
    else:
        files = _tests_beside(path) if _kind(path) == "Policy" else [path]
    problems: list[Problem] = []
    tests = []
    for file in files:
        try:
            tests.append((file, load_policy_test(file)))
        except PolicyError as error:
            problems += error.problems
    if problems:
        raise PolicyError(problems)
    results: list[CaseResult] = []
    for file, test in tests:
        if test.policy is not None:
            policy = file.parent / test.policy
        else:
            policy = path if path.is_dir() else _folder_of(file)
        with bench_of(load_bundle(policy)) as bench:
            results += run_test(test, bench)
    return TestReport(tuple(results))


def _tests_beside(policy: Path) -> list[Path]:
    found = []
    for folder in (policy.parent, policy.parent / "tests"):
        for file in sorted(folder.iterdir()) if folder.is_dir() else ():
            if file.suffix not in DOCUMENTS or not file.is_file() or not _may_be_test(file):
                continue
            if _kind(file) != "PolicyTest":
                continue
            named = read(file.read_bytes(), file.name).data.get("policy")
            if named and (file.parent / str(named)).resolve() == policy.resolve():
                found.append(file)
    return found


def _folder_of(file: Path) -> Path:
    """Find the policy folder a test is in: the nearest that holds a document of kind Policy."""
    for folder in file.absolute().parents[:MAX_LEVELS]:
        for other in sorted(folder.iterdir()):
            if other.suffix in DOCUMENTS and other.is_file() and _kind(other) == "Policy":
                return folder
    raise refused(
        str(file), "it is in no policy folder", "Name its policy: add `policy: FILE` to the test."
    )


def _may_be_test(file: Path) -> bool:
    """Say at a glance whether a file may be a test, among all that lies beside a policy."""
    try:
        return b"PolicyTest" in file.read_bytes()
    except OSError:
        return False


def _kind(file: Path) -> str:
    try:
        data = read(file.read_bytes(), file.name).data
    except (PolicyError, OSError):
        return ""
    return str(data.get("kind")) if isinstance(data, dict) else ""


def _tests_in(folder: Path) -> list[Path]:
    found = []
    for file in policy_files(folder):
        if file.suffix == ".rego":
            continue
        try:
            content = file.read_bytes()
        except OSError as error:
            raise refused(
                str(file), f"the file cannot be read ({error.strerror})", "Check its rights."
            ) from None
        if is_test(read(content, file.relative_to(folder).as_posix())):
            found.append(file)
    return found
