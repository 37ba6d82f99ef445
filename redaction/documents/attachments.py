"""Files within a text: base64 under a declared type, and `data:` URLs (RFC 2397)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote_from_bytes, unquote_to_bytes

from redaction.documents.contents import (
    OpaqueDocument,
    kind_of_content,
    kind_of_type,
    refuse,
    type_of_suffix,
)
from redaction.documents.model import Document, OpaqueContent, Reading, words
from redaction.errors import UnsupportedDocument

PAYLOADS = words(
    """
    data blob bytes file_data fileData b64_json base64 raw fileWithBytes image_data content
    """
)
"""Members that may hold a file in base64."""

_ALWAYS_FILES = frozenset({"blob", "bytes", "file_data", "fileData", "b64_json", "base64", "raw"})
_TYPES = ("mimeType", "mime_type", "media_type", "mediaType", "contentType", "content_type")
_NAMES = ("format", "filename", "file_name", "fileName", "name", "uri")
_DATA_URL = re.compile(r"data:([^,;\s]{0,100})((?:;[^,;\s]{1,100}){0,5}),", re.IGNORECASE)
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]++={0,2}")
_SPACE = str.maketrans("", "", " \t\r\n")
_URL_SAFE = str.maketrans("-_", "+/")
_FROM_URL_SAFE = str.maketrans("+/", "-_")
_LEAST = 16
MAGIC_LEAST = 64
"""Characters of base64 from which on a text is taken for a file by its first bytes alone."""

# How base64 of a file that cannot be read as text begins: PDF, PNG, JPEG, GIF, zip, gzip, OLE.
MAGIC = ("JVBERi0", "iVBORw0KGgo", "/9j/", "R0lGOD", "UEsDB", "H4sI", "0M8R4KGx", "e1xydGY", "SUkq")


class File(NamedTuple):
    """A file that a text is: its document, how it is written, and its bytes."""

    document: Document
    encode: Callable[[bytes], str]
    content: bytes


def declared_type(value: Mapping[str, Any]) -> str:
    """Give the type that an object declares for the file in it; empty where it does not."""
    for key in _TYPES:
        said = value.get(key)
        if type(said) is str and "/" in said:
            return said
    for key in _NAMES:
        said = value.get(key)
        if type(said) is str:
            found = type_of_suffix(said)
            if found:
                return found
    return ""


def open_payload(name: str, text: str, declared: str, reading: Reading) -> File | None:
    """Open the file that a member holds; None where it is no file but a text.

    Raises `OpaqueContent` for one that cannot be searched, where it must be.
    """
    magic = text.startswith(MAGIC) and len(text) >= MAGIC_LEAST
    if text[:5].lower() == "data:":
        return open_data_url(text, reading)
    if not (magic or declared or (name in _ALWAYS_FILES and len(text) >= _LEAST)):
        return None
    if name == "content" and not magic and kind_of_type(declared) == "":
        # Text under its type, as in MCP and forms, not base64.
        return None
    found = _decoded(text)
    if found is None:
        return None
    content, encode = found
    document = open_file(content, declared, reading, sure=name != "content")
    return None if document is None else File(document, encode, content)


def open_magic(text: str, reading: Reading) -> File | None:
    """Open a text that is the base64 of a well-known kind of file, though nothing says so."""
    if len(text) < MAGIC_LEAST or not text.startswith(MAGIC):
        return None
    found = _decoded(text)
    if found is None or not kind_of_content(found[0]):
        return None
    document = open_file(found[0], "", reading, sure=False)
    return None if document is None else File(document, found[1], found[0])


def open_data_url(text: str, reading: Reading) -> File | None:
    """Open a `data:` URL; None where the text is none."""
    match = _DATA_URL.match(text)
    if match is None:
        return None
    head, declared = match[0], match[1] or "text/plain"
    parameters = match[2].lower().split(";")
    if "base64" in parameters:
        found = _decoded(text[match.end() :])
        if found is None:
            return None
        content, write = found
    else:
        content = unquote_to_bytes(text[match.end() :].encode("utf-8", "surrogateescape"))

        def write(body: bytes) -> str:
            return quote_from_bytes(body, safe="")

    charset = next((item for item in parameters if item.startswith("charset=")), "")
    document = open_file(content, f"{declared};{charset}" if charset else declared, reading)
    if document is None:
        return None
    return File(document, lambda body: head + write(body), content)


def open_file(
    content: bytes, declared: str, reading: Reading, *, sure: bool = True
) -> Document | None:
    """Read a file by what it is, whatever it is declared to be.

    None where it is neither a text nor surely a file. Raises `OpaqueContent` for one that cannot
    be searched, where policy does not let it pass.
    """
    kind = kind_of_content(content) or kind_of_type(declared)
    if not kind and _says_text(declared) and not _may_be_text(content, declared):
        return None
    try:
        if not reading.may_nest:
            raise OpaqueContent("The body has files within files too deep.")
        return reading.open(declared, content)
    except UnsupportedDocument as error:
        binary = not _is_text(content)
        if not kind and binary and not (sure and declared and not _says_text(declared)):
            # Whoever reads it must take it for what it is: a text that is no base64.
            return None
        if reading.opaque == "pass" and (kind or binary):
            return OpaqueDocument(content)
        if isinstance(error, OpaqueContent):
            raise
        if kind or binary:
            raise refuse(kind) from None
        return reading.open("text/plain", content)


def links_of(content: bytes, siblings: Mapping[str, Any]) -> dict[str, Callable[[bytes], str]]:
    """Give the members of an object that tell of the file in it, and how each is written anew."""
    found: dict[str, Callable[[bytes], str]] = {}
    for name, item in siblings.items():
        if type(item) is int and item == len(content) and item > 0:
            found[name] = lambda body: str(len(body))
        elif type(item) is str and 24 <= len(item) <= 128:
            make = _digest(content, item)
            if make is not None:
                found[name] = make
    return found


def _digest(content: bytes, said: str) -> Callable[[bytes], str] | None:
    for name in ("sha1", "sha256", "md5", "sha512"):
        digest = hashlib.new(name, content, usedforsecurity=False)
        if base64.b64encode(digest.digest()).decode() == said:
            return lambda body, name=name: base64.b64encode(  # type: ignore[misc]
                hashlib.new(name, body, usedforsecurity=False).digest()
            ).decode()
        if digest.hexdigest() == said.lower():
            return lambda body, name=name: hashlib.new(  # type: ignore[misc]
                name, body, usedforsecurity=False
            ).hexdigest()
    return None


def _says_text(declared: str) -> bool:
    media = declared.lower()
    return media.startswith("text/") or any(word in media for word in ("json", "xml", "hl7", "csv"))


def _may_be_text(content: bytes, declared: str) -> bool:
    """Tell whether bytes are a text in some charset, and not what chance makes of a word."""
    if (
        _is_text(content)
        or "charset" in declared.lower()
        or content[:2] in (b"\xff\xfe", b"\xfe\xff")
    ):
        return True
    plain = sum(32 <= byte < 127 for byte in content[:4096])
    return len(content) >= 24 and plain * 4 >= 3 * len(content[:4096])


def _is_text(content: bytes) -> bool:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return b"\0" not in content


def _decoded(text: str) -> tuple[bytes, Callable[[bytes], str]] | None:
    bare = text.translate(_SPACE) if not text.isalnum() else text
    if len(bare) < 4 or _BASE64.fullmatch(bare) is None:
        return None
    safe = "-" in bare or "_" in bare
    plain = bare.translate(_URL_SAFE) if safe else bare
    padded = plain.endswith("=") or len(plain) % 4 == 0
    try:
        content = base64.b64decode(plain if padded else plain + "=" * (-len(plain) % 4))
    except binascii.Error:
        return None

    def encode(body: bytes) -> str:
        written = base64.b64encode(body).decode()
        if safe:
            written = written.translate(_FROM_URL_SAFE)
        return written if padded else written.rstrip("=")

    return content, encode
