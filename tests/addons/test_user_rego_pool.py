"""Own Rego in a process of its own: bounded in time and memory, never in the way of the loop."""

import asyncio
import os
import signal
import time

import pytest
import pytest_asyncio

from addons.user_rego_pool import UserRegoPool
from rules import EvaluationError

MODULE = """\
package aegis.user.limits

deny contains {"id": "too-much", "reason": "Ask finance."} if input.tool.arguments.amount > 100

deny contains "runaway" if {
	input.run == "range"
	count(numbers.range(1, 1000000000)) > 1
}

deny contains "nested" if {
	input.run == "nested"
	wide := numbers.range(1, 3000)
	count([1 | some a in wide; some b in wide; some c in wide; a + b + c == 0]) > 0
}

deny contains "failing" if {
	input.run == "error"
	to_number("no number") > 0
}

redact contains "ssn" if input.tool.name == "mail.send"
"""
CALM = {"tool": {"name": "pay", "arguments": {"amount": 4}}}
NOTHING = {"deny": [], "approve": [], "redact": []}


@pytest_asyncio.fixture
async def pool():
    pool = UserRegoPool({"limits.rego": MODULE}, workers=2, seconds=0.3)
    await pool.start()
    yield pool
    await pool.close()


async def test_an_input_is_answered(pool):
    assert await pool.evaluate(CALM) == NOTHING
    found = await pool.evaluate({"tool": {"name": "mail.send", "arguments": {"amount": 101}}})
    assert found == {
        "deny": [{"id": "too-much", "reason": "Ask finance."}],
        "approve": [],
        "redact": ["ssn"],
    }


@pytest.mark.parametrize("run", ["range", "nested"])
async def test_a_runaway_rule_is_killed_in_time_while_the_loop_goes_on(pool, run):
    beats: list[float] = []

    async def beat():
        while True:
            beats.append(time.monotonic())
            await asyncio.sleep(0.01)

    beating = asyncio.create_task(beat())
    await asyncio.sleep(0.05)
    processes = {worker.process for worker in pool._all}
    start = time.monotonic()
    with pytest.raises(EvaluationError, match=r"did not end within 300 ms|ended"):
        await pool.evaluate({"run": run})
    assert time.monotonic() - start < 0.6
    beating.cancel()
    gaps = [after - before for before, after in zip(beats, beats[1:], strict=False)]
    assert max(gaps) < 0.2
    assert await pool.evaluate(CALM) == NOTHING
    async with asyncio.timeout(20):
        while sum(process.returncode is not None for process in processes) != 1:
            await asyncio.sleep(0.01)


async def test_all_workers_come_back_after_they_ran_away(pool):
    async def run():
        with pytest.raises(EvaluationError):
            await pool.evaluate({"run": "nested"})

    await asyncio.gather(*(run() for _ in range(4)))
    assert await asyncio.gather(*(pool.evaluate(CALM) for _ in range(20))) == [NOTHING] * 20


async def test_a_worker_that_dies_is_replaced(pool):
    for worker in list(pool._all):
        os.kill(worker.process.pid, signal.SIGKILL)
        await worker.process.wait()
    assert await pool.evaluate(CALM) == NOTHING


async def test_one_that_dies_while_asked_is_an_error(pool):
    asked = asyncio.create_task(pool.evaluate({"run": "nested"}))
    await asyncio.sleep(0.05)
    for worker in list(pool._all):
        worker.kill()
    with pytest.raises(EvaluationError, match="ended or answered rubbish"):
        await asked
    assert await pool.evaluate(CALM) == NOTHING


@pytest.mark.parametrize("answer", [b"{}", b"no json", b'{"found": {"deny": [1]}}', b"[]"])
async def test_rubbish_is_an_error_and_its_worker_is_not_asked_again(pool, answer):
    async def rubbish(question: bytes) -> bytes:
        return answer

    while pool._idle.qsize() < 2:
        await asyncio.sleep(0.01)
    worker = pool._idle._queue[0]
    worker.ask = rubbish
    with pytest.raises(EvaluationError, match="rubbish"):
        await pool.evaluate(CALM)
    assert worker not in pool._all
    assert await pool.evaluate(CALM) == NOTHING


async def test_an_error_of_the_rego_is_one_and_the_worker_stays(pool):
    before = set(pool._all)
    with pytest.raises(EvaluationError, match=r"limits\.rego:18"):
        await pool.evaluate({"run": "error"})
    assert before <= set(pool._all)


async def test_memory_is_bounded():
    pool = UserRegoPool({"limits.rego": MODULE}, workers=1, seconds=30, memory=512 * 1024 * 1024)
    await pool.start()
    try:
        with pytest.raises(EvaluationError, match="ended"):
            await pool.evaluate({"run": "range"})
        assert await pool.evaluate(CALM) == NOTHING
    finally:
        await pool.close()


async def test_modules_that_are_wrong_do_not_start():
    pool = UserRegoPool({"x.rego": "package nobody\n"}, workers=1)
    with pytest.raises(EvaluationError, match=r"x\.rego:1:1: package"):
        await pool.start()
    with pytest.raises(EvaluationError, match="do not run"):
        await pool.evaluate(CALM)
    await pool.close()


async def test_what_is_no_json_is_not_asked(pool):
    with pytest.raises(EvaluationError, match="cannot be asked"):
        await pool.evaluate({"x": object()})


async def test_no_code_of_the_folder_it_is_started_in_is_run(tmp_path, monkeypatch):
    (tmp_path / "regorus.py").write_text("raise SystemExit(9)\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    pool = UserRegoPool({"limits.rego": MODULE}, workers=1, seconds=1)
    await pool.start()
    assert await pool.evaluate(CALM) == NOTHING
    await pool.close()


async def test_closing_leaves_no_process(pool):
    processes = [worker.process for worker in pool._all]
    await pool.close()
    assert all(process.returncode is not None for process in processes)
