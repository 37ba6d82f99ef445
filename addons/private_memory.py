"""The firewall's memory, in which all is that passes through, stays in this process."""

from __future__ import annotations

import ctypes
import resource
import sys

_PR_SET_DUMPABLE = 4


def keep_private() -> None:
    """Leave no core file, and let no other process of the same user look in."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        # A program that the kernel pipes core files to gets them whatever their bound.
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0)
