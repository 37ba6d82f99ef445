"""Verification of a decision log by anybody who holds its public key: streaming, memory flat."""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw
import orjson

from ledger.checkpoint import Checkpoint, open_checkpoint, split_notes
from ledger.errors import CheckpointError, LogCorrupt, LogUnavailable
from ledger.log import GENESIS
from ledger.log_reader import LOG_FILE, checkpoint_path
from ledger.merkle import Frontier, leaf_hash
from ledger.signer import Verifier, parse_verifiers
from ledger.sqlite_file import connect_read_only, explain

_LIMIT = 100
_RECORDS = "SELECT seq, CAST(body AS BLOB), leaf FROM records ORDER BY seq"
_NOTES = "SELECT size, CAST(note AS BLOB) FROM checkpoints ORDER BY size"


@dataclass(frozen=True, slots=True)
class LogProblem:
    """One finding; `seq` is the first record it puts in doubt, 0 for the file as a whole.

    Kinds: changed, moved, missing, inserted, chain, fork, uncovered, truncated, checkpoint, key,
    edge, damaged, not-a-log.
    """

    seq: int
    kind: str
    message: str


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What verification found; `proven` is how many leading records stand as they were signed.

    `more` counts problems beyond the hundred that are listed; `remarks` are no problems.
    """

    records: int
    checkpoints: int
    head_hash: str
    problems: tuple[LogProblem, ...]
    proven: int = 0
    more: int = 0
    remarks: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Tell whether nothing is wrong."""
        return not self.problems


@dataclass(frozen=True, slots=True, order=True)
class _Mark:
    """A signed note to be held against the tree once `size` records are in it."""

    size: int
    note: str
    source: str


def verify_log(path: Path, public_key: str, witness: str | None = None) -> VerifyReport:
    """Check every record and every checkpoint, and the notes beside the log and in `witness`.

    `public_key` is the text of log.pub, `witness` one or more signed notes that were kept
    elsewhere. Raises LogUnavailable (no log to be read), KeyFileError (bad public key) and
    CheckpointError (bad witness); what is wrong with the log itself is in the report.
    """
    walk = _Walk(parse_verifiers(public_key))
    # Before the snapshot is taken: the file is written after the commit, so it is never ahead.
    marks = walk.outside(checkpoint_path(path), witness)
    if not path.is_file() and any(mark.size for mark in marks):
        return walk.finish(marks)
    try:
        connection = connect_read_only(path, LOG_FILE)
    except LogCorrupt as exc:
        walk.problem(0, "not-a-log", exc.message)
        return walk.report()
    try:
        connection.execute("BEGIN")
        stored = (_Mark(size, _text(note), "") for size, note in connection.execute(_NOTES))
        every = heapq.merge(stored, marks)
        rest = walk.run(connection.execute(_RECORDS), every)
        return walk.finish(rest, connection.execute("SELECT size, peaks FROM edge").get)
    except apsw.Error as exc:
        walk.problem(walk.expected, "damaged", explain(exc, path, LOG_FILE).message)
        return walk.report()
    finally:
        connection.close(True)


def verify_jsonl(path: Path, public_key: str, witness: str) -> VerifyReport:
    """Check an exported log, one record a line, against signed notes; raises like `verify_log`."""
    walk = _Walk(parse_verifiers(public_key))
    marks = sorted(_Mark(_size(note), note, "the checkpoint") for note in split_notes(witness))
    try:
        with open(path, "rb") as lines:
            rows = walk.number(line.rstrip(b"\r\n") for line in lines)
            return walk.finish(walk.run(rows, iter(marks)))
    except OSError as exc:
        raise LogUnavailable(f"{path}: the export cannot be read ({exc.strerror}).") from exc


