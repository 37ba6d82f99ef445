import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from ledger import (
    Entry,
    GroupCommit,
    LogCorrupt,
    LogUnavailable,
    Receipt,
    RecordError,
    SqliteLog,
    group_commit,
)


class Gate:
    """A log that waits for leave before each commit, and counts its batches."""

    def __init__(self, log: SqliteLog) -> None:
        self.log = log
        self.open = threading.Event()
        self.entered = threading.Event()
        self.batches: list[int] = []
        self.error: Exception | None = None
        self.published = 0
        self.publish_error: Exception | None = None

    def append(self, entries: Sequence[Entry]) -> list[Receipt]:
        self.entered.set()
        assert self.open.wait(20)
        self.batches.append(len(entries))
        if self.error is not None:
            raise self.error
        return self.log.append(entries)

    def publish(self) -> None:
        self.published += 1
        if self.publish_error is not None:
            raise self.publish_error
        self.log.publish()

    def head(self) -> Receipt:
        return self.log.head()

    def records(self, after: int = 0, limit: int | None = None) -> Iterator[dict[str, Any]]:
        return self.log.records(after, limit)

    def close(self) -> None:
        self.log.close()


@pytest.fixture
def gate(log: SqliteLog) -> Iterator[Gate]:
    gate = Gate(log)
    yield gate
    gate.open.set()


async def entered(gate: Gate) -> None:
    assert await asyncio.to_thread(gate.entered.wait, 5)


async def test_each_waiter_gets_the_receipt_of_its_own_entry(log: SqliteLog) -> None:
    async with GroupCommit(log) as door:
        receipts = await asyncio.gather(*(door.append({"n": n}) for n in range(300)))
    stored = {record["seq"]: record["n"] for record in log.records()}
    assert [stored[receipt.seq] for receipt in receipts] == list(range(300))
    assert log.head() == max(receipts, key=lambda r: r.seq)


async def test_entry_is_in_the_log_when_append_returns(log: SqliteLog) -> None:
    async with GroupCommit(log) as door:
        for n in range(5):
            receipt = await door.append({"n": n})
            assert log.head() == receipt


async def test_what_arrives_during_a_commit_shares_the_next_one(gate: Gate) -> None:
    async with GroupCommit(gate) as door:
        first = asyncio.ensure_future(door.append({"n": 0}))
        await entered(gate)
        rest = [asyncio.ensure_future(door.append({"n": n})) for n in range(1, 11)]
        await asyncio.sleep(0)
        assert not first.done()
        gate.open.set()
        await asyncio.gather(first, *rest)
    assert gate.batches == [1, 10]


async def test_batches_have_a_greatest_size(gate: Gate) -> None:
    async with GroupCommit(gate, max_batch=4) as door:
        waiters = [asyncio.ensure_future(door.append({"n": 0}))]
        await entered(gate)
        waiters += [asyncio.ensure_future(door.append({"n": n})) for n in range(10)]
        await asyncio.sleep(0)
        gate.open.set()
        await asyncio.gather(*waiters)
    assert gate.batches == [1, 4, 4, 2]


async def test_one_unfit_entry_fails_alone(gate: Gate) -> None:
    async with GroupCommit(gate) as door:
        waiters = [asyncio.ensure_future(door.append({"n": 0}))]
        await entered(gate)
        entries: list[dict[str, object]] = [{"n": 1}, {"n": 1.5}, {"n": 3}]
        waiters += [asyncio.ensure_future(door.append(entry)) for entry in entries]
        await asyncio.sleep(0)
        gate.open.set()
        results = await asyncio.gather(*waiters, return_exceptions=True)
    assert [type(r) for r in results] == [Receipt, Receipt, RecordError, Receipt]
    assert [r["n"] for r in gate.records()] == [0, 1, 3]


@pytest.mark.parametrize("error", [LogUnavailable("disk full"), LogCorrupt("cut off")])
async def test_failure_reaches_every_waiter_and_the_next_may_succeed(
    gate: Gate, error: Exception
) -> None:
    gate.error = error
    gate.open.set()
    async with GroupCommit(gate) as door:
        results = await asyncio.gather(
            *(door.append({"n": n}) for n in range(5)), return_exceptions=True
        )
        assert {(type(r), str(r)) for r in results} == {(type(error), str(error))}
        gate.error = None
        assert (await door.append({"n": 9})).seq == 1


async def test_an_unforeseen_failure_is_said_and_kills_nothing(gate: Gate) -> None:
    gate.error = ZeroDivisionError("the value 4111 1111")
    gate.open.set()
    async with GroupCommit(gate) as door:
        with pytest.raises(LogUnavailable, match="ZeroDivisionError") as caught:
            await door.append({"n": 1})
        assert "4111" not in str(caught.value)
        gate.error = None
        assert (await door.append({"n": 2})).seq == 1


