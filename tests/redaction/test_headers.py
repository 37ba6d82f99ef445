"""Lines that begin with a name, and the numbers beside it; and names of nobody beside them."""

import time

import pytest

from redaction.recognizers.headers import headers, telephones

WANTED = {"PERSON", "MEDICAL_RECORD_NUMBER", "PHONE_NUMBER"}


def found(analyzer, text, entity):
    [findings] = analyzer.analyze([text], WANTED)
    return {text[f.start : f.end] for f in findings if f.entity == entity}


@pytest.mark.parametrize(
    ("text", "name", "number"),
    [
        ("WHITCOMBE, ANN 00412345 DOB 03/14/1961 F", "WHITCOMBE, ANN", "00412345"),
        ("Cherek, Konrad D. 12.14.58 308-2419-M - see", "Cherek, Konrad D.", "308-2419-M"),
        ("n'diaye, venkatesh september 19, 2006 c82-46-73", "n'diaye, venkatesh", "c82-46-73"),
        ("OYELARAN, BUKOLA M 7/2/1948 2977563 Ward 4", "OYELARAN, BUKOLA", "2977563"),
    ],
)
def test_a_record_beside_a_name_and_a_date_is_one(analyzer, text, name, number):
    assert any(name in got for got in found(analyzer, text, "PERSON"))
    assert number in found(analyzer, text, "MEDICAL_RECORD_NUMBER")


@pytest.mark.parametrize(
    "text",
    [
        "Sodium, Potassium 135000 4/2/2024",
        "Paris, France 750012 03/14/2024",
        "Tylenol, Advil 200000 03/14/2024",
        "Tuesday, March 250314 03/14/2024",
    ],
)
def test_a_list_of_things_is_no_header(text):
    assert list(headers(text)) == []


def test_a_number_without_a_date_is_no_record(analyzer):
    assert found(analyzer, "Cherek, Konrad 30824190", "MEDICAL_RECORD_NUMBER") == set()


@pytest.mark.parametrize(
    "text", ["Okafor, Chidi 4155550172 needs refill", "Marta Kowalski 4155550172 called"]
)
def test_ten_digits_behind_a_name_are_a_telephone(analyzer, text):
    assert found(analyzer, text, "PHONE_NUMBER") == {"4155550172"}


def test_ten_digits_behind_other_words_are_none():
    assert list(telephones("Total Orders 4155550172 this year")) == []


def test_a_labelled_name_in_small_letters_is_found(analyzer):
    text = "name: browning, kristine mr#: 3732623 sex: m"
    assert any("browning, kristine" in got for got in found(analyzer, text, "PERSON"))


@pytest.mark.parametrize("unit", ["Aa, ", "aa, bb 1", "Aa Bb 1", "1/1/11 ", "a'", ",", ": ", "12-"])
def test_headers_end_soon(unit):
    text = unit * (16_384 // len(unit))
    began = time.process_time()
    list(headers(text))
    list(telephones(text))
    assert time.process_time() - began < 3
