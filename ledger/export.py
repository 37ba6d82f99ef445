"""Taking a log elsewhere: one record a line, and proof of a single record without the others."""

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import apsw

from ledger.checkpoint import open_checkpoint
from ledger.errors import LedgerError, LogUnavailable
from ledger.log_reader import LOG_FILE
from ledger.merkle import inclusion_proof, leaf_hash, verify_inclusion
from ledger.signer import parse_verifiers
from ledger.sqlite_file import connect_read_only, explain

_LAST_NOTE = "SELECT note FROM checkpoints ORDER BY size DESC LIMIT 1"


@dataclass(frozen=True, slots=True)
class RecordProof:
    """One record, its audit path (RFC 9162 section 2.1.3) and the signed note it leads to."""

    seq: int
    body: str
    path: tuple[str, ...]
    checkpoint: str

    def check(self, public_key: str) -> None:
        """Raise CheckpointError or LedgerError unless the record is in the signed log."""
        checkpoint = open_checkpoint(self.checkpoint, parse_verifiers(public_key))
        leaf, path = leaf_hash(self.body.encode()), [bytes.fromhex(node) for node in self.path]
        if not verify_inclusion(leaf, self.seq - 1, checkpoint.size, path, checkpoint.root):
            raise LedgerError(f"Record {self.seq} is not in the log that the checkpoint signs.")


def export_jsonl(log: Path, out: BinaryIO) -> str:
    """Write all records, one canonical JSON a line; give the signed note that covers them.

    Keep the note: `verify_jsonl` needs it. Raises LogUnavailable, LogCorrupt.
    """
    connection = connect_read_only(log, LOG_FILE)
    try:
        connection.execute("BEGIN")
        note = str(connection.execute(_LAST_NOTE).get)
        for (body,) in connection.execute("SELECT CAST(body AS BLOB) FROM records ORDER BY seq"):
            out.write(body + b"\n")
    except apsw.Error as exc:
        raise explain(exc, log, LOG_FILE) from exc
    except OSError as exc:
        raise LogUnavailable(f"The export cannot be written ({exc.strerror}).") from exc
    finally:
        connection.close(True)
    return note


def prove_record(log: Path, seq: int) -> RecordProof:
    """Give what proves record `seq` to somebody who may not see the others; raises LedgerError."""
    connection = connect_read_only(log, LOG_FILE)
    try:
        connection.execute("BEGIN")
        note = str(connection.execute(_LAST_NOTE).get)
        body = connection.execute("SELECT body FROM records WHERE seq = ?", (seq,)).get
        leaves = [row[0] for row in connection.execute("SELECT leaf FROM records ORDER BY seq")]
    except apsw.Error as exc:
        raise explain(exc, log, LOG_FILE) from exc
    finally:
        connection.close(True)
    if body is None:
        raise LedgerError(f"{log}: there is no record {seq}; the last one is {len(leaves)}.")
    path = tuple(node.hex() for node in inclusion_proof(leaves, seq - 1))
    return RecordProof(seq, body, path, note)
