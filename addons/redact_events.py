"""Streams of events searched for personal data, also where a value is spread over several events.

The pieces of a text are gathered until a sentence ends, the text is long, or the server says that
it is complete or falls silent; then what was found is taken out of all of them at once. Events keep
their order and their number. How much is held back: `SENTENCE` to `LONGEST` characters of a text,
and all of a JSON text such as a tool call's arguments up to `LONGEST_CODE`.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from addons.event_frames import Frame, Frames, StreamUnreadable
from addons.event_texts import EventTexts, read_event
from addons.redactor import Part
from addons.way_back import Ways
from redaction import Redacted, RedactionError, TextDocument, UnsupportedDocument, parse_document

SENTENCE = 40
"""Characters of a text before the end of a sentence in it lets it go on."""

LONGEST = 1000
"""Characters of a text that are held back; then it goes on at the end of a word."""

LONGEST_CODE = 64 * 1024

MAX_WAITING = 512
MAX_WAITING_BYTES = 512 * 1024
"""Events, and their bytes, that wait at most."""

_SENTENCE_END = re.compile(r"""(?:[^\W\d_]{4,}|[)\]\d]{2,})[.!?]["')\]]*\s*$|\n\s*$""")
_BETWEEN_WORDS = re.compile(r"(?:[a-z]\s+\||[a-z]\|\s+)[a-z]")
_FIRST = 0xF0000
"""A character that stands for no letter, in place of a piece that is searched elsewhere."""

Redact = Callable[[Sequence[Part]], Awaitable[list[Redacted]]]
JSON = "application/json"


@dataclass(slots=True, eq=False)
class _Waiting:
    """An event, searched or not, and how many of its pieces are not."""

    frame: Frame
    event: EventTexts | None = None
    searched: bytes | None = None
    """What it carries without what was found, its pieces left out; None for nothing to search."""
    holes: dict[int, str] = field(default_factory=dict)
    """What stands for each piece."""
    pieces: dict[int, str] = field(default_factory=dict)
    unsure: int = 0


@dataclass(slots=True)
class _Gathered:
    """One text of which pieces wait."""

    code: bool
    pieces: list[tuple[_Waiting, int, str]] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(piece for _, _, piece in self.pieces)


