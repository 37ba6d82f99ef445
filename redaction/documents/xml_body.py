"""XML: texts, attribute values and comments, replaced where they stand."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple
from xml.sax.saxutils import escape

from redaction.documents.attachments import open_payload
from redaction.documents.model import MAX_LEAVES, Document, Leaf, Reading
from redaction.documents.spread import spread_over
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
Encode = Callable[[bytes], str]


class Mark(NamedTuple):
    """What a text or an attribute is: see `Leaf`."""

    hint: str = ""
    entity: str = ""
    form: str = ""
    subject: str = ""


class XmlRules:
    """What the places of an XML vocabulary hold; this one knows none."""

    def opened(self, name: str, attributes: Mapping[str, str]) -> None:
        """Note that an element begins; `name` is without its prefix."""

    def closed(self) -> None:
        """Note that an element ends."""

    def knows(self, name: str) -> bool:
        """Tell whether a name is one of the vocabulary, so that it can hold no value."""
        return False

    def attribute(self, name: str, value: str, hint: str) -> Mark | None:
        """Say what an attribute of the open element is; None for a word of the vocabulary."""
        return Mark(hint)

    def prefix(self, name: str, value: str) -> str:
        """Give what begins an attribute's value and is no part of what it is."""
        return ""

    def text(self, hint: str) -> Mark:
        """Say what a text within the open element is."""
        return Mark(hint)

    def declared(self) -> str:
        """Give the type of the file that the open element's text is in base64; else empty."""
        return ""


KNOWN_NAMESPACES = frozenset(
    {
        "http://www.w3.org/1999/xhtml",
        "http://www.w3.org/2001/XMLSchema-instance",
        "http://www.w3.org/2001/XMLSchema",
        "http://www.w3.org/2000/09/xmldsig#",
        "http://hl7.org/fhir",
        "urn:hl7-org:v3",
        "urn:hl7-org:sdtc",
        "urn:hl7-org:v3/voc",
    }
)
"""Namespaces that hold nothing, in vocabularies that are known."""


class XmlDocument:
    """An XML document.

    Where an element has both text and elements in it, its whole text is a leaf once more: a value
    that is found only there is spread over elements, and is cut out of each.
    """

    def __init__(
        self,
        body: bytes,
        charset: str = "",
        rules: XmlRules | None = None,
        reading: Reading | None = None,
    ) -> None:
        """Read the body; raises `UnsupportedDocument` where it is not well-formed or has a DTD."""
        self._body = body
        self._rules = XmlRules() if rules is None else rules
        self._reading = reading
        self._files: list[tuple[int, int, Document, Encode, int]] = []
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
        replaced = dict(replaced)
        # Inner elements come first, and what is cut there is seen by those around them.
        for whole, runs in self._spread.items():
            if whole in replaced:
                old = [self.leaves[run].text for run in runs]
                new = [replaced.get(run, text) for run, text in zip(runs, old, strict=True)]
                spread = spread_over(old, new, replaced[whole])
                for run, text, was in zip(runs, spread, old, strict=True):
                    if text != was:
                        replaced[run] = text
        written: list[tuple[int, int, str]] = []
        for start, end, document, encode, first in self._files:
            inner = range(first, first + len(document.leaves))
            changes = {index - first: replaced.pop(index) for index in inner if index in replaced}
            if changes:
                written.append((start, end, encode(document.rebuild(changes))))
        for index, text in replaced.items():
            if index not in self._spread:
                start, end, write = self._places[index]
                written.append((start, end, write(clean(text))))
        pieces: list[bytes] = []
        position = 0
        for start, end, text in sorted(written):
            if start < position:
                # A comment within a text that is replaced goes with it.
                continue
            pieces += [self._utf8[position:start], text.encode("utf-8", "replace")]
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
        self._rules.opened(short, dict(zip(attributes[::2], attributes[1::2], strict=True)))
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
            mark = self._rules.attribute(key, value, named) if value else None
            if mark is not None:
                start, end = found.span(1)
                place = f"{pointer}/@{key[:_NAME_CHARS]}"
                before = self._rules.prefix(key, value)
                write = _value if not before else functools.partial(_behind, before)
                self._add(start, end, Leaf(place, value[len(before) :], *mark), write)
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
            leaf = Leaf(element.pointer, whole, element.hint, "", "", self._rules.text("").subject)
            self._spread[self._add(0, 0, leaf, _fixed)] = tuple(runs)
        self._rules.closed()

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
            if self._rules.knows(name):
                return
            self._add(index, index, Leaf(pointer, name, NAME_HINT), _fixed)

    def _end_run(self, end: int) -> None:
        text = "".join(self._run)
        self._run.clear()
        if text.strip() and self._open:
            element = self._open[-1]
            element.text = True
            if self._reading is not None and self._file(text, end, element):
                return
            leaf = Leaf(element.pointer, text, *self._rules.text(element.hint))
            self._runs.append(self._add(self._position, end, leaf, escape))

    def _file(self, text: str, end: int, element: _Element) -> bool:
        """Add the leaves of the file that a text is in base64; False where it is none."""
        declared = self._rules.declared()
        assert self._reading is not None
        file = open_payload("data", text, declared, self._reading) if declared else None
        if file is None:
            return False
        self._files.append((self._position, end, file.document, file.encode, len(self.leaves)))
        for leaf in file.document.leaves:
            place = f"{element.pointer}{leaf.pointer}"[:_POINTER_CHARS]
            self._add(end, end, leaf._replace(pointer=place), escape)
        return True


@dataclass(slots=True)
class _Element:
    """An element that is open; `first` is where its texts begin among all."""

    pointer: str
    short: str
    hint: str
    first: int
    elements: bool = False
    text: bool = False


def clean(text: str) -> str:
    """Give a text without what XML cannot hold."""
    return _FORBIDDEN.sub(" ", text)


def _value(text: str) -> str:
    return '"' + escape(text, {'"': "&quot;", "\n": "&#10;", "\r": "&#13;", "\t": "&#9;"}) + '"'


def _behind(before: str, text: str) -> str:
    return _value(before + text)


def _comment_text(text: str) -> str:
    return text.replace("--", "- -").removesuffix("-")


def _fixed(text: str) -> str:
    raise RedactionError("What was found stands in a name of the XML and cannot be cut out.")
