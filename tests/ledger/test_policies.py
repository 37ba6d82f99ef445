"""What every PolicyStore adapter must do, and what is SQLite's own, with real processes."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ledger import (
    HistoryError,
    LogReader,
    PolicyEvent,
    PolicyState,
    PolicyStore,
    SqliteAgents,
    SqlitePolicies,
    StoredPolicy,
    StoreUnavailable,
    UnknownRevision,
    verify_log,
)
from tests.support.process import PROJECT

STORES: dict[str, Callable[..., PolicyStore]] = {
    "sqlite": lambda home, **clocks: SqlitePolicies(home / "policies.db", **clocks),
}


@pytest.fixture(params=sorted(STORES))
def open_policies(
    request: pytest.FixtureRequest, tmp_path: Path, clock: Callable[[], float]
) -> Iterator[Callable[[], PolicyStore]]:
    opened: list[PolicyStore] = []

    def open_() -> PolicyStore:
        opened.append(STORES[request.param](tmp_path, clock=clock))
        return opened[-1]

    yield open_
    for store in opened:
        store.close()


@pytest.fixture
def policies(open_policies: Callable[[], PolicyStore]) -> PolicyStore:
    return open_policies()


def policy(letter: str, bundle: bytes = b"") -> StoredPolicy:
    return StoredPolicy(letter * 16, f"policy {letter}", bundle or f"bundle {letter}".encode())


def apply(policies: PolicyStore, *letters: str) -> None:
    for letter in letters:
        policies.apply(policy(letter), who="ann", why=f"try {letter}")


def test_nothing_is_in_force_at_first(policies: PolicyStore) -> None:
    assert policies.state() == PolicyState(None, None)
    assert policies.active() is policies.candidate() is None
    assert policies.history() == []
    with pytest.raises(UnknownRevision, match="No policy was applied before"):
        policies.roll_back(who="ann", why="oops")


def test_what_is_applied_is_in_force_and_in_the_history(policies: PolicyStore) -> None:
    event = policies.apply(policy("a"), who=" ann ", why="the first")
    assert event == PolicyEvent(
        1, "applied", "a" * 16, "policy a", "ann", "the first", "2023-11-14T22:13:20.000000Z"
    )
    assert policies.state().active == "a" * 16
    assert policies.active() == policy("a")
    apply(policies, "b")
    assert policies.active() == policy("b")
    assert policies.get("a" * 16) == policy("a")
    assert [(e.number, e.revision[0]) for e in policies.history()] == [(1, "a"), (2, "b")]


def test_it_is_there_for_others_and_after_closing(
    open_policies: Callable[[], PolicyStore],
) -> None:
    one, other = open_policies(), open_policies()
    apply(one, "a")
    assert other.active() == policy("a")
    one.start_candidate(policy("c"), who="ann")
    one.close()
    one.close()
    assert other.state() == PolicyState("a" * 16, "c" * 16)
    assert open_policies().history() == other.history()
    with pytest.raises(StoreUnavailable, match="closed"):
        one.active()


def test_going_back_twice_goes_back_two_steps(policies: PolicyStore) -> None:
    apply(policies, "a", "b", "b", "c")
    steps = [policies.roll_back(who="bob", why="worse").revision[0] for _ in range(2)]
    assert steps == ["b", "a"]
    assert policies.active() == policy("a")
    with pytest.raises(UnknownRevision):
        policies.roll_back(who="bob", why="still worse")
    last = policies.history()[-1]
    assert (last.number, last.what, last.who, last.why) == (6, "rolled back", "bob", "worse")


def test_an_earlier_revision_is_found_by_its_beginning(policies: PolicyStore) -> None:
    near = StoredPolicy("abcd" + "0" * 12, "near", b"1"), StoredPolicy("abcd" + "1" * 12, "n", b"2")
    for one in near:
        policies.apply(one, who="ann", why="try")
    apply(policies, "c")
    assert policies.roll_back("abcd1", who="ann", why="x").revision == near[1].revision
    for wanted, why in (("abcd", "Several"), ("abc", "Several"), ("", "Several"), ("c", "No pol")):
        with pytest.raises(UnknownRevision, match=why):
            policies.roll_back(wanted, who="ann", why="x")
    with pytest.raises(HistoryError, match="in force already"):
        policies.roll_back(near[1].revision, who="ann", why="x")
    assert policies.active() == near[1]


def test_the_same_revision_again_takes_the_newer_bytes(policies: PolicyStore) -> None:
    apply(policies, "a")
    policies.apply(policy("a", b"signed anew"), who="ann", why="a new key")
    assert policies.active() == policy("a", b"signed anew")
    assert len(policies.history()) == 2


@pytest.mark.parametrize(
    ("who", "why"), [("", "x"), ("ann", "  "), ("a" * 201, "x"), ("ann", "x" * 501), ("a", "x\ny")]
)
def test_each_change_needs_a_name_and_a_reason(policies: PolicyStore, who: str, why: str) -> None:
    apply(policies, "a", "b")
    with pytest.raises(HistoryError, match="one line of"):
        policies.apply(policy("c"), who=who, why=why)
    with pytest.raises(HistoryError, match="one line of"):
        policies.roll_back(who=who, why=why)
    assert policies.active() == policy("b")


def test_what_is_no_policy_is_not_kept(policies: PolicyStore) -> None:
    for bad in (StoredPolicy("../../etc", "n", b"x"), StoredPolicy("a" * 16, "", b"x")):
        with pytest.raises(HistoryError):
            policies.apply(bad, who="ann", why="x")
    with pytest.raises(HistoryError):
        policies.start_candidate(StoredPolicy("a" * 16, "n", b""), who="ann")
    assert policies.history() == []


def test_a_change_that_cannot_be_noted_does_not_happen(policies: PolicyStore) -> None:
    apply(policies, "a", "b")

    def fail(event: PolicyEvent) -> None:
        raise OSError("the log is away")

    with pytest.raises(OSError, match="away"):
        policies.apply(policy("c"), who="ann", why="x", note=fail)
    with pytest.raises(OSError, match="away"):
        policies.roll_back(who="ann", why="x", note=fail)
    assert policies.active() == policy("b")
    assert len(policies.history()) == 2
    noted: list[PolicyEvent] = []
    policies.roll_back(who="ann", why="x", note=noted.append)
    assert noted == policies.history()[-1:]


def test_a_candidate_comes_and_goes_beside_the_one_in_force(policies: PolicyStore) -> None:
    apply(policies, "a")
    policies.start_candidate(policy("b"), who="ann")
    started = policies.start_candidate(policy("c"), who="bob")
    found = policies.candidate()
    assert found == (started, policy("c"))
    assert (started.who, started.revision) == ("bob", "c" * 16)
    assert policies.active() == policy("a")
    assert policies.stop_candidate() == started
    assert policies.stop_candidate() is policies.candidate() is None
    assert len(policies.history()) == 1


WRITER = """
import sys
from pathlib import Path
from ledger import *
home, letter = Path(sys.argv[1]), sys.argv[2]
log = SqliteLog(home / "ledger.db", load_or_create_signer(home / "log.key"))
store = SqlitePolicies(home / "policies.db")
for n in range(20):
    store.apply(
        StoredPolicy(f"{letter}{n:015x}", letter, b"x" * 1000), who=letter, why=str(n),
        note=lambda e: log.append([{"kind": "policy", "number": e.number, "revision": e.revision}]),
    )
log.close()
"""


def test_several_processes_apply_in_one_order_that_the_log_tells_too(
    tmp_path: Path, signer: object
) -> None:
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, tmp_path, letter], cwd=PROJECT)
        for letter in "abcd"
    ]
    assert [writer.wait(60) for writer in writers] == [0] * 4
    store = SqlitePolicies(tmp_path / "policies.db")
    events = store.history()
    assert [event.number for event in events] == list(range(1, 81))
    for letter in "abcd":
        assert [e.why for e in events if e.who == letter] == [str(n) for n in range(20)]
    logged = list(LogReader(tmp_path / "ledger.db").records())
    assert [r["revision"] for r in logged] == [event.revision for event in events]
    assert verify_log(tmp_path / "ledger.db", (tmp_path / "log.pub").read_text()).ok
    store.close()


def test_the_file_is_the_owners_alone_and_no_other_database(tmp_path: Path) -> None:
    SqlitePolicies(tmp_path / "policies.db").close()
    assert (tmp_path / "policies.db").stat().st_mode & 0o777 == 0o600
    SqliteAgents(tmp_path / "agents.db").close()
    with pytest.raises(StoreUnavailable, match="no policies database"):
        SqlitePolicies(tmp_path / "agents.db")
