"""A table with a column of texts and one of spans as JSON."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from scripts.evaluate_lib.model import Case, Example, Notes, SetError
from scripts.evaluate_lib.readers.files import read_text
from scripts.evaluate_lib.readers.records import SPAN_KEYS, TEXT_KEYS, item_of


class TableReader:
    """Reads CSV, or the same with tabs."""

    name = "csv"

    def fits(self, path: Path, head: str) -> bool:
        """Take a table whose first row names a column of texts."""
        if path.is_dir() or path.suffix not in (".csv", ".tsv", ".txt"):
            return False
        names = {
            name.strip().lower() for name in next(csv.reader([_first(head)], _dialect(head)), [])
        }
        return path.suffix == ".csv" or bool(names & set(TEXT_KEYS) and names & set(SPAN_KEYS))

    def read(self, path: Path, notes: Notes) -> Iterator[Example | Case]:
        """Give the rows in order."""
        text = read_text(path)
        csv.field_size_limit(1 << 30)
        rows = csv.DictReader(io.StringIO(text, newline=""), dialect=_dialect(text), strict=True)
        line = 1
        try:
            for row in rows:
                line = rows.line_num
                if None in row:
                    raise SetError(path, line, "this row has more cells than the first.")
                yield item_of(row, path, line, notes)
        except csv.Error as error:
            raise SetError(path, max(line, rows.line_num), f"this is not CSV ({error}).") from None


def _first(text: str) -> str:
    return text.partition("\n")[0].rstrip("\r")


def _dialect(text: str) -> type[csv.Dialect]:
    first = _first(text)
    return csv.excel_tab if first.count("\t") > first.count(",") else csv.excel
