"""Answers that come piece by piece: taken apart into events, each of which can be written anew."""

from __future__ import annotations

import base64
import binascii
import re
import struct
import zlib
from collections.abc import Callable
from typing import NamedTuple, Protocol

import jiter
import orjson

_BOM = b"\xef\xbb\xbf"
_BREAK = re.compile(rb"\r\n|\n|\r")
_EVENT_END = re.compile(rb"(?>\r\n|\n|\r)(?>\r\n|\n|\r)")

Write = Callable[[bytes], bytes]


class StreamUnreadable(Exception):  # noqa: N818
    """A stream is not of the form that it says; nothing more of it can be read."""


class Frame(NamedTuple):
    """One event: its bytes, what it carries, and how it is written with something else in it."""

    raw: bytes
    data: bytes | None
    """A JSON text mostly; None for what carries nothing."""
    write: Write


class Frames(Protocol):
    """Takes a stream in pieces and gives its events as soon as they are whole."""

    @property
    def held(self) -> int:
        """Bytes of an event that is not whole yet."""
        ...

    def feed(self, data: bytes) -> list[Frame]:
        """Take a piece, an empty one at the end; raises `StreamUnreadable`."""
        ...

    def rest(self) -> bytes:
        """Give what is held as it came, for a stream that is not read on."""
        ...


class _Buffer:
    def __init__(self) -> None:
        self._held = bytearray()

    @property
    def held(self) -> int:
        """Bytes of an event that is not whole yet."""
        return len(self._held)

    def rest(self) -> bytes:
        """Give what is held as it came, for a stream that is not read on."""
        rest = bytes(self._held)
        self._held.clear()
        return rest


class SseFrames(_Buffer):
    """Server-sent events, whose data lines are one text."""

    def __init__(self) -> None:
        super().__init__()
        self._begun = False

    def feed(self, data: bytes) -> list[Frame]:
        """Take a piece, an empty one at the end."""
        # Where an event ends may be seen only with the next piece.
        start = max(0, len(self._held) - 3)
        self._held += data
        done: list[Frame] = []
        taken = 0
        for end in _EVENT_END.finditer(self._held, start):
            done.append(self._event(bytes(self._held[taken : end.end()])))
            taken = end.end()
        del self._held[:taken]
        if not data and self._held:
            done.append(self._event(self.rest()))
        return done

    def _event(self, raw: bytes) -> Frame:
        if not self._begun:
            self._begun = True
            raw = raw.removeprefix(_BOM)
        lines = _BREAK.split(raw)
        found = [value for line in lines if (value := _data_of(line)) is not None]
        if not found:
            return Frame(raw, None, lambda _: raw)
        return Frame(raw, b"\n".join(found), lambda new: _write_event(raw, lines, new))


def _data_of(line: bytes) -> bytes | None:
    name, _, value = line.partition(b":")
    return value.removeprefix(b" ") if name == b"data" else None


def _write_event(raw: bytes, lines: list[bytes], new: bytes) -> bytes:
    """Put other data in place of an event's; its other fields stay where they are."""
    found = _BREAK.search(raw)
    ending = found[0] if found is not None else b"\n"
    data = [b"data: " + part for part in new.split(b"\n")]
    written: list[bytes] = []
    for line in lines:
        if _data_of(line) is None:
            written.append(line)
        else:
            # All of it in place of the first of the old lines.
            written += data
            data = []
    return ending.join(written)


class LineFrames(_Buffer):
    """JSON texts, one a line."""

    def __init__(self, separator: bytes = b"\n") -> None:
        super().__init__()
        self._separator = separator

    def feed(self, data: bytes) -> list[Frame]:
        """Take a piece, an empty one at the end."""
        self._held += data
        done: list[Frame] = []
        taken = 0
        while (end := self._held.find(self._separator, taken)) >= 0:
            done.append(_line(bytes(self._held[taken : end + 1])))
            taken = end + 1
        del self._held[:taken]
        if not data and self._held:
            done.append(_line(self.rest()))
        return done


_SPACE = re.compile(rb"[\x1e \t\r\n,\[\]]*+")


def _line(raw: bytes) -> Frame:
    text = raw.strip(b"\x1e \t\r\n")
    if not text:
        return Frame(raw, None, lambda _: raw)
    start = raw.index(text)
    before, after = raw[:start], raw[start + len(text) :]
    return Frame(raw, text, lambda new: before + new + after)


