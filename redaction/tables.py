"""Cells of a table in text (RFC 4180), each under the name of its column."""

from __future__ import annotations

import re
from collections.abc import Iterator

TABLE_HINT = "#table"
"""The hint of a text that is a table."""

_SEPARATORS = ",;\t|"
_MAX_COLUMNS = 1_000


_HEADER_CHARS, _HEADER_NAME_CHARS = 400, 40
_HEADER_NAME = re.compile(r"[ \"']*[^\W\d][\w #./()'\"-]*")


def tables_in(text: str) -> Iterator[tuple[int, int]]:
    """Give start and end of what looks like a table within a text, as it is pasted into prose.

    That is a line of two names or more, and at least one line below it with as many cells.
    """
    start = width = rows = 0
    separator = ""
    position = 0
    for line in text.splitlines(keepends=True):
        if separator and line.count(separator) == width:
            rows += 1
        else:
            if rows:
                yield start, position
            separator, width = _header(line)
            start, rows = position, 0
        position += len(line)
    if separator and rows:
        yield start, position


def _header(line: str) -> tuple[str, int]:
    if len(line) <= _HEADER_CHARS:
        separator = max(_SEPARATORS, key=line.count)
        names = line.strip().split(separator)
        if len(names) > 1 and all(
            len(name) <= _HEADER_NAME_CHARS and _HEADER_NAME.fullmatch(name.strip())
            for name in names
            if name.strip()
        ):
            return separator, line.count(separator)
    return "", 0


def table_rows(text: str) -> Iterator[list[tuple[int, int, str]]]:
    """Give the cells of each row but the first, each with start, end and column's name."""
    row: list[tuple[int, int, str]] = []
    for cell in table_cells(text):
        if row and "\n" in text[row[-1][1] : cell[0]]:
            yield row
            row = []
        row.append(cell)
    if row:
        yield row


def table_cells(text: str) -> Iterator[tuple[int, int, str]]:
    """Give start, end and column's name of each cell but the first line's; quotes are outside."""
    head = text[: text.find("\n")] if "\n" in text else text
    separator = max(_SEPARATORS, key=head.count)
    mark = re.escape(separator)
    cell = re.compile(rf'"((?:[^"]|"")*+)"(?={mark}|[\r\n]|\Z)|([^{mark}\r\n]*+)')
    names: list[str] = []
    position = row = column = 0
    while position < len(text):
        match = cell.match(text, position)
        assert match is not None
        start, end = match.span(1) if match[1] is not None else match.span(2)
        if row == 0 and column < _MAX_COLUMNS:
            names.append(text[start:end].strip()[:64])
        elif row and column < len(names) and start < end:
            yield start, end, names[column]
        position = match.end()
        if text.startswith(separator, position):
            position, column = position + 1, column + 1
            continue
        while position < len(text) and text[position] in "\r\n":
            position += 1
        row, column = row + 1, 0
