import threading
from pathlib import Path

import apsw
import pytest

from ledger import LogCorrupt, LogReader, LogUnavailable, SqliteLog


def decision(agent: str, effect: str, token: str = "t1", **more: object) -> dict[str, object]:
    return {
        "kind": "decision",
        "agent": agent,
        "token_id": token,
        "effect": effect,
        "enforced": True,
        **more,
    }


def test_summary_counts_one_run_only(log: SqliteLog) -> None:
    log.append([{"kind": "start"}, decision("coder", "allow")])
    before = log.head().seq
    log.append(
        [
            decision("coder", "allow"),
            decision("coder", "deny"),
            decision("coder", "deny", enforced=False),
            decision("coder", "sanitize", redacted={"US_SSN": 2, "PERSON": 1}),
            decision("coder", "sanitize", redacted={"US_SSN": 1}, token="t2"),
            decision("coder", "require_approval"),
            decision("other", "allow"),
            {"kind": "outcome", "agent": "coder", "effect": "deny"},
        ]
    )
    reader = LogReader(log.path)
    total = reader.summary(after=before, agent="coder")
    assert (total.calls, total.allowed, total.denied, total.sanitized, total.held) == (
        6,
        1,
        2,
        2,
        1,
    )
    assert total.not_enforced == 1
    assert total.redactions == {"US_SSN": 3, "PERSON": 1}
    assert reader.summary(after=before, agent="coder", token_id="t2").calls == 1
    assert reader.summary().calls == 8
    assert reader.summary(after=reader.head().seq).calls == 0


def test_filter_is_a_value_and_never_sql(log: SqliteLog) -> None:
    log.append([decision("coder", "allow")])
    assert LogReader(log.path).summary(agent="x' OR '1'='1").calls == 0


def test_follow_gives_records_as_they_come(log: SqliteLog) -> None:
    log.append([{"n": 1}, {"n": 2}])
    stop = threading.Event()
    seen: list[int] = []
    for record in LogReader(log.path).follow(after=1, poll=0.01, stop=stop):
        seen.append(record["n"])
        if record["n"] < 6:
            log.append([{"n": record["n"] + 1}])
        else:
            stop.set()
    assert seen == [2, 3, 4, 5, 6]


def test_reading_needs_neither_key_nor_writer(log: SqliteLog, tmp_path: Path) -> None:
    log.append([{"n": 1}])
    log.close()
    for name in ("log.key", "checkpoint"):
        (tmp_path / name).unlink()
    assert [r["n"] for r in LogReader(log.path).records()] == [1]


def test_missing_log_is_said(tmp_path: Path) -> None:
    with pytest.raises(LogUnavailable, match=r"none.db: there is no decision log here"):
        list(LogReader(tmp_path / "none.db").records())


def test_unreadable_record_is_named(log: SqliteLog) -> None:
    log.append([{"n": 1}, {"n": 2}])
    db = apsw.Connection(str(log.path))
    db.execute("DROP TRIGGER records_stay; UPDATE records SET body = '{' WHERE seq = 2")
    db.close()
    with pytest.raises(LogCorrupt, match="record 2 is not readable; run `aegis audit verify`"):
        list(LogReader(log.path).records())
