"""A whole body, taken apart, searched and put together again, as a worker process does it."""

from __future__ import annotations

from typing import Any

from redaction.analyzer import Analyzer
from redaction.body_question import BodyQuestion, write_redacted
from redaction.documents import parse_document
from redaction.findings import Finding
from redaction.job import Job
from redaction.span_cache import SpanCache

CACHED_TEXTS = 50_000

_cache = SpanCache(CACHED_TEXTS)


def answer_about(
    analyzer: Analyzer, question: BodyQuestion, body: bytes
) -> tuple[dict[str, Any], bytes]:
    """Answer as a worker does: plain data, and the new body; raises `RedactionError`."""
    profile = question.rules.profile
    job = Job([parse_document(question.content_type, body, opaque=question.opaque)], profile)
    answers = _answers(analyzer, job, question)
    if question.scope is None:
        return {"found": sorted(job.entities(answers))}, b""
    [result] = job.finish(answers, question.scope, question.salt)
    return {"redacted": write_redacted(result)}, result.content


def _answers(analyzer: Analyzer, job: Job, question: BodyQuestion) -> list[tuple[Finding, ...]]:
    profile = question.rules.profile
    known = [
        _cache.get(profile, hint, text) for hint, text in zip(job.hints, job.texts, strict=True)
    ]
    unknown = [index for index, spans in enumerate(known) if spans is None]
    found = analyzer.analyze(
        [job.texts[index] for index in unknown],
        profile.search,
        [job.hints[index] for index in unknown],
    )
    for index, spans in zip(unknown, found, strict=True):
        known[index] = spans
        _cache.put(profile, job.hints[index], job.texts[index], spans)
    return [spans or () for spans in known]
