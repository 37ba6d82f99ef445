"""Frames between the proxy and a worker process (`python -m redaction.worker`).

A frame is a length (4 bytes, big-endian) and so many bytes of JSON, at most `MAX_FRAME`.

    worker -> proxy   {"id": null, "ready": true}      once, after its models are loaded (`--warm`)
    proxy -> worker   {"id": 0, "texts": [..], "hints": [..], "entities": [..], "threshold": 0.4}
    worker -> proxy   {"id": 0, "findings": [[[start, end, "US_SSN", 0.85], ..], ..]}
                      {"id": 0, "error": "ValueError"}  the type only: a message may quote a value

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

from redaction.findings import Finding
from redaction.profile import Profile

MAX_FRAME = 64 * 1024 * 1024
"""Bytes of JSON in one frame, at most."""

_HEADER = struct.Struct(">I")
_SURROGATE = re.compile("[\ud800-\udfff]")


def pack(payload: Mapping[str, Any]) -> bytes:
    """Make a frame of a payload; raises `ValueError` where it is longer than `MAX_FRAME`."""
    data = orjson.dumps(payload)
    if len(data) > MAX_FRAME:
        raise ValueError("frame too long")
    return _HEADER.pack(len(data)) + data


def pack_question(
    texts: Sequence[str], hints: Sequence[str], profile: Profile, *, question_id: int = 0
) -> bytes:
    """Make the frame that asks for the profile's entities in each text.

    Raises `ValueError` where texts and hints differ in number or the frame would be too long.
    """
    if len(texts) != len(hints):
        raise ValueError("one hint for each text is needed")
    question = {
        "id": question_id,
        "texts": texts,
        "hints": hints,
        "entities": sorted(profile.operators),
        "threshold": profile.threshold,
    }
    try:
        return pack(question)
    except TypeError:
        # Undecodable bytes are lone surrogates in a text, and JSON cannot carry those.
        question["texts"] = [_SURROGATE.sub("\ufffd", text) for text in texts]
        question["hints"] = [_SURROGATE.sub("\ufffd", hint) for hint in hints]
        return pack(question)


def _load(data: bytes) -> Any:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        # The error itself holds what was read.
        raise ValueError("malformed frame") from None


class Question(NamedTuple):
    """What a worker is asked: texts, the name of the field of each, what to find in them."""

    number: int
    texts: list[str]
    hints: list[str]
    entities: frozenset[str]
    threshold: float


def unpack_question(data: bytes) -> Question:
    """Read a question; raises `ValueError` where it is none."""
    match _load(data):
        case {
            "id": int(number),
            "texts": list(texts),
            "hints": list(hints),
            "entities": list(entities),
            "threshold": float() | int() as threshold,
        } if len(texts) == len(hints) and all(
            isinstance(text, str) for text in (*texts, *hints, *entities)
        ):
            return Question(number, texts, hints, frozenset(entities), float(threshold))
    raise ValueError("malformed question")


def unpack_answer(data: bytes, texts: Sequence[str]) -> list[tuple[Finding, ...]]:
    """Read a worker's answer about these texts; raises `ValueError` where it is none."""
    answer = _load(data)
    if not isinstance(answer, dict):
        raise ValueError("malformed answer")
    error = answer.get("error")
    if error is not None:
        raise ValueError(str(error)[:64])
    found = answer.get("findings")
    if not isinstance(found, list) or len(found) != len(texts):
        raise ValueError("malformed answer")
    return [
        tuple([_finding(item, len(text)) for item in _list(spans)])
        for spans, text in zip(found, texts, strict=True)
    ]


def _list(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    raise ValueError("malformed answer")


def _finding(item: Any, length: int) -> Finding:
    match item:
        case [int(start), int(end), str(entity), float() | int() as score]:
            if 0 <= start < end <= length:
                return Finding(start, end, entity, float(score))
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
