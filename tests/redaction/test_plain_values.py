"""Values of machines are not taken for anybody's numbers, and hide nobody's either."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from redaction import Job, Leaf, Scope, profile_from
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


class _Fixed:
    """A document of given leaves, as JSON list of their texts."""

    def __init__(self, *leaves: Leaf) -> None:
        self.leaves = leaves

    def rebuild(self, replaced: Mapping[int, str]) -> bytes:
        texts = [replaced.get(index, leaf.text) for index, leaf in enumerate(self.leaves)]
        return json.dumps(texts).encode()


def _job(leaf: Leaf, **entities: str | dict[str, str]) -> Job:
    return Job([_Fixed(leaf)], profile_from([{"id": "t", "entities": entities}]))


def test_what_goes_whole_by_its_place_is_not_searched() -> None:
    name = Leaf("/name", "Ann Lee 536-90-4399", "name/family", "PERSON")
    job = _job(name, PERSON="replace", US_SSN="mask")
    assert job.texts == []
    [result] = job.finish([], Scope(b"k" * 32))
    assert json.loads(result.content) == ["<PERSON>"]
    date = Leaf("/birthDate", "1987-03-02", "birthDate", "DATE_TIME", "date")
    job = _job(date, DATE_TIME={"operator": "shift_date"}, US_SSN="replace")
    assert job.texts == []


def test_what_may_keep_a_part_is_searched_for_the_rest() -> None:
    town = Leaf("/address/city", "Springfield 536-90-4399", "address/city", "LOCATION")
    kept = _job(town, LOCATION={"operator": "generalize", "keep": "city"}, US_SSN="replace")
    assert kept.texts == [town.text]
    masked = _job(town, LOCATION="mask", US_SSN="replace")
    assert masked.texts == [town.text]
    date = Leaf("/when", "1987-03-02 536-90-4399", "when", "DATE_TIME", "date")
    assert _job(date, DATE_TIME={"operator": "shift_date"}, US_SSN="replace").texts == [date.text]


def test_a_uuid_in_a_field_of_ssns_is_searched_by_the_fields_name() -> None:
    text = "550e8400-e29b-41d4-a716-446655440000"
    assert _job(Leaf("/id", text, "order/id"), US_SSN="replace", PHONE_NUMBER="replace").texts == []
    assert _job(Leaf("/mrn", text, "mrn"), MEDICAL_RECORD_NUMBER="replace").texts == [text]
