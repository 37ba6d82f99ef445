"""What a decision log is: a protocol that each adapter keeps, tested by one contract suite."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

type Entry = Mapping[str, object]

GENESIS = "0" * 64  # the prev_hash of record 1


@dataclass(frozen=True, slots=True)
class Receipt:
    """Where an entry landed: its number, from 1, and its leaf hash in hex."""

    seq: int
    hash: str


class DecisionLog(Protocol):
    """An append-only log of canonical JSON records under signed Merkle checkpoints."""

    def append(self, entries: Sequence[Entry]) -> list[Receipt]:
        """Write all entries or none; durable on return.

        Raises RecordError (entry unfit), LogUnavailable (try later), LogCorrupt (never again).
        """
        ...

    def publish(self) -> None:
        """Let the newest checkpoint be seen outside of the log's storage.

        `append` does not wait for it. Raises LogUnavailable.
        """
        ...

    def head(self) -> Receipt:
        """Give the last record's receipt; seq 0 and 64 zeros when the log is empty."""
        ...

    def records(self, after: int = 0, limit: int | None = None) -> Iterator[dict[str, Any]]:
        """Give records with seq > after in order; raises LogUnavailable, LogCorrupt."""
        ...

    def close(self) -> None:
        """Publish, then let go of the storage; a second call does nothing."""
        ...
