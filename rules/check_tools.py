"""What a policy says of tools and their arguments, checked."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any

from rules.errors import Problem
from rules.json_path import parse_path
from rules.marked_yaml import Marked, Path
from rules.patterns import PatternError, portable_pattern
from rules.schema import suggest


def check_tool(
    marked: Marked, here: Path, tool: dict[str, Any], destinations: Collection[str]
) -> Iterator[Problem]:
    """Check one tool: where it is called, how it is known, what its arguments keep to."""
    if "mcp" in tool:
        owner, place = tool["mcp"]["server"], (*here, "mcp", "server")
    elif "a2a" in tool:
        owner, place = tool["a2a"]["agent"], (*here, "a2a", "agent")
    else:
        owner, place = tool["destination"], (*here, "destination")
    if "http" in tool:
        yield from _check_template(marked, (*here, "http", "path"), tool["http"]["path"])
        for path in tool["http"].get("body") or {}:
            yield from _check_path(marked, (*here, "http", "body", path), path)
    if owner not in destinations:
        yield marked.problem(
            place, f"there is no destination '{owner}'", suggest(owner, list(destinations))
        )
    for name, constraint in (tool.get("arguments") or {}).items():
        yield from _check_argument(marked, (*here, "arguments", name), name, constraint)


def check_condition(marked: Marked, here: Path, condition: dict[str, Any]) -> Iterator[Problem]:
    """Check the constraints on one argument, and those on each of its elements."""
    pairs: list[tuple[str, str, Callable[[Any, Any], bool]]] = [
        ("min", "max", lambda low, high: low > high),
        ("over", "under", lambda low, high: low >= high),
        ("min_length", "max_length", lambda low, high: low > high),
    ]
    for low, high, wrong in pairs:
        if low in condition and high in condition and wrong(condition[low], condition[high]):
            yield marked.problem(
                (*here, high), f"{high} is smaller than {low}", "Exchange the two."
            )
    if "pattern" in condition:
        try:
            portable_pattern(condition["pattern"])
        except PatternError as error:
            yield marked.problem((*here, "pattern"), str(error), error.mend)
    if "each" in condition:
        yield from check_condition(marked, (*here, "each"), condition["each"])


def _check_template(marked: Marked, path: Path, template: str) -> Iterable[Problem]:
    segments = template.split("/")[1:]
    names: list[str] = []
    for index, segment in enumerate(segments):
        inner = segment[1:-1] if segment.startswith("{") and segment.endswith("}") else ""
        if not inner and ("{" in segment or "}" in segment):
            yield marked.problem(
                path, f"'{segment}' mixes text and braces", "A {name} stands for a whole segment."
            )
        if inner.endswith("*") and index != len(segments) - 1:
            yield marked.problem(path, "{name*} stands for the rest", "Put it at the end.")
        if inner:
            if inner in names:
                yield marked.problem(path, f"'{inner}' stands twice", "Give each its own name.")
            names.append(inner)
        if segment in (".", ".."):
            yield marked.problem(path, "dot segments are never sent", "Write the path plainly.")


def _check_path(marked: Marked, place: Path, text: str) -> Iterator[Problem]:
    try:
        parse_path(text)
    except ValueError as error:
        yield marked.problem(
            place, f"'{text}' is no path: {error}", "Write it like /a/b or $.a[*].b."
        )


def _check_argument(marked: Marked, path: Path, name: str, constraint: Any) -> Iterator[Problem]:
    if not isinstance(constraint, dict):
        if not name.startswith(("max_", "min_")) or len(name) < 5:
            yield marked.problem(
                path,
                f"a number says nothing about the argument '{name}'",
                f"Write max_{name}: {constraint}, or {name}: {{max: {constraint}}}.",
            )
        return
    if not constraint:
        yield marked.problem(path, "no constraint is given", "Name one, such as required: true.")
    if "from" in constraint:
        yield from _check_path(marked, (*path, "from"), constraint["from"])
    yield from check_condition(marked, path, constraint)
