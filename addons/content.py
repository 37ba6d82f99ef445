"""What a request's body is: read by what it is, and refused where readers could disagree."""

from __future__ import annotations

import codecs
import json
import re
from typing import Any
from urllib.parse import parse_qs

import jiter

from addons.decode import DecodeError
from addons.exchange import Body
from redaction import UnsupportedDocument
from redaction.media_type import MediaType, looks_like_json, read_media_type
from redaction.multipart import Part, split_multipart
from redaction.xml_reader import check_xml
from rules.tools import FILE, UNREADABLE

MAX_FIELDS = 1000
"""Names in a query or form beyond which it is refused."""
MAX_RECORDS = 100_000
"""JSON texts in one body of several, at most."""

_UTF8 = frozenset({"", "utf-8", "utf8"})
_CODECS = {
    **dict.fromkeys(_UTF8 | {"us-ascii", "ascii"}, "utf-8"),
    **dict.fromkeys(("iso-8859-1", "latin-1", "latin1"), "latin-1"),
    **dict.fromkeys(("windows-1252", "cp1252"), "cp1252"),
    "utf-16": "utf-16-be",
    "utf-16le": "utf-16-le",
    "utf-16be": "utf-16-be",
}
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, ""),
    (codecs.BOM_UTF32_BE, ""),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# Of control characters a text has tab, line ends, form feed, backspace and escape.
_CONTROL = re.compile("[\x00-\x07\x0b\x0e-\x1a\x1c-\x1f]")
# What every encoder of forms leaves as it is. Readers cut at `;`, at NUL or at quotes differently.
_PLAIN_FORM = re.compile(rb"(?:[A-Za-z0-9*+._~&=!'()@:/,$\[\]-]|%(?!00)[0-9A-Fa-f]{2})*")


def parse(data: bytes, content_type: str) -> Body:
    """Parse a decoded body by what it is, not only by what it says it is.

    Raises `DecodeError` when it claims to be JSON, XML, a form or multipart and is not, or could
    be read as something else.
    """
    if not data:
        return Body()
    if content_type in _PLAIN_JSON and data[0] in b"{[" and data[1:2] != b"\0":
        # What nearly all calls are.
        return Body("json", data, _loads(data))
    media = read_media_type(content_type)
    kind = media.kind
    if kind == "json":
        return Body("json", data, read_json(data, media.charset))
    try:
        if kind == "multipart":
            return _multipart(data, media)
        if kind == "xml":
            check_xml(data, media.charset)
            return Body("xml", data)
    except UnsupportedDocument as error:
        raise DecodeError(str(error).rstrip(".")) from None
    if kind == "ndjson":
        return Body("ndjson", data, _records(data, media))
    if kind == "form":
        return _form(data, media)
    if looks_like_json(data):
        found = _sniffed(data, media)
        if found is not None:
            return found
    return _text(data, media)


def read_json(data: bytes, charset: str = "") -> Any:
    """Parse JSON in any Unicode encoding; raises `DecodeError` where readers could disagree.

    That is so for a key that stands in an object twice, for NaN and Infinity, lone surrogates,
    integers of more than 4300 digits, and a charset that is not the body's.
    """
    if data[0] in _ODD or data[1:2] == b"\0" or charset not in _UTF8:
        data = _utf8(data, charset)
    return _loads(data)


def _loads(data: bytes) -> Any:
    try:
        return jiter.from_json(
            data, allow_inf_nan=False, catch_duplicate_keys=True, partial_mode=False
        )
    except ValueError as error:
        # Its text may quote a key.
        if str(error).startswith("recursion limit"):
            raise DecodeError("JSON that is nested more than 200 deep") from None
        raise DecodeError("not valid JSON, or a key stands in it twice") from None


_PLAIN_JSON = frozenset({"application/json", "application/json; charset=utf-8"})
_ODD = b"\xef\xfe\xff\0"
"""First bytes of JSON that is not plain UTF-8: byte order marks and wide characters."""


def _utf8(data: bytes, charset: str) -> bytes:
    """Give JSON in UTF-8 without a byte order mark."""
    encoding = json.detect_encoding(data)
    wide = not encoding.startswith("utf-8")
    plain = encoding.removesuffix("-sig").replace("-le", "le").replace("-be", "be")
    family = plain[:6] if wide else plain
    # In ASCII most charsets write alike, in others a reader could find another text.
    alike = not wide and data.isascii() and _CODECS.get(charset) in ("utf-8", "latin-1", "cp1252")
    if charset not in ("", plain, family, "utf8" if not wide else "") and not alike:
        raise DecodeError("JSON in another charset than its Content-Type says")
    try:
        return data.decode(encoding).encode()
    except UnicodeError:
        raise DecodeError("not JSON in a Unicode encoding") from None


