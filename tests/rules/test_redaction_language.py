"""What a policy says of redaction and of recognisers, compiled, and its mistakes with their place."""

from __future__ import annotations

from typing import Any

import pytest

from rules import PolicyError, PolicySet, compile_policy, parse_policy
from rules.diff_parts import compare_settings

HEAD = """\
apiVersion: aegis/v1
kind: Policy
metadata: {name: t}
destinations:
  - {id: model, hosts: [api.openai.com]}
rules:
  - {id: a, agents: ["*"], destinations: [model], effect: allow}
"""
BADGE = """\
recognizers:
  - name: badge
    supported_entity: BADGE_NUMBER
    patterns:
      - {name: b, regex: "B-[0-9]{6}", score: 0.6}
"""


def redactions(text: str) -> dict[str, Any]:
    policy = PolicySet(compile_policy(parse_policy(HEAD + text, "p.yaml")))
    return {str(rule["id"]): dict(rule) for rule in policy.all_redactions}


def problems(text: str) -> list[str]:
    with pytest.raises(PolicyError) as caught:
        parse_policy(HEAD + text, "p.yaml")
    return [str(problem) for problem in caught.value.problems]


def test_what_is_said_goes_on_and_what_is_usual_is_left_to_the_profile() -> None:
    found = redactions(
        "redaction:\n"
        "  - {id: plain, entities: [PERSON]}\n"
        "  - {id: named, profile: safe-harbor}\n"
        "  - id: full\n"
        "    entities:\n"
        "      PERSON: {operator: surrogate, style: realistic, days: 30, day_first: true}\n"
        "    models: [spacy, rampart]\n"
        "    languages: [en, de]\n"
        "    direction: both\n"
        "    on_failure: pass\n"
        "    images: pass\n"
        "    ttl: 12h\n"
        "    threshold: 0.5\n"
        "  - {id: said, entities: [URL], direction: request, on_failure: deny, images: refuse}\n"
    )
    shared = {"tools": [], "data": []}
    replace = {"operator": "replace"}
    assert found["plain"] == {
        **shared,
        "id": "plain",
        "profile": "",
        "entities": {"PERSON": replace},
        "operator": replace,
        "threshold": 0.4,
    }
    # Neither an operator nor a threshold: those are the profile's own.
    assert found["named"] == {**shared, "id": "named", "profile": "safe-harbor", "entities": {}}
    surrogate = {"operator": "surrogate", "style": "realistic", "days": 30, "day_first": True}
    assert found["full"]["entities"] == {"PERSON": surrogate}
    expected = {
        "models": ["rampart", "spacy"],
        "languages": ["de", "en"],
        "direction": "both",
        "on_failure": "pass",
        "images": "pass",
        "ttl_seconds": 12 * 3600,
        "threshold": 0.5,
    }
    assert {key: found["full"][key] for key in expected} == expected
    assert not found["said"].keys() & {"direction", "on_failure", "images", "ttl_seconds"}


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("entities: [PERSON], direction: up", "p.yaml:9:44: redaction[0].direction: 'up' is not"),
        ("entities: [PERSON], models: [bert]", "redaction[0].models[0]: 'bert' is not one of"),
        ("entities: [PERSON], languages: [english]", "Write a language in two letters"),
        ("entities: [PERSON], ttl: soon", "redaction[0].ttl: 'soon' has not the form"),
        ("entities: {PERSON: scramble}", "redaction[0].entities.PERSON: 'scramble' is not one of"),
        ("entities: {PERSON: {operator: mask, days: 900}}", "this must be at most 365"),
        ("entities: {PERSON: {operator: mask, chr: x}}", "Did you mean 'char'?"),
    ],
)
def test_mistakes_in_a_redaction_are_named_with_their_place(rule: str, said: str) -> None:
    found = problems(f"redaction:\n  - {{id: r, {rule}}}\n")
    assert any(said in text for text in found), found


def test_recognisers_are_carried_in_the_bundle() -> None:
    policy = PolicySet(compile_policy(parse_policy(HEAD + BADGE, "p.yaml")))
    [item] = policy.recognizers
    assert item["supported_entity"] == "BADGE_NUMBER"
    assert item["patterns"] == [{"name": "b", "regex": "B-[0-9]{6}", "score": 0.6}]
    assert PolicySet(compile_policy(parse_policy(HEAD, "p.yaml"))).recognizers == []


def test_mistakes_in_recognisers_are_named_with_their_place() -> None:
    second = BADGE.removeprefix("recognizers:\n")
    [twice] = problems(BADGE + second)
    assert twice.startswith(
        "p.yaml:13:11: recognizers[1].name: the name 'badge' is taken, in p.yaml:9"
    )
    [wrong] = problems(BADGE.replace("BADGE_NUMBER", "badge"))
    assert "Entities are written like US_SSN." in wrong
    [missing] = problems("recognizers:\n  - {name: x, supported_entity: X}\n")
    assert "one of `patterns:` or `deny_list:` is missing" in missing


def test_only_the_organisation_has_recognisers(tmp_path: Any) -> None:
    from rules import load_policy

    (tmp_path / "org.yaml").write_text(HEAD, "utf-8")
    tenant = "apiVersion: aegis/v1\nkind: Policy\nmetadata: {name: a, tenant: acme}\n"
    (tmp_path / "acme.yaml").write_text(tenant + BADGE, "utf-8")
    with pytest.raises(PolicyError, match="'recognizers' is not a tenant's to say"):
        load_policy(tmp_path)


def test_a_change_of_a_recogniser_is_a_change_of_the_policy() -> None:
    def bundle(text: str) -> Any:
        return compile_policy(parse_policy(HEAD + text, "p.yaml"))

    [added] = compare_settings(bundle(""), bundle(BADGE))
    assert (added.section, added.item, added.change) == ("recognizer", "badge", "added")
    [moved] = compare_settings(bundle(BADGE), bundle(BADGE.replace("0.6", "0.7")))
    assert (moved.section, moved.key, moved.change) == ("recognizer", "patterns", "changed")


def test_a_place_in_a_policy_is_found_by_what_was_compiled_of_it() -> None:
    text = (
        "redaction:\n  - {id: x, entities: [URL]}\n  - id: r\n    entities:\n"
        "      - PERSON\n      - US_SSSN\n" + BADGE
    )
    written = parse_policy(HEAD + text, "p.yaml")
    policy = PolicySet(compile_policy(written))
    exact = written.problem("redaction", "r", ("entities", "US_SSSN"), "no such", "")
    assert str(exact) == "p.yaml:13:9: redaction[1].entities[1]: no such."
    regex = written.problem("recognizers", "badge", ("patterns", 0, "regex"), "bad", "")
    assert str(regex).startswith("p.yaml:18:19: recognizers[0].patterns[0].regex: bad.")
    # A bundle knows the line of the item alone.
    near = policy.problem("redaction", "r", ("entities", "US_SSSN"), "no such", "")
    assert str(near) == "p.yaml:10:1: redaction.r.entities.US_SSSN: no such."
    assert policy.problem("recognizers", "badge", (), "bad", "").line == 15
