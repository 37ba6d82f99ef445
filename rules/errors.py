"""What can go wrong with policies.

Exception
├── PolicyError         a policy or bundle cannot be used; `.problems` says where and why
├── EvaluationError     the engine gave no decision on an input
└── ValueError
├── HostError       a text is no host name
└── ToolError       a request calls a tool in a way that cannot be read
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in a policy: where it stands, what it is and how to mend it."""

    file: str
    line: int
    column: int
    key: str
    message: str
    mend: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}"
        key = f" {self.key}:" if self.key else ""
        mend = f" {self.mend}" if self.mend else ""
        return f"{place}:{key} {self.message}.{mend}"


class PolicyError(Exception):
    """A policy or bundle cannot be used; the text has one line for each problem."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


def refused(file: str, message: str, mend: str, *, line: int = 1, column: int = 1) -> PolicyError:
    """Make the error for a file with one mistake that stands at no key."""
    return PolicyError([Problem(file, line, column, "", message, mend)])


class EvaluationError(Exception):
    """The engine gave no decision; the caller denies."""


class HostError(ValueError):
    """A text is no host name that one could decide on; the message says why."""


class ToolError(ValueError):
    """A request calls a tool in a way that cannot be read; the message says why."""
