"""Profiles as files, and rules merged into one profile."""

from __future__ import annotations

from pathlib import Path

import pytest

from redaction.entities import ENTITIES
from redaction.errors import RedactionError
from redaction.profile import load_profile, profile_from, rule_errors
from redaction.profiles import profile_named, profile_names
from redaction.search import Search

BADGE = {
    "name": "badge",
    "supported_entity": "BADGE_NUMBER",
    "patterns": [{"name": "b", "regex": "B-[0-9]+", "score": 0.6}],
}


def test_the_profiles_are_those_that_are_told() -> None:
    names = ["gdpr", "limited-data-set", "pii", "safe-harbor", "ssn-only"]
    assert profile_names() == names
    for name in names:
        file = profile_named(name)
        assert file.description
        assert file.source or name == "ssn-only"
        assert file.entities.keys() <= ENTITIES


def test_safe_harbor_names_the_eighteen_and_a_limited_data_set_keeps_dates() -> None:
    eighteen = {
        *("PERSON", "LOCATION", "DATE_TIME", "AGE", "PHONE_NUMBER", "EMAIL_ADDRESS", "US_SSN"),
        *("MEDICAL_RECORD_NUMBER", "HEALTH_PLAN_NUMBER", "ACCOUNT_NUMBER", "LICENSE_NUMBER"),
        *("VEHICLE_ID", "DEVICE_ID", "URL", "IP_ADDRESS", "BIOMETRIC_ID", "UNIQUE_ID"),
    }
    safe = load_profile("safe-harbor")
    assert safe.operators.keys() >= eighteen
    assert {name for name, op in safe.operators.items() if op.kind == "generalize"} == {
        *("LOCATION", "DATE_TIME", "AGE")
    }
    limited = load_profile("limited-data-set")
    assert limited.operators.keys() >= eighteen - {"DATE_TIME", "AGE", "UNIQUE_ID"}
    assert not limited.operators.keys() & {"DATE_TIME", "AGE"}
    assert limited.operators["LOCATION"].keep == "city"


