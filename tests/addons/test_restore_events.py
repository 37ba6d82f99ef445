"""Surrogates in streams of events made values again, wherever they are cut."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from addons.event_frames import (
    ArrayFrames,
    AwsFrames,
    Frames,
    LineFrames,
    SseFrames,
    StreamUnreadable,
)
from addons.restore_events import EventRestorer
from addons.way_back import Ways
from tests.support import model_streams as models
from tests.support.model_streams import Shape, events_of, said

VALUES = {
    "Emily Carter": 'Zoë "Zo" O\'Hara-Nguyen',
    "900-11-2233": "536-90-4399",
    "[[LOCATION_7f3a9c21]]": "12 Elm St\nSpringfield",
}
TEXT = "Dear Emily Carter (900-11-2233), of [[LOCATION_7f3a9c21]]: E, 9 and [[ stay."
BACK = TEXT
for _surrogate, _value in VALUES.items():
    BACK = BACK.replace(_surrogate, _value)

SHAPES: dict[str, tuple[Shape, Callable[[], Frames]]] = {
    "chat": (models.chat, SseFrames),
    "responses": (models.responses, SseFrames),
    "messages": (models.messages, SseFrames),
    "gemini": (models.gemini, SseFrames),
    "gemini array": (models.gemini_array, ArrayFrames),
    "ollama": (models.ollama, LineFrames),
    "a2a": (models.a2a, SseFrames),
}


def ways() -> Ways:
    return Ways(VALUES)


def restorer(frames: Frames, bound: int = 1_000_000) -> EventRestorer:
    return EventRestorer(frames, ways(), bound)


def restored(events: Sequence[bytes], frames: Frames) -> bytes:
    """Send each event by itself."""
    made = restorer(frames)
    return b"".join(piece for event in [*events, b""] for piece in made.feed(event))


def cut(text: str, size: int, first: int = 0) -> list[str]:
    return [text[:first], *(text[i : i + size] for i in range(first, len(text), size))][not first :]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("size", [1, 2, 3, 5, 11, 200])
def test_a_text_comes_back_whole(shape: str, size: int) -> None:
    make, frames = SHAPES[shape]
    events = make(cut(TEXT, size))
    back = restored(events, frames())
    assert said(back) == BACK
    assert len(events_of(back)) == len(events_of(b"".join(events)))


@pytest.mark.parametrize("shape", ["chat", "messages", "responses"])
def test_it_is_cut_at_every_place(shape: str) -> None:
    make, frames = SHAPES[shape]
    for first in range(1, len(TEXT)):
        pieces = [TEXT[:first], TEXT[first:]]
        assert said(restored(make(pieces), frames())) == BACK, first


def test_whole_texts_at_the_end_are_restored_too() -> None:
    back = events_of(restored(models.responses(cut(TEXT, 3)), SseFrames()))
    assert back[-2]["text"] == BACK
    assert back[-1]["response"]["output"][0]["content"][0]["text"] == BACK
    assert [event["sequence_number"] for event in back] == list(range(len(back)))


def test_bytes_may_be_cut_anywhere() -> None:
    stream = b"".join(models.chat(cut(TEXT, 4)))
    for size in (1, 2, 3, 17):
        made = restorer(SseFrames())
        sent = [stream[start : start + size] for start in range(0, len(stream), size)]
        assert said(b"".join(p for piece in [*sent, b""] for p in made.feed(piece))) == BACK


@pytest.mark.parametrize("shape", [models.chat_tool, models.messages_tool])
@pytest.mark.parametrize("size", [1, 2, 5, 300])
def test_the_arguments_of_a_tool_stay_json(shape: Shape, size: int) -> None:
    arguments = json.dumps({"who": "Emily Carter", "where": ["at [[LOCATION_7f3a9c21]]"], "n": 9})
    back = said(restored(shape(cut(arguments, size)), SseFrames()))
    assert json.loads(back) == {
        "who": VALUES["Emily Carter"],
        "where": [f"at {VALUES['[[LOCATION_7f3a9c21]]']}"],
        "n": 9,
    }


@pytest.mark.parametrize("size", [1, 2, 5, 300])
def test_an_answer_in_json_stays_json(size: int) -> None:
    answer = json.dumps({"name": "Emily Carter", "home": "[[LOCATION_7f3a9c21]]"})
    back = json.loads(said(restored(models.chat(cut(answer, size)), SseFrames())))
    assert back["name"] == VALUES["Emily Carter"]
    assert back["home"] == VALUES["[[LOCATION_7f3a9c21]]"]


def test_bedrocks_events_stay_sound() -> None:
    back = restored(models.bedrock(cut(TEXT, 3)), AwsFrames())
    found = [json.loads(f.data) for f in AwsFrames().feed(back) if f.data is not None]
    assert "".join(event["delta"]["text"] for event in found if "delta" in event) == BACK


def test_what_cannot_begin_a_surrogate_passes_at_once() -> None:
    made = restorer(SseFrames())
    for event in models.chat(["Hello ", "there, ", "how are you?"]):
        assert made.feed(event) == [event]
        assert not made.holding


def test_what_may_begin_one_waits_for_what_follows() -> None:
    made = restorer(SseFrames())
    first, hello, begin, other, *_ = models.chat(["Hello ", "Emily", " Smith"])
    assert b"".join(made.feed(first + hello)) == first + hello
    assert made.feed(begin) == []
    assert made.holding
    # It was none: what comes out are the very bytes that came in. (Emily alone is a name's part.)
    back = b"".join(made.feed(other))
    assert said(back).endswith(" Smith")
    assert not made.holding


def test_a_false_start_changes_no_byte() -> None:
    events = models.chat(["see 900-1", "1-22", "44 and [[LOC", "ATION]]"])
    assert restored(events, SseFrames()) == b"".join(events)


def test_what_waits_is_given_when_the_text_ends() -> None:
    made = restorer(SseFrames())
    events = models.messages(["It ends in 900-11"])
    *before, block_end, end = events
    assert made.feed(b"".join(before)) != b"".join(before)
    assert made.holding
    assert said(b"".join(made.feed(block_end))) == "It ends in 900-11"
    assert b"".join(made.feed(end)) == end


def test_what_waits_is_given_when_nothing_comes() -> None:
    made = restorer(SseFrames())
    (event,) = models.gemini(["It ends in 900-11"])
    assert made.feed(event) == []
    assert made.release() == [event]
    assert made.release() == []
    # The text may go on afterwards.
    assert said(b"".join(made.feed(models.gemini([" 900-11-2233."])[0]))) == " 536-90-4399."


def test_texts_side_by_side_are_kept_apart() -> None:
    def chunk(index: int, text: str) -> bytes:
        return models.sse({"choices": [{"index": index, "delta": {"content": text}}]})

    events = [chunk(0, "Emily"), chunk(1, "900-11"), chunk(0, " Carter"), chunk(1, "-2233")]
    back = events_of(restored([*events, models.sse("[DONE]")], SseFrames()))
    texts = ["", ""]
    for event in back:
        texts[event["choices"][0]["index"]] += event["choices"][0]["delta"]["content"]
    assert texts == [VALUES["Emily Carter"], VALUES["900-11-2233"]]


def test_one_choice_may_end_before_another() -> None:
    def chunk(index: int, text: str, finish: str | None = None) -> bytes:
        choice = {"index": index, "delta": {"content": text}, "finish_reason": finish}
        return models.sse({"choices": [choice]})

    events = [
        chunk(0, "Emily"),
        chunk(1, "done", "stop"),
        chunk(0, " Carter"),
        chunk(0, "", "stop"),
    ]
    assert VALUES["Emily Carter"].replace('"', '\\"').encode() in restored(
        events, SseFrames()
    ).replace(b"\\u00eb", "ë".encode())


def test_a_shape_that_nobody_knows() -> None:
    pieces = [
        "Dear Emily C",
        "arter (900-11-22",
        "33), of [[LOCA",
        "TION_7f3a9c2",
        "1]]: E, 9 and [[ stay.",
    ]
    assert said(restored(models.unknown(pieces), SseFrames())) == BACK
    # Messages of their own stay as they are, whatever they end with.
    events = models.unknown(["to E", "Em", "9", "[["])
    made = restorer(SseFrames())
    for event in events:
        assert made.feed(event) == [event]


def test_messages_of_mcp_never_wait() -> None:
    made = restorer(SseFrames())
    content = [{"type": "text", "text": "for 900-11-2233 and Emil"}]
    event = models.sse({"jsonrpc": "2.0", "id": 1, "result": {"content": content}})
    (back,) = made.feed(event)
    assert events_of(back)[0]["result"]["content"][0]["text"] == "for 536-90-4399 and Emil"


def test_json_in_a_text_of_a_message() -> None:
    inner = json.dumps({"patient": "Emily Carter", "note": json.dumps(["[[LOCATION_7f3a9c21]]"])})
    event = models.sse({"jsonrpc": "2.0", "id": 1, "result": {"content": [{"text": inner}]}})
    (back,) = restorer(SseFrames()).feed(event)
    read = json.loads(events_of(back)[0]["result"]["content"][0]["text"])
    assert read["patient"] == VALUES["Emily Carter"]
    assert json.loads(read["note"]) == [VALUES["[[LOCATION_7f3a9c21]]"]]


def test_texts_without_json() -> None:
    events = [b"data: Dear Emily Carter,\n\n", b"data: your 900-11-2233\n\n", b"data: [DONE]\n\n"]
    back = restored(events, SseFrames()).decode()
    assert (
        back
        == f"data: Dear {VALUES['Emily Carter']},\n\ndata: your 536-90-4399\n\ndata: [DONE]\n\n"
    )


def test_names_and_other_fields() -> None:
    event = models.sse({"Emily Carter": {"n": 1.10, "b": [True, None]}, "id": "900-11-2233"})
    (back,) = restorer(SseFrames()).feed(event)
    assert b'{"n": 1.1, "b": [true, null]}' in back
    assert events_of(back) == [
        {VALUES["Emily Carter"]: {"n": 1.1, "b": [True, None]}, "id": "536-90-4399"}
    ]


def test_a_stream_cannot_make_much_wait() -> None:
    made = restorer(SseFrames())
    begin, *_ = models.gemini(["900-11"])
    other = models.sse({"id": 1, "delta": {"note": "nothing"}})
    assert made.feed(begin) == []
    passed = [piece for _ in range(200) for piece in made.feed(other)]
    assert len(passed) > 100
    with pytest.raises(StreamUnreadable):
        restorer(SseFrames(), 1000).feed(b"data: " + b"x" * 2000)


def test_it_takes_little_time() -> None:
    many: dict[str, Any] = {f"[[PERSON_{n:08x}]]": f"Name {n}" for n in range(5000)}
    made = EventRestorer(SseFrames(), Ways(many), 1_000_000)
    events = models.chat(cut("Hello [[PERSON_00000001]] and [[ so on. " * 50, 4))
    begun = time.perf_counter()
    back = b"".join(piece for event in [*events, b""] for piece in made.feed(event))
    assert said(back) == "Hello Name 1 and [[ so on. " * 50
    assert (time.perf_counter() - begun) / len(events) < 0.002
    evil = models.chat(["[[PERSON_" * 2000] * 5)
    begun = time.perf_counter()
    for event in evil:
        made.feed(event)
    assert time.perf_counter() - begun < 1
