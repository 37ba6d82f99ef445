"""What the search makes of fields, of JSON in text, of long texts and of its borders."""

from __future__ import annotations

import json

import pytest

from redaction import parse_document
from redaction.analyzer import Analyzer
from redaction.documents.json_body import inner_fields
from redaction.tables import table_cells


@pytest.fixture(scope="module")
def search():
    analyzer = Analyzer()

    def found(text, *entities, hint=""):
        return [
            (text[item.start : item.end], item.entity)
            for item in analyzer.analyze([text], entities, [hint])[0]
        ]

    return found


@pytest.mark.parametrize(
    ("arguments", "entity", "value"),
    [
        ({"patient_name": "jane roe"}, "PERSON", "jane roe"),
        ({"patient": {"name": "roe, jane"}}, "PERSON", "roe, jane"),
        ({"note": "Zürich – ok", "mrn": "A-77 12"}, "MEDICAL_RECORD_NUMBER", "A-77 12"),
        ({"ssn": 12345678}, "US_SSN", "12345678"),
        ([{"dob": "2 Jan 80"}], "DATE_TIME", "2 Jan 80"),
        (
            {"identifier": {"system": "http://hl7.org/fhir/sid/us-ssn", "value": "53690 4399"}},
            "US_SSN",
            "53690 4399",
        ),
    ],
)
def test_fields_inside_a_text_that_is_json_count_as_fields(search, arguments, entity, value):
    assert (value, entity) in search(json.dumps(arguments, ensure_ascii=False), entity)


def test_spans_of_fields_in_json_text_are_of_characters_not_bytes():
    text = '{"ä": "é", "n": 1234567, "k": "\\u00e9x"}'
    assert [text[start:end] for start, end, _ in inner_fields(text)] == [
        *("ä", "é", "n", "1234567", "k", "\\u00e9x")
    ]


@pytest.mark.parametrize("text", ["{not json", "[1,2", '{"a":1,"a":2}', "{" * 500, "\ud800{"])
def test_text_that_only_looks_like_json_is_searched_as_text(search, text):
    assert ("536-90-4399", "US_SSN") in search(f"{text} 536-90-4399", "US_SSN")


@pytest.mark.parametrize(
    "disguised",
    [
        *("<b>536</b>-90-4399", "536<!-- x -->-90-4399", "536-<span class=a>90</span>-4399"),
        *(
            "**536**-**90**-4399",
            "536-9O-4399",
            "S36 my ssn: 5369O4399",
            "536&lt;b&gt;90&lt;/b&gt;4399",
        ),
        *("536-90-\n4399", "536 – 90 – 4399", "five three six, nine zero, four three nine nine"),
        "ssn five-three-six nine-zero four-three-nine-nine",
    ],
)
def test_tags_letters_and_words_do_not_hide_a_number(search, disguised):
    assert search(f"It is {disguised} so.", "US_SSN")


@pytest.mark.parametrize(
    "text", ["Solo to lol-Il-oooo I", "100 lo 2000", "one, two, three, four, five", "Ill.ol.Illo"]
)
def test_words_are_no_numbers(search, text):
    assert search(text, "US_SSN") == []


@pytest.mark.parametrize("offset", range(3700, 4400, 23))
def test_a_number_on_the_border_of_two_windows_is_found_once(search, offset):
    text = "x" * (offset - 1) + " 536-90-4399 " + "y " * 3000
    assert search(text, "US_SSN") == [("536-90-4399", "US_SSN")]


@pytest.mark.parametrize("offset", range(3700, 4400, 23))
def test_the_border_of_a_window_does_not_cut_a_longer_number(search, offset):
    text = "x" * (offset - 1) + " 12345678901234567890 " + "y " * 3000
    assert search(text, "US_SSN", "PHONE_NUMBER") == []


