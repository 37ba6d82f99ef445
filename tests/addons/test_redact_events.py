"""Streams of events searched, with values spread over several of them."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Callable, Sequence

import pytest

from addons.event_frames import AwsFrames, Frames, LineFrames, SseFrames, StreamUnreadable
from addons.redact_events import LONGEST, EventRedactor
from addons.redactor import Part, RawBody
from addons.way_back import Ways
from redaction import Redacted, RedactionError
from tests.support import model_streams as models
from tests.support.model_streams import Shape, events_of, said, sse

SSN = re.compile(r"\b[0-9]{3}-[0-9]{2}-[0-9]{4}\b")
OWN = {"[[PERSON_7f3a9c21]]": 'Ann "Nan" Lee'}
TEXT = (
    "We looked for it. The number is 536-90-4399, and it belongs to [[PERSON_7f3a9c21]]. "
    "Another is 524-71-8876! Dr. Smith has none, 3.14 is no end, and so it ends"
)
CLEAN = SSN.sub("<SSN>", TEXT).replace("[[PERSON_7f3a9c21]]", OWN["[[PERSON_7f3a9c21]]"])


class Search:
    """Takes numbers out of documents, as the real search does it with more."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.fails = False

    async def __call__(self, parts: Sequence[Part]) -> list[Redacted]:
        if self.fails:
            raise RedactionError("no")
        results = []
        for part in parts:
            assert not isinstance(part, RawBody)
            new = {}
            for index, leaf in enumerate(part.leaves):
                self.texts.append(leaf.text)
                if SSN.search(leaf.text):
                    new[index] = SSN.sub("<SSN>", leaf.text)
            results.append(Redacted(part.rebuild(new), Counter({("", "SSN"): len(new)})))
        return results


def redactor(
    frames: Frames, search: Search | None = None, bound: int = 1_000_000, own: bool = True
) -> EventRedactor:
    return EventRedactor(frames, search or Search(), Ways(OWN) if own else None, bound)


async def redacted(events: Sequence[bytes], frames: Frames, **options: bool) -> bytes:
    made = redactor(frames, **options)
    return b"".join([piece for event in [*events, b""] for piece in await made.feed(event)])


def cut(text: str, size: int) -> list[str]:
    return [text[i : i + size] for i in range(0, len(text), size)]


SHAPES: dict[str, tuple[Shape, Callable[[], Frames]]] = {
    "chat": (models.chat, SseFrames),
    "responses": (models.responses, SseFrames),
    "messages": (models.messages, SseFrames),
    "gemini": (models.gemini, SseFrames),
    "ollama": (models.ollama, LineFrames),
    "a2a": (models.a2a, SseFrames),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("size", [1, 2, 3, 7, 40, 500])
async def test_values_are_taken_out_however_they_are_cut(shape: str, size: int) -> None:
    make, frames = SHAPES[shape]
    events = make(cut(TEXT, size))
    back = await redacted(events, frames())
    assert said(back) == CLEAN
    assert b"536-90" not in back
    assert len(events_of(back)) == len(events_of(b"".join(events)))


async def test_what_holds_nothing_keeps_its_bytes() -> None:
    events = models.messages(cut("Nothing to see here. Nothing at all, really nothing.", 5))
    assert await redacted(events, SseFrames()) == b"".join(events)
    odd = [b': hello\n\nevent: x\ndata: {"a":1.10,\ndata:  "b":"\\u00e9"}\n\n', b"data: [DONE]\n\n"]
    assert await redacted(odd, SseFrames()) == b"".join(odd)


async def test_whole_events_do_not_wait() -> None:
    made = redactor(SseFrames())
    event = sse({"jsonrpc": "2.0", "id": 1, "result": {"content": [{"text": "is 536-90-4399"}]}})
    (back,) = await made.feed(event)
    assert events_of(back)[0]["result"]["content"][0]["text"] == "is <SSN>"
    (line,) = await redactor(LineFrames()).feed(b'{"name": "x", "n": 1, "id": "536-90-4399"}\n')
    assert json.loads(line) == {"name": "x", "n": 1, "id": "<SSN>"}


async def test_a_sentence_goes_on_when_the_next_begins() -> None:
    made = redactor(SseFrames())
    first = "This is one sentence, which is long enough."
    chunks = models.gemini([first, " And", " here", " comes", " more"])
    assert await made.feed(chunks[0]) == []
    assert await made.feed(chunks[1]) == [chunks[0]]
    assert made.holding
    assert await made.release() == [chunks[1]]


@pytest.mark.parametrize("end", ["see Dr.", "it is 3.", "call 555.", "by J."])
async def test_not_every_full_stop_ends_a_sentence(end: str) -> None:
    made = redactor(SseFrames())
    first, second = models.gemini([f"This is long enough to be a sentence, {end}", " Smith"])
    assert await made.feed(first) == []
    back = await made.feed(second)
    assert (back == []) == (end != "call 555.")


async def test_no_more_than_so_much_is_held_back() -> None:
    made = redactor(SseFrames())
    held = most = 0
    for event in models.gemini(["word "] * 2000):
        held += 5 - 5 * len(await made.feed(event))
        most = max(most, held)
    assert LONGEST - 10 <= most <= LONGEST + 10
    made = redactor(SseFrames())
    for event in models.gemini(["x" * 100] * 100):
        await made.feed(event)
    assert made.holding
    with pytest.raises(StreamUnreadable):
        await redactor(SseFrames(), bound=1000).feed(b"data: " + b"x" * 2000)


@pytest.mark.parametrize("shape", [models.chat_tool, models.messages_tool])
async def test_the_arguments_of_a_tool_are_searched_whole(shape: Shape) -> None:
    search = Search()
    made = redactor(SseFrames(), search)
    arguments = json.dumps({"ssn": "536-90-4399", "who": "[[PERSON_7f3a9c21]]", "n": 9})
    events = shape(cut(arguments, 3))
    back = b"".join([piece for event in [*events, b""] for piece in await made.feed(event)])
    assert json.loads(said(back)) == {"ssn": "<SSN>", "who": OWN["[[PERSON_7f3a9c21]]"], "n": 9}
    # The search saw the values by their fields.
    assert "536-90-4399" in search.texts


async def test_bedrocks_events_stay_sound() -> None:
    back = await redacted(models.bedrock(cut(TEXT, 3)), AwsFrames())
    found = [json.loads(f.data) for f in AwsFrames().feed(back) if f.data is not None]
    assert "".join(event["delta"]["text"] for event in found if "delta" in event) == CLEAN


async def test_what_waits_can_be_given_unsearched() -> None:
    search = Search()
    made = redactor(SseFrames(), search)
    one, two = models.gemini(["It is 536-90", "-4399"])
    assert await made.feed(one) == []
    search.fails = True
    with pytest.raises(RedactionError):
        await made.feed(two + b"data: {")
    assert b"".join(made.unsearched()) == one + two + b"data: {"
    assert not made.holding


async def test_binary_events_are_refused() -> None:
    with pytest.raises(RedactionError):
        await redactor(SseFrames()).feed(b"data: a\0b\n\n")


async def test_it_takes_little_time() -> None:
    made = redactor(SseFrames())
    events = models.chat(["[[PERSON_ 5. "] * 3000)
    begun = time.perf_counter()
    for event in events:
        await made.feed(event)
    assert (time.perf_counter() - begun) / len(events) < 0.002
