"""Applied policies in one SQLite file that commands write and firewalls read."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw

from ledger.errors import HistoryError, LedgerError, StoreUnavailable, UnknownRevision
from ledger.policies import (
    APPLIED,
    MAX_NAME,
    MAX_WHY,
    ROLLED_BACK,
    Candidate,
    Note,
    PolicyEvent,
    PolicyState,
    StoredPolicy,
    check_line,
    check_policy,
    earlier,
    find,
    rfc3339,
)
from ledger.sqlite_file import FileKind, connect, explain, writing

POLICIES_FILE = FileKind(
    noun="policies database",
    application_id=0x4145504F,  # "AEPO"
    version=1,
    schema="""
        CREATE TABLE policies(revision TEXT PRIMARY KEY, name TEXT NOT NULL,
                              bundle BLOB NOT NULL) STRICT;
        CREATE TABLE events(number INTEGER PRIMARY KEY, what TEXT NOT NULL,
                            revision TEXT NOT NULL REFERENCES policies(revision),
                            name TEXT NOT NULL, who TEXT NOT NULL, why TEXT NOT NULL,
                            time TEXT NOT NULL) STRICT;
        CREATE TABLE candidate(one INTEGER PRIMARY KEY CHECK (one = 1), revision TEXT NOT NULL,
                               name TEXT NOT NULL, bundle BLOB NOT NULL, who TEXT NOT NULL,
                               time TEXT NOT NULL) STRICT;
    """,
    unavailable=StoreUnavailable,
    corrupt=StoreUnavailable,
)
_ACTIVE = "SELECT revision FROM events ORDER BY number DESC LIMIT 1"
_EVENTS = "SELECT number, what, revision, name, who, why, time FROM events ORDER BY number"
_POLICY = "SELECT revision, name, bundle FROM policies WHERE revision = "


class SqlitePolicies:
    """A PolicyStore; safe in several threads and in several processes on one file.

    The revision in force is that of the last event. `clock` gives seconds since 1970.
    """

    def __init__(
        self, path: Path, *, clock: Callable[[], float] = time.time, busy_ms: int = 5000
    ) -> None:
        self.path = Path(path)
        self._clock = clock
        self._lock = threading.RLock()
        self._db = connect(self.path, POLICIES_FILE, busy_ms)

    def apply(
        self, policy: StoredPolicy, *, who: str, why: str, note: Note | None = None
    ) -> PolicyEvent:
        """Keep a policy and put it in force; raises HistoryError, and what `note` raises."""
        check_policy(policy)
        who, why = _reasons(who, why)

        def change() -> PolicyEvent:
            kept = self._db.execute(_POLICY + "?", (policy.revision,)).fetchall()
            if not kept:
                row = (policy.revision, policy.name, policy.bundle)
                self._db.execute("INSERT INTO policies VALUES (?,?,?)", row)
            elif kept[0] != (policy.revision, policy.name, policy.bundle):
                # The signature may be new, or the name that it was built under.
                self._db.execute(
                    "UPDATE policies SET name = ?, bundle = ? WHERE revision = ?",
                    (policy.name, policy.bundle, policy.revision),
                )
            return self._event(APPLIED, policy.revision, policy.name, who, why, note)

        return self._write(change)

    def roll_back(
        self, revision: str | None = None, *, who: str, why: str, note: Note | None = None
    ) -> PolicyEvent:
        """Put an earlier policy in force again; raises HistoryError, UnknownRevision."""
        who, why = _reasons(who, why)

        def change() -> PolicyEvent:
            events, active = self.history(), self.state().active
            if revision is None:
                target = earlier(events, active)
            else:
                target = find(revision, (event.revision for event in events))
            if target == active:
                raise HistoryError(f"Revision {target} is in force already.")
            return self._event(ROLLED_BACK, target, self.get(target).name, who, why, note)

        return self._write(change)

    def state(self) -> PolicyState:
        """Say which revisions are in force and in its shadow."""
        rows = self._read(f"SELECT ({_ACTIVE}), (SELECT revision FROM candidate)")  # noqa: S608
        return PolicyState(*rows[0])

    def active(self) -> StoredPolicy | None:
        """Give the policy in force, None while none was applied."""
        rows = self._read(f"{_POLICY}({_ACTIVE})")
        return StoredPolicy(*rows[0]) if rows else None

    def get(self, revision: str) -> StoredPolicy:
        """Give an applied policy by its whole revision; raises UnknownRevision."""
        rows = self._read(_POLICY + "?", (revision,))
        if not rows:
            raise UnknownRevision(f"No policy of revision {revision!r} was applied.")
        return StoredPolicy(*rows[0])

    def history(self) -> list[PolicyEvent]:
        """Give all events in order."""
        return [PolicyEvent(*row) for row in self._read(_EVENTS)]

    def start_candidate(self, policy: StoredPolicy, *, who: str) -> Candidate:
        """Let a policy run in the shadow, in place of an earlier candidate; raises HistoryError."""
        check_policy(policy)
        who = check_line(who, "name of who does this", MAX_NAME)
        at = rfc3339(self._clock())
        row = (policy.revision, policy.name, policy.bundle, who, at)
        self._write(
            lambda: self._db.execute("INSERT OR REPLACE INTO candidate VALUES (1,?,?,?,?,?)", row)
        )
        return Candidate(policy.revision, policy.name, who, at)

    def stop_candidate(self) -> Candidate | None:
        """End the candidate and give what it was."""

        def change() -> Candidate | None:
            found = self.candidate()
            self._db.execute("DELETE FROM candidate")
            return found[0] if found else None

        return self._write(change)

    def candidate(self) -> tuple[Candidate, StoredPolicy] | None:
        """Give the candidate, None while there is none."""
        rows = self._read("SELECT revision, name, bundle, who, time FROM candidate")
        if not rows:
            return None
        revision, name, bundle, who, at = rows[0]
        return Candidate(revision, name, who, at), StoredPolicy(revision, name, bundle)

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        with self._lock:
            self._db.close(True)

    def _event(
        self, what: str, revision: str, name: str, who: str, why: str, note: Note | None
    ) -> PolicyEvent:
        number = (self._db.execute("SELECT max(number) FROM events").get or 0) + 1
        event = PolicyEvent(number, what, revision, name, who, why, rfc3339(self._clock()))
        self._db.execute(
            "INSERT INTO events VALUES (?,?,?,?,?,?,?)",
            (number, what, revision, name, who, why, event.time),
        )
        # Last before the commit: the order of the notes is that of the events, in all processes.
        if note is not None:
            note(event)
        return event

    def _read(self, sql: str, values: tuple[Any, ...] = ()) -> list[Any]:
        with self._lock:
            try:
                return self._db.execute(sql, values).fetchall()
            except apsw.Error as exc:
                raise self._explain(exc) from exc

    def _write[T](self, change: Callable[[], T]) -> T:
        with self._lock:
            try:
                with writing(self._db):
                    return change()
            except apsw.Error as exc:
                raise self._explain(exc) from exc

    def _explain(self, exc: apsw.Error) -> LedgerError:
        if isinstance(exc, apsw.ConnectionClosedError):
            return StoreUnavailable(f"{self.path}: this policies database was closed.")
        return explain(exc, self.path, POLICIES_FILE)


def _reasons(who: str, why: str) -> tuple[str, str]:
    return (
        check_line(who, "name of who does this", MAX_NAME),
        check_line(why, "reason (why)", MAX_WHY),
    )
