"""What several models found in one text, as one list."""

from __future__ import annotations

from collections.abc import Sequence

from redaction.findings import Finding

_AGREED = 0.1
_ONCE_DOUBTED = 0.45
_DOUBTFUL = 0.35


def merged(found: Sequence[Sequence[Finding]]) -> list[Finding]:
    """Join the findings of models: where two agree on an entity, both are surer."""
    if len(found) == 1:
        return list(found[0])
    result: list[Finding] = []
    for index, findings in enumerate(found):
        others = sorted(f for i, each in enumerate(found) if i != index for f in each)
        position = 0
        reach = 0
        for finding in sorted(findings):
            while position < len(others) and others[position].end <= finding.start:
                position += 1
            reach = position
            agreed = False
            while reach < len(others) and others[reach].start < finding.end and not agreed:
                agreed = others[reach].entity == finding.entity
                reach += 1
            result.append(_surer(finding) if agreed else finding)
    return result


def _surer(finding: Finding) -> Finding:
    if finding.score < _DOUBTFUL:
        return finding._replace(score=_ONCE_DOUBTED)
    if finding.score == _DOUBTFUL:
        return finding  # Above a city, whoever says so.
    return finding._replace(score=min(1.0, finding.score + _AGREED))
