from __future__ import annotations

import pytest

from redaction.places import MAX_CHARS, place_of


@pytest.mark.parametrize(
    "pointer",
    [
        "/messages/0/content",
        "/entry/3/resource/name/0/given/1",
        "PID-5.1",
        "NM103",
        "?/patientName",
        "user-agent",
        "/0/Content-Disposition/filename",
        "12:/patient/first_name",
    ],
)
def test_a_place_of_known_words_is_told(pointer):
    assert place_of(pointer) == pointer


@pytest.mark.parametrize(
    ("pointer", "told"),
    [
        ("/users/john_smith/ssn", "/users/*/ssn"),
        ("/078-05-1120/value", "/*/value"),
        ("/078051120", "/*"),
        ("/MRN00412345/note", "/*/note"),
        ("/jane@example.com", "/*"),
        ("/Müller", "/*"),
        ("/00412345", "/*"),
        ("x-Doe-Jane", "*"),
        ("/a b\nc", "/*"),
    ],
)
def test_a_name_that_may_be_a_value_is_blanked_out(pointer, told):
    assert place_of(pointer) == told


def test_a_place_is_short():
    assert len(place_of("/name" * 1000)) <= MAX_CHARS
