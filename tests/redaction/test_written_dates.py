"""Dates by their form, and what looks like one and is none."""

from __future__ import annotations

import time

import pytest

from redaction.recognizers.dates import DateFormRecognizer

_RECOGNIZER = DateFormRecognizer()


def found(text: str, threshold: float = 0.4) -> list[str]:
    return [text[a:b] for a, b, score in _RECOGNIZER.find(text) if score >= threshold]


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("on March 3, 2024 and", "March 3, 2024"),
        ("on 3 March 2024.", "3 March 2024"),
        ("the 5th of May", "the 5th of May"),
        ("Monday, Jan 5th", "Monday, Jan 5th"),
        ("14-Mar-2024", "14-Mar-2024"),
        ("14Mar2024", "14Mar2024"),
        ("ADMITTED MARCH 28TH: fine", "MARCH 28TH"),
        ("in March 2019 he", "March 2019"),
        ("Mar '19", "Mar '19"),
        ("March 3-5, 2024", "March 3-5, 2024"),
        ("seen 3/14/19 and", "3/14/19"),
        ("DOB 03.14.1961", "03.14.1961"),
        ("born 01.02.80", "01.02.80"),
        ("on 3/14 he", "3/14"),
        ("Labs 2/9: normal", "2/9"),
        ("2024-03-14", "2024-03-14"),
        ("2024-03-14 10:22:00", "2024-03-14 10:22:00"),
        ("DOB 19610314", "19610314"),
        ("seen 2024-03-14T10:22:00Z", "2024-03-14T10:22:00Z"),
        ("since 03/2019", "03/2019"),
        ("Christmas 2019", "Christmas 2019"),
        ("last December", "last December"),
        ("12 de enero de 2020", "12 de enero de 2020"),
        ("5 mai 1990", "5 mai 1990"),
        ("3. März 2021", "3. März 2021"),
        ("1 gennaio 2001", "1 gennaio 2001"),
        ("7 de março de 2010", "7 de março de 2010"),
    ],
)
def test_finds_dates(text, date):
    assert date in found(text)


def test_finds_both_ends_of_a_range():
    assert found("from 3/14-3/16 inclusive") == ["3/14", "3/16"]


@pytest.mark.parametrize(
    "text",
    [
        *("in 2019", "since the 1990s", "for 3 days", "BP 120/80", "pain 7/10", "5/5 strength"),
        *("1/2 tab daily", "version 3.12.4", "at 10:30 AM", "Apgar 8/9", "she may 3 times"),
        *(
            "visual acuity 20/20",
            "10.5 mg",
            "24/7",
            "50/50",
            "murmur 2/6",
            "march on",
            "a 55-year-old",
        ),
        *("1.10.2", "3-4-5", "sum 13/45/99", "T 98.6, RR 12/min", "ratio 10/12/5"),
    ],
)
def test_leaves_what_is_no_date(text):
    assert found(text) == []


def test_a_time_stamp_of_a_machine_is_below_the_threshold():
    text = "at 2026-11-23T10:45:58.915Z"
    assert found(text) == []
    assert found(text, 0.3) == ["2026-11-23T10:45:58.915Z"]


UNITS = [
    *(
        "1",
        "1/",
        "1/1 ",
        "3/4-",
        "May ",
        "May 1 ",
        "1 May ",
        "Jan ",
        "20200101 ",
        "2020-01-01 1:00 ",
    ),
    *("may", "mar.", "1.", "the 5th of ", "T10:10", "1-", "1 1 ", "Christmas ", "of May of "),
]


@pytest.mark.parametrize("unit", UNITS)
def test_ends_soon(unit):
    found("warm 1/1/2020")
    text = unit * (16_384 // len(unit))
    began = time.process_time()
    list(_RECOGNIZER.find(text))
    assert time.process_time() - began < 3
