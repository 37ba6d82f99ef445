"""Constraints on arguments, compiled to checks that one Rego function can prove."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rules.json_path import EACH, parse_path
from rules.patterns import portable_pattern
from rules.policy import Part

ONE, ELEMENTS, FOUND = 0, 1, 2
"""What a check looks at: the value, each element of it, or each of what a path found."""

OPPOSITES = {
    "max": "over",
    "over": "max",
    "min": "under",
    "under": "min",
    "enum": "not_enum",
    "pattern": "not_pattern",
    "type": "not_type",
    "min_length": "shorter",
    "max_length": "longer",
    "required": "absent",
}
"""What has to be proven for a condition not to hold."""

FAMILIES = {
    **dict.fromkeys(("max", "min", "over", "under"), "number"),
    **dict.fromkeys(("max_length", "min_length", "longer", "shorter"), "size"),
    **dict.fromkeys(("pattern", "not_pattern"), "text"),
    **dict.fromkeys(("enum", "not_enum"), "set"),
    **dict.fromkeys(("type", "not_type"), "type"),
}
"""What a kind of constraint is about; others stand for themselves."""

_COMPARISONS = {"max_length": "max", "min_length": "min", "longer": "over", "shorter": "under"}


def compile_checks(
    part: Part, sources: dict[str, str], messages: dict[str, str]
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Give the checks of a tool in their order, and where its arguments stand in the body."""
    tool = part.item["id"]
    checks: list[dict[str, Any]] = []
    origins: dict[str, str] = {}

    def add(argument: str, kind: str, bound: Any, each: int, *place: str) -> None:
        label = ".".join([argument, *(["each"] if each == ELEMENTS else []), kind])
        name = f"tool:{tool}/{label.lstrip('.')}"
        sources[name] = part.source(*place)
        messages[name] = _MESSAGES[kind].format(argument=argument, tool=tool, bound=_plain(bound))
        checks.append({"id": name, **one_check(argument, kind, bound, each), "order": len(checks)})

    constraints = part.item.get("arguments") or {}
    if constraints:
        add("", "readable", True, ONE)
    for name, constraint in constraints.items():
        here = ("arguments", name)
        if not isinstance(constraint, dict):
            add(name[4:], name[:3], constraint, ONE, *here)
            continue
        if "from" in constraint:
            origins[name] = constraint["from"]
        for kind, bound, each in flat(constraint):
            place = (*here, "each", kind) if each == ELEMENTS else (*here, kind)
            add(name, kind, bound, each, *place)
    return checks, origins


def flat(constraint: dict[str, Any]) -> Iterator[tuple[str, Any, int]]:
    """Give the kinds of a constraint, their bounds and what each of them looks at."""
    found = FOUND if EACH in parse_path(constraint.get("from", "/")) else ONE
    for kind, bound in constraint.items():
        if kind == "each":
            yield from ((inner, wanted, found or ELEMENTS) for inner, wanted in bound.items())
        elif kind != "from" and not (kind == "required" and not bound):
            yield kind, bound, found


def one_check(argument: str, kind: str, bound: Any, each: int) -> dict[str, Any]:
    """Make what the Rego module proves of one argument."""
    family = FAMILIES.get(kind, kind)
    if family == "text":
        bound = portable_pattern(bound)
    kind = _COMPARISONS.get(kind, kind) if family == "size" else kind
    return {"kind": kind, "family": family, "argument": argument, "bound": bound, "each": each}


def _plain(bound: Any) -> str:
    return ", ".join(str(item) for item in bound) if isinstance(bound, list) else str(bound)


_MESSAGES = {
    "readable": "The arguments of the tool {tool} could not be read, and the policy constrains "
    "them. Send them as JSON or as a form.",
    "required": "The tool {tool} needs the argument {argument}.",
    "type": "The argument {argument} of the tool {tool} must be of the type {bound}.",
    "min": "The argument {argument} of the tool {tool} must be a number of at least {bound}.",
    "max": "The argument {argument} of the tool {tool} must be a number of at most {bound}.",
    "over": "The argument {argument} of the tool {tool} must be a number of more than {bound}.",
    "under": "The argument {argument} of the tool {tool} must be a number of less than {bound}.",
    "enum": "The argument {argument} of the tool {tool} must be one of: {bound}.",
    "pattern": "The argument {argument} of the tool {tool} must match the pattern {bound}",
    "min_length": "The argument {argument} of the tool {tool} must have a length of at least "
    "{bound}.",
    "max_length": "The argument {argument} of the tool {tool} must have a length of at most "
    "{bound}.",
}
