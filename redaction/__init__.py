"""What must not leave: personal data found in documents and taken out of them.

    documents = [parse_document(content_type, body)]       their texts, as leaves
    job = Job(documents, profile)                          what has to be asked about them
    answers = Analyzer().analyze(job.texts, profile.search, job.hints)    spans of entities
    [redacted] = job.finish(answers, scope)                all else byte for byte

Pure: no clock, no network, no state on disk. `Analyzer` loads Presidio and a language model and
belongs in worker processes; nothing else here imports them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from redaction import protocol
from redaction.body_question import BodyQuestion, read_redacted
from redaction.custom import read_recognizers
from redaction.documents import (
    Document,
    FormDocument,
    HeaderDocument,
    JsonDocument,
    JsonLinesDocument,
    Leaf,
    Opaque,
    TextDocument,
    UrlDocument,
    parse_document,
)
from redaction.entities import ENTITIES
from redaction.errors import CollisionError, RedactionError, UnsupportedDocument
from redaction.findings import Finding
from redaction.job import Job, Redacted, commitment, surrogates_of
from redaction.keys import derived_key, tenant_key
from redaction.operators import Scope, Taken, decrypt, encrypted_tokens, take_out
from redaction.profile import (
    Operator,
    OperatorKind,
    Profile,
    load_profile,
    profile_from,
    rule_errors,
)
from redaction.rule_set import RuleSet
from redaction.search import Search, canonical_json
from redaction.span_cache import SpanCache, needs_analysis

if TYPE_CHECKING:
    from redaction.analyzer import Analyzer

__all__ = [
    "ENTITIES",
    "Analyzer",
    "BodyQuestion",
    "CollisionError",
    "Document",
    "Finding",
    "FormDocument",
    "HeaderDocument",
    "Job",
    "JsonDocument",
    "JsonLinesDocument",
    "Leaf",
    "Opaque",
    "Operator",
    "OperatorKind",
    "Profile",
    "Redacted",
    "RedactionError",
    "RuleSet",
    "Scope",
    "Search",
    "SpanCache",
    "Taken",
    "TextDocument",
    "UnsupportedDocument",
    "UrlDocument",
    "canonical_json",
    "commitment",
    "decrypt",
    "derived_key",
    "encrypted_tokens",
    "load_profile",
    "needs_analysis",
    "parse_document",
    "profile_from",
    "protocol",
    "read_recognizers",
    "read_redacted",
    "rule_errors",
    "surrogates_of",
    "take_out",
    "tenant_key",
]


def __getattr__(name: str) -> Any:
    if name == "Analyzer":
        # Seconds of imports that only a worker process needs.
        from redaction.analyzer import Analyzer

        return Analyzer
    raise AttributeError(f"module 'redaction' has no attribute {name!r}")
