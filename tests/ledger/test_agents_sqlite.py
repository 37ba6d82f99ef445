import stat
import timeit
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from ledger import (
    AgentStore,
    KeyFileError,
    SqliteAgents,
    StoreUnavailable,
    TokenError,
    TokenReason,
    ensure_default_agent,
    split_token,
)


def test_file_is_for_the_owner_only_and_holds_no_secret(tmp_path: Path) -> None:
    store = SqliteAgents(tmp_path / "agents.db")
    store.add("coder")
    token = store.mint("coder")
    store.close()
    assert stat.S_IMODE((tmp_path / "agents.db").stat().st_mode) == 0o600
    assert split_token(token)[1].encode() not in (tmp_path / "agents.db").read_bytes()


def test_file_is_looked_at_four_times_a_second_at_most(
    tmp_path: Path, monotonic: Callable[[], float]
) -> None:
    store = SqliteAgents(tmp_path / "agents.db", monotonic=monotonic)
    store.add("coder")
    token = store.mint("coder")
    store.authenticate(token)
    seen: list[str] = []
    store._db.trace_v2(apsw.SQLITE_TRACE_STMT, lambda event: seen.append(event["sql"]))
    for _ in range(100):
        store.authenticate(token)
        store.is_live(split_token(token)[0])
    assert seen == []
    monotonic.now += 0.25  # type: ignore[attr-defined]
    store.authenticate(token)
    assert [sql.lower().replace('"', "") for sql in seen] == ["pragma data_version"]
    store.close()


def test_a_token_of_another_process_is_known_at_once(
    tmp_path: Path, monotonic: Callable[[], float]
) -> None:
    store = SqliteAgents(tmp_path / "agents.db", monotonic=monotonic)
    store.add("coder")
    store.authenticate(store.mint("coder"))
    other = SqliteAgents(tmp_path / "agents.db")
    token = other.mint("coder")
    other.close()
    assert store.authenticate(token).id == "coder"
    store.close()


def test_check_of_a_known_token_is_quick(tmp_path: Path) -> None:
    """Bounds are twenty times the measured cost: they catch a query, not a slow machine."""
    store = SqliteAgents(tmp_path / "agents.db")
    store.add("coder")
    token = store.mint("coder")
    token_id = split_token(token)[0]
    assert min(timeit.repeat(lambda: store.authenticate(token), number=500)) / 500 < 30e-6
    assert min(timeit.repeat(lambda: store.is_live(token_id), number=500)) / 500 < 6e-6
    store.close()


def test_store_down_is_an_error_and_not_a_refused_token(tmp_path: Path) -> None:
    store = SqliteAgents(tmp_path / "agents.db")
    store.add("coder")
    token = store.mint("coder")
    store.close()
    with pytest.raises(StoreUnavailable, match=r"agents.db: this agents database was closed"):
        store.authenticate(token)
    with pytest.raises(StoreUnavailable):
        store.is_live(split_token(token)[0])


def test_full_disk_is_said_and_survived(tmp_path: Path) -> None:
    store = SqliteAgents(tmp_path / "agents.db")
    store.add("coder")
    store._db.pragma("max_page_count", store._db.pragma("page_count"))
    with pytest.raises(StoreUnavailable, match=r"agents.db: the disk is full"):
        store.add("big", groups=[f"group-{n}" for n in range(2000)])
    store._db.pragma("max_page_count", 10_000)
    assert store.authenticate(store.mint("coder")).id == "coder"
    store.close()


def test_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "agents.db").write_bytes(b"no database" * 500)
    with pytest.raises(StoreUnavailable, match="this is no agents database"):
        SqliteAgents(tmp_path / "agents.db")


# --- the default agent ---------------------------------------------------------------------------


def test_default_agent_gets_a_token_file(store: AgentStore, tmp_path: Path) -> None:
    path = tmp_path / "home" / "default.token"
    agent = ensure_default_agent(store, path)
    assert agent.id == "default"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert store.authenticate(path.read_text().strip()).id == "default"


def test_second_start_changes_nothing(store: AgentStore, tmp_path: Path) -> None:
    path = tmp_path / "default.token"
    ensure_default_agent(store, path)
    before = path.read_text()
    ensure_default_agent(store, path)
    assert path.read_text() == before
    assert len(store.tokens("default")) == 1


@pytest.mark.parametrize("content", [None, "", "scribble", "aegis_" + "a" * 12 + "_" + "b" * 43])
def test_lost_or_spoilt_file_gets_a_new_token_and_the_old_one_ends(
    store: AgentStore, tmp_path: Path, content: str | None
) -> None:
    path = tmp_path / "default.token"
    ensure_default_agent(store, path)
    old, session = path.read_text().strip(), store.mint("default", label="a run")
    if content is None:
        path.unlink()
    else:
        path.write_text(content)
    ensure_default_agent(store, path)
    new = path.read_text().strip()
    assert store.authenticate(new).id == "default"
    assert store.authenticate(session).id == "default"
    with pytest.raises(TokenError) as caught:
        store.authenticate(old)
    assert caught.value.reason == TokenReason.REVOKED


def test_disabled_default_agent_stays_disabled(store: AgentStore, tmp_path: Path) -> None:
    path = tmp_path / "default.token"
    ensure_default_agent(store, path)
    before = path.read_text()
    store.disable("default")
    assert ensure_default_agent(store, path).disabled_at is not None
    assert path.read_text() == before


def test_token_file_readable_by_others_is_refused(store: AgentStore, tmp_path: Path) -> None:
    path = tmp_path / "default.token"
    ensure_default_agent(store, path)
    path.chmod(0o644)
    with pytest.raises(KeyFileError, match=r"mode 0644.*chmod 600"):
        ensure_default_agent(store, path)


def test_token_file_that_cannot_be_written_is_named(store: AgentStore, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(KeyFileError, match=r"default.token: the token file cannot be"):
        ensure_default_agent(store, tmp_path / "file" / "default.token")
