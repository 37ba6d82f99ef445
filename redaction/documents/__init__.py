"""Documents: what a request carries, as texts that can be replaced where they stand."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from redaction.documents import ccda, fhir_xml
from redaction.documents.contents import (
    PDF,
    RTF,
    OpaqueDocument,
    kind_of_content,
    kind_of_type,
    refuse,
)
from redaction.documents.form import FormDocument
from redaction.documents.headers import HeaderDocument
from redaction.documents.hl7v2 import Hl7Document
from redaction.documents.inside import open_text
from redaction.documents.joins import JoinedView, joined_views
from redaction.documents.json_body import JsonDocument, JsonLinesDocument
from redaction.documents.model import MAX_LEAVES, Document, Leaf, Opaque, OpaqueContent, Reading
from redaction.documents.multipart import MultipartDocument
from redaction.documents.pdf import PdfDocument
from redaction.documents.rtf import RtfDocument
from redaction.documents.text import TextDocument, codec_of
from redaction.documents.url import UrlDocument
from redaction.documents.x12 import X12Document
from redaction.documents.xml_body import XmlDocument, XmlRules
from redaction.errors import UnsupportedDocument
from redaction.media_type import MediaType, looks_like_json, read_media_type
from redaction.tables import TABLE_HINT

__all__ = [
    "MAX_LEAVES",
    "Document",
    "FormDocument",
    "HeaderDocument",
    "Hl7Document",
    "JoinedView",
    "JsonDocument",
    "JsonLinesDocument",
    "Leaf",
    "MultipartDocument",
    "Opaque",
    "OpaqueContent",
    "PdfDocument",
    "RtfDocument",
    "TextDocument",
    "UrlDocument",
    "X12Document",
    "XmlDocument",
    "joined_views",
    "parse_document",
]

_TABLES = ("/csv", "/tab-separated-values")
_CONTROL = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f]")


def parse_document(
    content_type: str, body: bytes, depth: int = 1, *, opaque: Opaque = "refuse"
) -> Document:
    """Read a body by its type, or by what it is whatever its type says.

    Raises `UnsupportedDocument` for what cannot be read for certain: an unknown charset, a body
    that claims to be JSON, XML or multipart and is not, JSON with a name twice in one object, and
    what is no text. `depth` is how many documents it lies in. `opaque` says what becomes of
    pictures and other files that cannot be searched, here and within texts: `refuse` raises
    `OpaqueContent`, `pass` leaves them as they are.
    """
    media = read_media_type(content_type)
    kind = media.kind
    if not media.sound and (kind == "multipart" or "charset" in content_type.lower()):
        raise UnsupportedDocument("The body's Content-Type cannot be read.")
    codec_of(media.charset)
    if not body.strip():
        return TextDocument(body)
    reading = Reading(parse_document, depth, opaque)
    if kind == "multipart":

        def part(said: str, content: bytes, deep: int) -> Document:
            return parse_document(said, content, deep, opaque=opaque)

        return MultipartDocument(body, media, depth, part)
    file = _file(body, media, opaque)
    if file is not None:
        return file
    if kind == "ndjson":
        return JsonLinesDocument(body, media.separator, reading)
    if kind == "json":
        return JsonDocument(body, reading)
    if looks_like_json(body):
        # It never said it was: where it is none it is read as what it says it is.
        for read in (_json, _json_lines):
            try:
                return read(body, reading)
            except OpaqueContent:
                raise
            except UnsupportedDocument:
                pass
    if kind == "hl7":
        return Hl7Document(body, media.charset, reading)
    if kind == "x12":
        return X12Document(body, media.charset)
    if kind == "form":
        if codec_of(media.charset).startswith("utf-16"):
            raise UnsupportedDocument("A form cannot be in UTF-16.")
        return FormDocument(body)
    if kind == "xml":
        return _xml(body, media.charset, reading)
    return _text(body, media, reading)


def _json(body: bytes, reading: Reading) -> Document:
    return JsonDocument(body, reading)


def _json_lines(body: bytes, reading: Reading) -> Document:
    return JsonLinesDocument(body, reading=reading)


def _file(body: bytes, media: MediaType, opaque: Opaque) -> Document | None:
    """Read a body that is a file by its first bytes or its type; None for one that is text."""
    kind = kind_of_content(body)
    if not kind and not _is_text(body):
        # Of a text that only says it is a picture nothing must go unsearched.
        kind = kind_of_type(media.type)
    if not kind:
        return None
    try:
        if kind == PDF:
            return PdfDocument(body)
        if kind == RTF:
            return RtfDocument(body)
        raise refuse(kind)
    except UnsupportedDocument:
        if opaque == "pass":
            return OpaqueDocument(body)
        raise


def _is_text(body: bytes) -> bool:
    try:
        return _CONTROL.search(body.decode("utf-8")) is None
    except UnicodeDecodeError:
        return looks_like_json(body)


def _xml(body: bytes, charset: str, reading: Reading) -> Document:
    head = body[:2000].replace(b"\0", b"")
    rules: XmlRules | None = None
    if ccda.NAMESPACE.encode() in head or b"ClinicalDocument" in head:
        rules = ccda.CdaRules(body.decode("utf-8", "replace"))
    elif b'"%s"' % fhir_xml.NAMESPACE.encode() in head:
        rules = fhir_xml.FhirXmlRules(body.decode("utf-8", "replace"))
    return XmlDocument(body, charset, rules, reading)


def _text(body: bytes, media: MediaType, reading: Reading) -> Document:
    strict = media.kind != "text"
    table = media.type.endswith(_TABLES)
    document = TextDocument(
        body,
        media.charset,
        strict=strict,
        markup=media.type == "text/html",
        hint=TABLE_HINT if table else "",
    )
    if table or media.type == "text/html" or not document.leaves:
        return document
    try:
        found = open_text(document.leaves[0].text, reading)
    except OpaqueContent:
        if reading.opaque == "refuse":
            raise
        return document
    return document if found is None else _Inside(document, *found)


class _Inside:
    """A text that is a document, whatever its type said."""

    def __init__(
        self, text: TextDocument, document: Document, encode: Callable[[bytes], str]
    ) -> None:
        self._text, self._document, self._encode = text, document, encode
        self.leaves: Sequence[Leaf] = document.leaves

    def rebuild(self, replaced: Mapping[int, str]) -> bytes:
        if not replaced:
            return self._text.rebuild({})
        return self._text.rebuild({0: self._encode(self._document.rebuild(replaced))})