@pytest.mark.parametrize(
    ("hint", "text"),
    [
        ("person/ssn", "12345678"),
        ("socialSecurityNumber", "5369 04399"),
        ("patient_ssn", "536.904.399"),
        ("taxId", "536904399"),
        ("ssn/value", "536904399"),
        ("ssn", "***-**-4399"),
    ],
)
def test_a_field_named_for_it_holds_one_whatever_its_form(search, hint, text):
    assert (text, "US_SSN") in search(text, "US_SSN", hint=hint)


def test_a_number_in_a_field_that_measures_is_no_ssn(search):
    assert search("536904399", "US_SSN") == [("536904399", "US_SSN")]
    assert search("536904399", "US_SSN", hint="file/size_bytes") == []


@pytest.mark.parametrize(
    "text",
    [
        "Hodgkin's lymphoma was ruled out.",
        "The 55-year-old came in two weeks ago.",
        "Tel: none. Fax: none.",
    ],
)
def test_eponyms_ages_and_labels_are_nobody(search, text):
    assert search(text, "PERSON", "DATE_TIME") == []


@pytest.mark.parametrize(
    ("text", "value", "entity"),
    [
        ("Seen by Dr. Okonkwo today", "Okonkwo", "PERSON"),
        ("lives at 12 Elm Street, Springfield, IL 62704", "12 Elm Street", "LOCATION"),
        ("lives in Springfield, IL 62704", "IL 62704", "LOCATION"),
        ("P.O. Box 4711", "P.O. Box 4711", "LOCATION"),
        ("treated at St. Mary's Hospital in May", "St. Mary's Hospital", "LOCATION"),
        ("born 03/14/1961 in", "03/14/1961", "DATE_TIME"),
    ],
)
def test_names_places_and_dates_by_their_form(search, text, value, entity):
    assert any(value in got and kind == entity for got, kind in search(text, entity))


def test_a_placeholder_in_markup_does_not_become_an_element():
    document = parse_document("application/xml", b"<p><ssn>536904399</ssn></p>")
    ssn = next(i for i, leaf in enumerate(document.leaves) if leaf.text == "536904399")
    rebuilt = document.rebuild({ssn: "<US_SSN> <PERSON:0123456789ab>"})
    assert rebuilt == b"<p><ssn>&lt;US_SSN&gt; &lt;PERSON:0123456789ab&gt;</ssn></p>"


_TABLE = (
    b'id,"Last Name",ssn,note\r\n1,nguyen,53690 4399,"said ""hi"", left"\r\n'
    b'2,"o\'hara, ""jr""",,x\n'
)


@pytest.mark.parametrize("kind", ["text/csv", "application/csv; charset=utf-8"])
def test_cells_of_a_table_count_as_fields_of_their_column(search, kind):
    leaf = parse_document(kind, _TABLE).leaves[0]
    found = search(leaf.text, "US_SSN", "PERSON", hint=leaf.hint)
    assert ("nguyen", "PERSON") in found
    assert ("53690 4399", "US_SSN") in found
    assert ('o\'hara, ""jr""', "PERSON") in found
    assert not any("hi" in text or text in {"1", "x"} for text, _ in found)


@pytest.mark.parametrize("text", ["", "a", "a,b", '"', '"a\n,b', "a,b\n\n\n,,,\n", "a\tb\n1\t2"])
def test_broken_tables_are_read_to_their_end(text):
    assert all(0 <= start < end <= len(text) for start, end, _ in table_cells(text))


def test_a_table_that_was_pasted_into_prose_has_its_columns(find):
    text = (
        "Here are the rows, please check them:\n"
        "employee,account_number,start\n"
        "17,55512345678,2024\n"
        "18,55512345679,2023\n"
        "Thanks, and see you, soon.\n"
    )
    assert find(text, "ACCOUNT_NUMBER") == [
        ("55512345678", "ACCOUNT_NUMBER"),
        ("55512345679", "ACCOUNT_NUMBER"),
    ]
    assert find("one, two\nthree, four\n12345678, 2\n", "ACCOUNT_NUMBER") == []
