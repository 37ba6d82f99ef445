from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redaction import Finding, RedactionError, deidentify, profile_from

KEY = b"k" * 32


def profile(**entities):
    return profile_from([{"id": "r", "entities": entities}])


SSN = [Finding(7, 18, "US_SSN", 0.9)]
TEXT = "number 536-90-4399 ends"


def test_replaces_by_the_entity_or_by_the_policys_text():
    default = profile(US_SSN={"operator": "replace"})
    assert deidentify(TEXT, SSN, default, KEY) == ("number <US_SSN> ends", {"US_SSN": 1})
    own = profile(US_SSN={"operator": "replace", "with": "[gone]"})
    assert deidentify(TEXT, SSN, own, KEY)[0] == "number [gone] ends"


@pytest.mark.parametrize(
    ("options", "masked"),
    [
        ({}, "***-**-****"),
        ({"keep_last": 4}, "***-**-4399"),
        ({"keep_last": 8}, "***-*0-4399"),
        ({"char": "#", "keep_last": 2}, "###-##-##99"),
    ],
)
def test_masks_letters_and_digits_and_never_keeps_more_than_half(options, masked):
    wanted = profile(US_SSN={"operator": "mask", **options})
    kept = options.get("keep_last", 0)
    text = deidentify(TEXT, SSN, wanted, KEY)[0]
    if kept == 8:
        assert sum(char.isdigit() for char in text) == 4
    else:
        assert text == f"number {masked} ends"


def test_hash_is_stable_under_one_key_and_across_spellings():
    wanted = profile(US_SSN={"operator": "hash"})
    one = deidentify("536-90-4399", [Finding(0, 11, "US_SSN", 1.0)], wanted, KEY)[0]
    other = deidentify("536904399", [Finding(0, 9, "US_SSN", 1.0)], wanted, KEY)[0]
    foreign = deidentify("536904399", [Finding(0, 9, "US_SSN", 1.0)], wanted, b"x" * 32)[0]
    assert one == other != foreign
    assert one.startswith("<US_SSN:")
    assert len(one) == len("<US_SSN:>") + 12


def test_overlapping_findings_become_one_cover():
    wanted = profile(US_SSN={"operator": "replace"}, PHONE_NUMBER={"operator": "replace"})
    found = [Finding(0, 6, "PHONE_NUMBER", 0.5), Finding(4, 10, "US_SSN", 0.9)]
    assert deidentify("0123456789 tail", found, wanted, KEY) == ("<US_SSN> tail", {"US_SSN": 1})


def test_keeps_what_the_profile_does_not_name():
    wanted = profile(EMAIL_ADDRESS={"operator": "replace"})
    assert deidentify(TEXT, SSN, wanted, KEY) == (TEXT, {})


@given(st.text(max_size=40), st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40))))
def test_no_found_character_survives_a_replacement(text, spans):
    wanted = profile(US_SSN={"operator": "replace", "with": "\uffff"})
    found = [Finding(a, b, "US_SSN", 0.9) for a, b in spans if a < b <= len(text)]
    covered = {i for item in found for i in range(item.start, item.end)}
    result, _ = deidentify(text, found, wanted, KEY)
    kept = "".join(char for index, char in enumerate(text) if index not in covered)
    assert result.replace("\uffff", "") == kept.replace("\uffff", "")


def test_rules_merge_to_all_entities_the_lowest_threshold_and_the_strictest_operator():
    merged = profile_from(
        [
            {"id": "a", "entities": {"US_SSN": {"operator": "mask"}}, "threshold": 0.6},
            {
                "id": "b",
                "entities": {"US_SSN": {"operator": "hash"}, "PERSON": {"operator": "replace"}},
                "threshold": 0.3,
            },
        ]
    )
    assert sorted(merged.entities) == ["PERSON", "US_SSN"]
    assert merged.entities["US_SSN"].kind == "hash"
    assert merged.threshold == 0.3


def test_of_two_masks_the_one_that_keeps_less_wins():
    merged = profile_from(
        [
            {"id": "a", "entities": {"US_SSN": {"operator": "mask", "keep_last": 4}}},
            {"id": "b", "entities": {"US_SSN": {"operator": "mask"}}},
        ]
    )
    assert merged.entities["US_SSN"].keep_last == 0


def test_equal_profiles_are_one_key():
    one = profile(US_SSN={"operator": "mask"}, PERSON={"operator": "hash"})
    same = profile(PERSON={"operator": "hash"}, US_SSN={"operator": "mask"})
    assert one == same
    assert hash(one) == hash(same)
    assert one.key == same.key


@pytest.mark.parametrize(
    "entities", [{"US_SSSN": {}}, {"US_SSN": {"operator": "scramble"}}, {"US_SSN": {"char": "xx"}}]
)
def test_says_what_is_wrong_with_a_rule(entities):
    with pytest.raises(RedactionError, match=r"no-ssn|US_SSSN"):
        profile_from([{"id": "no-ssn", "entities": entities}])
