"""What to look for and what to put in its place, merged from the policy's redaction rules."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from redaction.custom import custom_spec, recognizer_items, spec_of
from redaction.entities import DIGIT_OR_AT_ENTITIES, ENTITIES, NER_ENTITIES
from redaction.errors import RedactionError, RuleError
from redaction.operator_spec import OPTIONS, Operator, OperatorKind, Place, operator_from
from redaction.profiles import (
    ProfileFile,
    entities_of,
    languages_of,
    models_of,
    profile_file,
    profile_named,
    profile_names,
    threshold_of,
)
from redaction.search import (
    DEFAULT_LANGUAGES,
    DEFAULT_MODELS,
    DEFAULT_THRESHOLD,
    Search,
    canonical_json,
)

REQUEST, RESPONSE, BOTH = "request", "response", "both"
"""Which way of a call a rule is for."""


@dataclass(frozen=True, slots=True)
class Profile:
    """The entities to take out, each with its operator."""

    operators: Mapping[str, Operator] = field(default_factory=dict, hash=False)
    threshold: float = DEFAULT_THRESHOLD
    models: tuple[str, ...] = DEFAULT_MODELS
    languages: tuple[str, ...] = DEFAULT_LANGUAGES
    recognizers: tuple[str, ...] = ()
    """The user's own recognisers in Presidio's form, each as canonical JSON."""
    on_failure: str = "deny"
    """What becomes of a call that cannot be searched: `deny`, or `pass`."""
    images: str = "refuse"
    """What becomes of attachments that cannot be searched: `refuse`, or `pass`."""
    ttl_seconds: int | None = None
    """How long a session's surrogates are remembered; None: the caller's usual time."""
    search: Search = field(init=False, compare=False)
    key: str = field(init=False)
    """A digest of all that a search depends on, for caches."""
    needs_model: bool = field(init=False)
    needs_digit_or_at: bool = field(init=False)
    """Whether a text without digit and at sign can hold nothing of this profile."""

    def __post_init__(self) -> None:
        names = self.operators.keys()
        own = {spec_of(text).entity for text in self.recognizers}
        unknown = sorted(names - ENTITIES - own)
        if unknown:
            raise RedactionError(
                f"There is no entity {unknown[0]!r}. Entities are: "
                f"{', '.join(sorted({*ENTITIES, *own}))}."
            )
        search = Search(
            frozenset(names), self.threshold, self.models, self.languages, self.recognizers
        )
        set_once = object.__setattr__
        set_once(self, "operators", MappingProxyType(dict(self.operators)))
        set_once(self, "search", search)
        set_once(self, "key", search.key)
        set_once(self, "needs_model", bool(self.models) and bool(names & NER_ENTITIES))
        digits = bool(names) and names <= DIGIT_OR_AT_ENTITIES and not self.recognizers
        set_once(self, "needs_digit_or_at", digits)

    @property
    def entities(self) -> Mapping[str, Operator]:
        """The operator of each entity."""
        return self.operators

    @property
    def reversible(self) -> bool:
        """Whether anything it puts in can be turned back by who keeps the originals."""
        return any(op.kind is OperatorKind.SURROGATE for op in self.operators.values())


def profile_from(
    rules: Sequence[Mapping[str, Any]],
    recognizers: Sequence[Mapping[str, Any]] = (),
    *,
    direction: str | None = None,
) -> Profile:
    """Merge redaction rules into one profile.

    All their entities, models and languages; the lowest threshold, the strictest operator of each
    entity, the strictest of `on_failure` and `images`, the shortest time to live. With `direction`
    (`request` or `response`) only the rules that are for it. `recognizers` are the user's own.
    Raises `RedactionError` where a rule or a recogniser is wrong.
    """
    own = _specs(recognizers)
    parts = [
        _Part.read(rule, own)
        for rule in rules
        if direction is None or _choice(rule, "direction", DIRECTIONS) in (direction, BOTH)
    ]
    return _merged(parts, own)


def rule_errors(
    rules: Sequence[Mapping[str, Any]], recognizers: Sequence[Mapping[str, Any]] = ()
) -> list[RuleError]:
    """Give what is wrong with rules and recognisers, one mistake of each."""
    found: list[RuleError] = []
    right: list[Mapping[str, Any]] = []
    for item in recognizers:
        try:
            _specs([item])
            right.append(item)
        except RuleError as error:
            found.append(error)
    # An entity of a recogniser that is wrong is no second mistake.
    named = {str(item.get("supported_entity")) for item in recognizers}
    own = {**_specs(right), **{f"?{name}": name for name in named}}
    for rule in rules:
        try:
            _Part.read(rule, own)
            _choice(rule, "direction", DIRECTIONS)
        except RuleError as error:
            found.append(error)
    return found


def load_profile(name: str | Path) -> Profile:
    """Give a profile by its name, or from a file of the user's own by its path."""
    if isinstance(name, str) and name in profile_names():
        file = profile_named(name)
    else:
        path = Path(name)
        file = profile_named(str(name)) if not path.suffix else profile_file(path)
    own = _specs(file.recognizers)
    return _merged([_Part.of_file(file)], own)


