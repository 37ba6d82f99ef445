from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redaction.normalise import normalise


@pytest.mark.parametrize("text", ["", "plain ASCII - 123", "a\nb"])
def test_ascii_stays(text):
    assert normalise(text) is None


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("\uff11\uff12", "12"),
        ("1\u200b2", "12"),
        ("1\u20132", "1-2"),
        ("a\u00a0b", "a b"),
        ("%31%32", "12"),
        ("%2531", "1"),
        ("&#49;&#x32;", "12"),
        ("\\u0031", "1"),
        ("%uff11", "1"),
        ("=31=32", "12"),
        ("\\061\\062", "12"),
        ("\\N{DIGIT ONE}", "1"),
        ("\u2460\u00b2", "12"),
        ("1**2", "12"),
        ("one 2 three 4", "1234"),
        ("double five six seven", "5567"),
        ("five hundred twelve, thirty-six", "51236"),
        ("\U0001f170\U0001f171", "AB"),
        ("\U000e0041\U000e0042\U000e0043", "ABC"),
        ("+ADEAMg-", "12"),
    ],
)
def test_reads_as_a_person_would(text, read):
    view = normalise(text)
    assert view is not None
    assert view.text == read
    assert view.span(0, len(read)) == (0, len(text))


@pytest.mark.parametrize(
    "text",
    [
        "\u201cIt\u2019s fine\u201d \u2013 said she\u2026",
        "caf\u00e9 na\u00efve stra\u00dfe",
        "one or two of three",
        "a + b, 'x' and \"y\"",
    ],
)
def test_common_prose_needs_no_second_look(text):
    assert normalise(text) is None


def test_a_digit_word_leads_back_to_itself():
    text = "pin: one two three four now"
    view = normalise(text)
    assert view is not None
    assert view.text == "pin: 1234 now"
    first, last = view.span(6, 7)
    assert text[first:last] == "two"


@given(st.text("ab1\u200b\uff11\u2013%3&#49;x\\u0031 \ufdfa", max_size=60), st.data())
def test_spans_lead_back_into_the_text(text, data):
    view = normalise(text)
    if view is None or not view.text:
        return
    start = data.draw(st.integers(0, len(view.text) - 1))
    end = data.draw(st.integers(start + 1, len(view.text)))
    first, last = view.span(start, end)
    assert 0 <= first < last <= len(text)
    # A wider span never leads to a narrower one.
    assert view.span(0, len(view.text))[0] <= first
    assert last <= view.span(0, len(view.text))[1]