class ArrayFrames(_Buffer):
    """The elements of one JSON array that is written bit by bit, as Gemini's API does."""

    _MARK = re.compile(rb'["\\{}\[\]]')

    def __init__(self) -> None:
        super().__init__()
        self._begun = self._array = False
        self._position = 0
        self._depth = 0
        self._in_string = False

    def feed(self, data: bytes) -> list[Frame]:
        """Take a piece, an empty one at the end."""
        self._held += data
        done: list[Frame] = []
        if not self._begun:
            begin = self._held.lstrip(b" \t\r\n")
            # All else, such as an error, is one document.
            self._begun, self._array = bool(begin), begin[:1] == b"["
        while self._array and (end := self._element_end()) is not None:
            done.append(self._element(bytes(self._held[:end])))
            del self._held[:end]
            self._position = 0
        if not data and self._held:
            done.append(self._element(self.rest()))
        return done

    def _element_end(self) -> int | None:
        """Find where an element of the outermost array ends that is an object or array."""
        while match := self._MARK.search(self._held, self._position):
            mark, self._position = match[0], match.end()
            if mark == b"\\":
                if self._position >= len(self._held):
                    self._position -= 1
                    return None
                self._position += 1
            elif mark == b'"':
                self._in_string = not self._in_string
            elif self._in_string:
                continue
            elif mark in b"{[":
                self._depth += 1
            else:
                self._depth -= 1
                if self._depth == 1:
                    return self._position
        self._position = len(self._held)
        return None

    def _element(self, raw: bytes) -> Frame:
        match = _SPACE.match(raw)
        start = match.end() if match is not None else 0
        text = raw[start:]
        if text[-1:] not in (b"}", b"]") or raw[-1:] == b"]":
            text = text.rstrip(b"] \t\r\n")
        before, after = raw[:start], raw[start + len(text) :]
        return Frame(raw, text or None, lambda new: before + new + after)


_PRELUDE = struct.Struct(">III")
MAX_AWS_EVENT = 24 * 1024 * 1024


class AwsFrames(_Buffer):
    """AWS's event stream encoding, in which Bedrock's models answer."""

    def feed(self, data: bytes) -> list[Frame]:
        """Take a piece, an empty one at the end; raises `StreamUnreadable`."""
        self._held += data
        done: list[Frame] = []
        while len(self._held) >= _PRELUDE.size:
            total, headers, checksum = _PRELUDE.unpack_from(self._held)
            sound = (
                headers + 16 <= total <= MAX_AWS_EVENT
                and zlib.crc32(self._held[:8]) == checksum
                and (
                    len(self._held) < total
                    or zlib.crc32(self._held[: total - 4])
                    == int.from_bytes(self._held[total - 4 : total])
                )
            )
            if not sound and not done:
                raise StreamUnreadable
            if not sound or len(self._held) < total:
                # What came before it goes on first.
                break
            done.append(_aws_event(bytes(self._held[:total]), headers))
            del self._held[:total]
        if not data and self._held and not done:
            raise StreamUnreadable
        return done


def _aws_event(raw: bytes, headers: int) -> Frame:
    start = _PRELUDE.size + headers
    head, payload = raw[_PRELUDE.size : start], raw[start:-4]

    def write(new: bytes) -> bytes:
        prelude = struct.pack(">II", _PRELUDE.size + len(head) + len(new) + 4, len(head))
        whole = prelude + zlib.crc32(prelude).to_bytes(4) + head + new
        return whole + zlib.crc32(whole).to_bytes(4)

    inner = _inner(payload)
    if inner is not None:
        members, data = inner

        def write_inner(new: bytes) -> bytes:
            members["bytes"] = base64.b64encode(new).decode()
            return write(orjson.dumps(members))

        return Frame(raw, data, write_inner)
    return Frame(raw, payload or None, write)


def _inner(payload: bytes) -> tuple[dict[str, object], bytes] | None:
    """Give what a model itself said, which Bedrock's `invoke` wraps in base64."""
    try:
        members = jiter.from_json(payload)
    except ValueError:
        return None
    if not isinstance(members, dict) or not isinstance(members.get("bytes"), str):
        return None
    try:
        return members, base64.b64decode(members["bytes"], validate=True)
    except binascii.Error:
        return None