DIRECTIONS = (REQUEST, RESPONSE, BOTH)
"""The first of each is what a rule means that says nothing."""
ON_FAILURE = ("deny", "pass")
IMAGES = ("refuse", "pass")

Own = Mapping[str, str]
"""The entity of each of the user's recognisers, by its canonical JSON."""


@dataclass(frozen=True, slots=True)
class _Part:
    """What one rule adds to a profile."""

    operators: Mapping[str, Operator]
    threshold: float
    models: tuple[str, ...]
    languages: tuple[str, ...]
    on_failure: str = ON_FAILURE[0]
    images: str = IMAGES[0]
    ttl_seconds: int | None = None

    @classmethod
    def of_file(cls, file: ProfileFile) -> _Part:
        return cls(
            file.entities,
            DEFAULT_THRESHOLD if file.threshold is None else file.threshold,
            DEFAULT_MODELS if file.models is None else file.models,
            DEFAULT_LANGUAGES if file.languages is None else file.languages,
        )

    @classmethod
    def read(cls, rule: Mapping[str, Any], own: Own) -> _Part:
        place = _place(rule)
        named = rule.get("profile")
        base = None
        if named:
            base = cls.of_file(profile_named(str(named), place.under("profile")))
        threshold, models = rule.get("threshold"), rule.get("models")
        languages = rule.get("languages")
        return cls(
            _operators(rule, base.operators if base else {}, set(own.values())),
            (base.threshold if base else DEFAULT_THRESHOLD)
            if threshold is None
            else threshold_of(threshold, place.under("threshold")),
            (base.models if base else DEFAULT_MODELS)
            if models is None
            else models_of(models, place.under("models")),
            (base.languages if base else DEFAULT_LANGUAGES)
            if languages is None
            else languages_of(languages, place.under("languages")),
            _choice(rule, "on_failure", ON_FAILURE),
            _choice(rule, "images", IMAGES),
            _ttl(rule),
        )


def _merged(parts: Sequence[_Part], own: Own) -> Profile:
    operators: dict[str, Operator] = {}
    for part in parts:
        for name, operator in part.operators.items():
            present = operators.get(name)
            if present is None or operator.strictness > present.strictness:
                operators[name] = operator
    times = [part.ttl_seconds for part in parts if part.ttl_seconds is not None]
    return Profile(
        operators,
        min((part.threshold for part in parts), default=DEFAULT_THRESHOLD),
        _union((part.models for part in parts), DEFAULT_MODELS) if parts else DEFAULT_MODELS,
        _union((part.languages for part in parts), DEFAULT_LANGUAGES),
        tuple(text for text, entity in own.items() if entity in operators),
        _strictest((part.on_failure for part in parts), ON_FAILURE),
        _strictest((part.images for part in parts), IMAGES),
        min(times, default=None),
    )


def _operators(
    rule: Mapping[str, Any], base: Mapping[str, Operator], own: Collection[str]
) -> dict[str, Operator]:
    place = _place(rule)
    usual = rule.get("operator") or None
    if isinstance(usual, str):
        # A rule in plain data may have the options of its operator beside it.
        usual = {key: rule[key] for key in OPTIONS if key in rule}
    found = entities_of(rule.get("entities") or [], usual, own, place.under("entities"))
    if usual is not None:
        operator = operator_from(usual, place.under("operator"))
        base = dict.fromkeys(base, operator)
    return {**base, **found}


def _specs(recognizers: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    return {
        canonical_json(item): custom_spec(item).entity for item in recognizer_items([*recognizers])
    }


def _union(lists: Iterable[tuple[str, ...]], usual: tuple[str, ...]) -> tuple[str, ...]:
    found = sorted({item for one in lists for item in one})
    # The usual ones first, so that equal sets are equal profiles.
    return tuple([item for item in usual if item in found]) + tuple(
        [item for item in found if item not in usual]
    )


def _strictest(values: Iterable[str], order: Sequence[str]) -> str:
    return min(values, key=order.index, default=order[0])


def _choice(rule: Mapping[str, Any], key: str, allowed: Sequence[str]) -> str:
    value = rule.get(key, allowed[0])
    if value not in allowed:
        raise (
            _place(rule)
            .under(key)
            .wrong(f"{value!r} is not one of {', '.join(allowed)}", "Change the value.")
        )
    return str(value)


def _ttl(rule: Mapping[str, Any]) -> int | None:
    value = rule.get("ttl_seconds")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise _place(rule).under("ttl").wrong("this must be a second or more", "Write it like 24h.")
    return value


def _place(rule: Mapping[str, Any]) -> Place:
    return Place("redaction", str(rule.get("id", "?")))


__all__ = [
    "DEFAULT_THRESHOLD",
    "Operator",
    "OperatorKind",
    "Profile",
    "load_profile",
    "profile_from",
    "rule_errors",
]
