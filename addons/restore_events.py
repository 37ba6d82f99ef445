"""Streams of events on their way back: surrogates made values again, also those cut in two.

An event whose text may end in the middle of a surrogate waits until that is known, and those behind
it wait with it, so that their order stays. No event is made and none is left out: what belongs to
a surrogate is taken out of the events that it is spread over and the value put into one of them.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field
from typing import Protocol

from addons.event_frames import Frame, Frames, StreamUnreadable
from addons.event_texts import EventTexts, Piece, read_event

MAX_WAITING = 64
"""Events that may wait for what comes next."""

MAX_WAITING_BYTES = 256 * 1024

LEAST_UNSURE = 4
"""Characters of a surrogate's start for which a text waits that may not go on at all."""

_CODE_START = re.compile(r'\s*(?:\{\s*["}]|\[\s*[\[{"])')
_MAYBE_CODE = re.compile(r"\s*[\[{]\s*$|\s*$")
_BARE = "text"


class Way(Protocol):
    """Gives values back in a text that comes in pieces."""

    @property
    def held(self) -> str:
        """The end of what came that may be the start of a surrogate."""
        ...

    def feed(self, text: str) -> str:
        """Take a piece; gives what is certain."""
        ...

    def end(self) -> str:
        """Give what is held: nothing more comes."""
        ...


class WaysBack(Protocol):
    """Ways back for one answer."""

    def text(self, text: str) -> str:
        """Give values back in a whole text, which may be JSON itself."""
        ...

    def way(self, *, code: bool) -> Way:
        """Begin a text that comes in pieces; `code` says that it is a JSON text."""
        ...


@dataclass(slots=True, eq=False)
class _Waiting:
    """An event, and how many of its texts are not certain yet."""

    frame: Frame
    event: EventTexts | None
    new: dict[int, str] = field(default_factory=dict)
    unsure: int = 0

    def written(self) -> bytes:
        if self.event is None:
            text = self.new.get(0)
            return self.frame.raw if text is None else self.frame.write(text.encode())
        texts = self.event.texts
        changed = {i: text for i, text in self.new.items() if text != texts[i].text}
        return self.frame.write(self.event.write(changed)) if changed else self.frame.raw


class _LongText:
    """One text that comes in pieces of several events."""

    def __init__(self, ways: WaysBack, *, sure: bool, code: bool) -> None:
        self._ways = ways
        self._sure = sure
        self._code: bool | None = True if code else None
        """Whether it is a JSON text; None while that is not known."""
        self._way: Way | None = ways.way(code=True) if code else None
        self._begin = ""
        self._owners: deque[tuple[_Waiting, int, str]] = deque()

    @property
    def waits(self) -> bool:
        return bool(self._owners)

    def feed(self, owner: _Waiting, index: int, text: str) -> None:
        owner.unsure += 1
        owner.new[index] = ""
        self._owners.append((owner, index, text))
        if self._way is None:
            self._begin += text
            # A JSON text shows at its second sign.
            if _MAYBE_CODE.match(self._begin):
                return
            self._code = _CODE_START.match(self._begin) is not None
            self._way, text = self._ways.way(code=self._code), self._begin
        self._give(self._way.feed(text), self._way.held)
        if self._owners and not self._sure and len(self._way.held) < LEAST_UNSURE:
            self.end()

    def end(self) -> None:
        """Give what is held; the text may go on."""
        self._give(self._way.end() if self._way is not None else self._begin, "")
        self._way = self._ways.way(code=self._code) if self._code is not None else None
        self._begin = ""

    def _give(self, certain: str, held: str) -> None:
        """Put what is certain into the events whose pieces it came of."""
        left = sum(len(piece) for _, _, piece in self._owners) - len(held)
        while self._owners:
            owner, index, piece = self._owners[0]
            if len(piece) > left:
                owner.new[index] += certain
                self._owners[0] = (owner, index, piece[left:])
                return
            left -= len(piece)
            own = piece if certain.startswith(piece) else ""
            if not left:
                own = certain
            owner.new[index] += own
            certain = certain[len(own) :]
            owner.unsure -= 1
            self._owners.popleft()
            if not left:
                return


