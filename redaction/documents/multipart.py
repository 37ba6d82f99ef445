"""Multipart bodies: the names, file names, headers and contents of their parts."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import quote, unquote

from redaction.documents.model import MAX_LEAVES, Document, Leaf
from redaction.errors import RedactionError, UnsupportedDocument
from redaction.field_names import NAME_HINT
from redaction.media_type import MediaType, Parameter
from redaction.multipart import Field, Part, delimiter_of, split_multipart

Parse = Callable[[str, bytes, int], Document]
"""Reads the content of a part by its Content-Type, at a depth."""

_CONTROL = re.compile("[\x00-\x1f\x7f]")
_STANDARD = frozenset({"content-type", "content-disposition", "content-transfer-encoding"})
_EXTENDED = re.compile(r"(?i:utf-8)'[A-Za-z-]*'((?:[!#$&+.^_`|~0-9A-Za-z-]|%[0-9A-Fa-f]{2})*)")


class MultipartDocument:
    """A multipart body; what its parts are called and what they carry are leaves."""

    def __init__(self, body: bytes, media: MediaType, depth: int, parse: Parse) -> None:
        """Read the body; raises `UnsupportedDocument` where it, or a part of it, cannot be read."""
        self._body, self._media, self._depth = body, media, depth
        self._sections: list[tuple[Document, int]] = []
        # It stands in the Content-Type as well, and both stay as they are.
        self.leaves: list[Leaf] = [Leaf("/boundary", media.boundary)]
        for number, part in enumerate(split_multipart(body, media, depth)):
            self._add(_Head(part, number))
            self._add(_content(part, number, depth, parse))

    def _add(self, section: Document) -> None:
        self._sections.append((section, len(self.leaves)))
        self.leaves += section.leaves
        if len(self.leaves) > MAX_LEAVES:
            raise UnsupportedDocument(f"The body has more than {MAX_LEAVES} texts.")

    def rebuild(self, replaced: Mapping[int, str]) -> bytes:
        """Put new texts in place of leaves; all else keeps its bytes."""
        if not replaced:
            return self._body
        if 0 in replaced:
            raise RedactionError("What was found is the boundary of the multipart body.")
        written = [
            section.rebuild(
                {
                    index: replaced[offset + index]
                    for index in range(len(section.leaves))
                    if offset + index in replaced
                }
            )
            for section, offset in self._sections
        ]
        delimiter = delimiter_of(self._media)
        before = b"\r\n" if self._body.startswith(b"\r\n") else b""
        after = b"--\r\n" if self._body.endswith(b"\r\n") else b"--"
        parts = [
            b"%s\r\n%s%s\r\n" % (delimiter, head, content)
            for head, content in zip(written[::2], written[1::2], strict=True)
        ]
        body = b"".join([before, *parts, delimiter, after])
        try:
            whole = len(split_multipart(body, self._media, self._depth)) == len(parts)
        except UnsupportedDocument:
            whole = False
        if not whole:
            raise RedactionError("The multipart body could not be put together again.")
        return body


class _Head:
    """The header of a part."""

    def __init__(self, part: Part, number: int) -> None:
        self._raw = part.raw[: part.content_start]
        self._places: list[tuple[int, int, Callable[[str], str]]] = []
        self.leaves: list[Leaf] = []
        for field in part.fields:
            pointer = f"/{number}/{field.name[:64]}"
            if field.shown:
                for item in field.shown:
                    self._add_parameter(field, item, pointer)
                continue
            if field.name.lower() not in _STANDARD:
                self._add(field, 0, 0, Leaf(pointer, field.name, NAME_HINT), _fixed)
            write = _fixed if field.name.lower() in _STANDARD else _plain
            self._add(field, 0, len(field.value), Leaf(pointer, field.value, field.name), write)

    def _add_parameter(self, field: Field, item: Parameter, pointer: str) -> None:
        text, write = item.text, _quoted
        if item.name.endswith("*"):
            match = _EXTENDED.fullmatch(text)
            if match is None:
                raise UnsupportedDocument("A part's file name is encoded in an unknown way.")
            text, write = unquote(match[1]), _extended
        elif field.value[item.start - 1 : item.start] != '"':
            write = _unquoted
        hint = NAME_HINT if item.name == "name" else "filename"
        self._add(field, item.start, item.end, Leaf(f"{pointer}/{item.name}", text, hint), write)

    def _add(
        self, field: Field, start: int, end: int, leaf: Leaf, write: Callable[[str], str]
    ) -> None:
        first, last = (field.start + len(field.value[:at].encode()) for at in (start, end))
        self._places.append((first, last, write))
        self.leaves.append(leaf)

    def rebuild(self, replaced: Mapping[int, str]) -> bytes:
        pieces: list[bytes] = []
        position = 0
        for index, (start, end, write) in enumerate(self._places):
            if index in replaced:
                pieces += [self._raw[position:start], write(replaced[index]).encode()]
                position = end
        return b"".join([*pieces, self._raw[position:]])


class _Encoded:
    """Content with a transfer encoding, which some readers undo and others leave."""

    def __init__(self, part: Part, inner: Document) -> None:
        self._part, self._inner = part, inner
        try:
            text = part.content.decode("ascii")
        except UnicodeDecodeError:
            raise UnsupportedDocument("A part is not in the encoding that it names.") from None
        self.leaves = [*inner.leaves, Leaf("", text)]

    def rebuild(self, replaced: Mapping[int, str]) -> bytes:
        if not replaced:
            return self._part.content
        undone = {index: text for index, text in replaced.items() if index + 1 < len(self.leaves)}
        if not undone:
            raise RedactionError("What was found stands in an encoded part and cannot be cut out.")
        content = self._inner.rebuild(undone)
        if self._part.transfer == "base64":
            return base64.encodebytes(content).replace(b"\n", b"\r\n").removesuffix(b"\r\n")
        return binascii.b2a_qp(content, istext=False).replace(b"=\n", b"=\r\n")


def _content(part: Part, number: int, depth: int, parse: Parse) -> Document:
    declared = next((f.value for f in part.fields if f.name.lower() == "content-type"), "")
    document = parse(declared or "text/plain", part.decoded(), depth + 1)
    if part.transfer:
        document = _Encoded(part, document)
    return _Named(document, part.name or "", number)


class _Named:
    """Content under the name of its part, which tells what it may be."""

    def __init__(self, document: Document, name: str, number: int) -> None:
        self._document = document
        self.leaves: Sequence[Leaf] = [
            leaf._replace(pointer=f"/{number}{leaf.pointer}"[:200], hint=leaf.hint or name[:64])
            for leaf in document.leaves
        ]

    def rebuild(self, replaced: Mapping[int, str]) -> bytes:
        return self._document.rebuild(replaced)


def _fixed(text: str) -> str:
    raise RedactionError("What was found stands in a part's header and cannot be cut out of it.")


def _plain(text: str) -> str:
    return _CONTROL.sub(" ", text)


def _quoted(text: str) -> str:
    return _plain(text).replace('"', "'").replace("\\", "/")


def _unquoted(text: str) -> str:
    return f'"{_quoted(text)}"'


def _extended(text: str) -> str:
    return f"utf-8''{quote(text, safe='')}"
