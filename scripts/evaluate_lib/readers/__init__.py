"""Readers of labelled sets, one for each common shape, chosen by name and content."""

from __future__ import annotations

from pathlib import Path

from scripts.evaluate_lib.model import Case, Example, Notes, Reader, SetError
from scripts.evaluate_lib.readers.brat import BratReader
from scripts.evaluate_lib.readers.conll import ConllReader
from scripts.evaluate_lib.readers.files import read_text
from scripts.evaluate_lib.readers.i2b2 import I2b2Reader
from scripts.evaluate_lib.readers.json_lines import JsonLinesReader
from scripts.evaluate_lib.readers.json_list import JsonReader
from scripts.evaluate_lib.readers.query_blocks import QueryBlocksReader
from scripts.evaluate_lib.readers.table import TableReader
from scripts.evaluate_lib.readers.tagged import TaggedReader

HEAD = 20_000
"""Characters from the start of a file by which its shape is told."""

READERS: tuple[Reader, ...] = (
    BratReader(),
    I2b2Reader(),
    QueryBlocksReader(),
    JsonReader(),
    JsonLinesReader(),
    TableReader(),
    ConllReader(),
    TaggedReader(),
)
"""In the order in which they are asked."""

FORMATS = tuple(reader.name for reader in READERS)


def read_set(path: Path, form: str | None = None) -> tuple[list[Example | Case], Notes]:
    """Read a labelled set; raises `SetError` where it cannot be read."""
    reader = _reader(path, form)
    notes = Notes()
    items = list(reader.read(path, notes))
    if not items:
        raise SetError(path, None, f"there is nothing in it (read as {reader.name}).")
    return items, notes


def _reader(path: Path, form: str | None) -> Reader:
    if not path.exists():
        raise SetError(path, None, "there is no such file or folder.")
    if form is not None:
        return next(reader for reader in READERS if reader.name == form)
    head = "" if path.is_dir() else read_text(path)[:HEAD]
    for reader in READERS:
        if reader.fits(path, head):
            return reader
    raise SetError(
        path, None, f"its shape is not known; name it with --format ({', '.join(FORMATS)})"
    )
