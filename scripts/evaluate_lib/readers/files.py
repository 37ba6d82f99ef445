"""Files, read as text."""

from __future__ import annotations

from pathlib import Path

from scripts.evaluate_lib.model import SetError


def read_text(path: Path) -> str:
    """Read a file as UTF-8, line ends as they are; raises `SetError`."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise SetError(path, line, "this is not UTF-8.") from None
    except OSError as error:
        raise SetError(path, None, f"{error.strerror}.") from None


def keys(text: str) -> tuple[str, ...]:
    """Write a list of names as one text."""
    return tuple(text.split())
