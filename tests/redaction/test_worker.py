from __future__ import annotations

import asyncio
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from redaction import (
    BodyQuestion,
    Finding,
    RuleSet,
    Scope,
    UnsupportedDocument,
    profile_from,
    protocol,
    read_redacted,
)

PROFILE = profile_from([{"id": "r", "entities": {"US_SSN": {"operator": "mask"}}}])


SEARCH = b'{"entities":["US_SSN"],"threshold":0.4}'


def payload(json_text: bytes) -> bytes:
    return struct.pack(">I", len(json_text)) + json_text


def frame(body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + body


def told(answer: bytes):
    return protocol.unpack(answer)[0]


class Worker:
    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "redaction.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def send(self, data: bytes) -> None:
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def read(self) -> bytes:
        data = protocol.read_frame(self.process.stdout)
        assert data is not None
        return data

    def ask(self, *texts: str) -> list[tuple[Finding, ...]]:
        self.send(protocol.pack_question(texts, [""] * len(texts), PROFILE.search))
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
        payload(b"536-90-4399"),
        payload(b"[]"),
        payload(b"{}"),
        payload(b'{"id":1,"texts":["536-90-4399"]}'),
        payload(b'{"id":1,"texts":[1],"hints":[""],"search":%s}' % SEARCH),
        payload(b'{"id":1,"texts":["a"],"hints":[],"search":%s}' % SEARCH),
        payload(b'{"id":1,"texts":["a"],"hints":[""],"search":{"entities":["NO_SUCH"]}}'),
        payload(
            b'{"id":1,"texts":["a"],"hints":[""],"search":{"entities":["US_SSN"],"threshold":"x"}}'
        ),
        payload(b'{"id":1,"document":{"content_type":"text/plain"}}') + b"536-90-4399",
    ],
)
def test_says_no_more_of_a_failure_than_its_type_and_goes_on(shared, body):
    shared.send(frame(body))
    answer = shared.read()
    assert told(answer)["error"].isidentifier()
    assert b"536" not in answer
    assert spans(shared.ask("536-90-4399")) == [[(0, 11, "US_SSN")]]


RULES = RuleSet.of([{"id": "r", "entities": {"US_SSN": {"operator": "mask", "keep_last": 4}}}])


def test_takes_a_body_apart_searches_it_and_puts_it_together(shared):
    question = BodyQuestion("application/json", RULES, scope=Scope(key=b"k" * 32), salt=b"s")
    body = b'{"note": "ssn 536-90-4399", "n": 1.10}'
    shared.send(protocol.pack({"id": 7, "document": question.as_json()}, body))
    said, content = protocol.read_answer(shared.read())
    assert content == b'{"note": "ssn ***-**-4399", "n": 1.10}'
    result = read_redacted(said["redacted"], content)
    assert result.places == {("/note", "US_SSN"): 1}
    assert len(result.marks) == 1
    assert "536" not in repr(said)


def test_names_what_is_in_a_body_without_a_scope(shared):
    question = BodyQuestion("text/plain", RULES)
    shared.send(protocol.pack({"id": 7, "document": question.as_json()}, b"ssn 536-90-4399"))
    assert protocol.read_answer(shared.read()) == ({"id": 7, "found": ["US_SSN"]}, b"")


def test_says_of_a_body_that_cannot_be_read_what_to_mend(shared):
    question = BodyQuestion("application/json", RULES, scope=Scope(key=b"k" * 32))
    shared.send(protocol.pack({"id": 7, "document": question.as_json()}, b"536-90-4399"))
    with pytest.raises(UnsupportedDocument, match="not JSON") as caught:
        protocol.read_answer(shared.read())
    assert "536" not in str(caught.value)


def test_ends_after_a_frame_that_is_too_long(own):
    own.send(struct.pack(">I", protocol.MAX_FRAME + 1))
    assert "error" in told(own.read())
    assert own.end() == b""


def test_ends_with_its_input_and_writes_nothing_else(own):
    own.ask("536-90-4399")
    own.process.stdin.close()
    assert own.process.wait(20) == 0
    assert own.process.stderr.read() == b""
    assert own.process.stdout.read() == b""


def test_survives_an_interrupt_and_leaves_no_core(own):
    own.ask("warm up")
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
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    process.stdin.write(protocol.pack_question(["536-90-4399"], [""], PROFILE.search))
    await process.stdin.drain()
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
        payload(b"no json 536-90-4399"),
        payload(b"[]"),
        payload(b"{}"),
        payload(b'{"findings":[]}'),
        payload(b'{"findings":[null]}'),
        payload(b'{"findings":[[[0,9,"US_SSN",0.5,"why"]]]}'),
        payload(b'{"findings":[[[-1,2,"US_SSN",0.5,"why"]]]}'),
        payload(b'{"findings":[[[2,2,"US_SSN",0.5,"why"]]]}'),
        payload(b'{"findings":[[[0.5,2,"US_SSN",0.5,"why"]]]}'),
        payload(b'{"findings":[[[0,2,7,0.5,"why"]]]}'),
        payload(b'{"findings":[[[0,2,"US_SSN",0.5]]]}'),
        payload(b'{"error":"MemoryError"}'),
    ],
)
def test_impossible_answers_are_refused(answer):
    with pytest.raises(ValueError) as caught:
        protocol.unpack_answer(answer, ["text"])
    assert "536" not in str(caught.value)


def test_the_failures_type_reaches_the_caller():
    with pytest.raises(ValueError, match=r"\AMemoryError\Z"):
        protocol.unpack_answer(payload(b'{"id":0,"error":"MemoryError"}'), ["text"])


def test_a_question_needs_a_hint_for_each_text():
    with pytest.raises(ValueError, match="hint"):
        protocol.pack_question(["a", "b"], [""], PROFILE.search)
