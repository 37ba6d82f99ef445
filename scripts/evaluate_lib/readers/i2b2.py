"""The XML of the i2b2/UTHealth de-identification track: TEXT and TAGS with offsets."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

from scripts.evaluate_lib.model import Example, Notes, SetError, Span
from scripts.evaluate_lib.readers.files import read_text


class I2b2Reader:
    """Reads one file, or a folder of them."""

    name = "i2b2"

    def fits(self, path: Path, head: str) -> bool:
        """Take XML with tags that stand off from their text."""
        if path.is_dir():
            return next(path.rglob("*.xml"), None) is not None
        return head.lstrip().startswith("<") and "<TEXT>" in head and "<PHI" not in head

    def read(self, path: Path, notes: Notes) -> Iterator[Example]:
        """Give the texts by name."""
        for file in sorted(path.rglob("*.xml")) if path.is_dir() else [path]:
            content = read_text(file)
            if "<!ENTITY" in content:
                raise SetError(file, None, "entities of its own are not read.")
            try:
                root = ET.fromstring(content)
            except ET.ParseError as error:
                raise SetError(file, error.position[0], "this is not XML.") from None
            text = root.findtext("TEXT")
            if text is None:
                raise SetError(file, None, "it has no TEXT.")
            yield Example(file.stem, text, tuple(sorted(_spans(file, root, text))))


def _spans(file: Path, root: ET.Element, text: str) -> Iterator[Span]:
    for tag in root.findall("TAGS/*"):
        label = tag.get("TYPE") or tag.tag
        try:
            start, end = int(tag.get("start", "")), int(tag.get("end", ""))
        except ValueError:
            raise SetError(file, None, f"a {tag.tag} has no start or end.") from None
        if not 0 <= start < end <= len(text):
            raise SetError(file, None, f"{tag.tag} {start} to {end} does not lie in the text.")
        yield Span(start, end, label)