class EventRedactor:
    """Takes a stream in pieces and gives it on without personal data, own surrogates restored."""

    def __init__(self, frames: Frames, redact: Redact, ways: Ways | None, bound: int) -> None:
        self._frames, self._redact, self._ways, self._bound = frames, redact, ways, bound
        self._texts: dict[str, _Gathered] = {}
        self._waiting: deque[_Waiting] = deque()
        self._size = 0

    @property
    def holding(self) -> bool:
        """Whether a whole event waits for the next one."""
        return bool(self._waiting)

    def unsearched(self) -> list[bytes]:
        """Give what waits as it came, where it need not be searched after all."""
        rest = [*(waiting.frame.raw for waiting in self._waiting), self._frames.rest()]
        self._waiting.clear()
        self._texts.clear()
        return rest

    async def release(self) -> list[bytes]:
        """Give what waits: nothing has come for a while."""
        await self._search([], ends=[""])
        return self._certain()

    async def feed(self, data: bytes) -> list[bytes]:
        """Take a piece, an empty one at the end.

        Raises `StreamUnreadable`, and what the search raises.
        """
        arrived = []
        ends: list[str] = []
        for frame in self._frames.feed(data):
            waiting = self._take(frame)
            arrived.append(waiting)
            if waiting.event is not None:
                ends += waiting.event.ends
            elif frame.data is not None and frame.data.strip() == b"[DONE]":
                ends.append("")
        if self._frames.held > self._bound:
            raise StreamUnreadable
        if not data or len(self._waiting) > MAX_WAITING or self._size > MAX_WAITING_BYTES:
            ends.append("")
        await self._search(arrived, ends)
        return self._certain()

    def _take(self, frame: Frame) -> _Waiting:
        waiting = _Waiting(frame)
        self._waiting.append(waiting)
        self._size += len(frame.raw)
        if frame.data is None:
            return waiting
        waiting.searched = frame.data
        waiting.event = event = read_event(frame.data)
        if event is not None:
            for index, piece in event.pieces.items():
                if piece.sure:
                    waiting.holes[index] = chr(_FIRST + len(waiting.holes))
                    waiting.unsure += 1
                    found = self._texts.setdefault(piece.stream, _Gathered(piece.code))
                    found.pieces.append((waiting, index, event.texts[index].text))
            waiting.searched = event.write(waiting.holes)
        return waiting

    async def _search(self, arrived: Sequence[_Waiting], ends: Sequence[str]) -> None:
        """Search the events that have come, and the texts that are ready for it."""
        events = [waiting for waiting in arrived if waiting.searched is not None]
        ready: list[list[tuple[_Waiting, int, str]]] = []
        for stream, gathered in list(self._texts.items()):
            count = len(gathered.pieces)
            if not any(stream.startswith(name) for name in ends):
                count = self._ready(gathered)
            if count:
                ready.append(gathered.pieces[:count])
                del gathered.pieces[:count]
            if not gathered.pieces:
                del self._texts[stream]
        if not events and not ready:
            return
        parts: list[Part] = [_document(waiting.searched or b"") for waiting in events]
        parts += [_document("".join(p for _, _, p in pieces).encode()) for pieces in ready]
        results = await self._redact(parts)
        for waiting, result in zip(events, results, strict=False):
            waiting.searched = result.content
        for pieces, result in zip(ready, results[len(events) :], strict=True):
            self._put(pieces, result)

    def _put(self, pieces: Sequence[tuple[_Waiting, int, str]], result: Redacted) -> None:
        old, new = "".join(piece for _, _, piece in pieces), result.content.decode()
        if self._ways is not None:
            new = self._ways.text(new)
        for number, (waiting, index, piece) in enumerate(pieces):
            if new == old:
                waiting.pieces[index] = piece
            else:
                # All at once in the first of them: they leave together.
                waiting.pieces[index] = "" if number else new
            waiting.unsure -= 1

    def _ready(self, gathered: _Gathered) -> int:
        """Say how many pieces of a text may be searched without those that follow."""
        text = gathered.text
        if gathered.code or text.lstrip()[:1] in ("{", "["):
            return len(gathered.pieces) if len(text) > LONGEST_CODE else 0
        ready, position = 0, 0
        for number, (_, _, piece) in enumerate(gathered.pieces):
            if position >= SENTENCE and piece[:1].isspace():
                before = text[:position]
                if _SENTENCE_END.search(before, max(0, position - 80)) and self._whole(before):
                    ready = number
            position += len(piece)
            if position >= SENTENCE and piece[-1:].isspace():
                before = text[:position]
                if _SENTENCE_END.search(before, max(0, position - 80)) and self._whole(before):
                    ready = number + 1
        if ready or len(text) <= LONGEST:
            return ready
        pieces = [piece for _, _, piece in gathered.pieces]
        for number in range(len(pieces) - 1, 0, -1):
            # Neither numbers nor names are cut there.
            if _BETWEEN_WORDS.search(pieces[number - 1][-20:] + "|" + pieces[number][:20]):
                return number
        return len(gathered.pieces) if len(text) > 2 * LONGEST else 0

    def _whole(self, text: str) -> bool:
        """Say whether no surrogate begins at the end of a text."""
        if self._ways is None:
            return True
        way = self._ways.way(code=False)
        way.feed(text[-200:] + " ")
        return not way.held

    def _certain(self) -> list[bytes]:
        done: list[bytes] = []
        while self._waiting and not self._waiting[0].unsure:
            waiting = self._waiting.popleft()
            self._size -= len(waiting.frame.raw)
            done.append(self._written(waiting))
        return done

    def _written(self, waiting: _Waiting) -> bytes:
        frame, event, searched = waiting.frame, waiting.event, waiting.searched
        if searched is None or frame.data is None:
            return frame.raw
        if event is None:
            if self._ways is not None:
                searched = self._restored(searched)
            return frame.raw if searched == frame.data else frame.write(searched)
        after = read_event(searched)
        if after is None:
            raise RedactionError("An event could not be put together again.")
        new: dict[int, str] = {}
        pieces = {waiting.holes[index]: text for index, text in waiting.pieces.items()}
        for index, text in enumerate(after.texts):
            if text.text in pieces:
                new[index] = pieces.pop(text.text)
            elif self._ways is not None:
                restored = self._ways.text(text.text)
                if restored != text.text:
                    new[index] = restored
        if pieces:
            raise RedactionError("An event could not be put together again.")
        written = after.write(new)
        same = searched == event.write(waiting.holes) and all(
            event.texts[index].text == text for index, text in waiting.pieces.items()
        )
        if same and len(new) == len(waiting.pieces):
            return frame.raw
        return frame.write(written)

    def _restored(self, data: bytes) -> bytes:
        assert self._ways is not None
        try:
            return self._ways.text(data.decode()).encode()
        except UnicodeDecodeError:
            return data


def _document(data: bytes) -> Part:
    """Take a text apart, as JSON where it is that; raises `UnsupportedDocument` for binary data."""
    if data[:1] in (b"{", b"["):
        try:
            return parse_document(JSON, data)
        except UnsupportedDocument:
            pass
    return TextDocument(data, strict=True)
