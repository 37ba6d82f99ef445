"""Work on a large body gives way to small calls, where there are fewer cores than processes.

Linux lets a thread lower its own priority and no unprivileged one raise it again, so the work is
done by a thread that ends with it. Where the kernel shares cores among sessions first (autogroup),
as on a desktop, the priority of the session counts, and that may be set back.
"""

from __future__ import annotations

import contextvars
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import IO

NICE = 3
"""How far a large body's priority is lowered: to a half, where all cores are wanted. Much lower, it
would not be done in time beside whatever else the machine does."""

_STACK = 8 * 1024 * 1024


class GivingWay:
    """Does work at a lower priority; made before the process may no longer open its own files."""

    def __init__(self) -> None:
        self._group: IO[bytes] | None = None
        if sys.platform == "linux":
            with suppress(OSError):
                self._group = open("/proc/self/autogroup", "wb", buffering=0)  # noqa: SIM115

    def do[T](self, work: Callable[[], T]) -> T:
        """Do the work while other processes come first; gives and raises what it does."""
        if sys.platform != "linux":
            return work()
        done: Future[T] = Future()
        context = contextvars.copy_context()

        def run() -> None:
            with suppress(OSError):
                os.nice(NICE)
            try:
                done.set_result(context.run(work))
            except BaseException as error:
                done.set_exception(error)

        self._set(NICE)
        try:
            # As deep as the first thread's, for documents may be nested.
            before = threading.stack_size(_STACK)
            try:
                thread = threading.Thread(target=run)
                thread.start()
            finally:
                threading.stack_size(before)
            thread.join()
            return done.result()
        finally:
            self._set(0)

    def _set(self, nice: int) -> None:
        """Set the session's priority; it is the worker's alone, as each has one of its own."""
        if self._group is not None:
            with suppress(OSError):
                self._group.write(str(nice).encode())
