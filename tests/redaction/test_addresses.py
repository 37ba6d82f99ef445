"""Addresses, towns, codes and facilities by their form."""

from __future__ import annotations

import time

import pytest

from redaction.recognizers.places import AddressRecognizer

_RECOGNIZER = AddressRecognizer()


def found(text: str, threshold: float = 0.4) -> set[str]:
    return {text[a:b] for a, b, score in _RECOGNIZER.find(text) if score >= threshold}


def covers(text: str, part: str) -> bool:
    start = text.index(part)
    hidden = [False] * len(text)
    for a, b, score in _RECOGNIZER.find(text):
        if score >= 0.4:
            hidden[a:b] = [True] * (b - a)
    return all(hidden[i] for i in range(start, start + len(part)) if text[i].isalnum())


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (
            "lives at 12 Elm Street, Springfield, IL 62704 now",
            "12 Elm Street, Springfield, IL 62704",
        ),
        ("1600 Pennsylvania Ave NW Apt 3B", "1600 Pennsylvania Ave NW Apt 3B"),
        ("clinic at 4002 Erwin Rd, Durham NC 27710.", "4002 Erwin Rd, Durham NC 27710"),
        ("SHIP TO 12587 S. 13TH ROAD\nPROVO Utah 31775", "12587 S. 13TH ROAD\nPROVO Utah 31775"),
        ("PSC 0272, Box 1651\nAPO AA 94530", "PSC 0272, Box 1651\nAPO AA 94530"),
        ("P.O. Box 4711", "P.O. Box 4711"),
        ("Rural Route 2 Box 5", "Rural Route 2 Box 5"),
        ("Hauptstraße 5, 10115 Berlin", "Hauptstraße 5, 10115 Berlin"),
        ("12 rue de la Paix, 75002 Paris", "12 rue de la Paix, 75002 Paris"),
        ("Calle Mayor 15, Madrid", "Calle Mayor 15"),
        ("Via Roma, 12", "Via Roma, 12"),
        ("Rua Augusta 1500", "Rua Augusta 1500"),
        ("ul. Jesionowa 127", "ul. Jesionowa 127"),
        ("2456 Rue de Virton 38\n Suite 510\n Ettelgem\n Belgium", "Ettelgem\n Belgium"),
        ("at the corner of 5th Street and Main Street", "5th Street and Main Street"),
        ("London SW1A 1AA", "SW1A 1AA"),
        ("Ottawa K1A 0B6", "K1A 0B6"),
        ("zip code 02139", "02139"),
        ("ZIP 02139-4307", "02139-4307"),
        ("coordinates 42.3601, -71.0589", "42.3601, -71.0589"),
        ("40° 26' 46\" N", "40° 26' 46\" N"),
        ("from Duluth, MN", "Duluth, MN"),
        ("in Boston MA today", "Boston MA"),
        ("Suffolk County", "Suffolk County"),
        ("she lives in Ouagadougou with", "Ouagadougou"),
        ("my flat: 5200 n 15th pike apt 7 here", "5200 n 15th pike apt 7"),
        ("i live at 12 elm street", "12 elm street"),
    ],
)
def test_finds_places(text, place):
    assert covers(text.lower() if text.islower() else text, place)


@pytest.mark.parametrize(
    ("text", "facility"),
    [
        ("treated at St. Mary's Hospital in May", "St. Mary's Hospital"),
        ("at UCSF Medical Center on Monday", "UCSF Medical Center"),
        ("Duke Regional Hospital", "Duke Regional Hospital"),
        ("Johns Hopkins Hospital in Baltimore, MD on", "Johns Hopkins Hospital in Baltimore, MD"),
        ("Quintanilla Rehabilitation Institute", "Quintanilla Rehabilitation Institute"),
        ("seen at Mt. Sinai hospital on", "Mt. Sinai hospital"),
        ("our Seattle clinic", "Seattle clinic"),
        ("van Dijk Cancer Center", "van Dijk Cancer Center"),
        ("University of Michigan Hospital", "University of Michigan Hospital"),
        ("seen at Cincinnati General on", "Cincinnati General"),
        ("admitted to Mercy Cork on", "Mercy Cork"),
        ("at Mass General today", "Mass General"),
        ("Lincoln Elementary", "Lincoln Elementary"),
        ("she was at duluth community health center", "duluth community health center"),
        ("Memorial Hospital", "Memorial Hospital"),
    ],
)
def test_finds_facilities_of_care_and_schools(text, facility):
    assert covers(text, facility)


@pytest.mark.parametrize(
    "text",
    [
        "seen in the Outpatient Clinic",
        "the Cardiology Clinic will call",
        "by hospital day 3 he walked",
        "INR was 1.0. By hospital day 23 it rose",
        "R-CHOP for lymphoma",
        "St. Jude mechanical valve",
        "DVT, PE, MI",
        "John Smith, MD and Jane Roe, PA",
        "vectors [0.1234, 0.5678, 0.9012]",
        "give 5 tablets a day",
        "take 2 capsules in Way of",
        "Zoloft 1,000 mg",
        "in March and from May",
        "drive 5 miles to the court",
        "MAY TEXT THE CLINIC",
        "seen on Feb 21, 2023, for pain",
        "on March 5, 2021 and May 12, 1999",
    ],
)
def test_leaves_what_is_no_place(text):
    assert found(text) == set()


def test_two_facilities_that_an_and_joins_are_two():
    spans = found("St. Mary's Hospital and UCSF Medical Center")
    assert {"St. Mary's Hospital", "UCSF Medical Center"} <= spans
    assert not any(" and " in span for span in spans)


UNITS = [
    *("1 A ", "12 Elm ", "Hospital ", "A Hospital ", "St. ", "of ", "A of ", "in A, ", "A, MA "),
    *("County ", "lives in ", "address: 1 ", "12 Apt 1 ", "12 A 1 ", "A 1 ", "Aa 1, ", "zip 1"),
    *("42.3601, ", "40°1'", "1 rue de ", "Calle A ", "corner of ", "1 1 1 A ", "PSC 1 Box 1 "),
    *("Aa,\n", "> A\n", "Straße 1", "at A Medical ", "to the A A General ", "PO Box ", "ul. A "),
    *(
        "university of ",
        " clinic",
        "admitted to A ",
        "in a ",
        " MA 02139",
        "1,000 ",
        "A-",
        "Apt 1, ",
    ),
]


@pytest.mark.parametrize("unit", UNITS)
def test_ends_soon(unit):
    found("warm 1 Elm Street")
    text = unit * (16_384 // len(unit))
    began = time.process_time()
    list(_RECOGNIZER.find(text))
    assert time.process_time() - began < 0.5
