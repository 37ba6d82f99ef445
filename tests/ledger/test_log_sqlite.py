import os
import stat
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from ledger import (
    LogCorrupt,
    LogUnavailable,
    Signer,
    SqliteLog,
    load_or_create_signer,
    verify_log,
)
from ledger.log_sqlite import _ROWS_A_STATEMENT


def tamper(path: Path, sql: str, *values: object) -> None:
    """Change the file as somebody with SQLite at hand would."""
    db = apsw.Connection(str(path))
    db.execute("DROP TRIGGER IF EXISTS records_stay; DROP TRIGGER IF EXISTS records_remain")
    db.execute(sql, values)  # type: ignore[arg-type]
    db.close()


def filled(path: Path, signer: Signer, batches: tuple[int, ...] = (3, 1, 4)) -> None:
    log = SqliteLog(path, signer)
    for number, size in enumerate(batches):
        log.append([{"batch": number, "n": n} for n in range(size)])
    log.close()


def test_files_are_for_the_owner_only(log: SqliteLog) -> None:
    log.append([{"n": 1}])
    files = [p for p in log.path.parent.iterdir() if p.name.startswith("ledger.db")]
    assert len(files) == 3  # database, -wal, -shm
    assert {stat.S_IMODE(p.stat().st_mode) for p in files} == {0o600}


def test_big_batches_span_statements(log: SqliteLog, public: str) -> None:
    log.append([{"n": n} for n in range(_ROWS_A_STATEMENT * 2 + 5)])
    report = verify_log(log.path, public)
    assert report.ok
    assert report.records == _ROWS_A_STATEMENT * 2 + 5


def test_committed_data_is_synced_before_append_returns(log: SqliteLog) -> None:
    assert log._db.pragma("synchronous") == 2  # FULL
    assert log._db.pragma("journal_mode") == "wal"


def test_checkpoint_beside_the_log_follows_when_published(log: SqliteLog) -> None:
    path = log.path.with_name("checkpoint")
    for size in (1, 2, 3):
        log.append([{"n": size}])
        log.publish()
        assert path.read_text().split("\n")[1] == str(size)
    assert not [p for p in log.path.parent.iterdir() if p.name.startswith(".checkpoint")]


def test_closing_publishes_the_checkpoint(tmp_path: Path, signer: Signer) -> None:
    filled(tmp_path / "ledger.db", signer)
    assert (tmp_path / "checkpoint").read_text().split("\n")[1] == "8"