class EventRestorer:
    """Takes a stream in pieces and gives it on with values in place of surrogates."""

    def __init__(
        self, frames: Frames, ways: WaysBack, bound: int, *, only_sure: bool = False
    ) -> None:
        """`only_sure` says that no event waits whose API is not known to speak in pieces."""
        self._frames, self._ways, self._bound = frames, ways, bound
        self._only_sure = only_sure
        self._texts: dict[str, _LongText] = {}
        self._waiting: deque[_Waiting] = deque()
        self._size = 0

    @property
    def holding(self) -> bool:
        """Whether a whole event waits for the next one."""
        return bool(self._waiting)

    def use(self, ways: WaysBack) -> None:
        """Take other ways back for the texts that begin from now on."""
        if ways is not self._ways:
            self._ways = ways
            self._forget()

    def feed(self, data: bytes) -> list[bytes]:
        """Take a piece, an empty one at the end; raises `StreamUnreadable`."""
        for frame in self._frames.feed(data):
            self._take(frame)
        if self._frames.held > self._bound:
            raise StreamUnreadable
        if not data or len(self._waiting) > MAX_WAITING or self._size > MAX_WAITING_BYTES:
            self._end()
        return self._certain()

    def release(self) -> list[bytes]:
        """Give what waits: nothing has come for a while."""
        self._end()
        return self._certain()

    def unread(self) -> list[bytes]:
        """Give all that is held, for a stream that is not read on."""
        return [*self.release(), self._frames.rest()]

    def _take(self, frame: Frame) -> None:
        waiting = _Waiting(frame, None)
        if frame.data is None:
            pass
        elif (event := read_event(frame.data)) is not None:
            waiting.event = event
            self._take_texts(waiting, event)
        else:
            self._take_bare(waiting, frame.data)
        if self._waiting or waiting.unsure:
            self._size += len(frame.raw)
        self._waiting.append(waiting)

    def _take_texts(self, waiting: _Waiting, event: EventTexts) -> None:
        for index, text in enumerate(event.texts):
            piece = event.pieces.get(index)
            if piece is None or (self._only_sure and not piece.sure):
                waiting.new[index] = self._ways.text(text.text)
            else:
                self._long(piece).feed(waiting, index, text.text)
        for name in event.ends:
            self._end(name)

    def _take_bare(self, waiting: _Waiting, data: bytes) -> None:
        try:
            text = data.decode()
        except UnicodeDecodeError:
            return
        if text.strip() == "[DONE]":
            self._end()
        elif self._only_sure:
            waiting.new[0] = self._ways.text(text)
        else:
            self._long(Piece(_BARE, sure=False, code=False)).feed(waiting, 0, text)

    def _long(self, piece: Piece) -> _LongText:
        found = self._texts.get(piece.stream)
        if found is None:
            if len(self._texts) > 4 * MAX_WAITING:
                self._forget()
            found = _LongText(self._ways, sure=piece.sure, code=piece.code)
            self._texts[piece.stream] = found
        return found

    def _forget(self) -> None:
        """Forget the texts of which nothing waits; most of them are over."""
        self._texts = {name: text for name, text in self._texts.items() if text.waits}

    def _end(self, name: str = "") -> None:
        """End the texts whose names begin so."""
        for stream, text in self._texts.items():
            if text.waits and stream.startswith(name):
                text.end()

    def _certain(self) -> list[bytes]:
        done: list[bytes] = []
        while self._waiting and not self._waiting[0].unsure:
            waiting = self._waiting.popleft()
            done.append(waiting.written())
            self._size -= len(waiting.frame.raw)
        self._size = max(0, self._size) if self._waiting else 0
        return done
