"""What every DecisionLog adapter must do; the adapters are listed in conftest.py."""

import itertools
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from ledger import GENESIS, DecisionLog, LogUnavailable, RecordError
from ledger.canonical import canonical
from ledger.merkle import leaf_hash

OpenLog = Callable[[], DecisionLog]


def test_empty_log_has_the_genesis_head(open_log: OpenLog) -> None:
    log = open_log()
    assert (log.head().seq, log.head().hash) == (0, GENESIS)
    assert list(log.records()) == []
    assert log.append([]) == []


def test_records_come_back_numbered_and_chained(open_log: OpenLog) -> None:
    log = open_log()
    receipts = log.append([{"kind": "start", "n": 1}, {"kind": "decision", "deep": {"a": [None]}}])
    receipts += log.append([{"kind": "stop", "text": "ü\u0001\u007f😀"}])
    records = list(log.records())
    assert [r.seq for r in receipts] == [1, 2, 3]
    assert [r["seq"] for r in records] == [1, 2, 3]
    assert [r["prev_hash"] for r in records] == [GENESIS, receipts[0].hash, receipts[1].hash]
    assert records[1]["deep"] == {"a": [None]}
    assert records[2]["text"] == "ü\u0001\u007f😀"
    for record, receipt in zip(records, receipts, strict=True):
        assert leaf_hash(canonical(record)).hex() == receipt.hash
    assert log.head() == receipts[-1]


def test_records_can_be_read_from_a_place_and_up_to_a_number(open_log: OpenLog) -> None:
    log = open_log()
    log.append([{"n": n} for n in range(1, 1301)])
    assert [r["n"] for r in log.records(after=1297)] == [1298, 1299, 1300]
    assert [r["n"] for r in log.records(after=10, limit=2)] == [11, 12]
    assert list(log.records(limit=0)) == []
    assert [r["n"] for r in log.records()] == list(range(1, 1301))
    assert len(list(log.records(limit=700))) == 700


def test_an_unfit_entry_keeps_the_whole_batch_out(open_log: OpenLog) -> None:
    log = open_log()
    log.append([{"n": 1}])
    for unfit in ({"n": 0.5}, {"n": 2**60}, {"seq": 1}):
        with pytest.raises(RecordError):
            log.append([{"n": 2}, unfit])
    assert log.head().seq == 1
    assert log.append([{"n": 2}])[0].seq == 2


def test_log_goes_on_where_it_was_after_reopening(open_log: OpenLog) -> None:
    log = open_log()
    for size in (1, 2, 3, 5, 8):
        log.append([{"n": n} for n in range(size)])
        log.close()
        log = open_log()
    receipt = log.append([{"last": True}])[0]
    assert receipt.seq == 20
    assert log.head() == receipt


def test_two_writers_interleave_on_one_chain(open_log: OpenLog) -> None:
    one, two = open_log(), open_log()
    for n in range(6):
        one.append([{"one": n}])
        two.append([{"two": n}, {"two": -n}])
    records = list(one.records())
    assert [r["seq"] for r in records] == list(range(1, 19))
    for before, after in itertools.pairwise(records):
        assert after["prev_hash"] == leaf_hash(canonical(before)).hex()


def test_threads_may_share_a_log(open_log: OpenLog) -> None:
    log = open_log()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: log.append([{"n": n}]), range(40)))
    records = list(log.records())
    assert sorted(r["n"] for r in records) == list(range(40))
    assert [r["seq"] for r in records] == list(range(1, 41))


def test_reading_goes_on_while_records_are_written(open_log: OpenLog) -> None:
    log = open_log()
    log.append([{"n": n} for n in range(1200)])
    reading = log.records()
    first = next(reading)
    log.append([{"n": 1200}])
    assert 1 + sum(1 for _ in reading) >= 1200
    assert first["seq"] == 1


def test_closed_log_refuses_in_words(open_log: OpenLog) -> None:
    log = open_log()
    log.close()
    log.close()
    with pytest.raises(LogUnavailable, match="closed"):
        log.append([{"n": 1}])


def test_numbers_stay_whole(open_log: OpenLog) -> None:
    log = open_log()
    log.append([{"big": 2**53 - 1, "small": -(2**53) + 1, "flag": True, "none": None}])
    record = next(log.records())
    assert json.dumps(record["big"]) == "9007199254740991"
    assert record["small"] == -9007199254740991
    assert record["flag"] is True
    assert record["none"] is None
