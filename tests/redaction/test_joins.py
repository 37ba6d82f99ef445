"""Values split over texts that stand side by side, and ordinary columns that are none."""

from __future__ import annotations

import json
import time

import pytest

from redaction import parse_document
from redaction.documents import Leaf, joined_views


def views(value, kind="application/json"):
    body = value.encode() if isinstance(value, str) else json.dumps(value).encode()
    document = parse_document(kind, body)
    return document, list(joined_views(document.leaves))


def parts(*texts):
    return {"messages": [{"role": "user", "content": [{"type": "text", "text": t} for t in texts]}]}


@pytest.mark.parametrize(
    ("value", "pieces"),
    [
        (parts("My SSN is 536-90-", "4399 ok"), ["My SSN is 536-90-", "4399"]),
        (parts("my ssn: 536", "90", "4399."), ["my ssn: 536", "90", "4399"]),
        (parts("it is 536", "90", "4399."), ["it is 536", "90", "4399"]),
        (
            {
                "messages": [
                    {"role": "user", "content": "It begins 536-90-"},
                    {"role": "assistant", "content": "go on"},
                    {"role": "user", "content": "4399"},
                ]
            },
            ["It begins 536-90-", "4399"],
        ),
        ({"ssn1": "536", "ssn2": "90", "ssn3": "4399"}, ["536", "90", "4399"]),
        ({"area": "536", "group": "90", "serial": "4399"}, ["536", "90", "4399"]),
        ({"x": ["536", "90", "4399"]}, ["536", "90", "4399"]),
        ({"ssn": list("536904399")}, list("536904399")),
        ({"ssn": [536, 90, 4399]}, ["536", "90", "4399"]),
        ({"p": ["415", "555", "0100"]}, ["415", "555", "0100"]),
        ({"card": ["4111", "1111", "1111", "1111"]}, ["4111", "1111", "1111", "1111"]),
    ],
)
def test_a_view_shows_the_whole_and_leads_back_to_its_parts(value, pieces):
    document, found = views(value)
    [view] = found
    assert [
        document.leaves[index].text[start:end]
        for index, start, end in view.parts_of(0, len(view.text))
    ] == pieces
    digits = "".join(c for c in view.text if c.isdigit())
    assert digits == "".join(c for piece in pieces for c in piece if c.isdigit())
    # What lies within one part is found there, and counts once.
    first = view.parts[0]
    assert view.parts_of(first[1], first[2]) == []


@pytest.mark.parametrize(
    "value",
    [
        ["120", "45", "1234", "77"],
        {"height": "123", "age": "45", "zip": "6789"},
        {"rows": [["123", "45", "6789", "1"], ["223", "46", "6789", "2"]]},
        {"versions": ["1.2.3", "4.5.6"]},
        parts("There were 12", "3 apples"),
        parts("Chapter 536", "90 pages", "4399 words"),
        {"a": "2024-01-02", "b": "2024-01-03"},
        {"zip": "12345", "plus4": "6789"},
        {"lat": "41.123456", "lon": "72.123456"},
        [str(n) for n in range(1000)],
        [536, 90, 4399],
        {"ssn": "none", "n": "536"},
    ],
)
def test_ordinary_numbers_side_by_side_are_no_views(value):
    assert views(value)[1] == []


@pytest.mark.parametrize(
    ("table", "count"),
    [
        ("name,ssn1,ssn2,ssn3\nRoe,536,90,4399\nDoe,536,90,4398\n", 2),
        ("area,group,serial\n536,90,4399\n", 1),
        ("height,age,steps\n536,90,4399\n", 0),
        ("a,b\n1,2\n3,4", 0),
    ],
)
def test_cells_of_a_row(table, count):
    document, found = views(table, "text/csv")
    assert len(found) == count
    for view in found:
        spans = view.parts_of(4, len(view.text))
        assert [len(document.leaves[i].text[a:b]) for i, a, b in spans] == [3, 2, 4]


def test_what_a_format_knows_is_not_joined():
    resource = {
        "resourceType": "Patient",
        "identifier": [{"value": "536"}, {"value": "90"}, {"value": "4399"}],
    }
    assert views(resource)[1] == []


@pytest.mark.parametrize(
    "leaves",
    [
        [Leaf("", "1", "x")] * 200_000,
        [Leaf("", "536-", "x")] * 200_000,
        [Leaf("", "a" * 50 + "1", "x"), Leaf("", "2" + "a" * 50, "x")] * 50_000,
        [Leaf("", "1" * 100_000, "x")] * 50,
        [Leaf("", "536-90-", "x"), Leaf("", "4399", "x")] * 50_000,
    ],
)
def test_views_are_few_and_cheap(leaves):
    started = time.process_time()
    found = list(joined_views(leaves))
    assert time.process_time() - started < 4
    assert sum(len(view.text) for view in found) <= 2 * sum(len(leaf.text) for leaf in leaves)
