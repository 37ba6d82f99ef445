from __future__ import annotations

import pytest

from redaction import ENTITIES
from scripts.evaluate_lib.labels import Counting, label_map


@pytest.mark.parametrize(
    ("label", "family"),
    [
        ("PATIENT", "NAME"),
        ("LOCATION-OTHER", "LOCATION"),
        ("MEDICALRECORD", "MRN"),
        ("Medical_Record_Number", "MRN"),
        ("FIRSTNAME", "NAME"),
        ("PHONEIMEI", "DEVICE"),
        ("VEHICLEVRM", "VEHICLE"),
        ("health plan beneficiary number", "HEALTHPLAN"),
        ("US_SSN", "SSN"),
        ("STATE", "REGION"),
        ("WIDGET", "WIDGET"),
    ],
)
def test_families(label: str, family: str) -> None:
    assert label_map().family(label) == family


def test_every_entity_of_the_firewall_is_known() -> None:
    unknown = {entity for entity in ENTITIES if not label_map().is_known(entity)}
    assert not unknown


def test_no_label_is_in_two_families() -> None:
    import yaml

    from scripts.evaluate_lib.labels import FILE, fold

    data = yaml.safe_load(FILE.read_text("utf-8"))
    names = [fold(n) for names in data["families"].values() for n in names.split()]
    names += [fold(n) for n in data["ignored"].split()]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize(
    ("label", "value", "counts"),
    [
        ("AGE", "55", False),
        ("AGE", "93-year-old", True),
        ("AGE", "ninety-two", True),
        ("DATE", "2019", False),
        ("DATE", "March 3", True),
        ("DATE", "3/4/2020", True),
        ("DATE", "Monday", False),
        ("DATE", "two weeks ago", False),
        ("STATE", "Ohio", False),
        ("CITY", "Yuma", True),
        ("PROFESSION", "nurse", False),
        ("ORGANIZATION", "Acme", False),
        ("NAME", "--", False),
        ("WIDGET", "x", True),
    ],
)
def test_what_safe_harbor_leaves_does_not_count(label: str, value: str, counts: bool) -> None:
    assert Counting(label_map()).counts(label, value) is counts
    assert Counting(label_map(), strict=True).counts(label, value) is (value != "--")


def test_optional_families_count_where_they_are_looked_for() -> None:
    assert Counting(label_map(), sought=frozenset({"ORGANIZATION"})).counts("COMPANY", "Acme")
    ignoring = Counting(label_map(), ignore=frozenset({"CITY", "SSN"}))
    assert not ignoring.counts("CITY", "Yuma")
    assert not ignoring.counts("US_SSN", "123")
    assert ignoring.counts("STREET", "1 Oak St")


def test_a_number_that_is_not_called_by_its_kind() -> None:
    right = label_map().right
    assert right("ID", "MRN")
    assert right("MRN", "ID")
    assert right("REGION", "LOCATION")
    assert not right("MRN", "ACCOUNT")
    assert not right("ID", "NAME")
