"""Places in JSON documents: JSON Pointer (RFC 6901) and the plain part of JSONPath (RFC 9535)."""

from __future__ import annotations

import enum
import functools
import re
from typing import Any

from rules.errors import ToolError

MAX_FOUND = 10_000


class _Each(enum.Enum):
    EACH = "*"


EACH = _Each.EACH
"""A step that means each element of an array."""

Step = str | int | _Each

_STEP = re.compile(
    r"\.(?P<name>[A-Za-z_\u0080-\U0010ffff][A-Za-z0-9_\u0080-\U0010ffff-]*)"
    r"|\[(?P<index>0|[1-9][0-9]{0,8})\]"
    r"|(?P<each>\[\*\])"
    r"|\['(?P<single>[^'\\]*)'\]"
    r'|\["(?P<double>[^"\\]*)"\]'
)


@functools.lru_cache(1024)
def parse_path(text: str) -> tuple[Step, ...]:
    """Read a JSON Pointer, or a JSONPath of names, indexes and `[*]`.

    Raises `ValueError` that names what cannot be read.
    """
    if not text.startswith("$"):
        if text and not text.startswith("/"):
            raise ValueError("it begins neither with '/' nor with '$'")
        if re.search(r"~(?![01])", text):
            raise ValueError("in a JSON Pointer '~' is written ~0")
        return tuple(part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:])
    steps: list[Step] = []
    position = 1
    while position < len(text):
        match = _STEP.match(text, position)
        if match is None:
            raise ValueError(
                f"'{text[position : position + 20]}' is no name, index or [*], which are all "
                "that is supported"
            )
        position = match.end()
        if match["each"]:
            steps.append(EACH)
        elif match["index"] is not None:
            steps.append(int(match["index"]))
        else:
            steps.append(
                next(match[k] for k in ("name", "single", "double") if match[k] is not None)
            )
    return tuple(steps)


def resolve(document: Any, path: tuple[Step, ...]) -> tuple[bool, Any]:
    """Follow a path; gives whether it leads anywhere, and to what.

    A path with `EACH` leads to a list with, for each element, a list of its value or an empty one
    where the element has none. Raises `ToolError` beyond 10,000 elements, and for a name that
    differs from a step in case alone.
    """
    if EACH not in path:
        return _follow(document, path)
    at = path.index(EACH)
    found, elements = _follow(document, path[:at])
    if not found:
        return False, None
    return True, _spread(elements, path[at + 1 :], [MAX_FOUND])


def _spread(elements: Any, rest: tuple[Step, ...], room: list[int]) -> list[list[Any]]:
    """Give what the rest of a path leads to in each element; what is no array is one element."""
    spread: list[list[Any]] = []
    for element in elements if isinstance(elements, list) else [elements]:
        room[0] -= 1
        if room[0] < 0:
            raise ToolError(f"The body has more than {MAX_FOUND} elements that policy looks at.")
        if EACH in rest:
            at = rest.index(EACH)
            found, inner = _follow(element, rest[:at])
            spread += _spread(inner, rest[at + 1 :], room) if found else [[]]
        else:
            found, value = _follow(element, rest)
            spread.append([value] if found else [])
    return spread


def _check_case(document: dict[str, Any], name: str) -> None:
    """Refuse a member that is the wanted one but for case: some readers take it for that."""
    folded = name.casefold()
    if any(other != name and other.casefold() == folded for other in document):
        raise ToolError("The body has a name that the policy looks at in upper and lower case.")


def _follow(document: Any, path: tuple[Step, ...]) -> tuple[bool, Any]:
    for step in path:
        if isinstance(document, dict) and isinstance(step, str):
            _check_case(document, step)
            if step not in document:
                return False, None
            document = document[step]
        elif isinstance(document, list) and str(step).isdecimal() and str(step).isascii():
            if int(str(step)) >= len(document):
                return False, None
            document = document[int(str(step))]
        else:
            return False, None
    return True, document
