"""JSON lines, a record on each."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from scripts.evaluate_lib.model import Case, Example, Notes, SetError
from scripts.evaluate_lib.readers.files import read_text
from scripts.evaluate_lib.readers.records import item_of


class JsonLinesReader:
    """Reads texts with spans, and structured bodies, one a line."""

    name = "jsonl"

    def fits(self, path: Path, head: str) -> bool:
        """Take what is called so, and what begins with an object on a line of its own."""
        if path.is_dir():
            return False
        return path.suffix in (".jsonl", ".ndjson") or head.lstrip().startswith(('{"', "{'", "{ "))

    def read(self, path: Path, notes: Notes) -> Iterator[Example | Case]:
        """Give the items in order."""
        for number, line in enumerate(read_text(path).split("\n"), 1):
            if not line.strip():
                continue
            try:
                record = json.loads(line)
            except ValueError as error:
                raise SetError(path, number, f"this is not JSON ({error}).") from None
            yield item_of(record, path, number, notes)
