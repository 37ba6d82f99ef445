"""Documents: what a request carries, as texts that can be replaced where they stand."""

from __future__ import annotations

from redaction.documents.form import FormDocument
from redaction.documents.headers import HeaderDocument
from redaction.documents.json_body import JsonDocument, JsonLinesDocument
from redaction.documents.model import MAX_LEAVES, Document, Leaf
from redaction.documents.multipart import MultipartDocument
from redaction.documents.text import TextDocument, codec_of
from redaction.documents.url import UrlDocument
from redaction.documents.xml_body import XmlDocument
from redaction.errors import UnsupportedDocument
from redaction.media_type import looks_like_json, read_media_type
from redaction.tables import TABLE_HINT

__all__ = [
    "MAX_LEAVES",
    "Document",
    "FormDocument",
    "HeaderDocument",
    "JsonDocument",
    "JsonLinesDocument",
    "Leaf",
    "MultipartDocument",
    "TextDocument",
    "UrlDocument",
    "XmlDocument",
    "parse_document",
]

_TABLES = ("/csv", "/tab-separated-values")


def parse_document(content_type: str, body: bytes, depth: int = 1) -> Document:
    """Read a body by its type, or as JSON where it looks like that whatever its type says.

    Raises `UnsupportedDocument` for what cannot be read for certain: an unknown charset, a body
    that claims to be JSON, XML or multipart and is not, JSON with a name twice in one object, and
    what is no text. `depth` is how many multipart bodies it lies in.
    """
    media = read_media_type(content_type)
    kind = media.kind
    if not media.sound and (kind == "multipart" or "charset" in content_type.lower()):
        raise UnsupportedDocument("The body's Content-Type cannot be read.")
    codec_of(media.charset)
    if not body.strip():
        return TextDocument(body)
    if kind == "multipart":
        return MultipartDocument(body, media, depth, parse_document)
    if kind == "ndjson":
        return JsonLinesDocument(body, media.separator)
    if kind == "json":
        return JsonDocument(body)
    if looks_like_json(body):
        # It never said it was: where it is none it is read as what it says it is.
        for read in (JsonDocument, JsonLinesDocument):
            try:
                return read(body)
            except UnsupportedDocument:
                pass
    if kind == "form":
        if codec_of(media.charset).startswith("utf-16"):
            raise UnsupportedDocument("A form cannot be in UTF-16.")
        return FormDocument(body)
    if kind == "xml":
        return XmlDocument(body, media.charset)
    return TextDocument(
        body,
        media.charset,
        strict=kind != "text",
        markup=media.type == "text/html",
        hint=TABLE_HINT if media.type.endswith(_TABLES) else "",
    )