def test_a_profile_of_the_users_own(tmp_path: Path) -> None:
    file = tmp_path / "ours.yaml"
    file.write_text(
        "description: ours\nthreshold: 0.6\nmodels: []\nlanguages: [de]\n"
        "entities:\n  PERSON: {operator: surrogate, style: realistic}\n  BADGE_NUMBER: hash\n"
        "recognizers:\n  - name: badge\n    supported_entity: BADGE_NUMBER\n"
        '    patterns: [{name: b, regex: "B-[0-9]+", score: 0.6}]\n',
        "utf-8",
    )
    profile = load_profile(file)
    assert profile.operators["PERSON"].style == "realistic"
    assert (profile.threshold, profile.models, profile.languages) == (0.6, (), ("de",))
    assert len(profile.recognizers) == 1
    assert profile.search.entities == {"PERSON", "BADGE_NUMBER"}
    assert load_profile(str(file)) == profile


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("entities: [US_SSSN]", r"ours\.yaml\.entities\[0\]: .* Did you mean US_SSN\?"),
        ("entities: {US_SSN: {operator: hush}}", r"entities\.US_SSN\.operator: there is no oper"),
        ("entitys: [US_SSN]", r"entitys: a profile has no such key. Did you mean entities\?"),
        ("threshold: 2\nentities: [US_SSN]", r"threshold: this must be a number from 0 to 1"),
        ("models: [bert]\nentities: [US_SSN]", r"models\[0\]: there is no model 'bert'"),
        ("languages: english\nentities: [US_SSN]", r"languages: this must be a list"),
        ("description: x", r"it names no entities"),
        ("- a", r"a profile is a mapping"),
        ("entities: [", r"not valid YAML in line"),
    ],
)
def test_what_is_wrong_in_a_file_is_named(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "ours.yaml"
    file.write_text(text, "utf-8")
    with pytest.raises(RedactionError, match=message):
        load_profile(file)


def test_a_profile_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(RedactionError, match="Did you mean safe-harbor"):
        load_profile("safeharbor")
    with pytest.raises(RedactionError, match="cannot be read"):
        load_profile(tmp_path / "none.yaml")


def test_a_rule_takes_from_its_profile_what_it_does_not_say() -> None:
    safe = profile_named("safe-harbor")
    plain = profile_from([{"id": "r", "profile": "safe-harbor"}])
    assert plain.operators == safe.entities
    assert plain.models == safe.models
    assert plain.threshold == safe.threshold
    own = profile_from(
        [
            {
                "id": "r",
                "profile": "safe-harbor",
                "operator": "hash",
                "models": [],
                "threshold": 0.7,
                "entities": {"AGE": "drop"},
            }
        ]
    )
    assert own.operators["PERSON"].kind == "hash"
    assert own.operators["AGE"].kind == "drop"
    assert (own.models, own.threshold) == ((), 0.7)


def test_rules_merge_to_what_is_strictest_and_finds_most() -> None:
    rules = [
        {"id": "a", "entities": ["PERSON"], "models": [], "on_failure": "pass", "ttl_seconds": 60},
        {"id": "b", "entities": ["US_SSN"], "models": ["rampart"], "languages": ["de"]},
        {"id": "c", "entities": ["URL"], "images": "pass", "on_failure": "pass", "ttl_seconds": 90},
    ]
    merged = profile_from(rules)
    assert merged.models == ("spacy", "rampart")
    assert merged.languages == ("en", "de")
    assert (merged.on_failure, merged.images, merged.ttl_seconds) == ("deny", "refuse", 60)
    assert profile_from([rules[2]]).images == "pass"
    assert profile_from([rules[0]]).on_failure == "pass"
    assert profile_from([rules[0]]).models == ()
    assert profile_from([]).on_failure == "deny"


def test_a_rule_is_for_the_way_it_names() -> None:
    rules = [
        {"id": "a", "entities": ["PERSON"]},
        {"id": "b", "entities": ["US_SSN"], "direction": "response"},
        {"id": "c", "entities": ["URL"], "direction": "both"},
    ]
    assert profile_from(rules, direction="request").operators.keys() == {"PERSON", "URL"}
    assert profile_from(rules, direction="response").operators.keys() == {"US_SSN", "URL"}
    assert profile_from(rules).operators.keys() == {"PERSON", "US_SSN", "URL"}


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"profile": "pi"}, r"redaction\.r\.profile: there is no redaction profile 'pi'"),
        ({"entities": ["URL"], "direction": "up"}, r"redaction\.r\.direction: 'up' is not one of"),
        ({"entities": ["URL"], "on_failure": "x"}, r"on_failure: 'x' is not one of deny, pass"),
        ({"entities": ["URL"], "images": "x"}, r"images: 'x' is not one of refuse, pass"),
        ({"entities": ["URL"], "threshold": "x"}, r"threshold: this must be a number"),
        ({"entities": ["BADGE"]}, r"entities\[0\]: there is no entity 'BADGE'"),
        ({"entities": 5}, r"entities: this must be a list or a mapping"),
    ],
)
def test_what_is_wrong_in_a_rule_is_named(rule: dict[str, object], message: str) -> None:
    with pytest.raises(RedactionError, match=message):
        profile_from([{"id": "r", **rule}], direction="request")
    [error] = rule_errors([{"id": "r", **rule}])
    assert error.item == "r"


def test_entities_of_own_recognisers_are_known_and_searched_for_where_wanted() -> None:
    rules = [{"id": "r", "entities": ["BADGE_NUMBER"]}]
    profile = profile_from(rules, [BADGE])
    assert profile.search.recognizers == profile.recognizers != ()
    assert profile_from([{"id": "r", "entities": ["URL"]}], [BADGE]).recognizers == ()
    assert profile.key != profile_from(rules, [{**BADGE, "context": ["door"]}]).key
    assert not profile.needs_digit_or_at


def test_one_mistake_is_not_told_twice() -> None:
    bad = {**BADGE, "patterns": [{"regex": "(?<=a)b", "score": 1}]}
    found = rule_errors([{"id": "r", "entities": ["BADGE_NUMBER", "URL"]}], [bad])
    assert [(error.section, error.item) for error in found] == [("recognizers", "badge")]


def test_a_search_is_known_by_all_that_it_depends_on() -> None:
    search = Search(frozenset({"US_SSN"}), 0.4)
    assert Search.from_json(search.as_json()) == search
    others = [
        Search(frozenset({"US_SSN", "URL"}), 0.4),
        Search(frozenset({"US_SSN"}), 0.5),
        Search(frozenset({"US_SSN"}), 0.4, ("rampart",)),
        Search(frozenset({"US_SSN"}), 0.4, languages=("de",)),
        Search(frozenset({"US_SSN"}), 0.4, recognizers=("{}",)),
    ]
    assert len({search.key, *(other.key for other in others)}) == 6
    for wrong in (
        None,
        {},
        {"entities": "US_SSN", "threshold": 0.4},
        {"entities": [], "threshold": "x"},
    ):
        with pytest.raises(ValueError, match="malformed search"):
            Search.from_json(wrong)
