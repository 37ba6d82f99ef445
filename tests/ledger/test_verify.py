import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger import (
    CheckpointError,
    KeyFileError,
    LogUnavailable,
    Signer,
    SqliteLog,
    VerifyReport,
    export_jsonl,
    load_or_create_signer,
    prove_record,
    sqlite_file,
    verify_jsonl,
    verify_log,
)
from ledger.canonical import canonical
from ledger.checkpoint import sign_checkpoint
from ledger.merkle import leaf_hash

BATCHES = (3, 1, 4, 2)  # ten records; signed at 3, 4, 8 and 10
SIGNED = (0, 3, 4, 8, 10)


def fill(path: Path, signer: Signer, batches: tuple[int, ...] = BATCHES) -> None:
    log = SqliteLog(path, signer)
    for batch, size in enumerate(batches):
        log.append([{"kind": "decision", "batch": batch, "text": "abcdef"} for _ in range(size)])
    log.close()


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, Signer]:
    home = tmp_path_factory.mktemp("origin")
    signer = load_or_create_signer(home / "log.key")
    fill(home / "ledger.db", signer)
    return home, str(signer.verifier), signer


@pytest.fixture
def home(origin: tuple[Path, str, Signer], tmp_path: Path) -> Path:
    copy = tmp_path / "copy"
    shutil.copytree(origin[0], copy)
    return copy


@pytest.fixture
def key(origin: tuple[Path, str, Signer]) -> str:
    return origin[1]


def change(home: Path, *statements: tuple[str, tuple[Any, ...]]) -> None:
    db = apsw.Connection(str(home / "ledger.db"))
    db.execute("DROP TRIGGER records_stay; DROP TRIGGER records_remain")
    for sql, values in statements:
        db.execute(sql, values)
    db.close()


def rows(home: Path) -> list[tuple[int, bytes, bytes]]:
    db = apsw.Connection(str(home / "ledger.db"))
    found: list[Any] = db.execute(
        "SELECT seq, CAST(body AS BLOB), leaf FROM records ORDER BY seq"
    ).fetchall()
    db.close()
    return found


def first(report: VerifyReport) -> tuple[int, str]:
    assert not report.ok
    return report.problems[0].seq, report.problems[0].kind


def first_unsigned(seq: int) -> int:
    """The first record of the batch that holds `seq`: all before it is under a good signature."""
    return max(size for size in SIGNED if size < seq) + 1


def test_untouched_log_is_proven_whole(home: Path, key: str) -> None:
    report = verify_log(home / "ledger.db", key)
    assert report.ok
    assert (report.records, report.checkpoints, report.proven) == (10, 5, 10)
    assert report.head_hash == leaf_hash(rows(home)[-1][1]).hex()
    assert report.remarks == ()


def test_empty_log_is_fine(tmp_path: Path) -> None:
    signer = load_or_create_signer(tmp_path / "log.key")
    fill(tmp_path / "ledger.db", signer, ())
    report = verify_log(tmp_path / "ledger.db", str(signer.verifier))
    assert report.ok
    assert (report.records, report.head_hash) == (0, "0" * 64)


def test_live_log_verifies_while_it_is_written(tmp_path: Path) -> None:
    signer = load_or_create_signer(tmp_path / "log.key")
    log = SqliteLog(tmp_path / "ledger.db", signer)
    for n in range(20):
        log.append([{"n": n}])
        report = verify_log(tmp_path / "ledger.db", str(signer.verifier))
        assert report.ok
        assert report.records == n + 1
    log.close()


def test_copy_of_the_database_alone_verifies_with_a_remark(
    home: Path, key: str, tmp_path: Path
) -> None:
    (tmp_path / "alone").mkdir()
    shutil.copy(home / "ledger.db", tmp_path / "alone" / "copy.db")
    report = verify_log(tmp_path / "alone" / "copy.db", key)
    assert report.ok
    assert "only with a witness" in report.remarks[0]


