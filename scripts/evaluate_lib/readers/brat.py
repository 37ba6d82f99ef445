"""Brat's standoff: texts in .txt files, their annotations in .ann files of the same name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from scripts.evaluate_lib.model import Example, Notes, SetError, Span
from scripts.evaluate_lib.readers.files import read_text

_LINE = re.compile(r"T\S*\t(\S+) ([0-9]+ [0-9]+(?:;[0-9]+ [0-9]+)*)(?:\t.*)?")


class BratReader:
    """Reads a folder of pairs, or one pair by either of its files."""

    name = "brat"

    def fits(self, path: Path, head: str) -> bool:
        """Take a folder with annotations in it, and a file that has its pair beside it."""
        if path.is_dir():
            return next(path.rglob("*.ann"), None) is not None
        return path.suffix == ".ann" or (
            path.suffix == ".txt" and path.with_suffix(".ann").is_file()
        )

    def read(self, path: Path, notes: Notes) -> Iterator[Example]:
        """Give the texts by name; one without annotations beside it is left out."""
        files = sorted(path.rglob("*.ann")) if path.is_dir() else [path.with_suffix(".ann")]
        for file in files:
            source = file.with_suffix(".txt")
            if not source.is_file():
                # Some keep the two kinds in folders beside each other.
                elsewhere = sorted(path.parent.rglob(source.name)) if path.is_dir() else []
                if not elsewhere:
                    raise SetError(file, None, f"there is no {source.name} with its text.")
                source = elsewhere[0]
            text = read_text(source)
            yield Example(file.stem, text, _spans(file, text))


def _spans(file: Path, text: str) -> tuple[Span, ...]:
    spans: set[Span] = set()
    for number, line in enumerate(read_text(file).splitlines(), 1):
        if not line.startswith("T"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise SetError(file, number, "an annotation must be: T1, a tab, LABEL START END.")
        # A span in several parts is as many spans.
        for part in match[2].split(";"):
            start, end = map(int, part.split())
            if not 0 <= start < end <= len(text):
                raise SetError(file, number, f"{start} to {end} does not lie in the text.")
            spans.add(Span(start, end, match[1]))
    return tuple(sorted(spans))
