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
    ],
)
def test_reads_as_a_person_would(text, read):
    view = normalise(text)
    assert view is not None
    assert view.text == read
    assert view.span(0, len(read)) == (0, len(text))


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