class _Walk:
    """The state of one pass over the records, in order."""

    def __init__(self, verifiers: Sequence[Verifier]) -> None:
        self.expected = 1
        self._verifiers = verifiers
        self._problems: list[LogProblem] = []
        self._remarks: list[str] = []
        self._more = self._records = self._checkpoints = self._proven = 0
        self._frontier = Frontier()
        self._aligned = True  # the tree holds what was signed, as far as one can tell
        self._previous: tuple[str, str] | None = (GENESIS, GENESIS)
        self._head = GENESIS

    def problem(self, seq: int, kind: str, message: str) -> None:
        """Note a problem, a hundred at most."""
        if len(self._problems) < _LIMIT:
            self._problems.append(LogProblem(seq, kind, message))
        else:
            self._more += 1

    def outside(self, beside: Path, witness: str | None) -> list[_Mark]:
        """Collect the notes that are kept outside of the database, by size."""
        marks = []
        for note in split_notes(witness) if witness is not None else []:
            open_checkpoint(note, self._verifiers)
            marks.append(_Mark(_size(note), note, "the witness"))
        try:
            text = beside.read_bytes().decode(errors="replace")
            marks += [_Mark(_size(n), n, f"the file {beside.name}") for n in split_notes(text)]
        except CheckpointError as exc:
            self.problem(0, "checkpoint", f"The file {beside.name} beside the log: {exc}")
        except OSError:
            self._remarks.append(
                f"There is no file {beside.name} beside the log: whether its tail was cut off can "
                "be told only with a witness."
            )
        return sorted(marks)

    def number(self, lines: Iterator[bytes]) -> Iterator[tuple[int, bytes, None]]:
        """Give each line of an export the number it says it has."""
        for line in lines:
            seq = _parse(line).get("seq")
            yield (seq if type(seq) is int else self.expected), line, None

    def run(self, rows: Iterator[Any], marks: Iterator[_Mark]) -> Iterator[_Mark]:
        """Take in all records, each mark in its place; give the marks past the end."""
        mark = next(marks, None)
        while mark is not None and mark.size < self.expected:
            self._mark(mark)
            mark = next(marks, None)
        for seq, body, leaf in rows:
            self._record(seq, body, leaf)
            while mark is not None and mark.size < self.expected:
                self._mark(mark)
                mark = next(marks, None)
        return (m for part in ([mark] if mark else [], marks) for m in part)

    def finish(self, rest: Iterable[_Mark], edge: Any = None) -> VerifyReport:
        """Judge the end: what is signed but not there, and what is there but not signed."""
        last, ahead = self.expected - 1, None
        for mark in rest:
            if self._open(mark) is not None:
                ahead = mark
        if ahead is not None:
            loose = f" Records {self._proven + 1} to {last} can no longer be checked."
            self.problem(
                self.expected,
                "truncated",
                f"The log ends with record {last}, but {_signer_of(ahead)} was signed at "
                f"{ahead.size} records: records {self.expected} to {ahead.size} were removed."
                + (loose if self._proven < last else ""),
            )
        elif self._aligned and self._proven < last and not self._has("key"):
            self.problem(
                self._proven + 1,
                "uncovered",
                f"No signed checkpoint covers record {self._proven + 1} and those after it: they "
                "were added without the key.",
            )
        if edge is not None and last and not self._problems:
            self._check_edge(edge)
        return self.report()

    def report(self) -> VerifyReport:
        """Give the result so far, the first record in doubt first."""
        problems = sorted(self._problems, key=lambda p: p.seq)
        doubted = [p.seq - 1 for p in problems if p.kind not in ("checkpoint", "key", "edge")]
        return VerifyReport(
            self._records,
            self._checkpoints,
            self._head,
            tuple(problems),
            max(0, min([self._proven, *doubted])),
            self._more,
            tuple(self._remarks),
        )

    def _has(self, kind: str) -> bool:
        return any(p.kind == kind for p in self._problems)

    def _record(self, seq: int, body: bytes, leaf: bytes | None) -> None:
        self._records += 1
        if seq < self.expected:
            self.problem(
                seq, "inserted", f"Record {seq} stands where record {self.expected} belongs."
            )
            return
        if seq > self.expected:
            which = (
                f"Record {self.expected} is"
                if seq == self.expected + 1
                else f"Records {self.expected} to {seq - 1} are"
            )
            self.problem(self.expected, "missing", f"{which} missing.")
            self._aligned, self._previous = False, None
        computed = leaf_hash(body)
        self._head = computed.hex()
        stored = leaf if leaf is not None else computed
        self._inspect(seq, body, computed == stored)
        self._previous = (self._head, stored.hex() if isinstance(stored, bytes) else "")
        # The stored hash goes into the tree: if the signed root agrees, only the body was changed,
        # and this very record is the bad one.
        if self._aligned and isinstance(stored, bytes) and len(stored) == len(computed):
            self._frontier.append(stored)
        else:
            self._aligned = False
        self.expected = seq + 1

    def _inspect(self, seq: int, body: bytes, hash_agrees: bool) -> None:
        record = _parse(body)
        says = record.get("seq")
        if type(says) is int and says != seq:
            self.problem(seq, "moved", f"In the place of record {seq} stands record {says}.")
        elif not hash_agrees or type(says) is not int:
            self.problem(seq, "changed", f"Record {seq} was changed after it was written.")
        elif self._previous is not None and record.get("prev_hash") not in self._previous:
            # Either end of a broken link may be the changed one; a signed root clears the first.
            first = seq if self._proven >= seq - 1 else seq - 1
            self.problem(
                first,
                "chain",
                f"Record {seq} does not follow from record {seq - 1}: one of them was replaced.",
            )

    def _check_edge(self, row: Any) -> None:
        """Check what the log itself starts from when it is appended to."""
        try:
            frontier = Frontier.from_bytes(*row)
            frontier.append(bytes.fromhex(self._head))
        except (ValueError, TypeError):
            frontier = Frontier()
        if frontier.root() != self._frontier.root():
            self.problem(
                self.expected - 1, "edge", "The Merkle edge kept for appending was changed."
            )

    def _mark(self, mark: _Mark) -> None:
        checkpoint = self._open(mark)
        if checkpoint is None or not self._aligned:
            return
        if checkpoint.root == self._frontier.root():
            self._proven = mark.size
            return
        self._aligned = False
        self.problem(
            self._proven + 1,
            "fork",
            f"The first {mark.size} records are not those for which {_signer_of(mark)} was signed: "
            f"the log was changed at or after record {self._proven + 1}.",
        )

    def _open(self, mark: _Mark) -> Checkpoint | None:
        where = f"in {mark.source}" if mark.source else "in the log"
        try:
            checkpoint = open_checkpoint(mark.note, self._verifiers)
        except CheckpointError as exc:
            if exc.kind != "other-key":
                self.problem(mark.size, "checkpoint", f"At {mark.size} records {where}: {exc}")
            elif not self._has("key"):
                self.problem(max(mark.size, 1), "key", f"At {mark.size} records {where}: {exc}")
            return None
        if checkpoint.size != mark.size:
            self.problem(
                mark.size,
                "checkpoint",
                f"The checkpoint of {checkpoint.size} records stands {where} at {mark.size}.",
            )
            return None
        if not mark.source:
            self._checkpoints += 1
        return checkpoint


def _signer_of(mark: _Mark) -> str:
    return mark.source or "a checkpoint in the log"


def _text(data: object) -> str:
    return data.decode(errors="replace") if isinstance(data, bytes) else ""


def _size(note: str) -> int:
    return int(note.split("\n", 2)[1])


def _parse(body: bytes) -> dict[str, Any]:
    try:
        record = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return record if isinstance(record, dict) else {}