def test_checkpoint_never_falls_behind_another_writer(
    log: SqliteLog, signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The slower of two writers replaces the file last, with an older note."""
    other = SqliteLog(log.path, signer)
    log.append([{"n": 1}])
    real = os.replace

    def slow(draft: Path, path: Path) -> None:
        monkeypatch.setattr(os, "replace", real)
        older = draft.rename(draft.with_name("draft of another process"))
        other.append([{"n": 2}])
        other.publish()
        assert path.read_text().split("\n")[1] == "2"
        real(older, path)
        assert path.read_text().split("\n")[1] == "1"

    monkeypatch.setattr(os, "replace", slow)
    log.publish()
    assert log.path.with_name("checkpoint").read_text().split("\n")[1] == "2"
    other.close()


def test_full_disk_is_said_and_survived(log: SqliteLog, public: str) -> None:
    log.append([{"n": 1}])
    pages = log._db.pragma("page_count")
    log._db.pragma("max_page_count", pages + 2)
    with pytest.raises(LogUnavailable, match=r"ledger.db: the disk is full; free space"):
        log.append([{"text": "x" * 50_000}])
    assert log.head().seq == 1
    log._db.pragma("max_page_count", pages + 1000)
    assert log.append([{"n": 2}])[0].seq == 2
    assert verify_log(log.path, public).ok


def test_locked_too_long_is_said_and_survived(tmp_path: Path, signer: Signer) -> None:
    log = SqliteLog(tmp_path / "ledger.db", signer, busy_ms=50)
    blocker = apsw.Connection(str(log.path))
    blocker.execute("BEGIN IMMEDIATE")
    with pytest.raises(LogUnavailable, match="another process has held the decision log locked"):
        log.append([{"n": 1}])
    blocker.execute("ROLLBACK")
    assert log.append([{"n": 1}])[0].seq == 1
    blocker.close()
    log.close()


def test_checkpoint_that_cannot_be_written_is_an_error(log: SqliteLog, public: str) -> None:
    path = log.path.with_name("checkpoint")
    path.unlink()
    path.mkdir()
    log.append([{"n": 1}])
    with pytest.raises(LogUnavailable, match="checkpoint: the checkpoint cannot be written"):
        log.publish()
    path.rmdir()
    log.publish()
    report = verify_log(log.path, public)
    assert report.ok
    assert report.remarks == ()


def test_missing_folder_is_named(tmp_path: Path, signer: Signer) -> None:
    with pytest.raises(LogUnavailable, match=r"folder is missing; create it with `mkdir -m 700"):
        SqliteLog(tmp_path / "none" / "ledger.db", signer)


def test_folder_in_place_of_the_file_is_named(tmp_path: Path, signer: Signer) -> None:
    (tmp_path / "ledger.db").mkdir()
    with pytest.raises(LogUnavailable, match="this is a folder"):
        SqliteLog(tmp_path / "ledger.db", signer)


def test_read_only_database_is_said(tmp_path: Path, signer: Signer) -> None:
    filled(tmp_path / "ledger.db", signer)
    log = SqliteLog(tmp_path / "ledger.db", signer)
    log._db.pragma("query_only", True)
    with pytest.raises(LogUnavailable, match=r"read-only.*check the owner"):
        log.append([{"n": 1}])
    log._db.pragma("query_only", False)
    assert log.append([{"n": 1}])[0].seq == 9
    log.close()


def test_file_of_another_kind_is_refused_and_kept(tmp_path: Path, signer: Signer) -> None:
    path = tmp_path / "ledger.db"
    path.write_bytes(b"my shopping list\n" * 100)
    with pytest.raises(LogCorrupt, match="this is no decision log"):
        SqliteLog(path, signer)
    assert path.read_bytes().startswith(b"my shopping")
    path.unlink()
    other = apsw.Connection(str(path))
    other.execute("CREATE TABLE recipes(a)")
    other.close()
    with pytest.raises(LogCorrupt, match="a database, but no decision log"):
        SqliteLog(path, signer)


def test_newer_format_is_refused(tmp_path: Path, signer: Signer) -> None:
    filled(tmp_path / "ledger.db", signer)
    tamper(tmp_path / "ledger.db", "PRAGMA user_version=2")
    with pytest.raises(LogUnavailable, match="has format 2, this Aegis knows format 1"):
        SqliteLog(tmp_path / "ledger.db", signer)


def test_records_cannot_be_changed_by_mistake(log: SqliteLog) -> None:
    log.append([{"n": 1}])
    for sql in ("UPDATE records SET body = '{}'", "DELETE FROM records"):
        with pytest.raises(apsw.ConstraintError, match="append-only"):
            apsw.Connection(str(log.path)).execute(sql)


CUT = "DELETE FROM records WHERE seq > 4"


@pytest.mark.parametrize(
    ("attack", "message"),
    [
        (CUT, "holds records up to 4 but was signed at 8"),
        (f"{CUT}; DELETE FROM checkpoints WHERE size > 4", "record 4 does not agree"),
        ("DELETE FROM checkpoints", "its checkpoints are gone"),
        ("DELETE FROM checkpoints WHERE size > 4", "holds records up to 8 but was signed at 4"),
        ("UPDATE records SET body = replace(body, '3', '4') WHERE seq = 8", "record 8 does not"),
        ("INSERT INTO records VALUES (9, '{}', x'00')", "holds records up to 9 but was signed"),
        ("UPDATE edge SET peaks = x'00'", "Merkle edge is damaged"),
        ("UPDATE edge SET size = 3", "Merkle edge is damaged|does not agree"),
        ("DELETE FROM edge", "record 8 does not agree"),
        (
            "UPDATE checkpoints SET note = replace(note, char(10)||'8', char(10)||'9')"
            " WHERE size = 8",
            "last checkpoint does not verify: .*signature",
        ),
        (
            "UPDATE checkpoints SET note = (SELECT note FROM checkpoints WHERE size = 4)"
            " WHERE size = 8",
            "holds records up to 8 but was signed at 4|wrong place",
        ),
    ],
)
def test_tampered_log_is_not_appended_to(
    tmp_path: Path, signer: Signer, attack: str, message: str
) -> None:
    path = tmp_path / "ledger.db"
    filled(path, signer)
    tamper(path, attack)
    before = (tmp_path / "checkpoint").read_text()
    with pytest.raises(LogCorrupt, match=message) as caught:
        SqliteLog(path, signer)
    assert "aegis audit verify" in str(caught.value)
    assert "move ledger.db and checkpoint away" in str(caught.value)
    assert (tmp_path / "checkpoint").read_text() == before


def test_tail_cut_back_to_an_older_copy_is_noticed(tmp_path: Path, signer: Signer) -> None:
    """The database is whole and signed; only the file beside it knows of more."""
    path = tmp_path / "ledger.db"
    filled(path, signer, (3, 1))
    old = path.read_bytes()
    filled(path, signer, (4,))
    path.write_bytes(old)
    with pytest.raises(LogCorrupt, match="holds 4 records, but 8 were signed: its tail is cut off"):
        SqliteLog(path, signer)


def test_log_taken_away_is_noticed(tmp_path: Path, signer: Signer) -> None:
    path = tmp_path / "ledger.db"
    filled(path, signer)
    path.unlink()
    with pytest.raises(LogCorrupt, match="the file is gone, but 8 records were signed"):
        SqliteLog(path, signer)
    assert not path.exists()
    (tmp_path / "checkpoint").rename(tmp_path / "evidence")
    log = SqliteLog(path, signer)  # the mend that the message names
    assert log.append([{"n": 1}])[0].seq == 1
    log.close()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: p.unlink(), "the file checkpoint beside it is gone"),
        (lambda p: p.write_text("scribble"), "checkpoint file beside it does not verify"),
        (lambda p: p.write_bytes(b"\xff\xfe"), "checkpoint file beside it does not verify"),
    ],
)
def test_checkpoint_file_taken_away_or_spoilt_is_noticed(
    tmp_path: Path, signer: Signer, change: Callable[[Path], None], message: str
) -> None:
    filled(tmp_path / "ledger.db", signer)
    change(tmp_path / "checkpoint")
    with pytest.raises(LogCorrupt, match=message):
        SqliteLog(tmp_path / "ledger.db", signer)


def test_checkpoint_emptied_by_a_power_cut_is_written_again(tmp_path: Path, signer: Signer) -> None:
    filled(tmp_path / "ledger.db", signer)
    whole = (tmp_path / "checkpoint").read_text()
    (tmp_path / "checkpoint").write_text("")
    SqliteLog(tmp_path / "ledger.db", signer).close()
    assert (tmp_path / "checkpoint").read_text() == whole


def test_checkpoint_older_than_the_log_is_caught_up(tmp_path: Path, signer: Signer) -> None:
    """A kill between the commit and the file leaves the file one batch behind."""
    path = tmp_path / "ledger.db"
    filled(path, signer, (3,))
    old = (tmp_path / "checkpoint").read_text()
    filled(path, signer, (2,))
    (tmp_path / "checkpoint").write_text(old)
    SqliteLog(path, signer).close()
    assert (tmp_path / "checkpoint").read_text().split("\n")[1] == "5"


def test_two_histories_under_one_key_are_noticed(tmp_path: Path, signer: Signer) -> None:
    filled(tmp_path / "ledger.db", signer, (2, 2))
    (tmp_path / "other").mkdir()
    filled(tmp_path / "other" / "ledger.db", signer, (1, 1))
    (tmp_path / "checkpoint").write_text((tmp_path / "other" / "checkpoint").read_text())
    with pytest.raises(LogCorrupt, match="two different logs were signed at 2 records"):
        SqliteLog(tmp_path / "ledger.db", signer)


def test_wrong_key_is_refused(tmp_path: Path, signer: Signer) -> None:
    filled(tmp_path / "ledger.db", signer)
    stranger = load_or_create_signer(tmp_path / "stranger" / "log.key", "stranger")
    with pytest.raises(LogCorrupt, match="key that is not the given one"):
        SqliteLog(tmp_path / "ledger.db", stranger)


def test_tail_cut_under_a_running_writer_stops_it(log: SqliteLog, signer: Signer) -> None:
    log.append([{"n": n} for n in range(4)])
    other = SqliteLog(log.path, signer)
    other.append([{"n": 4}])
    tamper(log.path, "DELETE FROM records WHERE seq = 5")
    with pytest.raises(LogCorrupt, match="holds records up to 4 but was signed at 5"):
        log.append([{"n": 5}])
    other.close()


def test_damaged_page_is_said(tmp_path: Path, signer: Signer) -> None:
    path = tmp_path / "ledger.db"
    filled(path, signer, (200,))
    data = bytearray(path.read_bytes())
    for page in range(1, len(data) // 4096):
        data[page * 4096 : page * 4096 + 64] = b"\xee" * 64
    path.write_bytes(data)
    with pytest.raises(LogCorrupt, match="damaged on disk; restore it from a backup"):
        SqliteLog(path, signer)
