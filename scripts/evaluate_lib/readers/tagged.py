"""Texts with their labels in them: `<NAME>...</NAME>`, `<PHI TYPE="NAME">...`, `[...](NAME)`."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path

from scripts.evaluate_lib.model import Example, Notes, SetError, Span
from scripts.evaluate_lib.readers.files import read_text

TAGGED = re.compile(
    r"<(?P<tag>[A-Z][A-Z0-9_-]*)(?:\s+(?:TYPE|type|label)=[\"'](?P<type>[^\"']+)[\"'][^<>]*)?>"
    r"(?P<value>[^<>]*)</(?P=tag)>"
    r"|\[(?P<words>[^\[\]]+)\]\((?P<label>[A-Z][A-Z0-9_-]+)\)"
)
_OPEN = re.compile(r"</?[A-Z][A-Z0-9_-]+(?:\s[^<>]*)?>")
_RECORD = re.compile(r"<RECORD\b[^>]*?(?:ID=\"(?P<id>[^\"]*)\")?[^>]*>(?P<body>.*?)</RECORD>", re.S)
_ABOUT_RECORDS = re.compile(r"</?(?:TEXT|RECORD|ROOT)\b[^>]*>|<\?xml[^>]*>")


def untag(text: str) -> tuple[str, tuple[Span, ...]]:
    """Take the tags out of a text and give what stood in them as spans."""
    pieces: list[str] = []
    spans: list[Span] = []
    position = length = 0
    for match in TAGGED.finditer(text):
        before = text[position : match.start()]
        value = match["value"] if match["tag"] else match["words"]
        pieces += [before, value]
        start = length + len(before)
        length = start + len(value)
        if value.strip():
            spans.append(Span(start, length, match["type"] or match["tag"] or match["label"]))
        position = match.end()
    pieces.append(text[position:])
    return "".join(pieces), tuple(spans)


class TaggedReader:
    """Reads a file of such texts: records, blocks between blank lines, or one a line."""

    name = "tagged"

    def fits(self, path: Path, head: str) -> bool:
        """Take what has such a tag in it."""
        return TAGGED.search(head) is not None

    def read(self, path: Path, notes: Notes) -> Iterator[Example]:
        """Give the texts in order."""
        content = read_text(path)
        records = list(_RECORD.finditer(content))
        for record in records:
            line = content.count("\n", 0, record.start()) + 1
            text, spans = _checked(path, line, _ABOUT_RECORDS.sub("", record["body"]))
            yield _unescaped(Example(record["id"] or str(line), text, spans))
        if records:
            return
        blocks = re.compile(
            r"\S.*?(?=\n[ \t\r]*\n|\Z)|\S[^\n]*" if "\n\n" in content else r"\S[^\n]*", re.S
        )
        for block in blocks.finditer(content):
            line = content.count("\n", 0, block.start()) + 1
            yield Example(str(line), *_checked(path, line, block[0].rstrip()))


def _checked(path: Path, line: int, text: str) -> tuple[str, tuple[Span, ...]]:
    plain, spans = untag(text)
    left = _OPEN.search(plain)
    if left is not None:
        at = line + text[: text.find(left[0])].count("\n")
        raise SetError(path, at, f"the tag {left[0]} has no partner, or has tags within it.")
    return plain, spans


def _unescaped(example: Example) -> Example:
    if "&" not in example.text:
        return example
    pieces, spans, position, length = [], [], 0, 0
    for span in example.spans:
        before = html.unescape(example.text[position : span.start])
        value = html.unescape(example.text[span.start : span.end])
        start = length + len(before)
        length = start + len(value)
        pieces += [before, value]
        spans.append(Span(start, length, span.label))
        position = span.end
    pieces.append(html.unescape(example.text[position:]))
    return Example(example.name, "".join(pieces), tuple(spans))
