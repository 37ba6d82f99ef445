"""Multipart bodies (RFC 2046, RFC 7578) taken apart where every reader would cut them alike."""

from __future__ import annotations

import base64
import binascii
import quopri
import re
from dataclasses import dataclass

from redaction.errors import UnsupportedDocument
from redaction.media_type import MediaType, Parameter, parameters, read_media_type

MAX_PARTS = 1000
MAX_DEPTH = 3
"""How many multipart bodies may lie within one another."""
MAX_HEADERS = 16
MAX_HEADER_BYTES = 8 * 1024

_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=?-]{1,70}")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*)")
_ESCAPED = re.compile(r"%[0-9A-Fa-f]{2}|\\")
_BASE64_NOISE = re.compile(rb"[\r\n \t]")
_QUOTED = re.compile(rb"(?:[\t\r\n !-<>-~]|=[0-9A-F]{2}|=\r\n)*")

_DISPOSITIONS = frozenset({"form-data", "attachment", "inline"})
_DISPOSITION_PARAMETERS = frozenset({"name", "filename", "filename*", "size"})
_AS_IT_IS = frozenset({"", "7bit", "8bit", "binary"})


@dataclass(frozen=True, slots=True)
class Field:
    """A header field of a part: its name, its value, and the byte at which the value starts."""

    name: str
    value: str
    start: int
    shown: tuple[Parameter, ...] = ()
    """The parameters of a Content-Disposition."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a multipart body."""

    raw: bytes
    """Header and content, as they stand between the boundaries."""
    fields: tuple[Field, ...]
    content_start: int
    name: str | None
    filename: str | None
    media: MediaType
    transfer: str
    """Its Content-Transfer-Encoding, empty where the content stands as it is."""

    @property
    def content(self) -> bytes:
        """What the part carries, as it stands."""
        return self.raw[self.content_start :]

    def decoded(self) -> bytes:
        """Give the content without its transfer encoding; raises `UnsupportedDocument`."""
        content = self.content
        if self.transfer == "base64":
            try:
                return base64.b64decode(_BASE64_NOISE.sub(b"", content), validate=True)
            except binascii.Error:
                raise UnsupportedDocument("A part of the body is not valid base64.") from None
        if self.transfer == "quoted-printable":
            if _QUOTED.fullmatch(content) is None:
                raise UnsupportedDocument("A part of the body is not valid quoted-printable.")
            return quopri.decodestring(content)
        return content


def delimiter_of(media: MediaType) -> bytes:
    """Give what stands before each part; raises `UnsupportedDocument` without a sound boundary."""
    if not media.sound or _BOUNDARY.fullmatch(media.boundary) is None:
        raise UnsupportedDocument("The multipart body has no boundary that all readers agree on.")
    return b"--" + media.boundary.encode("ascii")


def split_multipart(body: bytes, media: MediaType, depth: int = 1) -> list[Part]:
    """Take a multipart body apart.

    Raises `UnsupportedDocument` for what readers could cut in different places: text before the
    first or after the last boundary, a boundary anywhere but on a line of its own, lines that end
    in a bare LF, header fields twice or folded, and too many or too deep parts.
    """
    if depth > MAX_DEPTH:
        raise UnsupportedDocument(f"The body has multipart bodies more than {MAX_DEPTH} deep.")
    # Each place where the boundary stands must be one that cuts, so a plain split finds all.
    pieces = body.split(delimiter_of(media), MAX_PARTS + 2)
    if len(pieces) > MAX_PARTS + 2:
        raise UnsupportedDocument(f"The multipart body has more than {MAX_PARTS} parts.")
    if (
        len(pieces) < 3
        or pieces[0] not in (b"", b"\r\n")
        or pieces[-1] not in (b"--", b"--\r\n")
        or not all(
            piece.startswith(b"\r\n") and piece.endswith(b"\r\n") and len(piece) >= 4
            for piece in pieces[1:-1]
        )
    ):
        raise UnsupportedDocument("The multipart body's boundaries do not stand where they must.")
    form = media.type == "multipart/form-data"
    return [_part(piece[2:-2], form) for piece in pieces[1:-1]]


def _part(raw: bytes, form: bool) -> Part:
    if raw.startswith(b"\r\n"):
        head, content_start = b"", 2
    else:
        end = raw.find(b"\r\n\r\n", 0, MAX_HEADER_BYTES)
        if end < 0:
            raise UnsupportedDocument("A part of the body has a header that cannot be read.")
        head, content_start = raw[:end], end + 4
    fields = _fields(head)
    by_name = {field.name.lower(): field for field in fields}
    if len(by_name) < len(fields):
        raise UnsupportedDocument("A part of the body has a header field twice.")
    shown = by_name["content-disposition"].shown if "content-disposition" in by_name else ()
    said = {item.name: item.text for item in shown}
    name = said.get("name")
    if form and (name is None or _disposition(by_name) != "form-data"):
        raise UnsupportedDocument("A part of the form has no name.")
    if name is not None and _ESCAPED.search(name):
        raise UnsupportedDocument("A part's name is escaped, which readers read differently.")
    media = MediaType("text/plain")
    if "content-type" in by_name:
        media = read_media_type(by_name["content-type"].value)
        if not media.sound or not media.type:
            raise UnsupportedDocument("A part of the body has a Content-Type that is none.")
    transfer = ""
    if "content-transfer-encoding" in by_name:
        transfer = by_name["content-transfer-encoding"].value.lower()
        if transfer in _AS_IT_IS:
            transfer = ""
        elif transfer not in ("base64", "quoted-printable"):
            raise UnsupportedDocument("A part of the body has an unknown transfer encoding.")
    filename = said.get("filename", said.get("filename*"))
    return Part(raw, fields, content_start, name, filename, media, transfer)


def _fields(head: bytes) -> tuple[Field, ...]:
    if not head:
        return ()
    lines = head.split(b"\r\n", MAX_HEADERS)
    if len(lines) > MAX_HEADERS:
        raise UnsupportedDocument(f"A part of the body has more than {MAX_HEADERS} header fields.")
    found: list[Field] = []
    start = 0
    for line in lines:
        match = _FIELD.fullmatch(line)
        if match is None:
            raise UnsupportedDocument("A part of the body has a header that cannot be read.")
        try:
            name, value = match[1].decode("ascii"), match[2].decode("utf-8")
        except UnicodeDecodeError:
            raise UnsupportedDocument("A part of the body has a header outside UTF-8.") from None
        kind = name.lower()
        if kind != "content-disposition" and kind.startswith("content-"):
            value = value.rstrip(" \t")
        shown = _shown(value) if kind == "content-disposition" else ()
        found.append(Field(name, value, start + match.start(2), shown))
        start += len(line) + 2
    return tuple(found)


def _shown(value: str) -> tuple[Parameter, ...]:
    word = value.partition(";")[0]
    if word.strip(" \t").lower() not in _DISPOSITIONS:
        raise UnsupportedDocument("A part of the body has an unknown Content-Disposition.")
    shown = tuple(parameters(value, len(word)))
    if not _DISPOSITION_PARAMETERS.issuperset(item.name for item in shown):
        raise UnsupportedDocument("A part's Content-Disposition has an unknown parameter.")
    return shown


def _disposition(by_name: dict[str, Field]) -> str:
    field = by_name.get("content-disposition")
    return field.value.partition(";")[0].strip(" \t").lower() if field is not None else ""
