"""Ages: those over 89 surely, others below the usual threshold."""

from __future__ import annotations

import time

import pytest

from redaction.recognizers.ages import AgeRecognizer

_RECOGNIZER = AgeRecognizer()


def found(text: str, threshold: float = 0.4) -> list[str]:
    return [text[a:b] for a, b, score in _RECOGNIZER.find(text) if score >= threshold]


@pytest.mark.parametrize(
    ("text", "age"),
    [
        ("a 92-year-old man", "92-year-old"),
        ("92 yo female", "92 yo"),
        ("102 y.o. man", "102 y.o"),
        ("age 95", "95"),
        ("Age: 90", "90"),
        ("aged ninety-three", "aged ninety-three"),
        ("a ninety-one year old", "ninety-one year old"),
        ("92F with cough", "92F"),
        ("95 years of age", "95 years of age"),
        ("in her 90s", "90"),
        ("her 94th birthday", "94th"),
        ("born in 1929", "1929"),
    ],
)
def test_finds_ages_over_89(text, age):
    assert age in found(text)


@pytest.mark.parametrize(
    ("text", "age"),
    [("a 55-year-old", "55-year-old"), ("89 yo", "89 yo"), ("Age: 67", "67"), ("34F here", "34F")],
)
def test_other_ages_need_a_lower_threshold(text, age):
    assert found(text) == []
    assert age in found(text, 0.3)


@pytest.mark.parametrize(
    "text",
    [
        *("for 92 years", "3-month-old", "temp 98 F", "100 F", "age 95%", "92 mg", "born in 1980"),
        *("SpO2 95", "page 95", "$95M", "aged 9 months", "95/60"),
    ],
)
def test_leaves_what_is_no_age(text):
    assert found(text, 0.3) == []


@pytest.mark.parametrize(
    "unit", ["9", "92 y", "age ", "age 9 ", "92-", "born 19", "ninety ", "in her "]
)
def test_ends_soon(unit):
    found("warm 92 yo")
    text = unit * (16_384 // len(unit))
    began = time.process_time()
    list(_RECOGNIZER.find(text))
    assert time.process_time() - began < 0.5
