"""DICOM in JSON: what each value is by its attribute and its representation."""

from __future__ import annotations

import base64
import json

import pytest

from redaction import parse_document
from redaction.documents import OpaqueContent

STUDY = {
    "00080005": {"vr": "CS", "Value": ["ISO_IR 192"]},
    "00080016": {"vr": "UI", "Value": ["1.2.840.10008.5.1.4.1.1.2"]},
    "0020000D": {"vr": "UI", "Value": ["1.2.392.200036.9116.2.2"]},
    "00080020": {"vr": "DA", "Value": ["20130409"]},
    "00080030": {"vr": "TM", "Value": ["131600"]},
    "00080050": {"vr": "SH", "Value": ["ACC9"]},
    "00080080": {"vr": "LO", "Value": ["Good Hospital"]},
    "00080090": {"vr": "PN", "Value": [{"Alphabetic": "^Bob^^Dr."}]},
    "00081030": {"vr": "LO", "Value": ["CT head of Jane"]},
    "00081090": {"vr": "LO", "Value": ["Aquilion"]},
    "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Roe^Jane", "Ideographic": "\u5c71"}]},
    "00100020": {"vr": "LO", "Value": ["12345"]},
    "00101002": {"vr": "SQ", "Value": [{"00100020": {"vr": "LO", "Value": ["54321"]}}]},
    "00101010": {"vr": "AS", "Value": ["093Y"]},
    "00181000": {"vr": "LO", "Value": ["SN-7"]},
    "00280010": {"vr": "US", "Value": [512]},
    "00091001": {"vr": "LO", "Value": ["Jane Roe's note"]},
    "00091002": {"vr": "UN", "InlineBinary": base64.b64encode(b"Jane, 536-90-4399").decode()},
}


def read(value, **options):
    return parse_document("application/dicom+json", json.dumps(value).encode(), **options)


@pytest.mark.parametrize("around", [lambda s: s, lambda s: [s], lambda s: {"study": {"x": [s]}}])
def test_attributes_are_known_by_their_tags(around):
    document = read(around(STUDY))
    assert {leaf.text: leaf.entity for leaf in document.leaves if leaf.entity} == {
        "1.2.392.200036.9116.2.2": "UNIQUE_ID",
        "20130409": "DATE_TIME",
        "ACC9": "UNIQUE_ID",
        "Good Hospital": "LOCATION",
        "Bob": "PERSON",
        "Dr.": "PERSON",
        "Roe": "PERSON",
        "Jane": "PERSON",
        "\u5c71": "PERSON",
        "12345": "MEDICAL_RECORD_NUMBER",
        "54321": "MEDICAL_RECORD_NUMBER",
        "093Y": "AGE",
        "SN-7": "DEVICE_ID",
    }
    assert document.rebuild({}) == json.dumps(around(STUDY)).encode()


def test_texts_and_private_attributes_are_searched_and_the_equipment_is_not():
    leaves = {leaf.text: leaf for leaf in read(STUDY).leaves}
    for text in ("CT head of Jane", "Jane Roe's note", "Jane, 536-90-4399"):
        assert leaves[text].hint != "#code"
    assert leaves["Aquilion"].hint == "#code"
    assert "1.2.840.10008.5.1.4.1.1.2" not in leaves
    assert leaves["20130409"].form == "compact-date"
    assert leaves["1.2.392.200036.9116.2.2"].form == "uid"
    assert leaves["20130409"].subject == "Patient/12345"


def test_values_are_written_where_they_stood():
    document = read(STUDY)
    changed = json.loads(
        document.rebuild({i: "x" for i, leaf in enumerate(document.leaves) if leaf.entity})
    )
    assert changed["00100010"]["Value"][0]["Alphabetic"] == "x^x"
    assert changed["00080090"]["Value"][0]["Alphabetic"] == "^x^^x"
    assert changed["00280010"] == STUDY["00280010"]


def test_pixels_are_a_picture():
    pixels = {**STUDY, "7FE00010": {"vr": "OW", "InlineBinary": "AAAAAAAA"}}
    with pytest.raises(OpaqueContent, match="image"):
        read(pixels)
    assert read(pixels, opaque="pass").rebuild({}) == json.dumps(pixels).encode()


def test_odd_data_sets_are_read_all_the_same():
    for value in (
        {"00100010": {"vr": "PN", "Value": ["Roe^Jane"]}},
        {"00100010": {"vr": "PN", "Value": "Jane"}},
        {"00100010": {"vr": "PN", "Value": [{"Alphabetic": {"x": "Jane"}}]}},
        {"00100010": {"vr": 5, "Value": ["Jane"]}},
        {"00100010": {"vr": "PN", "Jane": "Jane"}, "Jane": ["Jane"]},
    ):
        document = read(value)
        assert any("Jane" in leaf.text for leaf in document.leaves)
        assert document.rebuild({}) == json.dumps(value).encode()
