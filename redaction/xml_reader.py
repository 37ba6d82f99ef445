"""XML read safely by expat: no document type, no entities of its own, bounded depth and size."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from typing import Any
from xml.parsers import expat

from redaction.errors import UnsupportedDocument

MAX_DEPTH = 200
MAX_NODES = 100_000
"""Elements, comments and instructions of one document, at most."""

_DECLARED = re.compile(
    r"""\s*<\?xml\s[^>]{0,100}?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["'][^>]{0,100}\?>"""
)
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_ALIKE = {"utf8": "utf-8", "us-ascii": "utf-8", "ascii": "utf-8", "latin1": "latin-1"} | {
    "iso-8859-1": "latin-1",
    "windows-1252": "cp1252",
}
_CODECS = frozenset({"utf-8", "utf-16-le", "utf-16-be", "latin-1", "cp1252"})


class XmlText:
    """An XML document as text, and how to write it back in its own encoding."""

    def __init__(self, body: bytes, charset: str = "") -> None:
        """Decode the body.

        Raises `UnsupportedDocument` where byte order mark, declaration and charset disagree, and
        for encodings other than UTF-8, UTF-16, ISO-8859-1 and Windows-1252.
        """
        self.mark, codec = b"", ""
        for mark, name in _MARKS:
            if body.startswith(mark):
                self.mark, codec = mark, name
        if not codec and body[:4] in (b"<\0?\0", b"\0<\0?"):
            codec = "utf-16-le" if body[0] else "utf-16-be"
        wide = codec.startswith("utf-16")
        content = body[len(self.mark) :]
        head = content[:1024].decode(codec if wide else "latin-1", "replace")
        found = _DECLARED.match(head)
        declared = found[1].lower() if found else ""
        for said in (charset, declared):
            plain = _ALIKE.get(said, said)
            if wide and plain in ("", "utf-16", codec.replace("-le", "le").replace("-be", "be")):
                continue
            if plain in ("", codec):
                continue
            if codec and not (content.isascii() and plain in _CODECS and not wide):
                raise UnsupportedDocument("The XML names two encodings.")
            codec = plain
        self.codec = codec or "utf-8"
        if self.codec not in _CODECS:
            raise UnsupportedDocument("The XML is in an encoding that is not read here.")
        try:
            self.text = content.decode(self.codec)
        except UnicodeError:
            raise UnsupportedDocument("The XML is not in its encoding.") from None

    def encode(self, text: str) -> bytes:
        """Write a changed text in the document's encoding."""
        return self.mark + text.encode(self.codec, "xmlcharrefreplace")


def read_xml(text: bytes, **handlers: Callable[..., Any]) -> None:
    """Run expat over XML in UTF-8; raises `UnsupportedDocument`, also for a document type."""
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.ordered_attributes = True
    depth = nodes = 0
    opened, closed = handlers.get("opened"), handlers.get("closed")

    def node() -> None:
        nonlocal nodes
        nodes += 1
        if nodes > MAX_NODES:
            raise UnsupportedDocument(f"The XML has more than {MAX_NODES} elements.")

    def start(name: str, attributes: list[str]) -> None:
        nonlocal depth
        depth += 1
        node()
        if depth > MAX_DEPTH:
            raise UnsupportedDocument(f"The XML is more than {MAX_DEPTH} elements deep.")
        if opened is not None:
            opened(parser.CurrentByteIndex, name, attributes)

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        if closed is not None:
            closed(parser.CurrentByteIndex)

    def doctype(*_: object) -> None:
        raise UnsupportedDocument("The XML has a document type (DTD), which is never read.")

    def comment(data: str) -> None:
        node()
        if "comment" in handlers:
            handlers["comment"](parser.CurrentByteIndex, data)

    def instruction(target: str, data: str) -> None:
        node()
        if "instruction" in handlers:
            handlers["instruction"](parser.CurrentByteIndex, f"{target} {data}")

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.StartDoctypeDeclHandler = doctype
    parser.CommentHandler = comment
    parser.ProcessingInstructionHandler = instruction
    if "characters" in handlers:
        parser.CharacterDataHandler = handlers["characters"]
    try:
        parser.Parse(text, True)
    except expat.ExpatError:
        # What it says may quote a name of the document.
        raise UnsupportedDocument("The body is not well-formed XML.") from None


def check_xml(body: bytes, charset: str = "") -> None:
    """Tell that a body is XML that is read here; raises `UnsupportedDocument`."""
    try:
        text = XmlText(body, charset).text.encode()
    except UnicodeEncodeError:
        raise UnsupportedDocument("The XML is not in its encoding.") from None
    read_xml(text)
