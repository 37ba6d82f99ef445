from __future__ import annotations

import json

import pytest

from scripts.evaluate_lib.body_texts import texts_of
from scripts.evaluate_lib.labels import Counting, label_map
from scripts.evaluate_lib.model import Case, Example, Span, Value
from scripts.evaluate_lib.scoring import Score, score
from scripts.evaluate_lib.statistics import interval
from scripts.evaluate_lib.structured import score_cases
from scripts.evaluate_lib.systems.base import Found, Outcome

COUNTING = Counting(label_map())
TEXT = "Ann Lee, MRN 12-34, Ohio, aged 50"
GOLD = (
    Span(0, 7, "PATIENT"),
    Span(13, 18, "MRN"),
    Span(20, 24, "STATE"),
    Span(31, 33, "AGE"),
)


def scored(*found: Found, text: str = TEXT, gold: tuple[Span, ...] = GOLD) -> Score:
    return score([Example("1", text, gold)], [list(found)], COUNTING)


def test_cover_needs_every_letter_and_digit_whatever_the_type() -> None:
    result = scored(
        Found(0, 3, "LOCATION", 0.9), Found(4, 7, "NRP", 0.9), Found(13, 15, "US_SSN", 0.5)
    )
    # The blank within the name may stay; half a number may not.
    assert (result.families["NAME"].gold, result.families["NAME"].covered) == (1, 1)
    assert (result.families["MRN"].gold, result.families["MRN"].covered) == (1, 0)
    assert result.total.cover == 0.5
    assert result.families["NAME"].recalled == 0
    assert [(slip.family, slip.chars) for slip in result.misses] == [("MRN", 2)]


def test_precision_counts_overlapping_finds_as_one() -> None:
    result = scored(
        Found(0, 5, "PERSON", 0.9),
        Found(3, 7, "PERSON", 0.5),
        Found(9, 12, "ORGANIZATION", 0.9),
        Found(20, 24, "LOCATION", 0.9),
    )
    # Ohio may be found or not: it counts neither way.
    assert (result.spans_found, result.spans_right) == (2, 1)
    assert (result.chars_found, result.chars_right) == (9, 6)
    assert [(slip.start, slip.end, slip.family) for slip in result.alarms] == [
        (9, 12, "ORGANIZATION")
    ]
    name, organization = result.families["NAME"], result.families["ORGANIZATION"]
    assert (name.found, name.right) == (1, 1)
    assert (organization.found, organization.right) == (1, 0)
    assert "REGION" not in result.families


def test_finds_that_touch_stay_two() -> None:
    result = scored(Found(0, 7, "PERSON", 0.9), Found(7, 9, "PERSON", 0.9))
    assert (result.spans_found, result.spans_right) == (1, 1), "punctuation alone is no false alarm"
    result = scored(Found(0, 4, "PERSON", 0.9), Found(4, 12, "PERSON", 0.9))
    assert (result.spans_found, result.spans_right) == (2, 2)


def test_f_weighs_precision_and_recall() -> None:
    gold = tuple(Span(at, at + 1, "NAME") for at in range(0, 8, 2))
    finds = [Found(0, 1, "PERSON", 1), Found(8, 9, "PERSON", 1)]
    tally = scored(*finds, text="a b c d e", gold=gold).families["NAME"]
    assert (tally.precision, tally.recall) == (0.5, 0.25)
    assert tally.f(1) == pytest.approx(1 / 3)
    assert tally.f(2) == pytest.approx(5 * 0.5 * 0.25 / (4 * 0.5 + 0.25))


def test_a_number_found_under_another_name_counts_where_it_belongs() -> None:
    result = scored(
        Found(0, 4, "MEDICAL_RECORD_NUMBER", 1), text="1234", gold=(Span(0, 4, "IDNUM"),)
    )
    tally = result.families["ID"]
    assert (tally.gold, tally.recalled, tally.found, tally.right) == (1, 1, 1, 1)


def test_texts_that_leak_and_clean_ones() -> None:
    examples = [
        Example("1", "Ann Bo", (Span(0, 3, "NAME"), Span(4, 6, "NAME"))),
        Example("2", "Ann", (Span(0, 3, "NAME"),)),
        Example("3", "Ohio", (Span(0, 4, "STATE"),)),
        Example("4", "the cat"),
        Example("5", "the dog"),
    ]
    person, place = Found(0, 3, "PERSON", 1), Found(0, 4, "LOCATION", 1)
    result = score(examples, [[person], [person], [place], [person], []], COUNTING)
    assert (result.with_gold, result.leaking) == (2, 1)
    assert (result.clean, result.clean_touched) == (3, 1)
    assert result.per_text == [(1, 2), (1, 1)]


def test_nothing_to_divide() -> None:
    result = scored(text="x", gold=())
    assert result.total.cover is None
    assert result.total.f(1) is None
    assert interval(result.per_text) is None


def test_the_interval_holds_the_share_and_narrows() -> None:
    few = interval([(1, 2), (2, 2), (0, 2), (2, 2)])
    many = interval([(1, 2), (2, 2), (0, 2), (2, 2)] * 100)
    assert few is not None
    assert many is not None
    assert few[0] < many[0] < 0.625 < many[1] < few[1]
    assert interval([(3, 3)] * 5) == (1.0, 1.0)


CASE = Case(
    "1",
    "application/json",
    '{"name": "Ann Lee", "mrn": "12345", "code": "E11.9", "day": "2020-03-04T10:00:00Z"}',
    (Value("Ann Lee", "NAME"), Value("12345", "MRN"), Value("2020-03-04", "DATE")),
    (Value("E11.9", ""),),
)


def test_bodies_are_searched_for_what_survives() -> None:
    output = '{"name": "<PERSON>", "mrn": "912345", "code": "<X>", "day": "2020-03-04T10:00:00Z"}'
    result = score_cases([CASE], [Outcome(output=output)], COUNTING)
    # Within a longer number a value is not itself; before a T a date is.
    assert {name: (c.values, c.gone) for name, c in result.families.items()} == {
        "NAME": (1, 1),
        "MRN": (1, 1),
        "DATE": (1, 0),
    }
    assert (result.bodies, result.leaking, result.keep, result.lost) == (1, 1, 1, 1)
    assert [value.value for _, value in result.misses] == ["2020-03-04"]


def test_a_refused_body_lets_nothing_out_and_keeps_nothing() -> None:
    result = score_cases([CASE], [Outcome(refused="UnsupportedDocument")], COUNTING)
    assert (result.total.values, result.total.gone) == (3, 3)
    assert (result.refused, result.leaking, result.keep) == (1, 0, 0)


def test_texts_without_a_value_should_stay_where_the_set_does_not_say() -> None:
    case = Case("1", "application/json", '["Ann Lee", "fine", "well"]', (Value("Ann Lee", "NAME"),))
    result = score_cases([case], [Outcome('["<P>", "<P>", "well"]')], COUNTING)
    assert (result.keep, result.lost) == (2, 1)


def test_bodies_are_read_by_readers_of_their_own() -> None:
    body = json.dumps({"Ann": [1.5, "x", json.dumps({"b": "Bo"})]})
    assert texts_of(body) == ["Ann", "1.5", "x", "b", "Bo"]
    assert set(texts_of('<a b="Ann">Bo &amp; Co<c/>end</a>')) == {"Ann", "Bo & Co", "end"}
    assert texts_of("PID|1|Ann\\T\\Bo") == ["PID|1|Ann\\T\\Bo"]
    assert texts_of("{not JSON & all") == ["{not JSON & all"] * 2
