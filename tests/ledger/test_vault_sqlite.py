"""The vault's file: sealed, bound to its place, and without what was deleted."""

import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import pytest

from ledger import Home, SqliteVault, StoreUnavailable, exposures

from .conftest import VAULT_SECRET
from .test_vault_contract import ENTRIES, HERE, VALUES

ELSEWHERE = ("acme", HERE[1] + "#other")


@pytest.fixture
def vault(tmp_path: Path, clock: Any) -> Any:
    vault = SqliteVault(tmp_path / "vault.db", VAULT_SECRET, clock=clock)
    vault.put(*HERE, ENTRIES, clock.now + 60)
    yield vault
    vault.close()


def files(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.glob("vault.db*")))


def change(path: Path, sql: str, *values: Any) -> None:
    connection = apsw.Connection(str(path))
    connection.execute(sql, values)
    connection.close()


def test_the_files_hold_no_value_and_no_surrogate(vault: SqliteVault, tmp_path: Path) -> None:
    content = files(tmp_path)
    assert HERE[1].encode() in content
    for secret in (*VALUES, *VALUES.values(), "Maria", "Nguyen", "Ellis"):
        for encoding in ("utf-8", "utf-16-le"):
            assert secret.encode(encoding) not in content


def test_the_files_are_for_their_owner_alone(vault: SqliteVault, tmp_path: Path) -> None:
    for path in tmp_path.glob("vault.db*"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert Home(tmp_path).vault == vault.path
    tmp_path.chmod(0o700)
    vault.path.chmod(0o644)
    (found,) = exposures(Home(tmp_path))
    assert found.secret
    assert found.path == vault.path


def test_another_key_reads_nothing(vault: SqliteVault, tmp_path: Path, clock: Any) -> None:
    other = SqliteVault(tmp_path / "vault.db", b"t" * 32, clock=clock)
    with pytest.raises(StoreUnavailable, match="another key"):
        other.mapping(*HERE, clock.now)
    other.close()


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE entries SET session = session || '#other'",
        "UPDATE entries SET tenant = 'globex'",
        "UPDATE entries SET digest = 'd9'",
        "UPDATE entries SET expires_at = expires_at + 3600",
        "UPDATE entries SET name = randomblob(16)",
        "UPDATE entries SET sealed = CAST(sealed || x'00' AS BLOB)",
        "UPDATE entries SET sealed = x'00'",
        "UPDATE entries SET sealed = (SELECT sealed FROM entries AS e WHERE e.name <> entries.name)",
    ],
)
def test_a_row_that_was_moved_or_changed_is_refused(
    vault: SqliteVault, clock: Any, sql: str
) -> None:
    change(vault.path, sql)
    refused = []
    for place in (HERE, ELSEWHERE, ("globex", HERE[1])):
        try:
            assert vault.mapping(*place, clock.now) == {}
        except StoreUnavailable as error:
            refused.append(str(error))
    (message,) = refused
    assert "Maria" not in message


def test_a_copy_in_another_session_is_refused(vault: SqliteVault, clock: Any) -> None:
    change(
        vault.path,
        "INSERT INTO entries SELECT tenant, ?, name, digest, sealed, expires_at FROM entries",
        ELSEWHERE[1],
    )
    with pytest.raises(StoreUnavailable):
        vault.mapping(*ELSEWHERE, clock.now)
    assert vault.mapping(*HERE, clock.now) == VALUES


def sealed(path: Path) -> list[bytes]:
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    found: list[Any] = connection.execute("SELECT sealed FROM entries").fetchall()
    connection.close()
    return [blob for (blob,) in found]


@pytest.mark.parametrize("way", ["purge", "forget"])
def test_what_is_deleted_is_in_no_file(
    vault: SqliteVault, tmp_path: Path, clock: Any, way: str
) -> None:
    blobs = sealed(vault.path)
    assert len(blobs) == 2
    assert all(blob in files(tmp_path) for blob in blobs)
    delete: dict[str, Callable[[], Any]] = {
        "purge": lambda: vault.purge(clock.now + 64),
        "forget": lambda: vault.forget(*HERE),
    }
    delete[way]()
    assert not any(blob in files(tmp_path) for blob in blobs)


def test_a_chat_does_not_write_at_each_turn(vault: SqliteVault, tmp_path: Path, clock: Any) -> None:
    vault.put(*HERE, ENTRIES, clock.now + 3600)
    before = files(tmp_path)
    for _ in range(5):
        clock.now += 1
        vault.put(*HERE, ENTRIES, clock.now + 3600)
    # The end moves in steps; five calls within seconds cross one at most.
    assert len(files(tmp_path)) - len(before) < 20_000
    assert vault.mapping(*HERE, clock.now) == VALUES


def test_another_kind_of_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "vault.db").write_bytes(b"no database, but of some length " * 40)
    with pytest.raises(StoreUnavailable, match="vault of surrogates"):
        SqliteVault(tmp_path / "vault.db", VAULT_SECRET)
