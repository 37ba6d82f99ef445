"""Frames between the proxy and a worker process (`python -m redaction.worker`).

A frame is a length (4 bytes, big-endian) and so many bytes, at most `MAX_FRAME`: the length of a
JSON text (4 bytes), that text, and the bytes of a body, where there is one.

    proxy -> worker   {"id": 0, "texts": [..], "hints": [..], "search": {..}}
    worker -> proxy   {"id": 0, "findings": [[[start, end, "US_SSN", 0.85, "why"], ..], ..]}

    proxy -> worker   {"id": 0, "document": {..}} and a body, to be searched as a whole
    worker -> proxy   {"id": 0, "found": ["US_SSN", ..]}          where nothing is to be taken out
                      {"id": 0, "redacted": {..}} and the new body

    worker -> proxy   {"id": 0, "error": "ValueError"}  the type only: a message may quote a value
                      {"id": 0, "error": "UnsupportedDocument", "message": ".."}  ours never do

One question at a time; `findings` has one list for each text; offsets count characters of the
text that was sent. A worker that gets a frame it cannot tell the end of says so and exits.
"""

from __future__ import annotations

import asyncio
import re
import struct
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO, NamedTuple

import orjson

from redaction.errors import (
    CollisionError,
    ModelMissing,
    RedactionError,
    UnsupportedDocument,
)
from redaction.findings import Finding
from redaction.search import Search

MAX_FRAME = 64 * 1024 * 1024
"""Bytes of one frame, at most."""

_HEADER = struct.Struct(">I")
_SURROGATE = re.compile("[\ud800-\udfff]")


def pack(payload: Mapping[str, Any], body: bytes = b"") -> bytes:
    """Make a frame of a payload; raises `ValueError` where it is longer than `MAX_FRAME`."""
    data = orjson.dumps(payload)
    length = _HEADER.size + len(data) + len(body)
    if length > MAX_FRAME:
        raise ValueError("frame too long")
    return b"".join((_HEADER.pack(length), _HEADER.pack(len(data)), data, body))


def unpack(frame: bytes) -> tuple[Any, bytes]:
    """Take a frame's content apart into its payload and its body; raises `ValueError`."""
    if len(frame) < _HEADER.size:
        raise ValueError("malformed frame")
    (length,) = _HEADER.unpack_from(frame)
    start = _HEADER.size + length
    if start > len(frame):
        raise ValueError("malformed frame")
    try:
        return orjson.loads(frame[_HEADER.size : start]), frame[start:]
    except orjson.JSONDecodeError:
        # The error itself holds what was read.
        raise ValueError("malformed frame") from None


def pack_question(
    texts: Sequence[str], hints: Sequence[str], search: Search, *, question_id: int = 0
) -> bytes:
    """Make the frame that asks for the entities of a search in each text.

    Raises `ValueError` where texts and hints differ in number or the frame would be too long.
    """
    if len(texts) != len(hints):
        raise ValueError("one hint for each text is needed")
    question = {"id": question_id, "texts": texts, "hints": hints, "search": search.as_json()}
    try:
        return pack(question)
    except TypeError:
        # Undecodable bytes are lone surrogates in a text, and JSON cannot carry those.
        question["texts"] = [_SURROGATE.sub("\ufffd", text) for text in texts]
        question["hints"] = [_SURROGATE.sub("\ufffd", hint) for hint in hints]
        return pack(question)


class Question(NamedTuple):
    """What a worker is asked: texts, the name of the field of each, what to find in them."""

    number: int
    texts: list[str]
    hints: list[str]
    search: Search


def read_question(payload: Any) -> Question:
    """Read a question about texts; raises `ValueError` where it is none."""
    match payload:
        case {
            "id": int(number),
            "texts": list(texts),
            "hints": list(hints),
            "search": search,
        } if len(texts) == len(hints) and all(isinstance(text, str) for text in (*texts, *hints)):
            return Question(number, texts, hints, Search.from_json(search))
    raise ValueError("malformed question")


def unpack_answer(frame: bytes, texts: Sequence[str]) -> list[tuple[Finding, ...]]:
    """Read a worker's answer about these texts; raises `ValueError` where it is none.

    Raises `RedactionError` where the search cannot be done as asked.
    """
    answer, _ = read_answer(frame)
    found = answer.get("findings")
    if not isinstance(found, list) or len(found) != len(texts):
        raise ValueError("malformed answer")
    return [
        tuple([_finding(item, len(text)) for item in _list(spans)])
        for spans, text in zip(found, texts, strict=True)
    ]


_ERRORS = {"UnsupportedDocument": UnsupportedDocument, "ModelMissing": ModelMissing}


def read_answer(frame: bytes) -> tuple[dict[str, Any], bytes]:
    """Read any answer; raises `ValueError` or, where the worker said so, `RedactionError`."""
    answer, body = unpack(frame)
    if not isinstance(answer, dict):
        raise ValueError("malformed answer")
    error, message, digests = (answer.get(key) for key in ("error", "message", "digests"))
    if isinstance(digests, list):
        raise CollisionError(frozenset(map(str, digests)))
    if isinstance(message, str):
        raise _ERRORS.get(str(error), RedactionError)(message)
    if error is not None:
        raise ValueError(str(error)[:64])
    return answer, body


def pack_error(number: int | None, error: Exception) -> bytes:
    """Make the frame that tells of an error; the message goes along only where it is ours."""
    told: dict[str, Any] = {"id": number, "error": type(error).__name__}
    if isinstance(error, RedactionError):
        told["message"] = str(error)
    if isinstance(error, CollisionError):
        told["digests"] = sorted(error.digests)
    return pack(told)


def _list(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    raise ValueError("malformed answer")


def _finding(item: Any, length: int) -> Finding:
    match item:
        case [int(start), int(end), str(entity), float() | int() as score, str(why)]:
            if 0 <= start < end <= length:
                return Finding(start, end, entity, float(score), why)
    raise ValueError("malformed answer")


def read_frame(stream: BinaryIO) -> bytes | None:
    """Read a frame; None at the end of the stream, `ValueError` for one too long or cut off."""
    header = stream.read(_HEADER.size)
    if not header:
        return None
    if len(header) < _HEADER.size:
        raise ValueError("frame cut off")
    (length,) = _HEADER.unpack(header)
    if length > MAX_FRAME:
        raise ValueError("frame too long")
    data = stream.read(length)
    if len(data) < length:
        raise ValueError("frame cut off")
    return data


async def read_frame_async(stream: asyncio.StreamReader) -> bytes:
    """Read a frame; raises `EOFError` at the stream's end, `ValueError` for one too long."""
    (length,) = _HEADER.unpack(await stream.readexactly(_HEADER.size))
    if length > MAX_FRAME:
        raise ValueError("frame too long")
    return await stream.readexactly(length)
