"""Blocks of a query and its tags: `===QUERY===`, the text, `===PHI_TAGS===`, JSON values."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from scripts.evaluate_lib.model import Example, Notes, SetError
from scripts.evaluate_lib.readers.files import read_text
from scripts.evaluate_lib.readers.spans import Place, spans_of

_HEADING = re.compile(r"===\s*([A-Z_ ]+?)\s*===\s*")


class QueryBlocksReader:
    """Reads the blocks of a file."""

    name = "blocks"

    def fits(self, path: Path, head: str) -> bool:
        """Take what begins with such a heading."""
        return _HEADING.match(head.lstrip()) is not None

    def read(self, path: Path, notes: Notes) -> Iterator[Example]:
        """Give the queries in order."""
        texts: list[str] = []
        tags: list[object] = []
        begun, in_tags = 0, False
        for number, line in enumerate([*read_text(path).splitlines(), "===END==="], 1):
            heading = _HEADING.fullmatch(line)
            if heading is not None and "TAG" in heading[1]:
                in_tags = True
            elif heading is not None:
                if begun:
                    text = "\n".join(texts).strip("\n")
                    yield Example(str(begun), text, spans_of(tags, text, Place(path, begun, notes)))
                texts, tags, begun, in_tags = [], [], number, False
            elif not in_tags:
                texts.append(line)
            elif line.strip():
                try:
                    tags.append(json.loads(line))
                except ValueError:
                    raise SetError(path, number, "a tag must be one JSON object.") from None
