"""Reading a decision log without its key: pages, following, and the sums of a run."""

import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw
import orjson

from ledger.errors import LogCorrupt, LogUnavailable
from ledger.log import GENESIS, Receipt
from ledger.merkle import leaf_hash
from ledger.sqlite_file import FileKind, connect_read_only, explain

LOG_FILE = FileKind(
    noun="decision log",
    application_id=0x41454C47,  # "AELG"
    version=1,
    schema="""
        CREATE TABLE records(seq INTEGER PRIMARY KEY,
                             body TEXT NOT NULL, leaf BLOB NOT NULL) STRICT;
        CREATE TABLE checkpoints(size INTEGER PRIMARY KEY, note TEXT NOT NULL) STRICT;
        CREATE TABLE edge(one INTEGER PRIMARY KEY CHECK (one = 1),
                          size INTEGER NOT NULL, peaks BLOB NOT NULL) STRICT;
        INSERT INTO edge VALUES (1, 0, x'');
        CREATE TRIGGER records_stay BEFORE UPDATE ON records
            BEGIN SELECT RAISE(ABORT, 'the decision log is append-only'); END;
        CREATE TRIGGER records_remain BEFORE DELETE ON records
            BEGIN SELECT RAISE(ABORT, 'the decision log is append-only'); END;
    """,
    unavailable=LogUnavailable,
    corrupt=LogCorrupt,
)
_PAGE = 500


def checkpoint_path(log: Path) -> Path:
    """Give the file beside the log that holds the newest signed checkpoint."""
    return log.with_name("checkpoint")


@dataclass(slots=True)
class Summary:
    """What a run did: numbers of decisions by effect, and of values taken out by entity type."""

    calls: int = 0
    allowed: int = 0
    sanitized: int = 0
    held: int = 0
    denied: int = 0
    not_enforced: int = 0  # decided stricter than allow, but let through in observe mode
    names_refused: int = 0  # names that a jail asked DNS for in vain
    redactions: Counter[str] = field(default_factory=Counter)


_EFFECTS = {
    "allow": "allowed",
    "sanitize": "sanitized",
    "require_approval": "held",
    "deny": "denied",
}


class LogReader:
    """Reads a log that others may be writing; needs no key and holds no lock between pages."""

    def __init__(self, path: Path) -> None:
        self.path = Path(path)

    def head(self) -> Receipt:
        """Give the last record's receipt; seq 0 and 64 zeros when the log is empty."""
        rows = self._rows(
            "SELECT seq, CAST(body AS BLOB) FROM records ORDER BY seq DESC LIMIT 1", ()
        )
        return Receipt(rows[0][0], leaf_hash(rows[0][1]).hex()) if rows else Receipt(0, GENESIS)

    def records(self, after: int = 0, limit: int | None = None) -> Iterator[dict[str, Any]]:
        """Give records with seq > after in order; raises LogUnavailable, LogCorrupt."""
        return self._records("seq > ?", (), after, limit)

    def follow(
        self, after: int = 0, poll: float = 0.2, stop: threading.Event | None = None
    ) -> Iterator[dict[str, Any]]:
        """Give records as they come, looking every `poll` seconds, until `stop` is set."""
        stop = stop or threading.Event()
        while not stop.is_set():
            for record in self.records(after):
                after = int(record["seq"])
                yield record
            stop.wait(poll)

    def summary(
        self, after: int = 0, agent: str | None = None, token_id: str | None = None
    ) -> Summary:
        """Count the decisions with seq > after, of one agent or one token if named."""
        where, values = "seq > ? AND body ->> 'kind' IN ('decision', 'name')", []
        for name, value in (("agent", agent), ("token_id", token_id)):
            if value is not None:
                where += f" AND body ->> '{name}' = ?"
                values.append(value)
        total, names = Summary(), set[str]()
        for record in self._records(where, tuple(values), after, None):
            if record["kind"] == "name":
                name = record["name"]
                # Of those that came too fast only the number is known.
                total.names_refused += (
                    record["name"] not in names if record["name"] else record["count"]
                )
                names.add(record["name"])
                continue
            effect = record.get("effect")
            total.calls += 1
            if effect in _EFFECTS:
                setattr(total, _EFFECTS[effect], getattr(total, _EFFECTS[effect]) + 1)
            if effect != "allow" and record.get("enforced") is False:
                total.not_enforced += 1
            total.redactions.update(record.get("redacted") or {})
        return total

    def _records(
        self, where: str, values: tuple[str, ...], after: int, limit: int | None
    ) -> Iterator[dict[str, Any]]:
        connection = connect_read_only(self.path, LOG_FILE)
        try:
            while limit is None or limit > 0:
                page = _PAGE if limit is None else min(_PAGE, limit)
                sql = f"SELECT seq, CAST(body AS BLOB) FROM records WHERE {where} ORDER BY seq LIMIT {page}"  # noqa: E501, S608 - constants
                rows = self._fetch(connection, sql, (after, *values))
                for seq, body in rows:
                    try:
                        record = orjson.loads(body)
                    except orjson.JSONDecodeError:
                        record = None
                    if not isinstance(record, dict):
                        raise LogCorrupt(
                            f"{self.path}: record {seq} is not readable; run `aegis audit verify`."
                        )
                    yield record
                if len(rows) < page:
                    return
                after = rows[-1][0]
                limit = None if limit is None else limit - len(rows)
        finally:
            connection.close(True)

    def _rows(self, sql: str, values: tuple[object, ...]) -> list[Any]:
        connection = connect_read_only(self.path, LOG_FILE)
        try:
            return self._fetch(connection, sql, values)
        finally:
            connection.close(True)

    def _fetch(
        self, connection: apsw.Connection, sql: str, values: tuple[object, ...]
    ) -> list[Any]:
        try:
            return connection.execute(sql, values).fetchall()  # type: ignore[arg-type]
        except apsw.Error as exc:
            raise explain(exc, self.path, LOG_FILE) from exc
