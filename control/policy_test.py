"""`aegis policy test`: whether a policy decides as its tests expect."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from control.agents import Json
from control.home import BAD_INPUT, FAILED_CHECK, complain, out, print_json, table
from control.user_rego_client import DEFAULT_SECONDS, UserRegoClient
from rules import Bundle, PolicyError, policy_tests
from rules.errors import refused
from rules.own_rego import USER_PATH
from rules.policy_bench import PolicyBench
from rules.policy_test import CaseResult
from rules.policy_test_rego import emit_rego
from rules.policy_tests import TestReport

OWN_SECONDS = DEFAULT_SECONDS
"""How long a policy's own Rego may take over one case."""


@contextmanager
def bench_of(bundle: Bundle) -> Iterator[PolicyBench]:
    """Give what asks a bundle, with the policy's own Rego in a process of its own."""
    modules = {
        path.removeprefix(USER_PATH): text
        for path, text in bundle.modules.items()
        if path.startswith(USER_PATH)
    }
    with UserRegoClient(modules, seconds=OWN_SECONDS) as own:
        yield PolicyBench(bundle, own.evaluate if modules else None)


def run_tests(path: Path) -> TestReport:
    """Run a test, or all tests of a policy; raises `PolicyError` for what cannot be run."""
    return policy_tests.run_tests(path, bench_of)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("test")(check)


def check(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="PATH...", help="Tests (kind PolicyTest), or folders of them."),
    ],
    as_json: Json = False,
    emit: Annotated[
        Path | None,
        typer.Option("--emit-rego", metavar="FILE", help="Write the cases for `opa test` too."),
    ] = None,
) -> None:
    """Run the tests of policies; of a case that fails it says what differs."""
    problems: list[str] = []
    results: list[CaseResult] = []
    for path in paths:
        try:
            if not path.exists():
                raise refused(str(path), "there is no such file", "Check the path.")
            found = run_tests(path).results
            if not found:
                raise refused(
                    str(path),
                    "no test is here",
                    "Put a document of the kind PolicyTest into the folder, "
                    "or beside the policy that it names.",
                )
            results += found
        except PolicyError as error:
            problems += map(str, error.problems)
    if problems:
        for problem in problems:
            typer.echo(problem, err=True)
        raise typer.Exit(BAD_INPUT)
    report = TestReport(tuple(results))
    if emit is not None:
        emit.write_text(emit_rego(report.results), "utf-8")
        complain(f"wrote {emit}")
    if as_json:
        print_json(_plain(report))
    else:
        _show(report)
    if report.failures:
        raise typer.Exit(FAILED_CHECK)


def _show(report: TestReport) -> None:
    shown = table("case", "result", "effect", "rule", "where")
    for result in report.results:
        answer = result.answer
        shown.add_row(
            escape(result.case.name),
            "passed" if result.passed else "FAILED",
            str(answer.effect) if answer else "",
            escape(answer.rule) if answer else "",
            escape(result.case.source),
        )
    out().print(shown)
    for result in report.failures:
        out().print()
        out().print(escape(f"{result.case.source}: {result.case.name}"))
        for difference in result.differences:
            out().print(escape(f"  {difference}"))
        if result.answer is not None:
            source = f" ({result.answer.source})" if result.answer.source else ""
            out().print(escape(f"  {result.answer.rule}{source}: {result.answer.reason}"))
    passed = len(report.results) - len(report.failures)
    out().print()
    out().print(f"{passed} passed, {len(report.failures)} failed")


def _plain(report: TestReport) -> dict[str, Any]:
    return {
        "passed": len(report.results) - len(report.failures),
        "failed": len(report.failures),
        "fired": sorted(report.fired),
        "cases": [
            {
                "name": result.case.name,
                "source": result.case.source,
                "passed": result.passed,
                "effect": result.answer.effect if result.answer else None,
                "rule": result.answer.rule if result.answer else None,
                "reason": result.answer.reason if result.answer else None,
                "fired": sorted(result.fired),
                "differences": [
                    {"key": each.key, "expected": each.expected, "actual": each.actual}
                    for each in result.differences
                ],
            }
            for result in report.results
        ],
    }
