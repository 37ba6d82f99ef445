"""What must not leave: personal data found in documents and taken out of them.

    document = parse_document(content_type, body)          its texts, as leaves
    findings = SpanCache, or a worker (redaction.worker)   spans of entities in each leaf
    text, counts = deidentify(leaf.text, findings, ...)    the spans replaced, masked or hashed
    body = document.rebuild({index: text})                 all else byte for byte

Pure: no clock, no network, no state on disk. `Analyzer` loads Presidio and a language model and
belongs in worker processes; nothing else here imports them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from redaction import protocol
from redaction.documents import (
    Document,
    FormDocument,
    HeaderDocument,
    JsonDocument,
    JsonLinesDocument,
    Leaf,
    TextDocument,
    UrlDocument,
    parse_document,
)
from redaction.entities import ENTITIES
from redaction.errors import RedactionError, UnsupportedDocument
from redaction.findings import Finding
from redaction.operators import deidentify
from redaction.profile import Operator, OperatorKind, Profile, profile_from
from redaction.span_cache import SpanCache, needs_analysis

if TYPE_CHECKING:
    from redaction.analyzer import Analyzer

__all__ = [
    "ENTITIES",
    "Analyzer",
    "Document",
    "Finding",
    "FormDocument",
    "HeaderDocument",
    "JsonDocument",
    "JsonLinesDocument",
    "Leaf",
    "Operator",
    "OperatorKind",
    "Profile",
    "RedactionError",
    "SpanCache",
    "TextDocument",
    "UnsupportedDocument",
    "UrlDocument",
    "deidentify",
    "needs_analysis",
    "parse_document",
    "profile_from",
    "protocol",
]


def __getattr__(name: str) -> Any:
    if name == "Analyzer":
        # Seconds of imports that only a worker process needs.
        from redaction.analyzer import Analyzer

        return Analyzer
    raise AttributeError(f"module 'redaction' has no attribute {name!r}")
