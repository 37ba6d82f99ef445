"""Texts that are documents of their own: JSON, HL7 v2, X12, XML, RTF or a file in base64."""

from __future__ import annotations

import re
from collections.abc import Callable

from redaction.documents.attachments import MAGIC, open_data_url, open_magic
from redaction.documents.mixed import MixedDocument, cuts
from redaction.documents.model import Document, OpaqueContent, Reading
from redaction.errors import UnsupportedDocument

BEGINNINGS = frozenset("{[<MFBI\x0bdD \t\r\n" + "".join(word[0] for word in MAGIC))
"""First characters of texts that may be documents."""

MIXED_LEAST = 32
"""Characters of a text that may have a document in it."""

_HL7 = re.compile(r"\s{0,20}\x0b?(?:MSH|FHS|BHS)[^A-Za-z0-9\s]")
_X12 = re.compile(r"\s{0,20}ISA[^A-Za-z0-9\s][0-9]{2}[^A-Za-z0-9\s]")
_XML = re.compile(
    r"\s{0,20}<(?:\?xml\s|(?:[A-Za-z0-9]{1,20}:)?ClinicalDocument[\s>]"
    r"|[A-Za-z]{1,60}\s[^<>]{0,400}(?:http://hl7\.org/fhir|urn:hl7-org:v3))"
)

Opened = tuple[Document, Callable[[bytes], str]]
"""A document, and how it is written as the text that it stood in."""


def open_text(text: str, reading: Reading) -> Opened | None:
    """Open a text that is a document; None for one that is searched as the text it is.

    Raises `OpaqueContent` where a file in it cannot be searched.
    """
    if text[:1] in BEGINNINGS:
        file = open_data_url(text, reading) if text[:1] in "dD" else open_magic(text, reading)
        if file is not None:
            return file.document, file.encode
        kind = _kind(text)
        document = _open(text, kind, reading) if kind and reading.may_nest else None
        if document is not None:
            return document, bytes.decode
    if len(text) >= MIXED_LEAST and reading.may_nest:
        pieces = cuts(text)
        if len(pieces) > 1:
            mixed = MixedDocument(
                text,
                [(piece, _open(piece, kind, reading) if kind else None) for piece, kind in pieces],
            )
            return mixed, bytes.decode
    return None


def _kind(text: str) -> str:
    start = text.lstrip(" \t\r\n")[:1] if text[:1] in " \t\r\n" else text[:1]
    if start and start in "{[":
        return "application/rtf" if text.startswith("{\\rtf") else "application/json"
    if start == "<":
        return "application/xml" if _XML.match(text) is not None else ""
    if _HL7.match(text) is not None:
        return "application/hl7-v2"
    return "application/edi-x12" if _X12.match(text) is not None else ""


def _open(text: str, kind: str, reading: Reading) -> Document | None:
    try:
        return reading.open(kind, text.encode())
    except OpaqueContent:
        raise
    except (UnsupportedDocument, UnicodeEncodeError):
        # What only looks like one is a text.
        return None
