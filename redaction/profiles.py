"""Profiles: sets of entities with an operator each, which a policy names instead of listing them.

description: Social security numbers and nothing else.
source: ""                    the law or guidance it follows
threshold: 0.4                how sure a find must be
models: [spacy]               the language models that are asked
languages: [en]
entities:                     a list, or a mapping to operators
  US_SSN: {operator: mask, keep_last: 4}
recognizers: []               the user's own, in Presidio's form
"""

from __future__ import annotations

import difflib
import functools
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from redaction.custom import custom_spec, recognizer_items
from redaction.entities import ALIASES, ENTITIES
from redaction.operator_spec import Operator, Place, operator_from

FOLDER = Path(__file__).parent / "profiles"
MODELS = ("spacy", "rampart")
MAX_FILE = 1_000_000

_KEYS = frozenset(
    {
        *("description", "source", "threshold", "models", "languages"),
        *("entities", "recognizers"),
    }
)


@dataclass(frozen=True, slots=True)
class ProfileFile:
    """A profile as its file says it; None where it leaves a choice to the rule that names it."""

    name: str
    description: str
    source: str
    entities: Mapping[str, Operator]
    threshold: float | None
    models: tuple[str, ...] | None
    languages: tuple[str, ...] | None
    recognizers: tuple[Mapping[str, Any], ...]


def profile_names() -> list[str]:
    """Name the profiles that come with Aegis."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


@functools.cache
def profile_named(name: str, place: Place | None = None) -> ProfileFile:
    """Give a profile that comes with Aegis; raises `RedactionError` for one that does not."""
    known = profile_names()
    if name not in known:
        mend = suggestion(name, known, f"Profiles are: {', '.join(known)}.")
        raise (place or Place("", "profile")).wrong(f"there is no redaction profile {name!r}", mend)
    return _read(FOLDER / f"{name}.yaml", name)


def profile_file(path: Path) -> ProfileFile:
    """Read a profile of the user's own; raises `RedactionError` that names what is wrong in it."""
    return _read(path, path.name)


def profile_entities(name: str) -> tuple[str, ...]:
    """Give the entities of a profile; raises `RedactionError` for one that does not exist."""
    return tuple(profile_named(name).entities)


def known_entity(name: object, own: Collection[str], place: Place) -> str:
    """Give the entity of a name or a short name; raises `RuleError` where there is none.

    `own` are the entities of the user's recognisers.
    """
    known = ALIASES.get(str(name), str(name))
    if known in ENTITIES or known in own:
        return known
    every = sorted({*ENTITIES, *own})
    mend = suggestion(str(name).upper(), [*every, *ALIASES], f"Use one of: {', '.join(every)}.")
    raise place.wrong(f"there is no entity {name!r}", mend)


def suggestion(name: str, known: Sequence[str], otherwise: str) -> str:
    """Ask whether a near name was meant, or say what there is."""
    near = difflib.get_close_matches(name, known, n=1)
    return f"Did you mean {near[0]}?" if near else otherwise


def threshold_of(value: object, place: Place) -> float:
    """Read a threshold."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise place.wrong("this must be a number from 0 to 1", "Write it like 0.4.")
    return float(value)


def models_of(value: object, place: Place) -> tuple[str, ...]:
    """Read names of language models."""
    if not isinstance(value, list | tuple):
        raise place.wrong("this must be a list of models", f"Models: {', '.join(MODELS)}.")
    for index, name in enumerate(value):
        if name not in MODELS:
            raise place.under(index).wrong(
                f"there is no model {name!r}", f"Models: {', '.join(MODELS)}."
            )
    return tuple(dict.fromkeys(value))


def languages_of(value: object, place: Place) -> tuple[str, ...]:
    """Read languages, as codes of two letters (ISO 639-1)."""
    right = isinstance(value, list | tuple) and all(
        isinstance(item, str) and len(item) == 2 and item.isascii() and item.islower()
        for item in value
    )
    if not right or not isinstance(value, list | tuple):
        raise place.wrong("this must be a list of languages", "Write it like [en, de].")
    return tuple(dict.fromkeys(value))


def entities_of(
    value: object, usual: object, own: Collection[str], place: Place
) -> dict[str, Operator]:
    """Read entities: a list, whose operator is the usual one, or a mapping to an operator each."""
    if isinstance(value, Mapping):
        pairs = [(name, name, spec) for name, spec in value.items()]
    elif isinstance(value, list | tuple):
        pairs = [(index, name, usual) for index, name in enumerate(value)]
    else:
        raise place.wrong("this must be a list or a mapping of entities")
    found: dict[str, Operator] = {}
    for key, name, spec in pairs:
        entity = known_entity(name, own, place.under(key))
        found[entity] = operator_from(spec, place.under(key))
    return found


def _read(path: Path, name: str) -> ProfileFile:
    place = Place("", name)
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE + 1)
    except OSError as error:
        raise place.wrong(f"the file cannot be read ({error.strerror})", "Check it.") from None
    if len(content) > MAX_FILE:
        raise place.wrong("the file is too large for a profile", "Check the path.")
    try:
        document = yaml.load(content, Loader=yaml.CSafeLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""
        raise place.wrong(
            f"this is not valid YAML{where}", "Check indentation and quotes."
        ) from None
    return profile_document(document, name)


def profile_document(document: object, name: str) -> ProfileFile:
    """Read a profile from plain data; raises `RedactionError` that names what is wrong in it."""
    place = Place("", name)
    if not isinstance(document, Mapping):
        raise place.wrong("a profile is a mapping", "Begin with `entities:`.")
    for key in document:
        if key not in _KEYS:
            near = suggestion(str(key), sorted(_KEYS), f"Keys: {', '.join(sorted(_KEYS))}.")
            raise place.under(str(key)).wrong("a profile has no such key", near)
    for key in ("description", "source"):
        if not isinstance(document.get(key, ""), str):
            raise place.under(key).wrong("this must be a text")
    recognizers = recognizer_items(document.get("recognizers") or [])
    own = {custom_spec(item).entity for item in recognizers}
    if not document.get("entities"):
        raise place.wrong("it names no entities", "Add `entities:`.")
    return ProfileFile(
        name,
        document.get("description", ""),
        document.get("source", ""),
        entities_of(document["entities"], None, own, place.under("entities")),
        _optional(document, "threshold", place, threshold_of),
        _optional(document, "models", place, models_of),
        _optional(document, "languages", place, languages_of),
        tuple(recognizers),
    )


def _optional[T](
    document: Mapping[Any, Any], key: str, place: Place, read: Callable[[object, Place], T]
) -> T | None:
    value = document.get(key)
    return None if value is None else read(value, place.under(key))
