from __future__ import annotations

import asyncio
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from redaction import Finding, profile_from, protocol

PROFILE = profile_from([{"id": "r", "entities": {"US_SSN": {"operator": "mask"}}}])


def frame(body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + body


class Worker:
    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "redaction.worker", "--warm"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self.read()

    def send(self, data: bytes) -> None:
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def read(self) -> bytes:
        data = protocol.read_frame(self.process.stdout)
        assert data is not None
        return data

    def ask(self, *texts: str) -> list[tuple[Finding, ...]]:
        self.send(protocol.pack_question(texts, [""] * len(texts), PROFILE))
        return protocol.unpack_answer(self.read(), texts)

    def end(self) -> bytes:
        _, errors = self.process.communicate(timeout=20)
        return errors


@pytest.fixture(scope="module")
def shared() -> Iterator[Worker]:
    worker = Worker()
    yield worker
    worker.process.stdin.close()
    worker.process.wait(20)


@pytest.fixture
def own() -> Iterator[Worker]:
    worker = Worker()
    yield worker
    worker.process.kill()
    worker.process.wait(20)


def spans(answers):
    return [sorted({(item.start, item.end, item.entity) for item in each}) for each in answers]


def test_answers_about_each_text(shared):
    answers = shared.ask("ssn 536-90-4399", "nothing", "\U0001f600 536-90-4399 \udcff")
    assert spans(answers) == [[(4, 15, "US_SSN")], [], [(2, 13, "US_SSN")]]


@pytest.mark.parametrize(
    "body",
    [
        b"536-90-4399",
        b"[]",
        b"{}",
        b'{"id":1,"texts":["536-90-4399"]}',
        b'{"id":1,"texts":[1],"hints":[""],"entities":["US_SSN"],"threshold":0.4}',
        b'{"id":1,"texts":["a"],"hints":[],"entities":["US_SSN"],"threshold":0.4}',
        b'{"id":1,"texts":["a"],"hints":[""],"entities":["NO_SUCH"],"threshold":0.4}',
        b'{"id":1,"texts":["a"],"hints":[""],"entities":["US_SSN"],"threshold":"x"}',
    ],
)
def test_says_no_more_of_a_failure_than_its_type_and_goes_on(shared, body):
    shared.send(frame(body))
    answer = shared.read()
    assert orjson.loads(answer)["error"].isidentifier()
    assert b"536" not in answer
    assert spans(shared.ask("536-90-4399")) == [[(0, 11, "US_SSN")]]


def test_ends_after_a_frame_that_is_too_long(own):
    own.send(struct.pack(">I", protocol.MAX_FRAME + 1))
    assert "error" in orjson.loads(own.read())
    assert own.end() == b""


def test_ends_with_its_input_and_writes_nothing_else(own):
    own.ask("536-90-4399")
    own.process.stdin.close()
    assert own.process.wait(20) == 0
    assert own.process.stderr.read() == b""
    assert own.process.stdout.read() == b""


def test_survives_an_interrupt_and_leaves_no_core(own):
    own.process.send_signal(signal.SIGINT)
    assert spans(own.ask("536-90-4399")) == [[(0, 11, "US_SSN")]]
    limits = Path(f"/proc/{own.process.pid}/limits")
    if limits.exists():
        [core] = [line for line in limits.read_text().splitlines() if "core file" in line]
        assert core.split()[4:6] == ["0", "0"]


async def test_a_killed_worker_is_an_end_of_file():
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "redaction.worker",
        "--warm",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    await protocol.read_frame_async(process.stdout)
    process.kill()
    with pytest.raises(EOFError):
        await protocol.read_frame_async(process.stdout)
    await process.wait()


@pytest.mark.parametrize(
    "data", [b"\0\0", struct.pack(">I", 9) + b"short", struct.pack(">I", protocol.MAX_FRAME + 1)]
)
async def test_frames_cut_off_or_too_long_are_errors(data):
    reader = asyncio.StreamReader()
    reader.feed_data(data)
    reader.feed_eof()
    with pytest.raises((EOFError, ValueError)):
        await protocol.read_frame_async(reader)


@pytest.mark.parametrize(
    "answer",
    [
        b"no json 536-90-4399",
        b"[]",
        b"{}",
        b'{"findings":[]}',
        b'{"findings":[null]}',
        b'{"findings":[[[0,9,"US_SSN",0.5]]]}',
        b'{"findings":[[[-1,2,"US_SSN",0.5]]]}',
        b'{"findings":[[[2,2,"US_SSN",0.5]]]}',
        b'{"findings":[[[0.5,2,"US_SSN",0.5]]]}',
        b'{"findings":[[[0,2,7,0.5]]]}',
        b'{"findings":[[[0,2,"US_SSN"]]]}',
        b'{"error":"MemoryError"}',
    ],
)
def test_impossible_answers_are_refused(answer):
    with pytest.raises(ValueError) as caught:
        protocol.unpack_answer(answer, ["text"])
    assert "536" not in str(caught.value)


def test_the_failures_type_reaches_the_caller():
    with pytest.raises(ValueError, match=r"\AMemoryError\Z"):
        protocol.unpack_answer(b'{"id":0,"error":"MemoryError"}', ["text"])


def test_a_question_needs_a_hint_for_each_text():
    with pytest.raises(ValueError, match="hint"):
        protocol.pack_question(["a", "b"], [""], PROFILE)
