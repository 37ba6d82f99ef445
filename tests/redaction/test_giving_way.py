from __future__ import annotations

import gc
import io
import os
import sys
import threading

import pytest

from redaction import protocol, worker
from redaction.giving_way import NICE, GivingWay

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="priorities of threads")


def priority() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


def test_work_gives_way_and_what_follows_does_not() -> None:
    before = priority()
    lowered = GivingWay().do(priority)
    assert lowered == before + NICE > before
    assert priority() == before


def test_gives_what_the_work_gives_and_raises_what_it_raises() -> None:
    giving_way = GivingWay()
    assert giving_way.do(lambda: "done") == "done"
    with pytest.raises(KeyError, match="missing"):
        giving_way.do(lambda: {}["missing"])
    assert giving_way.do(lambda: "done again") == "done again"


def test_a_worker_gives_way_with_large_bodies_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[int, int] = {}

    def answer(analyzer: object, frame: bytes) -> bytes:
        seen[len(frame)] = priority()
        return b""

    monkeypatch.setattr(worker, "answer", answer)
    # The models that others loaded are theirs to look through.
    monkeypatch.setattr(gc, "get_freeze_count", lambda: 1)
    frames = [protocol.pack({"id": 0}, b"x" * size) for size in (10, worker.LARGE, 20)]
    status = worker.serve(None, io.BytesIO(b"".join(frames)), io.BytesIO())  # type: ignore[arg-type]
    assert status == 0
    small, large, after = (seen[len(frame) - 4] for frame in frames)
    assert small == after < large
