"""Streams taken apart into events, wherever they are cut, and written anew."""

from __future__ import annotations

import base64
import json
import time

import pytest

from addons.event_frames import (
    ArrayFrames,
    AwsFrames,
    Frame,
    Frames,
    LineFrames,
    SseFrames,
    StreamUnreadable,
)
from tests.support.model_apis import aws_event
from tests.support.model_streams import bedrock, chat, gemini_array, ollama

SSE = (
    b': a comment\n\nevent: one\nid: 7\ndata: {"a":\ndata: 1}\nretry: 5\n\n'
    b"data:two\r\n\r\ndata: three\r\rdata\n\n\n\ndata: last"
)
STREAMS: dict[str, tuple[type, bytes]] = {
    "sse": (SseFrames, SSE),
    "chat": (SseFrames, b"".join(chat(["Hello ", "there"]))),
    "lines": (LineFrames, b"".join(ollama(["Hello ", "there"])) + b'\r\n{"end": 1}'),
    "array": (ArrayFrames, b"".join(gemini_array(['say "}]"', "\\", "[{"]))),
    "array without end": (ArrayFrames, b'[{"a": "]"} ,\n {"b": [1, {"c": 2}]}, {"d'),
    "no array": (ArrayFrames, b'{"error": {"code": 404, "x": ["]"]}}'),
    "aws": (AwsFrames, b"".join(bedrock(["Hello ", "there"]))),
}


def frames(make: type, stream: bytes, size: int) -> list[Frame]:
    reader: Frames = make()
    cut = [stream[start : start + size] for start in range(0, len(stream), size)]
    return [frame for piece in [*cut, b""] for frame in reader.feed(piece)]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 10_000])
@pytest.mark.parametrize("name", STREAMS)
def test_nothing_is_lost_wherever_it_is_cut(name: str, size: int) -> None:
    make, stream = STREAMS[name]
    found = frames(make, stream, size)
    assert b"".join(frame.raw for frame in found) == stream
    whole = [frame.data for frame in frames(make, stream, 10_000) if frame.data is not None]
    assert [frame.data for frame in found if frame.data is not None] == whole


@pytest.mark.parametrize("name", STREAMS)
def test_an_event_is_written_with_other_data(name: str) -> None:
    make, stream = STREAMS[name]
    found = frames(make, stream, 10_000)
    written = [frame.raw if frame.data is None else frame.write(frame.data) for frame in found]
    again = [frame.data for frame in frames(make, b"".join(written), 10_000)]
    assert [data for data in again if data is not None] == [
        f.data for f in found if f.data is not None
    ]


def test_the_data_of_server_sent_events() -> None:
    found = [frame.data for frame in frames(SseFrames, SSE, 5) if frame.data is not None]
    assert found == [b'{"a":\n1}', b"two", b"three", b"", b"last"]
    first = next(frame for frame in frames(SseFrames, SSE, 5) if frame.data is not None)
    assert first.write(b"new\nlines") == (
        b"event: one\nid: 7\ndata: new\ndata: lines\nretry: 5\n\n"
    )


def test_a_byte_order_mark_is_no_part_of_the_first_event() -> None:
    (frame,) = frames(SseFrames, b"\xef\xbb\xbfdata: x\n\n", 2)
    assert frame.data == b"x"


def test_elements_of_an_array() -> None:
    pieces = ['say "}]"', "\\", "[{"]
    found = [f.data for f in frames(ArrayFrames, b"".join(gemini_array(pieces)), 3) if f.data]
    texts = [json.loads(data)["candidates"][0]["content"]["parts"][0]["text"] for data in found]
    assert texts == pieces
    (error,) = [f.data for f in frames(ArrayFrames, STREAMS["no array"][1], 3) if f.data]
    assert json.loads(error)["error"]["code"] == 404


def test_what_a_model_says_behind_base64() -> None:
    inner = base64.b64encode(b'{"completion": "Hello"}').decode()
    (frame,) = frames(AwsFrames, aws_event("chunk", {"bytes": inner, "p": "abc"}), 7)
    assert frame.data == b'{"completion": "Hello"}'
    (again,) = frames(AwsFrames, frame.write(b'{"completion": "Bye"}'), 7)
    assert again.data == b'{"completion": "Bye"}'
    assert b'"p":"abc"' in again.raw


@pytest.mark.parametrize("place", [5, 9, 20, -2])
def test_a_damaged_stream_is_not_read_on(place: int) -> None:
    good, bad = bedrock(["Hello ", "there"])[:2]
    damaged = bytearray(bad)
    damaged[place] ^= 0xFF
    reader = AwsFrames()
    assert [frame.raw for frame in reader.feed(good + bytes(damaged))] == [good]
    with pytest.raises(StreamUnreadable):
        reader.feed(b"")
    assert reader.rest() == bytes(damaged)


@pytest.mark.parametrize(
    ("make", "piece"),
    [
        (SseFrames, b"\r"),
        (SseFrames, b"\n"),
        (SseFrames, b"data:"),
        (LineFrames, b"\n"),
        (ArrayFrames, b"["),
        (ArrayFrames, b'"\\'),
        (ArrayFrames, b"{}"),
    ],
)
def test_hostile_streams_take_little_time(make: type, piece: bytes) -> None:
    reader: Frames = make()
    begun = time.perf_counter()
    for _ in range(100):
        reader.feed(piece * 1000)
    reader.feed(b"")
    assert time.perf_counter() - begun < 2