def _records(data: bytes, media: MediaType) -> list[Any]:
    if media.charset not in _UTF8 and media.charset != "us-ascii":
        raise DecodeError("JSON lines in another charset than UTF-8")
    lines = data.removeprefix(codecs.BOM_UTF8).split(media.separator, MAX_RECORDS + 1)
    if len(lines) > MAX_RECORDS:
        raise DecodeError(f"more than {MAX_RECORDS} JSON texts")
    return [read_json(line) for line in lines if line.strip(b" \t\r\n")]


def _sniffed(data: bytes, media: MediaType) -> Body | None:
    """Read as JSON, or as JSON lines, what never said that it was; None where it is neither."""
    if media.charset not in _CODECS:
        return None
    try:
        return Body("json", data, read_json(data, media.charset))
    except DecodeError:
        pass
    if b"\n" not in data:
        return None
    try:
        return Body("ndjson", data, _records(data, MediaType()))
    except DecodeError:
        return None


def _form(data: bytes, media: MediaType) -> Body:
    codec = _CODECS.get(media.charset, "")
    if codec not in ("utf-8", "latin-1", "cp1252"):
        raise DecodeError("a form in a charset other than UTF-8")
    if looks_like_json(data):
        try:
            value = read_json(data, media.charset)
        except DecodeError:
            pass
        else:
            # As a form it could say something else.
            return Body("json", data, value, ambiguous=b"=" in data or b"&" in data)
    try:
        fields = parse_qs(
            data.decode("ascii"), keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict"
        )
    except ValueError:
        raise DecodeError("not a valid form") from None
    ambiguous = (
        _PLAIN_FORM.fullmatch(data) is None
        or "_charset_" in fields
        or (codec != "utf-8" and not _ascii(fields))
    )
    return Body("form", data, fields, ambiguous=ambiguous)


def _ascii(fields: dict[str, list[str]]) -> bool:
    return all(name.isascii() and all(map(str.isascii, texts)) for name, texts in fields.items())


def _text(data: bytes, media: MediaType) -> Body:
    text = _decoded(data, media)
    return Body("opaque", data, opaque=len(data)) if text is None else Body("text", data, text)


def _decoded(data: bytes, media: MediaType) -> str | None:
    """Give the text that a body is, None where it is none or its charset is not read here."""
    codec = _CODECS.get(media.charset, "") if media.sound else ""
    for mark, name in _MARKS:
        if data.startswith(mark):
            codec, data = name if codec else "", data[len(mark) :]
            break
    if not codec:
        return None
    try:
        text = data.decode(codec)
    except UnicodeDecodeError:
        return None
    return None if _CONTROL.search(text) else text


def _multipart(data: bytes, media: MediaType) -> Body:
    parts = split_multipart(data, media)
    fields: dict[str, list[Any]] = {}
    opaque = 0
    for part in parts:
        value, hidden = _part(part, 1)
        opaque += hidden
        if part.name is not None:
            fields.setdefault(part.name, []).append(value)
    form = media.type == "multipart/form-data"
    # Some readers take the charset of all fields from this one.
    ambiguous = not form or "_charset_" in fields
    return Body("multipart", data, fields if form else None, ambiguous=ambiguous, opaque=opaque)


def _part(part: Part, depth: int) -> tuple[Any, int]:
    """Give what a part is as an argument, and how many bytes of it nobody can read."""
    content = part.decoded()
    kind = part.media.kind
    if kind == "multipart":
        inner = split_multipart(content, part.media, depth + 1)
        return {UNREADABLE: True}, sum([_part(each, depth + 1)[1] for each in inner])
    if kind == "xml" and content.strip():
        check_xml(content, part.media.charset)
    parsed = part.transfer == "" and part.filename is None and kind == "json"
    if parsed:
        return read_json(content or b" ", part.media.charset), 0
    text = _decoded(content, part.media)
    hidden = 0 if text is not None or kind == "xml" or _wide_json(content) else len(content)
    if part.filename is not None:
        file = {"name": part.filename, "type": part.media.type, "size": len(content)}
        return {FILE: file}, hidden
    plain = part.transfer == "" and (content.isascii() or part.media.charset in _UTF8)
    return (text if text is not None and plain else {UNREADABLE: True}), hidden


def _wide_json(content: bytes) -> bool:
    if not looks_like_json(content):
        return False
    try:
        read_json(content)
    except DecodeError:
        return False
    return True
