"""What to look for and what to put in its place, merged from the policy's redaction rules."""

from __future__ import annotations

import difflib
import enum
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from redaction.entities import ALIASES, DIGIT_OR_AT_ENTITIES, ENTITIES, NER_ENTITIES
from redaction.errors import RedactionError
from redaction.profiles import profile_entities

DEFAULT_THRESHOLD = 0.4
"""The lowest score of what is taken out, where the policy names none."""


class OperatorKind(enum.StrEnum):
    """How an entity is taken out."""

    REPLACE = "replace"
    HASH = "hash"
    MASK = "mask"


_STRICTNESS = {OperatorKind.MASK: 0, OperatorKind.HASH: 1, OperatorKind.REPLACE: 2}


@dataclass(frozen=True, slots=True)
class Operator:
    """One way of taking an entity out."""

    kind: OperatorKind = OperatorKind.REPLACE
    text: str | None = None
    """What `replace` puts in; None for the entity's name in angle brackets."""
    char: str = "*"
    """What `mask` puts over each character."""
    keep_last: int = 0
    """How many characters `mask` leaves readable at the end; never more than half."""

    @property
    def strictness(self) -> tuple[int, int]:
        """Sort key: the operator that gives away less is greater."""
        return _STRICTNESS[self.kind], -self.keep_last


@dataclass(frozen=True, slots=True)
class Profile:
    """The entities to take out, each with its operator."""

    operators: Mapping[str, Operator] = field(default_factory=dict, hash=False)
    threshold: float = DEFAULT_THRESHOLD
    key: str = field(init=False)
    """A digest of all that a search depends on, for caches: entities and threshold."""
    needs_model: bool = field(init=False)
    needs_digit_or_at: bool = field(init=False)
    """Whether a text without digit and at sign can hold nothing of this profile."""

    def __post_init__(self) -> None:
        unknown = sorted(self.operators.keys() - ENTITIES)
        if unknown:
            raise RedactionError(
                f"There is no entity {unknown[0]!r}. Entities are: {', '.join(sorted(ENTITIES))}."
            )
        sought = f"{self.threshold:.6f} {' '.join(sorted(self.operators))}"
        names = self.operators.keys()
        set_once = object.__setattr__
        set_once(self, "operators", MappingProxyType(dict(self.operators)))
        set_once(self, "key", hashlib.sha256(sought.encode()).hexdigest()[:16])
        set_once(self, "needs_model", bool(names & NER_ENTITIES))
        set_once(self, "needs_digit_or_at", bool(names) and names <= DIGIT_OR_AT_ENTITIES)

    @property
    def entities(self) -> Mapping[str, Operator]:
        """The operator of each entity."""
        return self.operators


def profile_from(rules: Sequence[Mapping[str, Any]]) -> Profile:
    """Merge redaction rules: all their entities, the lowest threshold, the strictest operators.

    Raises `RedactionError` where a rule names an unknown entity or operator.
    """
    operators: dict[str, Operator] = {}
    thresholds: list[float] = []
    for rule in rules:
        thresholds.append(_threshold(rule))
        for name, operator in _operators_of(rule):
            present = operators.get(name)
            if present is None or operator.strictness > present.strictness:
                operators[name] = operator
    return Profile(operators, min(thresholds, default=DEFAULT_THRESHOLD))


def _threshold(rule: Mapping[str, Any]) -> float:
    value = rule.get("threshold")
    if value is None:
        return DEFAULT_THRESHOLD
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise RedactionError(f"{_place(rule)}.threshold must be a number from 0 to 1.")
    return float(value)


def _operators_of(rule: Mapping[str, Any]) -> list[tuple[str, Operator]]:
    entities = rule.get("entities") or {}
    if isinstance(entities, Mapping):
        pairs = list(entities.items())
    elif isinstance(entities, Sequence) and not isinstance(entities, str):
        shared = {key: rule[key] for key in _OPTIONS if key in rule}
        pairs = [(name, shared) for name in entities]
    else:
        raise RedactionError(f"{_place(rule)}.entities must be a list or a mapping of entities.")
    named = rule.get("profile")
    if named:
        usual = rule.get("operator")
        pairs += [(name, usual) for name in profile_entities(str(named)) if name not in entities]
    return [(_entity(name, rule), _operator(spec, rule)) for name, spec in pairs]


def _entity(name: object, rule: Mapping[str, Any]) -> str:
    known = ALIASES.get(str(name), str(name))
    if known not in ENTITIES:
        raise RedactionError(
            f"{_place(rule)}.entities names {name!r}, which is no entity. {_suggest(str(name))}"
        )
    return known


def _suggest(name: str) -> str:
    near = difflib.get_close_matches(name.upper(), [*ENTITIES, *ALIASES], n=1)
    return f"Did you mean {near[0]}?" if near else f"Use one of: {', '.join(sorted(ENTITIES))}."


_OPTIONS = ("operator", "with", "char", "keep_last")


def _operator(spec: object, rule: Mapping[str, Any]) -> Operator:
    if spec is None:
        return Operator()
    if isinstance(spec, str):
        spec = {"operator": spec}
    if not isinstance(spec, Mapping) or spec.keys() - set(_OPTIONS):
        raise RedactionError(
            f"{_place(rule)}.entities: an operator takes the keys {', '.join(_OPTIONS)}."
        )
    try:
        kind = OperatorKind(spec.get("operator", "replace"))
    except ValueError:
        raise RedactionError(
            f"{_place(rule)}.entities: an operator is one of {', '.join(OperatorKind)}."
        ) from None
    text, char, keep_last = spec.get("with"), spec.get("char", "*"), spec.get("keep_last", 0)
    if text is not None and not isinstance(text, str):
        raise RedactionError(f"{_place(rule)}.entities: with must be a text.")
    if not isinstance(char, str) or len(char) != 1:
        raise RedactionError(f"{_place(rule)}.entities: char must be one character.")
    if isinstance(keep_last, bool) or not isinstance(keep_last, int) or keep_last < 0:
        raise RedactionError(f"{_place(rule)}.entities: keep_last must be a whole number from 0.")
    return Operator(kind, text, char, keep_last)


def _place(rule: Mapping[str, Any]) -> str:
    return f"redaction.{rule.get('id', '?')}"
