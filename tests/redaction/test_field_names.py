"""What names of fields say."""

from __future__ import annotations

import pytest

from redaction.entities import ENTITIES
from redaction.field_lists import NAMES
from redaction.field_names import CODE_HINT, entity_of_field, is_keyword_field, is_quantity


@pytest.mark.parametrize(
    ("hint", "text", "entity"),
    [
        ("memberId", "KLM998812", "HEALTH_PLAN_NUMBER"),
        ("insurance_policy_number", "KL-448812", "HEALTH_PLAN_NUMBER"),
        ("Medicaid ID", "44881299", "HEALTH_PLAN_NUMBER"),
        ("patient-account-number", "4488129", "ACCOUNT_NUMBER"),
        ("bankAccount/routingNumber", "021000021", "ACCOUNT_NUMBER"),
        ("swiftCode", "DEUTDEFF500", "ACCOUNT_NUMBER"),
        ("driversLicense", "D4488129", "LICENSE_NUMBER"),
        ("dea_number", "AB1234563", "LICENSE_NUMBER"),
        ("passportNo", "XK9382049", "PASSPORT"),
        ("vehicle/vin", "1HGCM82633A004352", "VEHICLE_ID"),
        ("license_plate", "KLM 4488", "VEHICLE_ID"),
        ("deviceSerialNumber", "SN-99881", "DEVICE_ID"),
        ("macAddress", "aa:bb:cc:dd:ee:ff", "MAC_ADDRESS"),
        ("fingerprint_hash", "9f86d081884c7d65", "BIOMETRIC_ID"),
        ("employeeId", "E10293", "UNIQUE_ID"),
        ("Encounter Number", "4488129911", "UNIQUE_ID"),
        ("aadhaar_number", "234567890124", "NATIONAL_ID"),
        ("npi", "1234567893", "US_NPI"),
        ("userName", "klm_smith", "USERNAME"),
        ("db_password", "sunshine", "PASSWORD"),
        ("X-API-Key", "abcd1234", "PASSWORD"),
        ("card/cvv", "123", "CREDIT_CARD"),
        ("cardExpiry", "04/27", "CREDIT_CARD"),
        ("Geburtsdatum", "02.03.1980", "DATE_TIME"),
        ("Stra\u00dfe", "Hauptstr. 1", "LOCATION"),
        ("pr\u00e9nom", "Zo\u00e9", "PERSON"),
        ("apellidos", "Garc\u00eda L\u00f3pez", "PERSON"),
        ("tel\u00e9fono", "612 345 678", "PHONE_NUMBER"),
        ("emergencyContactPhone", "555-123-4567", "PHONE_NUMBER"),
        ("guardian/name", "Kim Lee", "PERSON"),
        ("age", "93", "AGE"),
        ("ethnicity", "Hmong", "NRP"),
    ],
)
def test_knows_the_fields_of_many_trades(hint, text, entity):
    assert entity_of_field(hint, text) == entity


@pytest.mark.parametrize(
    ("hint", "text"),
    [
        ("age", "45"),
        ("password", "null"),
        ("password", "${DB_PASSWORD}"),
        ("max_tokens", "4096"),
        ("next_page_token", "abcdef123456"),
        ("planId", "gold"),
        ("vin", "unknown"),
        ("account", "4488129911"),
        ("routing", "round-robin"),
        ("memberId", "n/a"),
        ("ip", "12"),
        ("tools/name", "search"),
    ],
)
def test_does_not_believe_what_cannot_be(hint, text):
    assert entity_of_field(hint, text) is None


@pytest.mark.parametrize("hint", ["size_bytes", "totalAmount", "created", "row", CODE_HINT])
def test_knows_what_counts(hint):
    assert is_quantity(hint)


@pytest.mark.parametrize(
    "hint", ["messages/role", "tools/name", "#name", CODE_HINT, "resourceType"]
)
def test_knows_keywords(hint):
    assert is_keyword_field(hint)


def test_every_name_means_one_entity_that_exists():
    assert NAMES.keys() <= ENTITIES
    names = [name for each in NAMES.values() for name in each.split()]
    assert len(names) == len(set(names))
