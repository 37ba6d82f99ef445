"""Policies applied, taken back and put in the shadow by command, with the evidence of it."""

import getpass
import json

import pytest

from control.in_force import bundle_in_force
from ledger import Home, LogReader, SqlitePolicies
from rules import DEFAULT_POLICY, load_bundle
from tests.control.conftest import POLICY

WHY = ("--why", "a test")


@pytest.fixture
def make(tmp_path):
    """Write a policy of this name."""

    def write(name, port=443):
        file = tmp_path / f"{name}.yaml"
        text = POLICY.format(name="pay.example.test", port=port)
        file.write_text(text.replace("name: control", f"name: {name}"))
        return file

    return write


def events(aegis):
    return json.loads(aegis("policy", "history", "--json").out)


def logged(home):
    return [r for r in LogReader(home / "ledger.db").records() if r["kind"] == "policy"]


def test_an_applied_policy_is_in_force_in_the_history_and_in_the_log(aegis, home, make):
    file = make("one")
    done = aegis("policy", "apply", file, "--why", "the first", "--who", "ann")
    assert done.code == 0, done.err
    revision = load_bundle(file).revision
    assert revision in done.out
    said = events(aegis)
    assert said["active"] == revision
    (event,) = said["events"]
    assert (event["number"], event["who"], event["why"]) == (1, "ann", "the first")
    (record,) = logged(home)
    for key in ("revision", "name", "who", "why", "time"):
        assert record[key] == event[key]
    assert record["what"] == "applied"
    assert aegis("audit", "verify").code == 0
    assert bundle_in_force(Home(home), "")[1].revision == revision


def test_rollback_goes_back_and_says_so(aegis, home, make):
    files = [make(name) for name in ("one", "two", "three")]
    for file in files:
        assert aegis("policy", "apply", file, *WHY).code == 0
    first, second, _ = (load_bundle(file).revision for file in files)
    done = aegis("policy", "rollback", "--why", "worse")
    assert (done.code, second in done.out) == (0, True)
    assert aegis("policy", "rollback", first[:6], "--why", "much worse").code == 0
    assert events(aegis)["active"] == first
    assert [r["what"] for r in logged(home)] == ["applied"] * 3 + ["rolled back"] * 2
    assert logged(home)[-1]["who"] == getpass.getuser()
    shown = aegis("policy", "history").out.splitlines()
    assert len(shown) == 6
    assert "much worse" in shown[-1]
    assert aegis("audit", "verify").code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("rollback", *WHY), "No policy was applied before"),
        (("rollback", "feedbeef", *WHY), "'feedbeef'"),
        (("rollback",), "--why"),
        (("apply", "none.yaml", *WHY), "none.yaml"),
        (("apply", DEFAULT_POLICY), "--why"),
        (("apply", DEFAULT_POLICY, "--why", " "), "reason"),
        (("apply", DEFAULT_POLICY, *WHY, "--who", ""), "who does this"),
        (("shadow", "stop"), "no policy runs in the shadow"),
        (("shadow", "start", "none.yaml"), "none.yaml"),
    ],
)
def test_what_cannot_be_done_is_bad_input_and_changes_nothing(aegis, home, arguments, said):
    done = aegis("policy", *arguments)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert events(aegis)["events"] == []
    assert not (home / "ledger.db").exists() or logged(home) == []


def test_a_wrong_policy_is_not_applied(aegis, make):
    assert aegis("policy", "apply", make("one"), *WHY).code == 0
    wrong = make("two")
    wrong.write_text(wrong.read_text().replace("effect: allow", "effect: alow"))
    done = aegis("policy", "apply", wrong, *WHY)
    assert done.code == 2
    assert "two.yaml:10:" in done.err
    assert [e["name"] for e in events(aegis)["events"]] == ["one"]


TEST = """\
apiVersion: aegis/v1
kind: PolicyTest
metadata: {name: small}
policy: ../one.yaml
cases:
  - name: nobody goes there
    request: {agent: x, url: https://nowhere.example.test/}
    expect: {effect: %s}
"""


def test_a_policy_whose_tests_fail_is_not_applied(aegis, make, tmp_path):
    policy = make("one")
    tests = policy.parent / "tests"
    tests.mkdir()
    (tests / "small.yaml").write_text(TEST % "allow")
    for command in (("apply", policy, *WHY), ("shadow", "start", policy)):
        done = aegis("policy", *command)
        assert done.code == 1
        assert "nobody goes there" in done.err
    assert events(aegis)["events"] == []
    assert aegis("policy", "apply", make("two"), *WHY).code == 0
    (tests / "small.yaml").write_text(TEST % "deny")
    assert aegis("policy", "apply", policy, *WHY).code == 0


def test_a_folder_whose_tests_fail_is_not_applied(aegis, make, tmp_path):
    folder = tmp_path / "policies"
    folder.mkdir()
    make("one").rename(folder / "one.yaml")
    test = folder / "one.test.yaml"
    test.write_text(
        "apiVersion: aegis/v1\nkind: PolicyTest\nmetadata: {name: one}\ncases:\n"
        "  - name: a page\n"
        "    request: {agent: default, method: GET, url: 'https://pay.example.test/'}\n"
        "    expect: {effect: deny}\n"
    )
    done = aegis("policy", "apply", folder, *WHY)
    assert done.code == 1
    assert "one.test.yaml:5: a page: effect: expected deny, got allow" in done.err
    assert aegis("policy", "shadow", "start", folder).code == 1
    assert events(aegis)["events"] == []
    test.write_text(test.read_text().replace("deny", "allow"))
    assert aegis("policy", "apply", folder, *WHY).code == 0
    assert len(events(aegis)["events"]) == 1


def test_a_folder_and_a_bundle_can_be_applied(aegis, make, tmp_path):
    folder = tmp_path / "policies"
    folder.mkdir()
    make("one").rename(folder / "one.yaml")
    assert aegis("policy", "apply", folder, *WHY).code == 0
    aegis("policy", "compile", make("two"), "-o", tmp_path / "b.tar.gz")
    assert aegis("policy", "apply", tmp_path / "b.tar.gz", *WHY).code == 0
    assert [event["name"] for event in events(aegis)["events"]] == ["one", "two"]


def test_a_candidate_is_shown_beside_and_leaves(aegis, home, make):
    assert aegis("policy", "shadow", "start", make("next"), "--who", "ann").code == 0
    said = events(aegis)
    assert (said["active"], said["candidate"]["who"]) == (None, "ann")
    shown = aegis("policy", "history").out
    assert "In the shadow: policy 'next'" in shown
    assert "developer pack" in shown
    assert bundle_in_force(Home(home), "")[0] == str(DEFAULT_POLICY)
    assert aegis("policy", "shadow", "stop").code == 0
    assert events(aegis)["candidate"] is None


def test_without_the_log_nothing_is_applied(aegis, home, make):
    assert aegis("policy", "apply", make("one"), *WHY).code == 0
    (home / "checkpoint").write_text("forged")
    done = aegis("policy", "apply", make("two"), *WHY)
    assert done.code == 2
    assert "decision log" in done.err
    with_one = SqlitePolicies(home / "policies.db")
    assert with_one.active().name == "one"
    with_one.close()


def test_what_was_written_cannot_steer_the_terminal(aegis, make):
    assert aegis("policy", "apply", make("one"), "--why", "[red]so[/red]").code == 0
    assert "[red]so[/red]" in aegis("policy", "history").out
    assert aegis("policy", "apply", make("one"), "--why", "\x1b[31m").code == 2
