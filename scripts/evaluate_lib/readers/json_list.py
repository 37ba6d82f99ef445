"""One JSON document with a list of records, as presidio-research writes it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from scripts.evaluate_lib.model import Case, Example, Notes, SetError
from scripts.evaluate_lib.readers.files import read_text
from scripts.evaluate_lib.readers.records import item_of


class JsonReader:
    """Reads a list of records, or an object that has one."""

    name = "json"

    def fits(self, path: Path, head: str) -> bool:
        """Take a list, and a file called so that is no JSON lines."""
        if path.is_dir():
            return False
        begin = head.lstrip()
        if begin.startswith("["):
            return begin[1:].lstrip()[:1] in ("{", "[", "]") or path.suffix == ".json"
        first_line = begin.partition("\n")[0].strip()
        return path.suffix == ".json" and not (
            first_line.startswith("{") and first_line.endswith("}") and "\n" in begin.strip()
        )

    def read(self, path: Path, notes: Notes) -> Iterator[Example | Case]:
        """Give the items in order; lines in messages are those where a record begins."""
        text = read_text(path)
        try:
            document = json.loads(text)
        except json.JSONDecodeError as error:
            raise SetError(path, error.lineno, f"this is not JSON ({error.msg}).") from None
        if isinstance(document, dict):
            lists = [value for value in document.values() if isinstance(value, list) and value]
            document = next((each for each in lists if isinstance(each[0], dict)), [document])
        lines = _record_lines(text, len(document))
        for record, line in zip(document, lines, strict=True):
            yield item_of(record, path, line, notes)


def _record_lines(text: str, count: int) -> list[int]:
    """Tell the lines where the records of a list begin, as far as that is to be had cheaply."""
    decoder = json.JSONDecoder()
    lines: list[int] = []
    position, line = text.find("[") + 1, 1
    counted = 0
    for _ in range(count):
        while position < len(text) and text[position] in " \t\r\n,":
            position += 1
        line += text.count("\n", counted, position)
        counted = position
        lines.append(line)
        try:
            _, position = decoder.raw_decode(text, position)
        except ValueError:
            break
    return lines + [line] * (count - len(lines))
