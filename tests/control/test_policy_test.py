"""Tests of policies run by command."""

import json

import pytest

from control import policy_test
from rules import PolicyError

POLICY = """\
apiVersion: aegis/v1
kind: Policy
metadata: {name: shop}
destinations: [{id: pay, hosts: [pay.example.test]}]
tools:
  - id: pay.create
    destination: pay
    http: {methods: [POST], path: /v1/payments}
    arguments: {max_amount: 100}
rules:
  - {id: finance, agents: [finance], destinations: [pay], effect: allow}
  - {id: nobody, agents: [intern], destinations: [pay], effect: deny}
"""
TEST = """\
apiVersion: aegis/v1
kind: PolicyTest
metadata: {name: payments}
fixtures:
  pay: {agent: finance, url: "https://pay.example.test/v1/payments"}
cases:
  - {name: small, use: [pay], request: {json: {amount: 40}}, expect: {effect: allow, rule: finance}}
  - {name: large, use: [pay], request: {json: {amount: 400}}, expect: {effect: deny}}
"""
OWN = """\
package aegis.user.shop

deny contains {"id": "odd", "reason": "Odd amounts are checked first."} if {
	input.tool.arguments.amount % 2 == 1
}
"""


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "shop"
    (folder / "tests").mkdir(parents=True)
    (folder / "shop.yaml").write_text(POLICY)
    (folder / "tests" / "payments.yaml").write_text(TEST)
    return folder


@pytest.fixture
def single(tmp_path):
    (tmp_path / "shop.yaml").write_text(POLICY)
    file = tmp_path / "payments.yaml"
    file.write_text(TEST.replace("fixtures:", "policy: shop.yaml\nfixtures:"))
    return file


def test_a_file_and_a_folder_are_run(aegis, folder, single):
    for path in (single, folder):
        done = aegis("policy", "test", path)
        assert done.code == 0, done.err
        assert "2 passed, 0 failed" in done.out
    done = aegis("policy", "test", folder, single)
    assert "4 passed, 0 failed" in done.out


def test_a_case_that_fails_says_what_differs(aegis, single):
    single.write_text(single.read_text().replace("rule: finance", "rule: other"))
    done = aegis("policy", "test", single)
    assert done.code == 1
    assert "1 passed, 1 failed" in done.out
    assert "payments.yaml:8: small" in done.out
    assert "rule: expected other, got finance" in done.out
    assert "finance (shop.yaml:11)" in done.out


def test_the_results_as_json(aegis, single):
    single.write_text(single.read_text().replace("rule: finance", "rule: other"))
    done = aegis("policy", "test", single, "--json")
    assert done.code == 1
    said = json.loads(done.out)
    assert (said["passed"], said["failed"]) == (1, 1)
    assert said["fired"] == ["finance", "tool:pay.create/amount.max"]
    small, large = said["cases"]
    assert small["differences"] == [{"key": "rule", "expected": "other", "actual": "finance"}]
    assert (large["passed"], large["effect"]) == (True, "deny")


def test_what_fired_is_there_for_other_commands(folder):
    report = policy_test.run_tests(folder)
    assert report.failures == ()
    assert report.fired == {"finance", "tool:pay.create/amount.max"}
    assert "nobody" not in report.fired


def test_a_policy_that_changed_fails_its_tests(aegis, folder):
    file = folder / "shop.yaml"
    file.write_text(POLICY.replace("max_amount: 100", "max_amount: 1000"))
    done = aegis("policy", "test", folder)
    assert done.code == 1
    assert "effect: expected deny, got allow" in done.out


def test_own_rego_takes_part(aegis, folder):
    (folder / "shop.rego").write_text(OWN)
    test = folder / "tests" / "payments.yaml"
    test.write_text(
        TEST
        + "  - {name: odd, use: [pay], request: {json: {amount: 41}},"
        + " expect: {effect: deny, rule: user:odd}}\n"
    )
    done = aegis("policy", "test", folder)
    assert (done.code, done.err) == (0, "")
    assert "3 passed" in done.out


def test_own_rego_without_an_end_fails_the_case(folder, monkeypatch):
    monkeypatch.setattr(policy_test, "OWN_SECONDS", 0.3)
    (folder / "shop.rego").write_text(
        OWN.replace(
            "input.tool.arguments.amount % 2 == 1",
            "wide := numbers.range(1, 5000)\n"
            "\tcount([1 | some a in wide; some b in wide; some c in wide; a + b + c == 0]) > 0",
        )
    )
    report = policy_test.run_tests(folder)
    assert len(report.failures) == 2
    assert "did not end within 0.3 s" in str(report.failures[0].differences[0])


def test_the_cases_are_written_as_rego(aegis, single, tmp_path):
    out = tmp_path / "aegis_test.rego"
    done = aegis("policy", "test", single, "--emit-rego", out)
    assert done.code == 0
    assert "test_small if {" in out.read_text()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("use: [pay]", "use: [pya]"), "payments.yaml:8:25: cases[0].use[0]: there is no fixture"),
        (("effect: deny", "effect: dney"), "Did you mean 'deny'?"),
        (("policy: shop.yaml", "policy: none.yaml"), "none.yaml"),
        (("kind: PolicyTest", "kind: Policy"), "no test is here"),
        (("cases:", "cases: ["), "not valid YAML"),
    ],
)
def test_a_wrong_test_is_bad_input(aegis, single, change, says):
    single.write_text(single.read_text().replace(*change, 1))
    done = aegis("policy", "test", single)
    assert done.code == 2
    assert says in done.err
    assert done.out == ""


def test_a_wrong_policy_is_bad_input(aegis, folder):
    (folder / "shop.yaml").write_text(POLICY.replace("effect: allow", "effect: alow"))
    done = aegis("policy", "test", folder)
    assert done.code == 2
    assert "shop.yaml:11:" in done.err


def test_nothing_to_run_is_bad_input(aegis, tmp_path):
    done = aegis("policy", "test", tmp_path / "none.yaml")
    assert done.code == 2
    assert "there is no such file" in done.err
    (tmp_path / "shop.yaml").write_text(POLICY)
    done = aegis("policy", "test", tmp_path)
    assert done.code == 2
    assert "no test is here" in done.err
    assert aegis("policy", "test").code == 2


def test_a_test_of_a_folder_run_alone_finds_its_policy(aegis, folder):
    assert aegis("policy", "test", folder / "tests" / "payments.yaml").code == 0
    (folder / "shop.yaml").unlink()
    done = aegis("policy", "test", folder / "tests" / "payments.yaml")
    assert done.code == 2
    assert "add `policy: FILE` to the test" in done.err
    with pytest.raises(PolicyError):
        policy_test.run_tests(folder)
