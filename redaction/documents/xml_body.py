"""XML: texts, attribute values and comments, replaced where they stand."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from xml.sax.saxutils import escape

from redaction.documents.model import MAX_LEAVES, Leaf
from redaction.errors import RedactionError, UnsupportedDocument
from redaction.field_names import NAME_HINT
from redaction.xml_reader import XmlText, read_xml

_ATTRIBUTE = re.compile(rb"""[ \t\r\n]+[^ \t\r\n=>/]+[ \t\r\n]*=[ \t\r\n]*("[^"]*"|'[^']*')""")
_TAG = re.compile(rb"<[^ \t\r\n/>]+")
_TAG_END = re.compile(rb"[ \t\r\n]*/?>")
_POINTER_CHARS, _NAME_CHARS = 200, 64
# What XML 1.0 cannot hold, not even as a reference.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")

Write = Callable[[str], str]


class XmlDocument:
    """An XML document.

    Where an element has both text and elements in it, its whole text is a leaf once more: a value
    that is found only there is spread over elements, and cannot be cut out.
    """

    def __init__(self, body: bytes, charset: str = "") -> None:
        """Read the body; raises `UnsupportedDocument` where it is not well-formed or has a DTD."""
        self._body = body
        self._xml = XmlText(body, charset)
        self._utf8 = self._xml.text.encode()
        self.leaves: list[Leaf] = []
        self._places: list[tuple[int, int, Write]] = []
        self._spread: dict[int, tuple[int, ...]] = {}
        self._names: set[str] = set()
        self._position = 0
        self._run: list[str] = []
        self._runs: list[int] = []
        self._mixed = 0
        self._open: list[_Element] = []
        read_xml(
            self._utf8,
            opened=self._opened,
            closed=self._closed,
            characters=self._run.append,
            comment=self._comment,
            instruction=self._instruction,
        )

    def rebuild(self, replaced: Mapping[int, str]) -> bytes:
        """Put new texts in place of leaves; all else keeps its bytes."""
        if not replaced:
            return self._body
        for whole, runs in self._spread.items():
            if whole not in replaced:
                continue
            joined = "".join(replaced.get(run, self.leaves[run].text) for run in runs)
            if joined != replaced[whole]:
                raise RedactionError("What was found is spread over several elements of the XML.")
        pieces: list[bytes] = []
        position = 0
        chosen = ((*self._places[index], index) for index in replaced if index not in self._spread)
        for start, end, write, index in sorted(chosen, key=lambda place: place[:2]):
            if start < position:
                # A comment within a text that is replaced goes with it.
                continue
            text = write(_FORBIDDEN.sub(" ", replaced[index]))
            pieces += [self._utf8[position:start], text.encode()]
            position = end
        body = b"".join([*pieces, self._utf8[position:]])
        try:
            read_xml(body)
        except UnsupportedDocument:
            raise RedactionError("The XML could not be put together again.") from None
        return self._xml.encode(body.decode())

    def _add(self, start: int, end: int, leaf: Leaf, write: Write) -> int:
        self._places.append((start, end, write))
        self.leaves.append(leaf)
        if len(self.leaves) > MAX_LEAVES:
            raise UnsupportedDocument(f"The body has more than {MAX_LEAVES} texts.")
        return len(self.leaves) - 1

    def _opened(self, index: int, name: str, attributes: list[str]) -> None:
        self._end_run(index)
        if self._open:
            self._open[-1].elements = True
        parent = self._open[-1] if self._open else _Element("", "", "", 0)
        short = name.rpartition(":")[2][:_NAME_CHARS]
        pointer = f"{parent.pointer}/{short}"
        if len(pointer) > _POINTER_CHARS:
            pointer = parent.pointer
        hint = f"{parent.short}/{short}" if parent.short else short
        self._open.append(_Element(pointer, short, hint, len(self._runs)))
        self._name(index, name, pointer)
        match = _TAG.match(self._utf8, index)
        assert match is not None
        position = match.end()
        values = attributes[1::2]
        # As FHIR writes: <family value="Doe"/>.
        for key, value in zip(attributes[::2], values, strict=True):
            found = _ATTRIBUTE.match(self._utf8, position)
            if found is None:
                raise UnsupportedDocument("The XML has a tag that cannot be read.")
            position = found.end()
            self._name(index, key, pointer)
            named = hint if key == "value" else f"{short}/{key[:_NAME_CHARS]}"
            if value:
                start, end = found.span(1)
                self._add(start, end, Leaf(f"{pointer}/@{key[:_NAME_CHARS]}", value, named), _value)
        ending = _TAG_END.match(self._utf8, position)
        if ending is None:
            raise UnsupportedDocument("The XML has a tag that cannot be read.")
        self._position = ending.end()

    def _closed(self, index: int) -> None:
        self._end_run(index)
        if self._utf8.startswith(b"</", index) and index >= self._position:
            self._position = self._utf8.index(b">", index) + 1
        element = self._open.pop()
        runs = self._runs[element.first :] if element.elements and element.text else []
        if len(runs) > 1:
            whole = "".join([self.leaves[run].text for run in runs])
            self._mixed += len(whole)
            if self._mixed > 4 * len(self._utf8):
                raise UnsupportedDocument("The XML mixes text and elements too deep.")
            leaf = Leaf(element.pointer, whole, element.hint)
            self._spread[self._add(0, 0, leaf, _fixed)] = tuple(runs)

    def _comment(self, index: int, data: str) -> None:
        self._loose(index, data, _comment_text, len("<!--"), b"-->")

    def _instruction(self, index: int, data: str) -> None:
        self._loose(index, data, _fixed, 0, b"?>")

    def _loose(self, index: int, data: str, write: Write, skip: int, ending: bytes) -> None:
        if data.strip():
            end = self._utf8.index(ending, index)
            self._add(index + skip, end, Leaf("", data), write)

    def _name(self, index: int, name: str, pointer: str) -> None:
        if name not in self._names:
            self._names.add(name)
            self._add(index, index, Leaf(pointer, name, NAME_HINT), _fixed)

    def _end_run(self, end: int) -> None:
        text = "".join(self._run)
        self._run.clear()
        if text.strip() and self._open:
            element = self._open[-1]
            element.text = True
            leaf = Leaf(element.pointer, text, element.hint)
            self._runs.append(self._add(self._position, end, leaf, escape))


@dataclass(slots=True)
class _Element:
    """An element that is open; `first` is where its texts begin among all."""

    pointer: str
    short: str
    hint: str
    first: int
    elements: bool = False
    text: bool = False


def _value(text: str) -> str:
    return '"' + escape(text, {'"': "&quot;", "\n": "&#10;", "\r": "&#13;", "\t": "&#9;"}) + '"'


def _comment_text(text: str) -> str:
    return text.replace("--", "- -").removesuffix("-")


def _fixed(text: str) -> str:
    raise RedactionError("What was found stands in a name of the XML and cannot be cut out.")
