"""Findings taken out of a text."""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter
from collections.abc import Iterable, Iterator

from redaction.findings import Finding
from redaction.normalise import normalise
from redaction.profile import Operator, OperatorKind, Profile

HASH_DIGITS = 12
"""Hexadecimal digits of a pseudonym: 48 bits."""


def deidentify(
    text: str, findings: Iterable[Finding], profile: Profile, key: bytes
) -> tuple[str, Counter[str]]:
    """Take the profile's entities out of a text, and count them by name.

    Findings that overlap are covered by one replacement, named for the surest of them and made
    by their strictest operator. `key` is the secret of pseudonyms (HMAC, RFC 2104).
    """
    counts: Counter[str] = Counter()
    pieces: list[str] = []
    position = 0
    for cluster in _clusters(text, findings, profile):
        start = min(finding.start for finding in cluster)
        end = max(finding.end for finding in cluster)
        surest = max(cluster, key=lambda f: (f.score, f.end - f.start, f.entity))
        operator = max((profile.operators[f.entity] for f in cluster), key=lambda o: o.strictness)
        pieces.append(text[position:start])
        pieces.append(_apply(operator, surest.entity, text[start:end], key))
        counts[surest.entity] += 1
        position = end
    pieces.append(text[position:])
    return "".join(pieces), counts


def _clusters(text: str, findings: Iterable[Finding], profile: Profile) -> Iterator[list[Finding]]:
    wanted = sorted(
        finding
        for finding in findings
        if finding.entity in profile.operators
        and finding.score >= profile.threshold
        and 0 <= finding.start < finding.end <= len(text)
    )
    cluster: list[Finding] = []
    reach = 0
    for finding in wanted:
        if cluster and finding.start >= reach:
            yield cluster
            cluster = []
        cluster.append(finding)
        reach = max(reach, finding.end)
    if cluster:
        yield cluster


def _apply(operator: Operator, entity: str, value: str, key: bytes) -> str:
    match operator.kind:
        case OperatorKind.REPLACE:
            return f"<{entity}>" if operator.text is None else operator.text
        case OperatorKind.MASK:
            return _mask(operator, value)
        case OperatorKind.HASH:
            message = f"{entity}\0{_canonical(value)}".encode("utf-8", "surrogatepass")
            digest = hmac.digest(key, message, hashlib.sha256).hex()
            return f"<{entity}:{digest[:HASH_DIGITS]}>"


def _mask(operator: Operator, value: str) -> str:
    """Cover letters and digits; what stands between them stays and shows the value's form."""
    normal = normalise(value)
    # Of an escaped value the signs of its escapes would be left, which say nothing.
    plain = value if normal is None else normal.text
    letters = [index for index, char in enumerate(plain) if char.isalnum()]
    kept = min(operator.keep_last, len(letters) // 2)
    covered = set(letters[: len(letters) - kept])
    return "".join(operator.char if i in covered else char for i, char in enumerate(plain))


def _canonical(value: str) -> str:
    """Give the form that all spellings of a value share, so that they share a pseudonym."""
    normal = normalise(value)
    plain = (value if normal is None else normal.text).casefold()
    bare = "".join(char for char in plain if char.isalnum())
    # Only letters and spaces: a name, whose words must stay apart.
    return bare if any(char.isdigit() for char in bare) else " ".join(plain.split())
