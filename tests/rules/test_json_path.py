"""Places in JSON documents."""

from __future__ import annotations

from typing import Any

import pytest

from rules import ToolError
from rules.json_path import EACH, parse_path, resolve

DOCUMENT: dict[str, Any] = {
    "a": {"b": [10, {"c": 20}], "x/y": 1, "m~n": 2},
    "items": [{"amount": 40}, {}, {"amount": 7, "lines": [{"n": 1}, {"n": 2}]}],
    "one": {"amount": 99},
    "é": 3,
}


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("", ()),
        ("/a/b/0", ("a", "b", "0")),
        ("/a/x~1y", ("a", "x/y")),
        ("/a/*", ("a", "*")),
        ("$", ()),
        ("$.a.b[1].c", ("a", "b", 1, "c")),
        ("$['a']['x/y']", ("a", "x/y")),
        ('$["a b"]', ("a b",)),
        ("$.items[*].amount", ("items", EACH, "amount")),
        ("$.é", ("é",)),
    ],
)
def test_paths_are_read(text: str, steps: tuple[Any, ...]) -> None:
    assert parse_path(text) == steps


@pytest.mark.parametrize(
    "text", ["a", "$a", "$..a", "$.a[?(@.b)]", "$.a[-1]", "$.a[0:2]", "$.*", "$.a[", "$.", "/a~2"]
)
def test_what_is_not_supported_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_path(text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("/a/b/0", 10),
        ("$.a.b[1].c", 20),
        ("/a/x~1y", 1),
        ("/a/m~0n", 2),
        ("$.items[*].amount", [[40], [], [7]]),
        ("$.items[*].lines[*].n", [[], [], [1], [2]]),
        ("$.one[*].amount", [[99]]),
        ("$.a.b[*]", [[10], [{"c": 20}]]),
    ],
)
def test_paths_lead_to_values(text: str, found: Any) -> None:
    assert resolve(DOCUMENT, parse_path(text)) == (True, found)


@pytest.mark.parametrize("text", ["/b", "$.a.b[7]", "$.none[*].x", "/a/b/-1", "/a/b/²"])
def test_paths_that_lead_nowhere(text: str) -> None:
    assert resolve(DOCUMENT, parse_path(text)) == (False, None)


def test_elements_are_bounded() -> None:
    with pytest.raises(ToolError, match="10000"):
        resolve({"a": [{}] * 10_001}, parse_path("$.a[*].b"))