def test_copy_without_its_journal_in_a_read_only_place_verifies(
    home: Path, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite cannot make its -shm file there; root ignores rights, so the refusal is injected."""
    opened: list[str] = []
    real = sqlite_file._open_uri

    def refuse(uri: str, *rest: Any) -> apsw.Connection:
        opened.append(uri)
        if uri.endswith("mode=ro"):
            raise apsw.CantOpenError("unable to open database file")
        return real(uri, *rest)

    monkeypatch.setattr(sqlite_file, "_open_uri", refuse)
    report = verify_log(home / "ledger.db", key)
    assert report.ok
    assert report.records == 10
    assert opened[-1].endswith("immutable=1")
    (home / "ledger.db-wal").write_bytes(b"journal that immutable would skip")
    with pytest.raises(LogUnavailable, match="cannot be opened"):
        verify_log(home / "ledger.db", key)


def test_changed_byte_names_that_very_record(home: Path, key: str) -> None:
    for seq in range(1, 11):
        body = rows(home)[seq - 1][1]
        change_to = body.replace(b"abc", b"xyz").decode()
        db = apsw.Connection(str(home / "ledger.db"))
        db.execute("DROP TRIGGER IF EXISTS records_stay")
        db.execute("UPDATE records SET body = ? WHERE seq = ?", (change_to, seq))
        report = verify_log(home / "ledger.db", key)
        assert [(p.seq, p.kind) for p in report.problems] == [(seq, "changed")]
        assert str(seq) in report.problems[0].message
        db.execute("UPDATE records SET body = ? WHERE seq = ?", (body.decode(), seq))
        db.close()
    assert verify_log(home / "ledger.db", key).ok


@pytest.mark.parametrize("seq", range(1, 11))
def test_removed_record_is_named(home: Path, key: str, seq: int) -> None:
    change(home, ("DELETE FROM records WHERE seq = ?", (seq,)))
    kind = "truncated" if seq == 10 else "missing"
    assert first(verify_log(home / "ledger.db", key)) == (seq, kind)


def test_removed_record_is_named_even_when_those_after_it_moved_up(home: Path, key: str) -> None:
    change(
        home,
        ("DELETE FROM records WHERE seq = 6", ()),
        ("UPDATE records SET seq = seq - 1 WHERE seq > 6", ()),
    )
    report = verify_log(home / "ledger.db", key)
    assert (6, "moved") in [(p.seq, p.kind) for p in report.problems]
    assert first(report)[0] == 5  # nothing after the signature at 4 is proven


def test_swapped_records_are_named(home: Path, key: str) -> None:
    bodies = {seq: (body.decode(), leaf) for seq, body, leaf in rows(home)}
    change(
        home,
        ("UPDATE records SET body = ?, leaf = ? WHERE seq = 6", bodies[9]),
        ("UPDATE records SET body = ?, leaf = ? WHERE seq = 9", bodies[6]),
    )
    report = verify_log(home / "ledger.db", key)
    found = [(p.seq, p.kind) for p in report.problems]
    assert (6, "moved") in found
    assert (9, "moved") in found


def test_forged_record_with_its_hash_made_right_is_named(home: Path, key: str) -> None:
    body = rows(home)[5][1].replace(b"abc", b"xyz")
    change(
        home,
        ("UPDATE records SET body = ?, leaf = ? WHERE seq = 6", (body.decode(), leaf_hash(body))),
    )
    report = verify_log(home / "ledger.db", key)
    found = {(p.seq, p.kind) for p in report.problems}
    assert found == {(5, "fork"), (6, "chain")}  # the signature at 8 fails, the link 6-7 is broken
    assert report.proven == 4


def test_fork_that_agrees_with_itself_is_named(home: Path, key: str) -> None:
    """All records from 6 on written anew with right numbers, links and hashes, without the key."""
    previous, statements = rows(home)[4][2].hex(), []
    for seq, old, _ in rows(home)[5:]:
        body = canonical({**orjson.loads(old), "text": "other", "prev_hash": previous})
        statements.append(
            (
                "UPDATE records SET body = ?, leaf = ? WHERE seq = ?",
                (body.decode(), leaf_hash(body), seq),
            )
        )
        previous = leaf_hash(body).hex()
    change(home, *statements)
    report = verify_log(home / "ledger.db", key)
    assert first(report) == (5, "fork")
    assert report.proven == 4
    assert "at or after record 5" in report.problems[0].message


def test_records_added_without_the_key_are_named(home: Path, key: str) -> None:
    body = canonical({"seq": 11, "prev_hash": rows(home)[-1][2].hex(), "kind": "decision"})
    change(home, ("INSERT INTO records VALUES (11, ?, ?)", (body.decode(), leaf_hash(body))))
    assert first(verify_log(home / "ledger.db", key)) == (11, "uncovered")


def test_record_before_the_first_is_named(home: Path, key: str) -> None:
    change(home, ("INSERT INTO records VALUES (0, '{}', x'')", ()))
    assert first(verify_log(home / "ledger.db", key)) == (0, "inserted")


def cut_to_four(home: Path) -> None:
    change(
        home,
        ("DELETE FROM records WHERE seq > 4", ()),
        ("DELETE FROM checkpoints WHERE size > 4", ()),
    )


def test_tail_cut_with_its_checkpoints_is_told_by_the_file_beside(home: Path, key: str) -> None:
    cut_to_four(home)
    report = verify_log(home / "ledger.db", key)
    found = {(p.seq, p.kind): p.message for p in report.problems}
    assert "the file checkpoint was signed at 10" in found[5, "truncated"]


def test_tail_cut_everywhere_is_told_only_by_a_witness(home: Path, key: str) -> None:
    witness = (home / "checkpoint").read_text()
    cut_to_four(home)
    db = apsw.Connection(str(home / "ledger.db"))
    note = db.execute("SELECT note FROM checkpoints WHERE size = 4").get
    db.close()
    (home / "checkpoint").write_text(note)
    assert (5, "truncated") not in [
        (p.seq, p.kind) for p in verify_log(home / "ledger.db", key).problems
    ]
    report = verify_log(home / "ledger.db", key, note + witness)
    found = {(p.seq, p.kind): p.message for p in report.problems}
    assert "the witness was signed at 10" in found[5, "truncated"]


def test_log_taken_away_is_told_by_the_file_beside(home: Path, key: str) -> None:
    (home / "ledger.db").unlink()
    assert first(verify_log(home / "ledger.db", key)) == (1, "truncated")


def test_history_rewritten_with_the_key_is_told_by_a_witness(
    home: Path, origin: tuple[Path, str, Signer], tmp_path: Path
) -> None:
    witness = (home / "checkpoint").read_text()
    (tmp_path / "new").mkdir()
    fill(tmp_path / "new" / "ledger.db", origin[2], (6, 6))
    assert verify_log(tmp_path / "new" / "ledger.db", origin[1]).ok
    report = verify_log(tmp_path / "new" / "ledger.db", origin[1], witness)
    assert first(report) == (7, "fork")
    assert "the witness" in report.problems[0].message


def test_old_witness_of_a_grown_log_is_fine(
    home: Path, origin: tuple[Path, str, Signer], tmp_path: Path
) -> None:
    witness = (home / "checkpoint").read_text()
    fill(home / "ledger.db", origin[2], (2,))
    assert verify_log(home / "ledger.db", origin[1], witness).ok


def test_checkpoint_signed_by_nobody_is_named(home: Path, key: str) -> None:
    change(
        home,
        (
            "UPDATE checkpoints SET note = replace(note, char(10)||'8'||char(10), "
            "char(10)||'9'||char(10)) WHERE size = 8",
            (),
        ),
    )
    assert first(verify_log(home / "ledger.db", key)) == (8, "checkpoint")


def test_checkpoint_in_the_wrong_place_is_named(home: Path, key: str) -> None:
    change(
        home,
        (
            "UPDATE checkpoints SET note = (SELECT note FROM checkpoints WHERE size = 4) "
            "WHERE size = 8",
            (),
        ),
    )
    assert first(verify_log(home / "ledger.db", key)) == (8, "checkpoint")


def test_wrong_key_is_one_problem(home: Path, tmp_path: Path) -> None:
    stranger = load_or_create_signer(tmp_path / "stranger" / "log.key", "stranger")
    report = verify_log(home / "ledger.db", str(stranger.verifier))
    assert [p.kind for p in report.problems] == ["key"]
    assert "not the given one" in report.problems[0].message


def test_old_and_new_key_may_be_given_together(home: Path, key: str, tmp_path: Path) -> None:
    stranger = load_or_create_signer(tmp_path / "stranger" / "log.key", "stranger")
    assert verify_log(home / "ledger.db", f"{stranger.verifier}\n{key}\n").ok


def test_checkpoint_by_another_key_among_good_ones_is_named(
    home: Path, key: str, tmp_path: Path
) -> None:
    stranger = load_or_create_signer(tmp_path / "stranger" / "log.key", "stranger")
    note = sign_checkpoint(stranger, 8, leaf_hash(b"x"))
    change(home, ("UPDATE checkpoints SET note = ? WHERE size = 8", (note,)))
    assert first(verify_log(home / "ledger.db", key)) == (8, "key")


def test_edge_kept_for_appending_is_checked(home: Path, key: str) -> None:
    change(home, ("UPDATE edge SET peaks = x'00'", ()))
    assert first(verify_log(home / "ledger.db", key)) == (10, "edge")


@pytest.mark.parametrize("content", [b"", b"hello world" * 100, b"SQLite format 3\0" + b"\1" * 99])
def test_what_is_no_log_is_said_so(tmp_path: Path, key: str, content: bytes) -> None:
    (tmp_path / "x.db").write_bytes(content)
    report = verify_log(tmp_path / "x.db", key)
    assert first(report)[1] == "not-a-log"


def test_damaged_page_is_a_problem_and_no_traceback(tmp_path: Path) -> None:
    signer = load_or_create_signer(tmp_path / "log.key")
    fill(tmp_path / "ledger.db", signer, (100, 100, 100))
    data = bytearray((tmp_path / "ledger.db").read_bytes())
    pages = len(data) // 4096
    for page in (pages - 5, pages - 4, pages - 3):
        data[page * 4096 : page * 4096 + 4096] = b"\xee" * 4096
    (tmp_path / "ledger.db").write_bytes(data)
    report = verify_log(tmp_path / "ledger.db", str(signer.verifier))
    assert [p.kind for p in report.problems] == ["damaged"]
    assert report.problems[0].seq == report.records + 1
    assert "damaged on disk" in report.problems[0].message


def test_dropped_table_is_a_problem(home: Path, key: str) -> None:
    change(home, ("DROP TABLE edge", ()))
    assert first(verify_log(home / "ledger.db", key))[1] == "damaged"


def test_missing_log_bad_key_and_bad_witness_are_errors(
    home: Path, key: str, tmp_path: Path
) -> None:
    with pytest.raises(LogUnavailable, match="no decision log here"):
        verify_log(tmp_path / "none.db", key)
    with pytest.raises(KeyFileError):
        verify_log(home / "ledger.db", "nonsense")
    with pytest.raises(CheckpointError):
        verify_log(home / "ledger.db", key, "nonsense")
    forged = (home / "checkpoint").read_text().replace("\n10\n", "\n11\n")
    with pytest.raises(CheckpointError, match="not valid"):
        verify_log(home / "ledger.db", key, forged)


def test_list_of_problems_is_bounded(tmp_path: Path) -> None:
    signer = load_or_create_signer(tmp_path / "log.key")
    fill(tmp_path / "ledger.db", signer, (300,))
    change(tmp_path, ("UPDATE records SET body = replace(body, 'abc', 'xyz')", ()))
    report = verify_log(tmp_path / "ledger.db", str(signer.verifier))
    assert len(report.problems) == 100
    assert report.more == 200


# --- any one change is found, wherever it is -----------------------------------------------------


def flip(data: st.DataObject, home: Path) -> int:
    seq = data.draw(st.integers(1, 10))
    body = bytearray(rows(home)[seq - 1][1])
    at = data.draw(st.integers(0, len(body) - 1))
    body[at] ^= 1 << data.draw(st.integers(0, 7))
    change(home, ("UPDATE records SET body = CAST(? AS TEXT) WHERE seq = ?", (bytes(body), seq)))
    return seq


def flip_and_rehash(data: st.DataObject, home: Path) -> int:
    seq = flip(data, home)
    body = rows(home)[seq - 1][1]
    db = apsw.Connection(str(home / "ledger.db"))
    db.execute("UPDATE records SET leaf = ? WHERE seq = ?", (leaf_hash(body), seq))
    db.close()
    return seq


def spoil_leaf(data: st.DataObject, home: Path) -> int:
    seq = data.draw(st.integers(1, 10))
    leaf = data.draw(st.binary(max_size=40).filter(lambda b: b != rows(home)[seq - 1][2]))
    change(home, ("UPDATE records SET leaf = ? WHERE seq = ?", (leaf, seq)))
    return seq


def delete(data: st.DataObject, home: Path) -> int:
    seq = data.draw(st.integers(1, 10))
    change(home, ("DELETE FROM records WHERE seq = ?", (seq,)))
    return seq


def swap(data: st.DataObject, home: Path) -> int:
    one, two = sorted(data.draw(st.sets(st.integers(1, 10), min_size=2, max_size=2)))
    found = {seq: (body.decode(), leaf) for seq, body, leaf in rows(home)}
    whole = data.draw(st.booleans())
    sql = "UPDATE records SET body = ?1, leaf = iif(?4, ?2, leaf) WHERE seq = ?3"
    change(home, (sql, (*found[two], one, whole)), (sql, (*found[one], two, whole)))
    return one


def insert(data: st.DataObject, home: Path) -> int:
    seq = data.draw(st.integers(1, 11))
    previous = rows(home)[seq - 2][2].hex() if seq > 1 else "0" * 64
    body = canonical({"kind": "decision", "prev_hash": previous, "seq": seq})
    change(
        home,
        ("UPDATE records SET seq = -seq - 1 WHERE seq >= ?", (seq,)),
        ("UPDATE records SET seq = -seq WHERE seq < 0", ()),
        ("INSERT INTO records VALUES (?, ?, ?)", (seq, body.decode(), leaf_hash(body))),
    )
    return seq


def truncate(data: st.DataObject, home: Path) -> int:
    keep = data.draw(st.integers(0, 9))
    statements: list[tuple[str, tuple[Any, ...]]] = [("DELETE FROM records WHERE seq > ?", (keep,))]
    if data.draw(st.booleans()):
        statements.append(("DELETE FROM checkpoints WHERE size > ?", (keep,)))
    change(home, *statements)
    return keep + 1


def replace_checkpoint(data: st.DataObject, home: Path) -> int:
    size: int = data.draw(st.sampled_from(SIGNED[1:]))
    db = apsw.Connection(str(home / "ledger.db"))
    note = db.execute("SELECT note FROM checkpoints WHERE size = ?", (size,)).get
    db.close()
    at = data.draw(st.integers(0, len(note) - 2))
    other = data.draw(st.sampled_from("Ax9\n —+").filter(lambda c: c != note[at]))
    note = note[:at] + other + note[at + 1 :]
    change(home, ("UPDATE checkpoints SET note = ? WHERE size = ?", (note, size)))
    return size


def replace_file_beside(data: st.DataObject, home: Path) -> int:
    note = (home / "checkpoint").read_text()
    at = data.draw(st.integers(0, len(note) - 2))
    (home / "checkpoint").write_text(note[:at] + "~" + note[at + 1 :])
    return 10


EXACT = {flip: "changed|moved", delete: "missing|truncated", spoil_leaf: "changed"}
MUTATIONS: list[Callable[[st.DataObject, Path], int]] = [
    flip,
    flip_and_rehash,
    spoil_leaf,
    delete,
    swap,
    insert,
    truncate,
    replace_checkpoint,
    replace_file_beside,
]


@pytest.mark.parametrize("mutate", MUTATIONS, ids=lambda m: m.__name__)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_one_change_is_found_and_placed(
    mutate: Callable[[st.DataObject, Path], int],
    data: st.DataObject,
    origin: tuple[Path, str, Signer],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    home = tmp_path_factory.mktemp("m") / "home"
    shutil.copytree(origin[0], home)
    seq = mutate(data, home)
    report = verify_log(home / "ledger.db", origin[1])
    seqs = [p.seq for p in report.problems]
    assert not report.ok
    assert seqs == sorted(seqs)
    if mutate in (replace_checkpoint, replace_file_beside):
        assert report.proven == 10 or seq == 10  # the records themselves are not accused
        return
    assert first_unsigned(seq) <= seqs[0] <= seq
    assert report.proven < seq
    if mutate in EXACT:
        assert any(p.seq == seq and p.kind in EXACT[mutate] for p in report.problems)
    shutil.rmtree(home)


# --- exports -------------------------------------------------------------------------------------


def test_export_verifies_without_the_database(home: Path, key: str, tmp_path: Path) -> None:
    with open(tmp_path / "log.jsonl", "wb") as out:
        note = export_jsonl(home / "ledger.db", out)
    lines = (tmp_path / "log.jsonl").read_bytes().splitlines()
    assert [orjson.loads(line)["seq"] for line in lines] == list(range(1, 11))
    report = verify_jsonl(tmp_path / "log.jsonl", key, note)
    assert report.ok
    assert (report.records, report.proven) == (10, 10)


@pytest.mark.parametrize(
    ("mutate", "seq"),
    [
        (lambda ls: [*ls[:4], ls[4].replace(b"abc", b"xyz"), *ls[5:]], 5),
        (lambda ls: [*ls[:4], *ls[5:]], 5),
        (lambda ls: [*ls[:4], ls[5], ls[4], *ls[6:]], 5),
        (lambda ls: [*ls[:4], ls[3], *ls[4:]], 5),
        (lambda ls: [*ls[:4], b"{", *ls[4:]], 5),
        (lambda ls: ls[:9], 10),
        (lambda ls: [], 1),
    ],
)
def test_changed_export_is_named(
    home: Path, key: str, tmp_path: Path, mutate: Callable[[list[bytes]], list[bytes]], seq: int
) -> None:
    with open(tmp_path / "log.jsonl", "wb") as out:
        note = export_jsonl(home / "ledger.db", out)
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"".join(line + b"\n" for line in mutate(path.read_bytes().splitlines())))
    report = verify_jsonl(path, key, note)
    assert not report.ok
    assert report.problems[0].seq <= seq


def test_one_record_is_proven_without_the_others(home: Path, key: str) -> None:
    for seq in range(1, 11):
        proof = prove_record(home / "ledger.db", seq)
        proof.check(key)
        assert orjson.loads(proof.body)["seq"] == seq
        assert len(proof.path) <= 4


def test_verification_changes_nothing(home: Path, key: str) -> None:
    before = (home / "ledger.db").read_bytes(), os.stat(home / "ledger.db").st_mtime_ns
    verify_log(home / "ledger.db", key)
    assert ((home / "ledger.db").read_bytes(), os.stat(home / "ledger.db").st_mtime_ns) == before
