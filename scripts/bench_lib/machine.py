"""What processes cost: CPU time and memory as Linux accounts for them."""

from __future__ import annotations

import os
import shutil
import threading
import time
from pathlib import Path
from typing import Self

_TICK = 1.0 / os.sysconf("SC_CLK_TCK")


def cores() -> tuple[int, int]:
    """Give the core of the proxies and the core of load and upstream (the same if only one)."""
    usable = sorted(os.sched_getaffinity(0))
    return usable[0], usable[-1]


def pinned(core: int) -> tuple[str, ...]:
    """Give the command prefix that keeps a process on one core."""
    return ("taskset", "-c", str(core)) if shutil.which("taskset") else ()


def tree(pid: int) -> list[int]:
    """Give a process and all its descendants."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found = [pid]
    for parent in found:
        found += children.get(parent, [])
    return found


def cpu_seconds(pid: int) -> tuple[float, float]:
    """Give the CPU time of a process, and that of its descendants."""
    own, *rest = tree(pid)
    return _cpu(own), sum(map(_cpu, rest))


def rss_bytes(pid: int) -> int:
    """Give the resident memory of a process."""
    for line in Path(f"/proc/{pid}/status").read_text("ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


class PeakRss:
    """Watches a process's resident memory for as long as the block lasts."""

    def __init__(self, pid: int, every: float = 0.004) -> None:
        self.peak = rss_bytes(pid)
        self._pid, self._every = pid, every
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self.peak = max(self.peak, rss_bytes(self._pid))

    def _watch(self) -> None:
        while not self._over.is_set():
            self.peak = max(self.peak, rss_bytes(self._pid))
            time.sleep(self._every)


def _cpu(pid: int) -> float:
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) * _TICK if fields else 0.0


def _stat(pid: int) -> list[str]:
    """Give the fields of /proc/PID/stat after the name, from the state on."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except OSError:
        return []
