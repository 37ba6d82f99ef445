"""The decision log in one SQLite file that several processes append to."""

import contextlib
import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import apsw

from ledger.canonical import canonical, check_entry
from ledger.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from ledger.errors import CheckpointError, LogCorrupt, LogUnavailable
from ledger.log import GENESIS, Entry, Receipt
from ledger.log_reader import LOG_FILE, LogReader, checkpoint_path
from ledger.merkle import EMPTY_ROOT, Frontier, leaf_hash
from ledger.signer import Signer
from ledger.sqlite_file import connect, explain, writing

_ROWS_A_STATEMENT = 64
_LAST_NOTE = "SELECT size, note FROM checkpoints ORDER BY size DESC LIMIT 1"
_BODY = "SELECT CAST(body AS BLOB) FROM records WHERE seq = ?"


class SqliteLog:
    """A DecisionLog: one transaction, one Merkle update and one signed checkpoint a batch.

    Safe to use from several threads and from several processes on one file.
    """

    def __init__(self, path: Path, signer: Signer, *, busy_ms: int = 5000) -> None:
        self.path = Path(path)
        self._signer = signer
        self._lock = threading.Lock()
        self._reader = LogReader(self.path)
        self._frontier = Frontier()
        self._last = GENESIS
        self._closed = False
        self._refuse_lost_log()
        self._db = connect(self.path, LOG_FILE, busy_ms)
        try:
            self._open()
        except apsw.Error as exc:
            self._db.close(True)
            raise explain(exc, self.path, LOG_FILE) from exc
        except Exception:
            self._db.close(True)
            raise

    def append(self, entries: Sequence[Entry]) -> list[Receipt]:
        """Write all entries or none; durable on return (see DecisionLog.append)."""
        for entry in entries:
            check_entry(entry)
        if not entries:
            return []
        with self._lock:
            try:
                return self._commit(entries)
            except apsw.Error as exc:
                raise self._explain(exc) from exc

    def publish(self) -> None:
        """Write the newest note to the file `checkpoint` beside the database, whole or not at all.

        Two processes may write in the wrong order; each looks again after its own write, so the
        last one to write has seen nothing newer. Raises LogUnavailable.
        """
        path = checkpoint_path(self.path)
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            with self._lock:
                written, note = "", self._newest_note()
                while note != written:
                    with open(draft, "w", encoding="utf-8") as file:
                        file.write(note)
                    os.replace(draft, path)
                    written, note = note, self._newest_note()
        except OSError as exc:
            with contextlib.suppress(OSError):
                draft.unlink()
            raise LogUnavailable(
                f"{path}: the checkpoint cannot be written ({exc.strerror}); check the disk and "
                "the rights of the folder."
            ) from exc
        except apsw.Error as exc:
            raise self._explain(exc) from exc

    def head(self) -> Receipt:
        """Give the last record's receipt; seq 0 and 64 zeros when the log is empty."""
        return self._reader.head()

    def records(self, after: int = 0, limit: int | None = None) -> Iterator[dict[str, Any]]:
        """Give records with seq > after in order; raises LogUnavailable, LogCorrupt."""
        return self._reader.records(after, limit)

    def close(self) -> None:
        """Publish, then close the file; a second call does nothing."""
        try:
            if not self._closed:
                self._closed = True
                self.publish()
        finally:
            with self._lock:
                self._db.close(True)

    def _commit(self, entries: Sequence[Entry]) -> list[Receipt]:
        db = self._db
        with writing(db):
            frontier, last = self._catch_up()
            receipts: list[Receipt] = []
            values: list[int | str | bytes] = []
            edge = b""
            for seq, entry in enumerate(entries, frontier.size + 1):
                body = canonical({**entry, "seq": seq, "prev_hash": last})
                leaf = leaf_hash(body)
                last = leaf.hex()
                receipts.append(Receipt(seq, last))
                values += (seq, body.decode(), leaf)
                if len(receipts) == len(entries):
                    edge = frontier.to_bytes()
                frontier.append(leaf)
            # One statement for many rows: each step gives the interpreter lock away once.
            for start in range(0, len(values), 3 * _ROWS_A_STATEMENT):
                chunk = values[start : start + 3 * _ROWS_A_STATEMENT]
                rows = ",".join(["(?,?,?)"] * (len(chunk) // 3))
                db.execute(f"INSERT INTO records VALUES {rows}", chunk)  # noqa: S608 - marks only
            note = sign_checkpoint(self._signer, frontier.size, frontier.root())
            db.execute("INSERT INTO checkpoints VALUES (?,?)", (frontier.size, note))
            db.execute("UPDATE edge SET size = ?, peaks = ?", (frontier.size - 1, edge))
        self._frontier, self._last = frontier, last
        return receipts

    def _catch_up(self) -> tuple[Frontier, str]:
        """Give the tree of what is in the file now, with what other processes wrote."""
        size = self._db.execute("SELECT max(size) FROM checkpoints").get
        if size == self._frontier.size:
            return self._frontier.copy(), self._last
        return self._load()

    def _load(self) -> tuple[Frontier, str]:
        """Rebuild the tree's right edge from the file and hold it against the signed root.

        The file keeps the peaks of all records but the last. Adding the last record's own hash
        must give the root that was signed, so both the peaks and the last record are proven
        without reading the others.
        """
        checkpoint = self._last_checkpoint()
        count = self._db.execute("SELECT max(seq) FROM records").get or 0
        if count != checkpoint.size:
            raise self._corrupt(
                f"it holds records up to {count} but was signed at {checkpoint.size} records"
            )
        if not count:
            return Frontier(), GENESIS
        body = self._db.execute(_BODY, (count,)).get
        size, peaks = self._db.execute("SELECT size, peaks FROM edge").get or (0, b"")
        try:
            frontier = Frontier.from_bytes(size, peaks)
        except (ValueError, TypeError):
            raise self._corrupt("its Merkle edge is damaged") from None
        leaf = leaf_hash(body)
        frontier.append(leaf)
        if frontier.size != count or frontier.root() != checkpoint.root:
            raise self._corrupt(f"record {count} does not agree with the signed checkpoint")
        return frontier, leaf.hex()

    def _last_checkpoint(self) -> Checkpoint:
        row = self._db.execute(_LAST_NOTE).get
        if row is None:
            raise self._corrupt("its checkpoints are gone")
        try:
            checkpoint = open_checkpoint(row[1], (self._signer.verifier,))
        except CheckpointError as exc:
            raise self._corrupt(f"its last checkpoint does not verify: {exc}") from exc
        if checkpoint.size != row[0]:
            raise self._corrupt("its last checkpoint stands in the wrong place")
        return checkpoint

    def _open(self) -> None:
        """Start an empty log with a checkpoint of size 0, or check the head of an old one."""
        with writing(self._db):
            if not self._db.execute("SELECT 1 FROM checkpoints LIMIT 1").get:
                if self._db.execute("SELECT 1 FROM records LIMIT 1").get:
                    raise self._corrupt("its checkpoints are gone")
                note = sign_checkpoint(self._signer, 0, EMPTY_ROOT)
                self._db.execute("INSERT INTO checkpoints VALUES (0,?)", (note,))
            # Read the file inside the transaction: nobody can be ahead of what we see.
            published = self._published()
            self._frontier, self._last = self._load()
            self._check_published(published)
        self.publish()

    def _published(self) -> Checkpoint | None:
        path = checkpoint_path(self.path)
        try:
            note = path.read_text(encoding="utf-8")
            # A power cut may leave the replaced file empty on some file systems.
            return open_checkpoint(note, (self._signer.verifier,)) if note else None
        except FileNotFoundError:
            return None
        except OSError as exc:
            raise LogUnavailable(f"{path}: cannot be read ({exc.strerror}).") from exc
        except (CheckpointError, UnicodeDecodeError) as exc:
            raise self._corrupt(f"the checkpoint file beside it does not verify: {exc}") from exc

    def _check_published(self, published: Checkpoint | None) -> None:
        size = self._frontier.size
        if published is None:
            if size and not checkpoint_path(self.path).exists():
                raise self._corrupt(f"the file {checkpoint_path(self.path).name} beside it is gone")
            return
        if published.size > size:
            raise self._corrupt(
                f"it holds {size} records, but {published.size} were signed: its tail is cut off"
            )
        note = self._db.execute(
            "SELECT note FROM checkpoints WHERE size = ?", (published.size,)
        ).get
        if note is not None and open_checkpoint(note, (self._signer.verifier,)) != published:
            raise self._corrupt(f"two different logs were signed at {published.size} records")

    def _refuse_lost_log(self) -> None:
        """A checkpoint without its log means that the whole log was taken away."""
        if self.path.exists() or not self.path.parent.is_dir():
            return
        published = self._published()
        # Looked at twice: another process may have created both in between.
        if published is not None and published.size and not self.path.exists():
            raise self._corrupt(f"the file is gone, but {published.size} records were signed")

    def _newest_note(self) -> str:
        return str(self._db.execute(_LAST_NOTE).get[1])

    def _explain(self, exc: apsw.Error) -> Exception:
        if isinstance(exc, apsw.ConstraintError):
            return self._corrupt("a record stands where the next one belongs")
        if isinstance(exc, apsw.ConnectionClosedError):
            return LogUnavailable(f"{self.path}: this decision log was closed.")
        return explain(exc, self.path, LOG_FILE)

    def _corrupt(self, what: str) -> LogCorrupt:
        return LogCorrupt(
            f"{self.path}: the decision log cannot be trusted: {what}. Run `aegis audit verify` to "
            f"see where. To start a new log, move {self.path.name} and "
            f"{checkpoint_path(self.path).name} away, and keep them as evidence."
        )
