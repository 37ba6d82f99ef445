"""Findings taken out of a leaf, each by its operator, and the leaf kept valid."""

from __future__ import annotations

from collections.abc import Sequence

from redaction.canonical import canonical, keyed
from redaction.date_shift import shift_date
from redaction.documents.model import Leaf
from redaction.findings import Finding
from redaction.forms import fit
from redaction.operator_spec import Operator, OperatorKind
from redaction.operators.clusters import Cluster, clusters
from redaction.operators.encrypt import encrypt
from redaction.operators.generalize import generalize
from redaction.operators.mask import mask
from redaction.profile import Profile
from redaction.scope import Scope, Taken
from redaction.surrogates import check_collisions, surrogate

HASH_DIGITS = 12
"""Hexadecimal digits of a pseudonym: 48 bits."""


_BY_SUBJECT = frozenset({OperatorKind.SHIFT_DATE, OperatorKind.SURROGATE})
"""Operators that do not do the same to the dates of two subjects."""

Made = tuple[str, list[Taken]]
"""The new text of a leaf, and what was taken out of it."""


class TakeOut:
    """Takes a profile's entities out of leaves; what is made of a value is made once."""

    def __init__(self, profile: Profile, scope: Scope) -> None:
        self._profile, self._scope = profile, scope
        self._whole: dict[tuple[str, str, str, str], Made] = {}
        self._others: dict[tuple[str, str, str, tuple[Finding, ...]], Made] = {}

    def of(self, leaf: Leaf, findings: tuple[Finding, ...]) -> Made:
        """Give the new text of a leaf, and what was taken out; raises `CollisionError`.

        What is given stands for all leaves of this text, and is not to be changed.
        """
        if len(findings) == 1:
            [only] = findings
            text = leaf.text
            if only.start == 0 and only.end == len(text) and "[[" not in text:
                return self._of_whole(leaf, only)
        key = leaf.text, leaf.form, leaf.subject, findings
        made = self._others.get(key)
        if made is None:
            made = self._others[key] = take_out(leaf, findings, self._profile, self._scope)
        return made

    def _of_whole(self, leaf: Leaf, finding: Finding) -> Made:
        """Take out a text that is one value, as nearly all texts of a record are."""
        entity, text, form = finding.entity, leaf.text, leaf.form
        operator = self._profile.operators.get(entity)
        if operator is None or finding.score < self._profile.threshold or not text:
            return text, []
        dated = entity == "DATE_TIME" and operator.kind in _BY_SUBJECT
        key = text, entity, form, leaf.subject if dated else ""
        made = self._whole.get(key)
        if made is None:
            made = self._whole[key] = _whole(text, entity, operator, leaf, self._scope)
        return made


def _whole(text: str, entity: str, operator: Operator, leaf: Leaf, scope: Scope) -> Made:
    if text in scope.given:
        return text, []
    reversible, digest = False, ""
    if operator.kind is OperatorKind.SURROGATE:
        new, digest, reversible = surrogate(operator, entity, text, scope, leaf.subject, leaf.form)
    else:
        new = _apply(operator, entity, text, leaf, scope)
    if new == text:
        return text, []
    fitted = fit(leaf.form, new, text, scope.key)
    if fitted != new:
        reversible = reversible and leaf.form in _KEEPS_APART
    return fitted, [Taken(entity, text, fitted, 0, len(text), reversible, digest)]


def take_out(
    leaf: Leaf, findings: Sequence[Finding], profile: Profile, scope: Scope
) -> tuple[str, list[Taken]]:
    """Take the profile's entities out of a leaf; gives its new text, and what was taken out.

    Findings that overlap are covered by one replacement, named for the surest of them and made
    by their strictest operator. Raises `CollisionError` where two values got one surrogate.
    """
    text = leaf.text
    pieces: list[str] = []
    taken: list[Taken] = []
    position = 0
    for cluster in clusters(text, findings, profile):
        original = text[cluster.start : cluster.end]
        if original in scope.given:
            continue
        item = _taken(cluster, original, leaf, scope)
        if item.replacement == original:
            # What may stay was not taken out.
            continue
        pieces += text[position : cluster.start], item.replacement
        taken.append(item)
        position = cluster.end
    if not taken:
        return text, []
    pieces.append(text[position:])
    new = "".join(pieces)
    fitted = fit(leaf.form, new, text, scope.key)
    if fitted != new:
        # It was written as a whole, so a piece of it stands for nothing.
        whole = len(taken) == 1 and (taken[0].start, taken[0].end) == (0, len(text))
        one_way = leaf.form not in _KEEPS_APART or not whole
        taken = [
            item._replace(
                replacement=fitted if whole else item.replacement,
                reversible=item.reversible and not one_way,
            )
            for item in taken
        ]
    check_collisions(taken)
    return fitted, taken


_KEEPS_APART = frozenset({"id", "reference", "uri", "uid"})
"""Forms whose stand-ins differ for each value and are long enough to be found again."""


def _taken(cluster: Cluster, original: str, leaf: Leaf, scope: Scope) -> Taken:
    operator, entity = cluster.operator, cluster.entity
    reversible, digest = False, ""
    if operator.kind is OperatorKind.SURROGATE:
        made = surrogate(operator, entity, original, scope, leaf.subject, leaf.form)
        new, digest, reversible = made
    else:
        new = _apply(operator, entity, original, leaf, scope)
    return Taken(entity, original, new, cluster.start, cluster.end, reversible, digest)


def _apply(operator: Operator, entity: str, value: str, leaf: Leaf, scope: Scope) -> str:
    match operator.kind:
        case OperatorKind.MASK:
            return mask(operator, value)
        case OperatorKind.HASH:
            return _hash(entity, value, scope.key)
        case OperatorKind.ENCRYPT:
            return encrypt(entity, value, scope.key)
        case OperatorKind.DROP:
            return ""
        case OperatorKind.GENERALIZE:
            return generalize(operator, entity, value, scope, leaf.form)
        case OperatorKind.SHIFT_DATE:
            moved = shift_date(operator, value, scope, leaf.subject)
            return f"<{entity}>" if moved is None or entity != "DATE_TIME" else moved
        case _:
            return f"<{entity}>" if operator.text is None else operator.text


def _hash(entity: str, value: str, key: bytes) -> str:
    digest = keyed(key, entity, canonical(value, entity)).hex()
    return f"<{entity}:{digest[:HASH_DIGITS]}>"
