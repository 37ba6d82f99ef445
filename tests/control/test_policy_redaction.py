"""What a policy wants found is checked against what can be found, with the place of each mistake."""

from __future__ import annotations

import pytest

from tests.control.conftest import POLICY

WRONG = """\
data:
  - {id: phi, entities: [US_SSN, BADGE_NUMER]}
regions:
  - {id: x, data: [phi], allow: [us]}
recognizers:
  - name: badge
    supported_entity: BADGE_NUMBER
    patterns:
      - {name: b, regex: "\\\\bB-[0-9]{6}\\\\b", score: 0.6}
  - name: bad
    supported_entity: OTHER
    patterns:
      - {name: look, regex: "(?<=a)b", score: 0.6}
redaction:
  - id: r1
    entities: [BADGE_NUMBER, US_SSSN]
  - id: r2
    entities:
      OTHER: hash
      US_SSN: {operator: replace, keep_last: 3}
  - {id: r3, profile: safeharbor}
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "p.yaml"
    path.write_text(POLICY.format(name="pay.example.test", port=443) + WRONG, "utf-8")
    return path


def test_each_mistake_is_named_with_its_place_and_its_mend(aegis, file):
    before = len(POLICY.format(name="pay.example.test", port=443).splitlines())
    done = aegis("policy", "validate", file)
    assert done.code == 1
    said = done.err.splitlines()
    for line, text in [
        (2, "data[0].entities[1]: there is no entity 'BADGE_NUMER'. Did you mean BADGE_NUMBER?"),
        (13, "recognizers[1].patterns[0].regex: the pattern 'look' cannot be compiled"),
        (16, "redaction[0].entities[1]: there is no entity 'US_SSSN'. Did you mean US_SSN?"),
        (20, "redaction[1].entities.US_SSN.keep_last: this is no option of replace. It belongs"),
        (21, "redaction[2].profile: there is no redaction profile 'safeharbor'. Did you mean"),
    ]:
        assert any(one.startswith(f"p.yaml:{before + line}:") and text in one for one in said), text
    assert len(said) == 5


def test_a_bundle_names_the_line_of_the_item(aegis, file, tmp_path):
    before = len(POLICY.format(name="pay.example.test", port=443).splitlines())
    bundle = tmp_path / "b.tar.gz"
    assert aegis("policy", "compile", file, "-o", bundle).code == 0
    done = aegis("policy", "validate", bundle)
    assert done.code == 1
    place = f"p.yaml:{before + 17}:1: redaction.r2.entities.US_SSN.keep_last: this is no option"
    assert place in done.err
    assert f"p.yaml:{before + 10}:1: recognizers.bad.patterns.0.regex: the pattern" in done.err


def test_what_is_right_is_right(aegis, tmp_path):
    path = tmp_path / "p.yaml"
    rules = """\
recognizers:
  - {name: badge, supported_entity: BADGE_NUMBER, deny_list: [B-TEST]}
redaction:
  - id: r1
    profile: gdpr
    entities: {BADGE_NUMBER: {operator: surrogate, style: realistic}}
    direction: both
    ttl: 12h
"""
    path.write_text(POLICY.format(name="pay.example.test", port=443) + rules, "utf-8")
    done = aegis("policy", "validate", path)
    assert (done.code, done.err) == (0, "")
