"""What tells whether a policy on disk has changed, without reading it."""

from __future__ import annotations

from pathlib import Path

from rules.policy import policy_files

Stamp = tuple[tuple[str, int, int, int], ...]


def policy_stamp(path: Path) -> Stamp | None:
    """Give a stamp that changes with the file, or with any file of the folder; None for nothing.

    Raises `PolicyError` for a folder of too many files.
    """
    try:
        files = policy_files(path) if path.is_dir() else [path]
        return tuple(_of(file) for file in files)
    except OSError:
        return None


def _of(file: Path) -> tuple[str, int, int, int]:
    status = file.stat()
    return str(file), status.st_mtime_ns, status.st_size, status.st_ino
