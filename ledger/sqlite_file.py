"""Opening SQLite files the same way everywhere, and saying in plain words why one will not open."""

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import apsw

from ledger.errors import LedgerError

# Before this version SQLite may reset the WAL wrongly under two connections and lose commits.
_MINIMUM = (3, 51, 3)

if tuple(int(part) for part in apsw.sqlite_lib_version().split(".")) < _MINIMUM:
    raise LedgerError(
        f"SQLite {apsw.sqlite_lib_version()} can lose records when several processes write; "
        "install apsw 3.51.3 or newer from a wheel that brings its own SQLite."
    )


@dataclass(frozen=True, slots=True)
class FileKind:
    """One kind of database file: what people call it, its mark in the header, its tables."""

    noun: str
    application_id: int
    version: int
    schema: str
    unavailable: type[LedgerError]
    corrupt: type[LedgerError]


def connect(path: Path, kind: FileKind, busy_ms: int) -> apsw.Connection:
    """Open or create (mode 0600) for reading and writing: WAL, synchronous=FULL.

    Raises the kind's errors with a message that names the file and the mend.
    """
    try:
        # SQLite gives -wal and -shm the rights of the main file.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as exc:
        raise kind.unavailable(_os_message(path, kind, exc)) from exc
    connection = None
    try:
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
        connection.set_busy_timeout(busy_ms)
        _check_kind(connection, path, kind)
        _write_ahead(connection, path, kind, busy_ms)
        connection.execute("PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON")
        with writing(connection):
            if not connection.pragma("application_id"):
                connection.execute(kind.schema)
                connection.pragma("application_id", kind.application_id)
                connection.pragma("user_version", kind.version)
    except apsw.Error as exc:
        if connection is not None:
            connection.close(True)
        raise explain(exc, path, kind) from exc
    except LedgerError:
        if connection is not None:
            connection.close(True)
        raise
    return connection


def connect_read_only(path: Path, kind: FileKind, busy_ms: int = 5000) -> apsw.Connection:
    """Open for reading: live beside writers, or a copy in a folder that cannot be written."""
    if not path.is_file():
        raise kind.unavailable(f"{path}: there is no {kind.noun} here; check the path.")
    wal = path.with_name(path.name + "-wal")
    uri = path.resolve().as_uri()
    try:
        try:
            return _open_uri(f"{uri}?mode=ro", path, kind, busy_ms)
        except (apsw.CantOpenError, apsw.ReadOnlyError):
            # A WAL file in a read-only folder opens only as immutable, which would skip a journal.
            if wal.exists() and wal.stat().st_size:
                raise
            return _open_uri(f"{uri}?immutable=1", path, kind, busy_ms)
    except apsw.Error as exc:
        raise explain(exc, path, kind) from exc
    except OSError as exc:
        raise kind.unavailable(_os_message(path, kind, exc)) from exc


def explain(exc: apsw.Error, path: Path, kind: FileKind) -> LedgerError:
    """Turn SQLite's error into ours, for people."""
    noun = kind.noun
    match exc:
        case apsw.NotADBError():
            return kind.corrupt(
                f"{path}: this is no {noun} (the file is no SQLite database); move it away, "
                "or name the right file."
            )
        case apsw.CorruptError():
            return kind.corrupt(
                f"{path}: the {noun} is damaged on disk; restore it from a backup, or move it away "
                "to start a new one."
            )
        case apsw.FullError():
            return kind.unavailable(f"{path}: the disk is full; free space for the {noun}.")
        case apsw.ReadOnlyError() | apsw.PermissionsError() | apsw.AuthError():
            return kind.unavailable(
                f"{path}: the {noun} cannot be written (read-only); check the owner and rights of "
                "the file and its folder."
            )
        case apsw.BusyError() | apsw.LockedError():
            return kind.unavailable(
                f"{path}: another process has held the {noun} locked too long; find it with "
                f"`fuser {path}`."
            )
        case apsw.CantOpenError():
            return kind.unavailable(
                f"{path}: the {noun} cannot be opened; check that the folder exists and that you "
                "may write in it."
            )
    return kind.unavailable(
        f"{path}: the {noun} failed ({type(exc).__name__}: {exc}); check the disk it is on."
    )


@contextlib.contextmanager
def writing(connection: apsw.Connection) -> Iterator[None]:
    """Take the write lock first (waiting for it), then commit, or undo all on any error.

    A lock taken only at the first write is never waited for: what was read may be stale by then.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        rollback(connection)
        raise


def rollback(connection: apsw.Connection) -> None:
    """End a failed transaction, if SQLite has not done so itself."""
    with contextlib.suppress(apsw.Error):
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _open_uri(uri: str, path: Path, kind: FileKind, busy_ms: int) -> apsw.Connection:
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    connection = apsw.Connection(uri, flags=flags)
    try:
        connection.set_busy_timeout(busy_ms)
        _check_kind(connection, path, kind, empty_is_ours=False)
    except (apsw.Error, LedgerError):
        connection.close(True)
        raise
    return connection


def _check_kind(
    connection: apsw.Connection, path: Path, kind: FileKind, *, empty_is_ours: bool = True
) -> None:
    # One snapshot for all three: another process may be creating the tables at this moment.
    connection.execute("BEGIN")
    try:
        found = connection.pragma("application_id")
        version = connection.pragma("user_version")
        tables = connection.execute("SELECT count(*) FROM sqlite_schema").get
    finally:
        rollback(connection)
    if found == kind.application_id:
        if version != kind.version:
            raise kind.unavailable(
                f"{path}: this {kind.noun} has format {version}, this Aegis knows format "
                f"{kind.version}; use the Aegis that wrote it."
            )
        return
    if found or tables or not empty_is_ours:
        raise kind.corrupt(
            f"{path}: this is a database, but no {kind.noun}; name the right file, or move "
            "this one away."
        )


def _write_ahead(connection: apsw.Connection, path: Path, kind: FileKind, busy_ms: int) -> None:
    deadline = time.monotonic() + busy_ms / 1000
    while True:
        try:
            mode = connection.pragma("journal_mode", "wal")
            break
        except apsw.BusyError:
            # SQLite does not wait for this lock by itself: several first starts at one moment.
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
    if mode != "wal":
        raise kind.unavailable(
            f"{path}: this file system cannot share memory between processes; put the "
            f"{kind.noun} on a local disk."
        )


def _os_message(path: Path, kind: FileKind, exc: OSError) -> str:
    if not path.parent.is_dir():
        return f"{path}: the folder is missing; create it with `mkdir -m 700 -p {path.parent}`."
    if path.is_dir():
        return f"{path}: this is a folder; name the file of the {kind.noun}."
    return (
        f"{path}: the {kind.noun} cannot be opened ({exc.strerror}); check the owner and rights "
        "of the file and its folder."
    )
