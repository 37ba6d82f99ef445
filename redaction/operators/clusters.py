"""Findings that overlap or belong together, which are taken out as one."""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from redaction.findings import Finding
from redaction.operator_spec import Operator, OperatorKind
from redaction.profile import Profile
from redaction.surrogates import TOKEN


class Cluster(NamedTuple):
    """A span that goes as one, under one entity's name, by one operator."""

    start: int
    end: int
    entity: str
    operator: Operator


BY_PLACE = "place in "
"""How the `why` of a finding begins that a known format gave by its place."""

_MODELS = ("spaCy", "Rampart")
_JOINED = {"PERSON": re.compile(r"[ \t]{1,3}"), "LOCATION": re.compile(r",?[ \t\n]{1,3}")}
"""What may stand between two findings of an entity that are one value."""
_APART = frozenset({OperatorKind.MASK})


def clusters(text: str, findings: Iterable[Finding], profile: Profile) -> list[Cluster]:
    """Give the spans to take out of a text, in their order."""
    findings = tuple(findings)
    if len(findings) == 1 and "[[" not in text:
        # Most texts of a record are one value.
        return [_named(each, profile) for each in _grouped(text, findings, profile)]
    return _merge(text, [_named(cluster, profile) for cluster in _grouped(text, findings, profile)])


def _grouped(text: str, findings: Iterable[Finding], profile: Profile) -> Iterator[list[Finding]]:
    wanted = [
        finding
        for finding in findings
        if finding.entity in profile.operators
        and finding.score >= profile.threshold
        and 0 <= finding.start < finding.end <= len(text)
    ]
    if wanted and "[[" in text:
        wanted = _outside_tokens(text, wanted)
    cluster: list[Finding] = []
    reach = 0
    for finding in sorted(wanted):
        if cluster and finding.start >= reach:
            yield cluster
            cluster = []
        cluster.append(finding)
        reach = max(reach, finding.end)
    if cluster:
        yield cluster


def _outside_tokens(text: str, findings: Sequence[Finding]) -> list[Finding]:
    """Cut surrogates out of findings: they stand for a value already."""
    tokens = [match.span() for match in TOKEN.finditer(text)]
    ends = [end for _, end in tokens]
    kept: list[Finding] = []
    for finding in findings:
        position = finding.start
        for start, end in tokens[bisect.bisect_right(ends, position) :]:
            if start >= finding.end:
                break
            kept += _trimmed(text, finding, position, start)
            position = end
        kept += _trimmed(text, finding, position, finding.end)
    return kept


def _trimmed(text: str, finding: Finding, start: int, end: int) -> list[Finding]:
    if (start, end) == (finding.start, finding.end):
        return [finding]
    if start >= end or not any(char.isalnum() for char in text[start:end]):
        return []
    while text[start].isspace():
        start += 1
    while text[end - 1].isspace():
        end -= 1
    return [finding._replace(start=start, end=end)]


def _named(cluster: Sequence[Finding], profile: Profile) -> Cluster:
    if len(cluster) == 1:
        [only] = cluster
        return Cluster(only.start, only.end, only.entity, profile.operators[only.entity])
    start = min(finding.start for finding in cluster)
    end = max(finding.end for finding in cluster)
    if any(finding.why.startswith(BY_PLACE) for finding in cluster):
        # What a format says by its place is no guess, and a model's guess on it is worth nothing.
        cluster = [f for f in cluster if not f.why.startswith(_MODELS)]
    surest = max(
        cluster, key=lambda f: (f.why.startswith(BY_PLACE), f.score, f.end - f.start, f.entity)
    )
    operator = max((profile.operators[f.entity] for f in cluster), key=lambda o: o.strictness)
    return Cluster(start, end, surest.entity, operator)


def _merge(text: str, found: Sequence[Cluster]) -> list[Cluster]:
    """Make one of a name or an address that was found in pieces."""
    merged: list[Cluster] = []
    for cluster in found:
        last = merged[-1] if merged else None
        gap = _JOINED.get(cluster.entity)
        if (
            last is not None
            and gap is not None
            and (last.entity, last.operator) == (cluster.entity, cluster.operator)
            and cluster.operator.kind not in _APART
            and gap.fullmatch(text, last.end, cluster.start)
        ):
            merged[-1] = last._replace(end=cluster.end)
        else:
            merged.append(cluster)
    return merged
