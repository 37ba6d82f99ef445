"""Recognisers of the user's own: Presidio's YAML, found in linear time, or refused with a reason."""

from __future__ import annotations

import time
from typing import Any

import pytest
import yaml

from redaction.custom import custom_spec, recognizer_items
from redaction.errors import RuleError
from redaction.profile import profile_from
from redaction.recognizers.custom import custom_recognizer, recognizers_of

FILE = """
recognizers:
  - name: Zip code Recognizer
    supported_languages:
      - language: en
        context: [zip, code]
      - language: es
        context: [código, postal]
    patterns:
      - {name: zip code (weak), regex: '(\\b\\d{5}(?:\\-\\d{4})?\\b)', score: 0.05}
    supported_entity: ZIP
  - name: Titles recognizer
    supported_language: en
    supported_entity: TITLE
    deny_list: [Mr., Mrs., Ms., Professor Doctor, Professor]
    deny_list_score: 0.8
  - name: switched off
    supported_entity: OFF
    deny_list: [x]
    enabled: false
"""


def items() -> list[Any]:
    return list(recognizer_items(yaml.safe_load(FILE)))


def found(item: Any, text: str) -> list[tuple[str, float]]:
    recognizer = custom_recognizer(item)
    return [(text[start:end], round(score, 2)) for start, end, score in recognizer.find(text)]


def test_a_file_of_presidios_is_read() -> None:
    zips, titles = items()
    assert found(zips, "in 90210 there") == [("90210", 0.05)]
    assert found(zips, "zip: 90210-1234") == [("90210-1234", 0.4)]
    assert found(zips, "unzipped 90210") == [("90210", 0.05)]
    assert found(zips, "código 90210") == [("90210", 0.4)]
    assert found(titles, "MR. X, professor doctor Y and Professors") == [
        ("MR.", 0.8),
        ("professor doctor", 0.8),
    ]


def test_patterns_are_searched_as_presidio_does() -> None:
    item = {"name": "b", "supported_entity": "B", "patterns": [{"regex": "^b.[0-9]$", "score": 1}]}
    assert found(item, "x\nB-1\nb\n2\nxb-3") == [("B-1", 1.0), ("b\n2", 1.0)]


def test_presidio_itself_can_hold_one() -> None:
    zips, _ = items()
    recognizer = custom_recognizer(zips)
    [result] = recognizer.analyze("zip 90210", ["ZIP"], None)  # type: ignore[arg-type]
    assert (result.entity_type, result.start, result.end) == ("ZIP", 4, 9)
    assert recognizer.supported_entities == ["ZIP"]
    assert recognizer.entity == "ZIP"
    assert recognizer.why == "Zip code Recognizer"


def test_those_that_a_search_wants_are_made() -> None:
    rules = [{"id": "r", "entities": ["ZIP", "TITLE"], "languages": ["es"]}]
    profile = profile_from(rules, items())
    made = recognizers_of(profile.search)
    assert [recognizer.entity for recognizer in made] == ["ZIP"]


def pattern(regex: str) -> dict[str, Any]:
    one = {"name": "p1", "regex": regex, "score": 0.5}
    return {"name": "badge", "supported_entity": "BADGE", "patterns": [one]}


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (pattern("(?<=a)b"), r"badge\.patterns\[0\]\.regex: the pattern 'p1' cannot be compiled"),
        (pattern(r"(a)\1"), r"cannot be compiled .* no look-around and no back-references"),
        (pattern("(a"), r"cannot be compiled"),
        (pattern("(a{1000}){1000}"), r"cannot be compiled"),
        (pattern("x*"), r"'p1' matches an empty text"),
        (pattern(r"\b"), r"'p1' matches an empty text"),
        ({**pattern("x"), "supported_entity": "badge"}, r"supported_entity: the name of an entity"),
        ({**pattern("x"), "name": ""}, r"needs a name"),
        ({**pattern("x"), "regex": "x"}, r"badge\.regex: a recogniser has no such key"),
        ({**pattern("x"), "type": "predefined"}, r"type: only recognisers of the type custom"),
        ({**pattern("x"), "supported_language": "english"}, r"a language has two letters"),
        ({**pattern("x"), "deny_list": ["a", ""]}, r"deny_list\[1\]: this must be a text"),
        ({**pattern("x"), "context": "door"}, r"context: this must be a list"),
        ({**pattern("x"), "patterns": [{"regex": "x"}]}, r"patterns\[0\]\.score: a score is"),
        ({**pattern("x"), "patterns": [{"regex": "x", "score": 2}]}, r"score is a number"),
        ({**pattern("x"), "patterns": None}, r"neither patterns nor a deny list"),
    ],
)
def test_what_is_wrong_is_named(item: dict[str, Any], message: str) -> None:
    with pytest.raises(RuleError, match=message) as caught:
        custom_spec(item)
    assert caught.value.section == "recognizers"


def test_a_name_of_one_of_presidios_is_no_recogniser() -> None:
    with pytest.raises(RuleError, match="a recogniser is a mapping"):
        recognizer_items({"recognizers": ["CreditCardRecognizer"]})


@pytest.mark.parametrize("piece", ["a", "aa ", "Professor ", "1", "ß", "é "])
def test_time_is_linear_in_hostile_texts(piece: str) -> None:
    words = [f"Professor {number}" for number in range(5_000)] + ["a" * 200]
    item = {
        "name": "hostile",
        "supported_entity": "X",
        "patterns": [{"regex": "(a+)+b|(a|aa)+c|.*.*=.*", "score": 0.5}],
        "deny_list": words,
        "context": ["aa"],
    }
    recognizer = custom_recognizer(item)
    text = piece * (100_000 // len(piece))
    begun = time.perf_counter()
    list(recognizer.find(text))
    assert time.perf_counter() - begun < 4
