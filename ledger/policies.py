"""Which policy is in force: applied bundles, who applied them and why, and a candidate beside."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from ledger.errors import HistoryError, UnknownRevision

APPLIED = "applied"
ROLLED_BACK = "rolled back"
MAX_WHY = 500
MAX_NAME = 200
SHORTEST_REVISION = 4
_REVISION = re.compile(r"[0-9a-f]{8,64}")


@dataclass(frozen=True, slots=True)
class StoredPolicy:
    """A policy as it was given: its revision, its name and the bytes of its bundle."""

    revision: str
    name: str
    bundle: bytes


@dataclass(frozen=True, slots=True)
class PolicyEvent:
    """One step of the history, numbered from 1; `time` is RFC 3339 in UTC."""

    number: int
    what: str
    revision: str
    name: str
    who: str
    why: str
    time: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """The policy that runs in the shadow of the one in force, and who wanted it since when."""

    revision: str
    name: str
    who: str
    time: str


@dataclass(frozen=True, slots=True)
class PolicyState:
    """The revisions in force and in its shadow; None where there is none."""

    active: str | None = None
    candidate: str | None = None


Note = Callable[[PolicyEvent], None]
"""Called with an event before it is kept; when it raises, nothing happened."""


class PolicyStore(Protocol):
    """The applied policies; every method may raise StoreUnavailable."""

    def apply(
        self, policy: StoredPolicy, *, who: str, why: str, note: Note | None = None
    ) -> PolicyEvent:
        """Keep a policy and put it in force; raises HistoryError."""
        ...

    def roll_back(
        self, revision: str | None = None, *, who: str, why: str, note: Note | None = None
    ) -> PolicyEvent:
        """Put an earlier policy in force again, by default the one applied before this one.

        `revision` may be cut short. Raises HistoryError, UnknownRevision.
        """
        ...

    def state(self) -> PolicyState:
        """Say which revisions are in force and in its shadow."""
        ...

    def active(self) -> StoredPolicy | None:
        """Give the policy in force, None while none was applied."""
        ...

    def get(self, revision: str) -> StoredPolicy:
        """Give an applied policy by its whole revision; raises UnknownRevision."""
        ...

    def history(self) -> Sequence[PolicyEvent]:
        """Give all events in order."""
        ...

    def start_candidate(self, policy: StoredPolicy, *, who: str) -> Candidate:
        """Let a policy run in the shadow, in place of an earlier candidate; raises HistoryError."""
        ...

    def stop_candidate(self) -> Candidate | None:
        """End the candidate and give what it was."""
        ...

    def candidate(self) -> tuple[Candidate, StoredPolicy] | None:
        """Give the candidate, None while there is none."""
        ...

    def close(self) -> None:
        """Let go of the storage; a second call does nothing."""
        ...


def check_policy(policy: StoredPolicy) -> None:
    """Raise HistoryError unless the policy has a revision, a name and a bundle."""
    if not _REVISION.fullmatch(policy.revision):
        raise HistoryError(f"{policy.revision!r} is no revision of a policy.")
    check_line(policy.name, "policy's name", MAX_NAME)
    if not policy.bundle:
        raise HistoryError("A policy without a bundle cannot be applied.")


def check_line(text: str, what: str, most: int) -> str:
    """Give one line of text back, without blanks around it, or raise HistoryError."""
    line = text.strip()
    if not line or len(line) > most or not line.isprintable():
        raise HistoryError(f"The {what} is one line of 1 to {most} printable characters.")
    return line


def rfc3339(seconds: float) -> str:
    """Write seconds since 1970 as RFC 3339 in UTC with microseconds."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def earlier(events: Sequence[PolicyEvent], active: str | None) -> str:
    """Find the revision that was applied before the one in force; raises UnknownRevision.

    Going back twice goes back two steps: what counts is the order in which policies were applied.
    """
    applied = [event.revision for event in events if event.what == APPLIED]
    if active in applied:
        last = len(applied) - 1 - applied[::-1].index(active)
        for revision in reversed(applied[:last]):
            if revision != active:
                return revision
    raise UnknownRevision(
        "No policy was applied before the one in force; `aegis policy history` shows all."
    )


def find(wanted: str, known: Iterable[str]) -> str:
    """Find the one revision that begins as wanted; raises UnknownRevision."""
    revisions = sorted(set(known))
    found = [r for r in revisions if r.startswith(wanted)]
    if wanted in found:
        return wanted
    if len(wanted) >= SHORTEST_REVISION and len(found) == 1:
        return found[0]
    if len(found) > 1:
        raise UnknownRevision(
            f"Several applied policies begin with {wanted!r}: {', '.join(found[:5])}; "
            "give more of the one you mean."
        )
    raise UnknownRevision(
        f"No policy of revision {wanted!r} was applied; `aegis policy history` shows all."
    )
