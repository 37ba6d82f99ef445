"""The shape of a policy, checked against its JSON Schema with all mistakes at once."""

from __future__ import annotations

import difflib
import functools
import json
from collections.abc import Iterator
from pathlib import Path as FilePath
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from rules.errors import Problem
from rules.marked_yaml import Marked, Path

SCHEMA_FILE = FilePath(__file__).parent / "schema" / "policy.schema.json"


@functools.cache
def schema() -> dict[str, Any]:
    """Give the JSON Schema (2020-12) of a policy."""
    document: dict[str, Any] = json.loads(SCHEMA_FILE.read_text("utf-8"))
    return document


def check_shape(marked: Marked, against: dict[str, Any] | None = None) -> list[Problem]:
    """Give every mistake in the shape of a document (a policy), in the order of its lines."""
    validator = Draft202012Validator(against or schema())
    found = [
        problem
        for error in validator.iter_errors(marked.data)
        for problem in _problems(marked, error)
    ]
    unique = list(dict.fromkeys(found))
    return sorted(unique, key=lambda problem: (problem.line, problem.column))


def suggest(word: str, known: list[str]) -> str:
    """Ask whether a near word was meant, or name those there are."""
    near = difflib.get_close_matches(word, known, n=1)
    if near:
        return f"Did you mean '{near[0]}'?"
    return f"Known: {', '.join(sorted(known))}." if 0 < len(known) <= 20 else ""


def _problems(marked: Marked, error: ValidationError) -> Iterator[Problem]:
    path: Path = tuple(error.absolute_path)
    rule = str(error.validator)
    wanted: Any = error.validator_value
    if rule in ("oneOf", "anyOf") and error.context:
        yield from _alternatives(marked, error, path)
    elif rule == "additionalProperties":
        place: Any = error.schema
        known = sorted(place.get("properties", {}))
        given: Any = error.instance
        for key in given:
            if key not in known:
                yield marked.problem(
                    (*path, key), f"'{key}' is not a key here", suggest(key, known), at_key=True
                )
    elif rule == "required":
        present: Any = error.instance
        for key in wanted:
            if key not in present:
                yield marked.problem(path, f"the key '{key}' is missing", f"Add `{key}:`.")
    elif rule == "type":
        names = wanted if isinstance(wanted, list) else [wanted]
        yield marked.problem(
            path, f"this is {_kind(error.instance)}", f"Give {' or '.join(map(_article, names))}."
        )
    elif rule == "const":
        yield marked.problem(path, f"this must be '{wanted}'", f"Write `{wanted}`.")
    elif rule == "enum":
        names = [str(value) for value in wanted]
        yield marked.problem(
            path,
            f"'{_short(error.instance)}' is not one of {', '.join(names)}",
            suggest(str(error.instance), names),
        )
    elif rule == "pattern":
        yield marked.problem(
            path,
            f"'{_short(error.instance)}' has not the form that is wanted here",
            _MENDS.get(str(wanted), f"It must match {wanted}."),
        )
    elif rule in ("minItems", "minProperties", "minLength"):
        yield marked.problem(path, "this is empty", "Name at least one.")
    elif rule in _BOUNDS:
        bound = _BOUNDS[rule]
        unit = " characters" if rule == "maxLength" else ""
        yield marked.problem(path, f"this must be {bound} {wanted}{unit}", "Change the value.")
    else:
        yield marked.problem(path, "this is not allowed here", "See `aegis policy schema`.")


def _alternatives(marked: Marked, error: ValidationError, path: Path) -> Iterator[Problem]:
    """Report the mistakes of the alternative that was most likely meant."""
    shapes: dict[int, list[ValidationError]] = {}
    for inner in error.context or ():
        shapes.setdefault(int(inner.schema_path[0]), []).append(inner)
    missing: list[str] = []
    for inners in shapes.values():
        for inner in inners:
            needed: Any = inner.validator_value
            missing += needed if inner.validator == "required" else []
    if all(inner.validator == "required" for inners in shapes.values() for inner in inners):
        wanted = " or ".join(f"`{key}:`" for key in dict.fromkeys(missing))
        yield marked.problem(path, f"one of {wanted} is missing", "Add it.")
        return
    typed = [
        inners
        for inners in shapes.values()
        if not any(i.validator in ("type", "enum") and not i.path for i in inners)
    ]
    best = min(typed or list(shapes.values()), key=len)
    for inner in best:
        yield from _problems(marked, inner)


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _kind(value: Any) -> str:
    if value is None:
        return "empty"
    names = {bool: "true or false", int: "a number", float: "a number", str: "a text"}
    return names.get(type(value), "a list" if isinstance(value, list) else "a mapping")


def _article(name: str) -> str:
    names = {
        "array": "a list",
        "object": "a mapping of keys",
        "string": "a text",
        "boolean": "true or false",
        "number": "a number",
        "integer": "a whole number",
    }
    return names.get(name, name)


_BOUNDS = {
    "minimum": "at least",
    "maximum": "at most",
    "maxLength": "at most",
    "maxItems": "at most",
    "exclusiveMinimum": "more than",
}
_MENDS = {
    "^[a-z0-9][a-z0-9._-]{0,62}$": "Use a-z, 0-9, '.', '_' and '-', 63 characters at most.",
    "^[A-Z][A-Z0-9_]*$": "Entities are written like US_SSN.",
    "^[a-z]{2}$": "Write a language in two letters, such as en.",
    "^[0-9]+ ?(B|KB|MB|GB)?$": "Write a size such as 10MB.",
    "^/": "It begins with '/'.",
    "^[/$]": "Write a JSON Pointer such as /a/b or a JSONPath such as $.a[*].b.",
    "^[1-9][0-9]{0,5} ?(s|m|h|d)$": "Write a time such as 30s, 15m, 1h or 1d.",
    "^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$": "Write a time of day such as 09:00, in quotes.",
    "^(mon|tue|wed|thu|fri|sat|sun)(-(mon|tue|wed|thu|fri|sat|sun))?$": (
        "Write mon, tue, wed, thu, fri, sat, sun, or a range such as mon-fri."
    ),
    "^[_A-Za-z][_0-9A-Za-z]*$": "Names in GraphQL are letters, digits and '_'.",
    "^[A-Z]+$": "Methods are written in capitals, such as POST.",
}
