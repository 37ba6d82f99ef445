"""A worker process (`python -m redaction.worker [--models FILE]`), which answers frames.

The frames are those of `redaction.protocol`.

Texts stay in this process: answers carry spans, errors their type alone, and nothing is logged.
"""

from __future__ import annotations

import argparse
import ctypes
import functools
import gc
import logging
import os
import resource
import signal
import sys
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from redaction import protocol
from redaction.analyzer import Analyzer
from redaction.body_answer import answer_about
from redaction.body_question import BodyQuestion
from redaction.errors import RedactionError
from redaction.giving_way import GivingWay
from redaction.models import engine_settings

_GARBAGE = 50_000
"""Objects made between two looks for garbage."""

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE = 1, 4


LARGE = 64 * 1024
"""Bytes of a frame beyond which its work gives way to that on others."""


def serve(
    analyzer: Analyzer, source: BinaryIO, sink: BinaryIO, giving_way: GivingWay | None = None
) -> int:
    """Answer frames until the source ends; gives the exit status."""
    giving_way = giving_way or GivingWay()
    while True:
        try:
            frame = protocol.read_frame(source)
        except ValueError as error:
            # Where the next frame would start nobody can tell.
            _send(sink, protocol.pack({"id": None, "error": type(error).__name__}))
            return 1
        if frame is None:
            return 0
        if len(frame) > LARGE:
            _send(sink, giving_way.do(functools.partial(answer, analyzer, frame)))
        else:
            _send(sink, answer(analyzer, frame))
        if gc.get_freeze_count() == 0:
            # Models and patterns are there now and stay; to look through them takes long.
            gc.collect()
            gc.freeze()


def answer(analyzer: Analyzer, frame: bytes) -> bytes:
    """Answer a frame; of an error the type alone, for its message may quote a value."""
    number: int | None = None
    try:
        payload, body = protocol.unpack(frame)
        number = payload.get("id") if isinstance(payload, dict) else None
        if isinstance(payload, dict) and "document" in payload:
            told, content = answer_about(
                analyzer, BodyQuestion.from_json(payload["document"]), body
            )
            return protocol.pack({"id": number, **told}, content)
        question = protocol.read_question(payload)
        found = analyzer.analyze(question.texts, question.search, question.hints)
        spans: list[list[tuple[Any, ...]]] = [
            [tuple(finding) for finding in each] for each in found
        ]
        return protocol.pack({"id": number, "findings": spans})
    except RedactionError as error:
        return protocol.pack_error(number, error)
    except Exception as error:
        return protocol.pack({"id": number, "error": type(error).__name__})


def _send(sink: BinaryIO, frame: bytes) -> None:
    sink.write(frame)
    sink.flush()


def main(arguments: list[str]) -> int:
    """Run the worker."""
    giving_way = GivingWay()
    _harden()
    # A large document makes many objects that are no garbage before it is done.
    gc.set_threshold(_GARBAGE, 20, 20)
    # What a library may print must not end up between frames.
    sink = os.fdopen(os.dup(1), "wb")
    with open(os.devnull, "wb") as nothing:
        os.dup2(nothing.fileno(), 1)
        os.dup2(nothing.fileno(), 2)
    with suppress(BrokenPipeError):
        return serve(_analyzer(arguments), sys.stdin.buffer, sink, giving_way)
    return 0


def _analyzer(arguments: list[str]) -> Analyzer:
    parser = argparse.ArgumentParser()
    parser.add_argument("--models", type=Path)
    models = parser.parse_args(arguments).models
    return Analyzer(engine_settings(models) if models is not None else None)


def _harden() -> None:
    # The parent ends this process by closing stdin; Ctrl-C in a terminal reaches both.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        # Not even for a debugger of the same user.
        libc.prctl(_PR_SET_DUMPABLE, 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
