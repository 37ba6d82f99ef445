from __future__ import annotations

import pytest
import spacy
from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
from presidio_analyzer.nlp_engine import SpacyNlpEngine

from redaction.recognizers.registry import OWN


@pytest.mark.parametrize(
    ("text", "value", "entity"),
    [
        ("write to john.smith@example.com.", "john.smith@example.com", "EMAIL_ADDRESS"),
        ("<o'neil+tag@sub.example.co.uk>", "o'neil+tag@sub.example.co.uk", "EMAIL_ADDRESS"),
        ("mail j\u00f6rg@b\u00fccher.example", "j\u00f6rg@b\u00fccher.example", "EMAIL_ADDRESS"),
        ("see https://example.com/a?b=c.", "https://example.com/a?b=c", "URL"),
        ("see www.example.org now", "www.example.org", "URL"),
        ("call (212) 555-0123", "(212) 555-0123", "PHONE_NUMBER"),
        ("call 212-555-0123.", "212-555-0123", "PHONE_NUMBER"),
        ("ring +44 20 7946 0958", "+44 20 7946 0958", "PHONE_NUMBER"),
        ("tel:2125550123", "2125550123", "PHONE_NUMBER"),
        ("my cell is 2125550123", "2125550123", "PHONE_NUMBER"),
        ("pay 4111 1111 1111 1111 now", "4111 1111 1111 1111", "CREDIT_CARD"),
        ("pay 378282246310005 now", "378282246310005", "CREDIT_CARD"),
        ("from 203.0.113.7 today", "203.0.113.7", "IP_ADDRESS"),
        ("from 2001:db8::8a2e:370:7334.", "2001:db8::8a2e:370:7334", "IP_ADDRESS"),
        ("to DE89 3704 0044 0532 0130 00 please", "DE89 3704 0044 0532 0130 00", "IBAN_CODE"),
        ("MRN: 00123456", "00123456", "MEDICAL_RECORD_NUMBER"),
        ("medical record number is A-448812", "A-448812", "MEDICAL_RECORD_NUMBER"),
    ],
)
def test_finds_by_form(find, text, value, entity):
    assert (value, entity) in find(text, entity)


@pytest.mark.parametrize(
    "text",
    [
        "def main(arguments: list[str]) -> None:",
        "import numpy as np; np.zeros((3, 4)).astype('f8')",
        "commit 3f2a9b8c7d6e5f4a3b2c1d0e9f8a7b6c5d4e3f2a",
        "id 550e8400-e29b-41d4-a716-446655440000",
        "at 2026-11-23T10:45:58.915471227Z or 2026-11-23 10:45",
        "upgrade from 3.12.4 to 3.13.0",
        "it costs $1,234,567.89 or 19.99 EUR",
        "std::vector<int> a; Foo::Bar::baz()",
        "4111 1111 1111 1112 fails its check digit",
        "The patient said he feels better and sleeps well.",
        "SELECT id, name FROM users WHERE age > 21 LIMIT 100",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "1700000000 1700000000123",
        "pip install package==2.31.0",
        "[0.12, 3.4, 5.678, 91011, 12]",
        "@decorator and user@host and @scope/package@1.2.3",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/120.0.0.0 Safari/537.36",
        "claude-3-5-sonnet-20241022 and gpt-4o-2024-08-06",
        "toolu_01A09q90qw90lq917835lq9, call_abc123DEF456ghi789",
        "internationalization acknowledgements counterrevolutionary",
    ],
)
def test_leaves_clean_text(find, text):
    assert find(text) == []


def test_finds_names_places_and_dates_by_the_model(find):
    text = "John Smith flew from Boston to Chicago on May 5, 2024."
    found = find(text, "PERSON", "LOCATION", "DATE_TIME")
    assert ("John Smith", "PERSON") in found
    assert ("Boston", "LOCATION") in found
    assert ("May 5, 2024", "DATE_TIME") in found


def test_finds_names_far_into_a_long_text(find):
    filler = "Nothing of note was said in this part of the meeting. " * 150
    text = filler + "Then Angela Merkel spoke. " + filler
    assert ("Angela Merkel", "PERSON") in find(text, "PERSON")


@pytest.mark.parametrize(
    ("text", "hint", "entity"),
    [
        ("nguyen", "lastName", "PERSON"),
        ("1 Main St, Springfield", "billing/address", "LOCATION"),
        ("02/03/80", "dob", "DATE_TIME"),
        ("A4488", "mrn", "MEDICAL_RECORD_NUMBER"),
        ("555-0123", "member_phone", "PHONE_NUMBER"),
    ],
)
def test_believes_names_of_fields(find, text, hint, entity):
    assert (text, entity) in find(text, entity, hint=hint)


@pytest.mark.parametrize("text", ["assistant", "claude", "Content", "get_weather"])
def test_leaves_keywords_of_protocols(find, text):
    assert find(text, "PERSON", "ORGANIZATION", hint="messages/role") == []


def test_finds_what_only_presidio_knows(find):
    text = "my passport number is 912803456, a US passport"
    assert ("912803456", "US_PASSPORT") in find(text, "US_PASSPORT")


def test_serves_a_stock_presidio_engine():
    engine = SpacyNlpEngine(models=[{"lang_code": "en", "model_name": "unused"}])
    engine.nlp = {"en": spacy.blank("en")}
    registry = RecognizerRegistry(recognizers=[kind() for kind in OWN])
    presidio = AnalyzerEngine(registry=registry, nlp_engine=engine)
    results = presidio.analyze("ssn 123-45-6789", "en", entities=["US_SSN"])
    assert [(item.start, item.end) for item in results] == [(4, 15)]


@pytest.mark.parametrize("hint", ["tools/name", "function/name", "content/name", "params/name"])
def test_leaves_names_of_tools(find, hint):
    assert find("Bash", "PERSON", "LOCATION", "ORGANIZATION", hint=hint) == []
