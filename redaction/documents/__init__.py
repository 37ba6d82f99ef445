"""Documents: what a request carries, as texts that can be replaced where they stand."""

from __future__ import annotations

import re

from redaction.documents.form import FormDocument
from redaction.documents.headers import HeaderDocument
from redaction.documents.json_body import JsonDocument, JsonLinesDocument
from redaction.documents.model import MAX_LEAVES, Document, Leaf
from redaction.documents.text import TextDocument, codec_of
from redaction.documents.url import UrlDocument
from redaction.errors import UnsupportedDocument
from redaction.tables import TABLE_HINT

__all__ = [
    "MAX_LEAVES",
    "Document",
    "FormDocument",
    "HeaderDocument",
    "JsonDocument",
    "JsonLinesDocument",
    "Leaf",
    "TextDocument",
    "UrlDocument",
    "parse_document",
]

_CHARSET = re.compile(r""";\s*charset\s*=\s*["']?([^\s;"']+)""", re.IGNORECASE)
_JSON = re.compile(r"(?:application|text)/(?:[^;]*[+.-])?json(?:-rpc|request)?")
_JSON_LINES = re.compile(r"(?:application|text)/(?:x-)?(?:ndjson|jsonl|jsonlines|json-lines)")
_TEXT = re.compile(
    r"text/.*|multipart/.*|application/(?:.*[+.-])?(?:xml|javascript|graphql|yaml|toml|sql|csv)"
)
_TABLES = ("/csv", "/tab-separated-values")
_LOOKS_LIKE_JSON = re.compile(rb"(?:\xef\xbb\xbf)?[ \t\r\n]*[{\[]").match
_LOOKS_LIKE_WIDE_JSON = re.compile(
    rb"(?:\xff\xfe(?:\0\0)?)?[{\[]\0|(?:\xfe\xff|\0\0\xfe\xff)?\0(?:\0\0)?[{\[]"
).match


def parse_document(content_type: str, body: bytes) -> Document:
    """Read a body by its type, or as JSON where it looks like that whatever its type says.

    Raises `UnsupportedDocument` for what cannot be read for certain: an unknown charset, a body
    that claims to be JSON and is not, JSON with a name twice in one object, and what is no text.
    """
    kind = content_type.partition(";")[0].strip().lower()
    found = _CHARSET.search(content_type)
    charset = found[1].lower() if found else ""
    codec_of(charset)
    if not body.strip():
        return TextDocument(body)
    if _JSON_LINES.fullmatch(kind):
        return JsonLinesDocument(body)
    if _JSON.fullmatch(kind):
        return JsonDocument(body)
    if _LOOKS_LIKE_JSON(body) or _LOOKS_LIKE_WIDE_JSON(body):
        try:
            return JsonDocument(body)
        except UnsupportedDocument:
            # It never said it was: read it as what it says it is.
            pass
    if kind == "application/x-www-form-urlencoded":
        if codec_of(charset).startswith("utf-16"):
            raise UnsupportedDocument("A form cannot be in UTF-16.")
        return FormDocument(body)
    return TextDocument(
        body,
        charset,
        strict=bool(kind) and _TEXT.fullmatch(kind) is None,
        markup=kind.endswith(("xml", "/html")),
        hint=TABLE_HINT if kind.endswith(_TABLES) else "",
    )
