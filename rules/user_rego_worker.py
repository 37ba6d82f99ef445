"""A worker process (`python -m rules.user_rego_worker [BYTES]`) that evaluates own Rego.

A frame is a length (4 bytes, big-endian) and so many bytes of JSON, at most `MAX_FRAME`.

    caller -> worker   {"modules": {"rules.rego": "package aegis.user..", ..}}    once, first
    worker -> caller   {"ready": true}                    or {"error": ".."} and the end
    caller -> worker   {"input": {..}}
    worker -> caller   {"found": {"deny": [..], "approve": [..], "redact": [..]}}
                       {"error": "EvaluationError: .."}   never with a value of the input

One question at a time. Rego knows no end of its own: the caller kills a worker that takes too long.
BYTES bounds its memory.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import struct
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, BinaryIO

import orjson

from rules.errors import EvaluationError, PolicyError
from rules.user_rego import UserRego

MAX_FRAME = 64 * 1024 * 1024
DEFAULT_MEMORY = 1024 * 1024 * 1024
HEADER = struct.Struct(">I")

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE = 1, 4


def pack(payload: Mapping[str, Any]) -> bytes:
    """Make a frame; raises `ValueError` where it would be too long or is no JSON."""
    try:
        data = orjson.dumps(payload)
    except TypeError:
        raise ValueError("no JSON") from None
    if len(data) > MAX_FRAME:
        raise ValueError("frame too long")
    return HEADER.pack(len(data)) + data


def unpack_length(header: bytes) -> int:
    """Read how long a frame is; raises `ValueError` for one too long."""
    (length,) = HEADER.unpack(header)
    if length > MAX_FRAME:
        raise ValueError("frame too long")
    return int(length)


def unpack_found(data: bytes) -> dict[str, Any]:
    """Read an answer; raises `EvaluationError` for an error and `ValueError` for rubbish."""
    answer = orjson.loads(data)
    match answer:
        case {"error": str(error)}:
            raise EvaluationError(error[:500])
        case {"found": {"deny": list(deny), "approve": list(approve), "redact": list(redact)}}:
            if all(_finding(item) for item in (*deny, *approve)) and all(
                isinstance(item, str) for item in redact
            ):
                return {"deny": deny, "approve": approve, "redact": redact}
    raise ValueError("malformed answer")


def unpack_ready(data: bytes) -> None:
    """Read whether a worker is ready; raises `EvaluationError` when it is not."""
    answer = orjson.loads(data)
    if answer != {"ready": True}:
        error = answer.get("error") if isinstance(answer, dict) else None
        raise EvaluationError(str(error or "malformed answer")[:500])


def _finding(item: Any) -> bool:
    return (
        isinstance(item, dict)
        and set(item) == {"id", "reason"}
        and all(isinstance(value, str) for value in item.values())
    )


def serve(source: BinaryIO, sink: BinaryIO) -> int:
    """Load the modules, then answer until the source ends; gives the exit status."""
    try:
        rego = UserRego(_read(source)["modules"])
    except EOFError:
        return 0
    except (PolicyError, ValueError, KeyError, TypeError) as error:
        _send(sink, {"error": str(error) or type(error).__name__})
        return 1
    _send(sink, {"ready": True})
    while True:
        try:
            question = _read(source)
        except EOFError:
            return 0
        try:
            _send(sink, {"found": rego.evaluate(question["input"])})
        except EvaluationError as error:
            _send(sink, {"error": str(error)})


def _read(source: BinaryIO) -> Any:
    header = source.read(HEADER.size)
    if len(header) < HEADER.size:
        raise EOFError
    length = unpack_length(header)
    data = source.read(length)
    if len(data) < length:
        raise EOFError
    return orjson.loads(data)


def _send(sink: BinaryIO, payload: Mapping[str, Any]) -> None:
    sink.write(pack(payload))
    sink.flush()


def main(arguments: list[str]) -> int:
    """Run the worker."""
    memory = int(arguments[0]) if arguments else DEFAULT_MEMORY
    _harden(memory)
    # What a library may print must not end up between frames.
    sink = os.fdopen(os.dup(1), "wb")
    with open(os.devnull, "wb") as nothing:
        os.dup2(nothing.fileno(), 1)
        os.dup2(nothing.fileno(), 2)
    with suppress(BrokenPipeError):
        return serve(sys.stdin.buffer, sink)
    return 0


def _harden(memory: int) -> None:
    # The caller ends this process; Ctrl-C in a terminal reaches both.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        # Not even for a debugger of the same user.
        libc.prctl(_PR_SET_DUMPABLE, 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