async def test_too_many_waiters_are_refused_at_once(gate: Gate) -> None:
    async with GroupCommit(gate, max_waiting=3) as door:
        waiters = [asyncio.ensure_future(door.append({"n": 0}))]
        await entered(gate)
        waiters += [asyncio.ensure_future(door.append({"n": n})) for n in range(1, 4)]
        await asyncio.sleep(0)
        with pytest.raises(LogUnavailable, match="3 records wait"):
            await door.append({"n": 4})
        gate.open.set()
        await asyncio.gather(*waiters)
        assert (await door.append({"n": 5})).seq == 5


async def test_a_log_that_hangs_fails_its_waiters_in_time(gate: Gate) -> None:
    async with GroupCommit(gate, deadline=0.1) as door:
        results = await asyncio.gather(
            *(door.append({"n": n}) for n in range(3)), return_exceptions=True
        )
        assert {str(r) for r in results} == {
            "The decision log did not answer within 0.1 seconds; check the disk it is on."
        }
        gate.open.set()
        await door.append({"n": 9})
    # The refused entries landed after all: evidence of more than what left, never of less.
    assert [r["n"] for r in gate.records()] == [0, 1, 2, 9]


async def test_an_idle_log_sets_no_timer(log: SqliteLog) -> None:
    async with GroupCommit(log, deadline=0.05) as door:
        await door.append({"n": 1})
        await asyncio.sleep(0.1)
        assert door._watch is None
        assert not door._waiting


async def test_a_waiter_that_gives_up_harms_nobody(gate: Gate) -> None:
    async with GroupCommit(gate) as door:
        one = asyncio.ensure_future(door.append({"n": 1}))
        await entered(gate)
        two = asyncio.ensure_future(door.append({"n": 2}))
        three = asyncio.ensure_future(door.append({"n": 3}))
        await asyncio.sleep(0)
        two.cancel()
        gate.open.set()
        assert (await one).seq == 1
        assert (await three).seq == 3
        assert two.cancelled()


async def test_close_writes_what_waits_and_refuses_the_rest(gate: Gate) -> None:
    door = GroupCommit(gate)
    door.start()
    waiters = [asyncio.ensure_future(door.append({"n": n})) for n in range(4)]
    await entered(gate)
    gate.open.set()
    await door.close()
    assert [(await w).seq for w in waiters] == [1, 2, 3, 4]
    with pytest.raises(LogUnavailable, match="not running"):
        await door.append({"n": 5})
    await door.close()


def published_size(log: SqliteLog) -> int:
    return int(log.path.with_name("checkpoint").read_text().split("\n")[1])


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(500):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not happen within 5 seconds")


async def test_checkpoint_file_follows_soon_and_not_at_every_commit(gate: Gate) -> None:
    gate.open.set()
    async with GroupCommit(gate) as door:
        for n in range(20):
            await door.append({"n": n})
        await until(lambda: published_size(gate.log) == 20)
        assert gate.published < 15
        idle = gate.published
        await asyncio.sleep(0.15)
        assert gate.published == idle
        await door.append({"n": 20})
    assert published_size(gate.log) == 21  # closing publishes what is new


async def test_nothing_is_taken_while_the_checkpoint_cannot_be_published(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_commit, "RETRY_SECONDS", 0.05)
    gate.open.set()
    gate.publish_error = LogUnavailable("checkpoint: cannot be written")
    async with GroupCommit(gate) as door:
        assert (await door.append({"n": 1})).seq == 1
        await until(lambda: gate.published > 0)
        with pytest.raises(LogUnavailable, match="checkpoint: cannot be written"):
            await door.append({"n": 2})
        gate.publish_error = None
        await until(lambda: published_size(gate.log) == 1)
        assert (await door.append({"n": 3})).seq == 2


async def test_entry_that_nobody_waits_for_rides_along(gate: Gate) -> None:
    gate.open.set()
    async with GroupCommit(gate) as door:
        door.submit({"outcome": 1})
        await door.append({"n": 1})
        door.submit({"outcome": 2})
        await until(lambda: gate.log.head().seq == 3)
    assert gate.batches == [2, 1]


async def test_close_writes_what_rides_along(gate: Gate) -> None:
    gate.open.set()
    async with GroupCommit(gate, max_batch=4) as door:
        for n in range(30):
            door.submit({"outcome": n})
    assert [r["outcome"] for r in gate.records()] == list(range(30))


async def test_loss_of_an_entry_that_nobody_waits_for_is_logged(
    gate: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    gate.open.set()
    gate.error = LogUnavailable("disk full")
    async with GroupCommit(gate, max_waiting=2) as door:
        for n in range(3):
            door.submit({"outcome": n})
    door.submit({"outcome": 4})
    assert [record.message for record in caplog.records] == [
        "A record was lost: the decision log's writer takes no more.",
        "2 records were lost: disk full",
        "A record was lost: the decision log's writer takes no more.",
    ]


async def test_append_before_start_is_refused(log: SqliteLog) -> None:
    with pytest.raises(LogUnavailable, match="start it first"):
        await GroupCommit(log).append({"n": 1})
