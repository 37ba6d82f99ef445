"""Names of people by their form: titles, labels, credentials, neighbours and lists of names."""

from __future__ import annotations

import time

import pytest

from redaction.findings import Finding
from redaction.models.propagate import propagate
from redaction.recognizers.people import PersonFormRecognizer

_RECOGNIZER = PersonFormRecognizer()
THRESHOLD = 0.4


def found(text: str, threshold: float = THRESHOLD) -> set[str]:
    return {text[a:b] for a, b, score in _RECOGNIZER.find(text) if score >= threshold}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Seen by Dr. Okonkwo today", "Dr. Okonkwo"),
        ("seen by dr. okonkwo today", "dr. okonkwo"),
        ("Dr Ng called back", "Dr Ng"),
        ("Mrs. L. Hernandez agreed", "Mrs. L. Hernandez"),
        ("Mr. James T., operated on Monday", "Mr. James T."),
        ("Dr.\nKavanaugh's order", "Dr.\nKavanaugh"),
        ("Patient: Marcus Hollingsworth   MRN: 40", "Marcus Hollingsworth"),
        ("PATIENT: SMITH, JOHN A", "SMITH, JOHN A"),
        ("PATIENT: Woods, Marlene M.", "Woods, Marlene M."),
        ("Al-Farsi, Omar bin Khalid was seen", "Al-Farsi, Omar bin Khalid"),
        ("First name: River", "River"),
        ("| Patient | Thandiwe Hunter |", "Thandiwe Hunter"),
        ("J. R. Doe, MD", "J. R. Doe"),
        ("Maria Gonzalez, RN signed", "Maria Gonzalez"),
        ("His wife (Carla, 919-555-2014) came", "Carla"),
        ("her sister April in Duluth", "April"),
        ("Regards,\nMaria", "Maria"),
        ("Best,\nÖzlem Korkmaz", "Özlem Korkmaz"),
        ("Dear August Graves,", "August Graves"),
        ("like Anna S., previously treated", "Anna S."),
        ("August R. Patel wrote", "August R. Patel"),
        ("my name is priya raman and i", "priya raman"),
        ("hi this is maria lopez calling", "maria lopez"),
        ("hey wolfgang, all well?", "wolfgang"),
        ("can winona carter take it", "winona carter"),
        ("Juan Carlos de la Cruz Ortega went", "Juan Carlos de la Cruz Ortega"),
        ("Nguyen Thi Mai left", "Nguyen Thi Mai"),
        ("met Fatima Al-Sayed there", "Fatima Al-Sayed"),
        ("told Min-ho Park so", "Min-ho Park"),
        ("spoke with Hope T. d'Estaing", "Hope T. d'Estaing"),
        ("Name: van der Berg, Grace P.", "van der Berg, Grace P."),
        ("Robert Downing Jr. came", "Robert Downing Jr."),
        ("S.K., 16, hx asthma", "S.K."),
        ("[10:42] Diya: Hi, how can I help?", "Diya"),
        ("f/u w/ Sosnówka in two weeks", "Sosnówka"),
    ],
)
def test_finds_names(text, name):
    assert name in found(text)


def test_parts_two_names_that_an_and_joins():
    assert {"Jane Smith", "John Smith"} <= found("Jane Smith and John Smith came")


def test_leaves_the_possessive_out():
    assert found("Linda Thompson's office") == {"Linda Thompson"}


@pytest.mark.parametrize(
    "text",
    [
        "Hodgkin's lymphoma and Parkinson's disease were ruled out.",
        "Glasgow coma scale 15, Foley catheter in place, Apgar 9.",
        "Babinski sign absent. Murphy's sign negative. Wilson's disease excluded.",
        "CHIEF COMPLAINT: chest pain. HISTORY OF PRESENT ILLNESS: none.",
        "Dx: COPD, Hx: DVT, PE. Labs: CBC, BMP, ANA.",
        "Started Lipitor, Zoloft and Metoprolol on Monday in March.",
        "Will it rain in May? Mark the date.",
        "QTc 320 ms on amiodarone.",
        "He is a retired teacher and i'm glad so.",
        "Hemostasis was obtained. Adenocarcinoma of the colon.",
        "E. Coli and S. Aureus grew.",
        "Use Docker and Kubernetes with Python on Ubuntu.",
        "Stage III cancer, Type A personality, Vitamin D.",
        "The patient lives on Jackson Street near Lincoln Hospital.",
        "A. COLON, ASCENDING, BIOPSY",
        "DATABASE_USER = root; John_Smith_Id",
        "Best practices in United States.",
    ],
)
def test_leaves_what_is_nobody(text):
    assert found(text) == set()


UNITS = [
    *("A", "a", "A. ", "Dr. ", "Dr ", "Mr. A ", "Smith, ", "John ", "John Smith ", "A\n", "hi a "),
    *("name is ", "John-", "O'", "van ", "A van ", "de la ", "'s ", "Aa-Aa-", "mr. a ", "[1:1] A:"),
    *("\u00c9", "\u674e", "A.B.", "Patient: ", "|", "with ", "By A, ", "d'", "- a\n"),
]


@pytest.mark.parametrize("unit", UNITS)
def test_ends_soon(unit):
    found("Dr. Warm Up")
    text = unit * (16_384 // len(unit))
    began = time.process_time()
    list(_RECOGNIZER.find(text))
    assert time.process_time() - began < 3


def test_a_name_is_found_wherever_else_it_stands():
    texts = ["Dr. Adaeze Okonkwo saw her.", "Okonkwo signed. Brown and okonkwo did not."]
    first = [Finding(0, 18, "PERSON", 0.85), Finding(0, 18, "PERSON", 0.85)]
    more = propagate(texts, [first, []])
    assert more[0] == []
    assert [(f.start, f.end, f.entity) for f in more[1]] == [(0, 7, "PERSON")]


def test_a_common_word_or_a_doubtful_name_does_not_spread():
    texts = ["Ms. Grace Brown", "Brown stool, by the grace of chance. Brown."]
    assert propagate(texts, [[Finding(0, 15, "PERSON", 0.85)], []])[1] == []
    texts = ["Okonkwo", "Okonkwo"]
    assert propagate(texts, [[Finding(0, 7, "PERSON", 0.45)], []]) == [[], []]


def test_what_is_named_for_somebody_is_not_that_person():
    texts = ["Mr. Hollings", "Hollings Street and Hollings syndrome, then Hollings left"]
    [_, more] = propagate(texts, [[Finding(0, 12, "PERSON", 0.85)], []])
    assert [texts[1][f.start :] for f in more] == ["Hollings left"]
