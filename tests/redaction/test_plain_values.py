"""Values of machines are not taken for anybody's numbers, and hide nobody's either."""

from __future__ import annotations

import pytest

from redaction.plain_values import only_entities


@pytest.mark.parametrize(
    "text",
    [
        "550e8400-e29b-41d4-a716-446655440000",
        "urn:uuid:3846674f-4a2b-c824-5889-488996712654",
    ],
)
def test_a_uuid_is_nothing_else(text: str) -> None:
    assert only_entities(text) == frozenset()


@pytest.mark.parametrize(
    "text", ["1987-03-02", "2024-02-29T10:11:12.5Z", "1987-03-02T10:11-05:00", "12.44", "-7"]
)
def test_a_moment_or_a_small_number_is_at_most_a_date(text: str) -> None:
    assert only_entities(text) == {"DATE_TIME"}


@pytest.mark.parametrize(
    "text",
    [
        "00000000-0000-0000-0000-000123456789",
        "12345678-9012-3456-7890-a23456789012",
        "1987-13-02",
        "078-05-1120",
        "536904399",
        "12345.6789",
        "2024-01-01T00:00:00.123456789Z",
        "550e8400-e29b-41d4-a716-446655440000 Ann",
        "urn:uuid:",
        "",
        "93 years",
    ],
)
def test_all_else_is_searched(text: str) -> None:
    assert only_entities(text) is None
