"""CoNLL: a token a line, its tag in the last or the first column, blank lines between texts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from scripts.evaluate_lib.model import Example, Notes, SetError
from scripts.evaluate_lib.readers.files import read_text
from scripts.evaluate_lib.readers.spans import Place
from scripts.evaluate_lib.readers.tokens import example_of_tokens

_TAG = re.compile(r"O|[BIOLUESM]-[A-Za-z][\w./-]*")
_SUFFIXES = (".conll", ".bio", ".iob", ".iob2", ".bilou", ".iobes")


class ConllReader:
    """Reads tagged tokens."""

    name = "conll"

    def fits(self, path: Path, head: str) -> bool:
        """Take what is called so, and lines that mostly end or begin with a tag."""
        if path.is_dir():
            return False
        lines = [line.split() for line in head.split("\n")[:-1] if line.strip()] or [[]]
        tagged = sum(len(p) >= 2 and _column(p[-1], p[0]) is not None for p in lines)
        return path.suffix in _SUFFIXES or tagged > 0.9 * len(lines)

    def read(self, path: Path, notes: Notes) -> Iterator[Example]:
        """Give a text for each block of lines; `-DOCSTART-` lines part texts too."""
        rows: list[tuple[int, list[str]]] = []
        blocks = []
        for number, line in enumerate(read_text(path).splitlines(), 1):
            if not line.strip() or line.startswith(("-DOCSTART-", "# ", "#\t")):
                blocks.append(rows)
                rows = []
                continue
            # Where columns are parted by tabs, a token may have blanks in it.
            parts = line.split("\t") if "\t" in line else line.split(" ")
            parts = [part.strip() for part in parts if part.strip()]
            if len(parts) == 1 and _TAG.fullmatch(parts[0]):
                parts = ["\N{NO-BREAK SPACE}", parts[0]]
            if len(parts) < 2:
                raise SetError(path, number, "a line must have a token and a tag.")
            rows.append((number, parts))
        column = _tag_column(path, [row for block in [*blocks, rows] for row in block])
        for block in [*blocks, rows]:
            if block:
                yield _example(path, block, column, notes)


def _column(last: str, first: str) -> int | None:
    if _TAG.fullmatch(last):
        return -1
    return 0 if _TAG.fullmatch(first) else None


def _tag_column(path: Path, rows: list[tuple[int, list[str]]]) -> int:
    """Tell whether tags stand last or first, by the whole file."""
    for column in (-1, 0):
        wrong = [number for number, parts in rows if not _TAG.fullmatch(parts[column])]
        if len(wrong) * 10 <= len(rows):
            if wrong:
                raise SetError(path, wrong[0], "this line has no tag such as O or B-NAME.")
            return column
    line = rows[0][0] if rows else None
    raise SetError(path, line, "no column, the last or the first, has tags such as O.")


def _example(path: Path, block: list[tuple[int, list[str]]], column: int, notes: Notes) -> Example:
    tags = [parts[column] for _, parts in block]
    tokens = [parts[0] if column == -1 else parts[-1] for _, parts in block]
    line = block[0][0]
    return example_of_tokens(str(line), tokens, tags, None, Place(path, line, notes))
