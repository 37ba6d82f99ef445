"""Policies compared with one another and with the log, by command."""

import json

import pytest
import yaml

from ledger import SqliteLog, load_or_create_signer
from rules import load_bundle
from tests.control.conftest import decision

POLICY = """\
apiVersion: aegis/v1
kind: Policy
metadata: {name: analysed}
destinations:
  - {id: model, hosts: [model.test]}
  - {id: pay, hosts: [pay.test]}
tools:
  - id: pay.create
    destination: pay
    http: {methods: [POST], path: /v1/payments}
    arguments: {max_amount: 5000}
rules:
  - {id: models, agents: ["*"], destinations: [model], effect: allow}
  - {id: payments, agents: [planner], tools: [pay.create], effect: allow}
"""


def place(host):
    return {"id": "", "scheme": "https", "host": host, "port": 443, "address": ""}


def seen(number, host, effect="allow", rule="models", agent="planner", method="GET", **more):
    return decision(
        number,
        effect,
        agent,
        rule=rule,
        destination=place(host),
        request={"method": method, "body": "none"},
        **more,
    )


RECORDS = [
    {"kind": "start", "time": "2026-01-02T03:04:00.000000Z"},
    *[seen(number, "model.test") for number in range(1, 5)],
    seen(5, "pay.test", rule="payments", method="POST", tools=["pay.create"]),
    seen(6, "new.test", "deny", "destination-unknown", enforced=False, mode="observe"),
    seen(7, "evil.test", "deny", "framing", code="request_malformed"),
    seen(
        8,
        "model.test",
        shadow={"revision": "cafe", "effect": "deny", "rule": "no-models"},
        would={"effect": "deny", "rule": "soon"},
    ),
]


@pytest.fixture
def log(home):
    home.mkdir(mode=0o700)
    log = SqliteLog(home / "ledger.db", load_or_create_signer(home / "log.key"))
    log.append(RECORDS)
    log.close()
    return home / "ledger.db"


@pytest.fixture
def policy(tmp_path):
    def write(*changes, name="policy.yaml"):
        text = POLICY
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return write


STRICTER = ("destinations: [model], effect: allow", "destinations: [model], effect: deny")


def test_replay_tells_how_many_end_otherwise(aegis, log, policy):
    done = aegis("policy", "replay", policy(STRICTER))
    assert done.code == 0
    assert "7 decisions replayed" in done.out
    assert "1 end as they did, 5 otherwise, 1 are open." in done.out
    assert "request_malformed (1)" in done.out
    assert "d1" in done.out
    assert "https://model.test:443" in done.out


def test_replay_as_json(aegis, log, policy):
    done = aegis("policy", "replay", "--json", "--samples", "1", policy(STRICTER))
    told = json.loads(done.out)
    assert (told["replayed"], told["changed"], told["open"]) == (7, 5, 1)
    first = told["matrix"][0]
    assert (first["before"], first["after"], first["count"]) == ("allow", ["deny"], 5)
    assert [sample["id"] for sample in first["samples"]] == ["d1"]
    assert told["apart"] == {"request_malformed": 1}


def test_replay_can_fail(aegis, log, policy):
    assert aegis("policy", "replay", "--fail-on-change", policy(STRICTER)).code == 1
    # The bound of the tool is in no record; only a log without its calls proves that nothing changes.
    assert aegis("policy", "replay", "--fail-on-change", policy()).code == 1
    last = ("--since", "2026-01-02T03:04:06Z")
    assert aegis("policy", "replay", "--fail-on-change", *last, policy()).code == 0


def test_replay_of_a_part_of_the_log(aegis, log, policy):
    def replayed(*options):
        return json.loads(aegis("policy", "replay", "--json", *options, policy()).out)["replayed"]

    assert replayed("--limit", "3") == 2  # one of the three is no decision of the policy
    assert replayed("--since", "2026-01-02T03:04:06Z") == 2
    assert replayed("--since", "2026-01-02") == 7
    assert replayed("--since", "1h") == 0


def test_replay_of_an_export(aegis, log, policy, tmp_path):
    export = tmp_path / "out.jsonl"
    assert aegis("audit", "export", export).code == 0
    told = json.loads(aegis("policy", "replay", "--json", "--log", export, policy()).out)
    assert told["replayed"] == 7
    export.write_text('{"kind": "decision"\n')
    done = aegis("policy", "replay", "--log", export, policy())
    assert done.code == 2
    assert "line 1 is no record" in done.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("replay", "none.yaml"),
        ("diff", "none.yaml", "none.yaml"),
        ("coverage", "none.yaml"),
        ("suggest", "--agent", "planner", "--policy", "none.yaml"),
        ("suggest", "--agent", "nobody"),
        ("shadow", "report", "--log", "none.db"),
        ("shadow", "report", "--since", "yesterday"),
    ],
)
def test_bad_input_is_one_message_and_code_2(aegis, log, tmp_path, arguments, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = aegis("policy", *arguments)
    assert done.code == 2
    assert done.err.strip()
    assert done.out == ""


def test_a_log_that_is_not_there(aegis, policy):
    done = aegis("policy", "replay", policy())
    assert done.code == 2
    assert "ledger.db" in done.err


def test_diff_of_the_same_meaning(aegis, policy, tmp_path):
    other = tmp_path / "other.json"
    other.write_text(json.dumps(yaml.safe_load(POLICY)))
    done = aegis("policy", "diff", "--exit-code", policy(), other)
    assert (done.code, done.out) == (0, "No change in meaning.\n")


def test_diff_names_who_may_do_what_otherwise(aegis, policy):
    changes = (
        STRICTER,
        ("max_amount: 5000", "max_amount: 10"),
        ("hosts: [pay.test]", "hosts: [pay.test, b.test]"),
    )
    old, new = policy(name="old.yaml"), policy(*changes, name="new.yaml")
    done = aegis("policy", "diff", old, new)
    assert done.code == 0
    for part in (
        "https://b.test:443",
        "every agent",
        "allow (models)",
        "deny (models)",
        "amount.max",
        "tightened",
        "5000 -> 10",
    ):
        assert part in done.out
    told = json.loads(aegis("policy", "diff", "--json", old, new).out)
    assert told["same"] is False
    assert told["endpoints"][0]["change"] == "added"
    assert aegis("policy", "diff", "--exit-code", old, new).code == 1


def test_diff_takes_bundles(aegis, policy, tmp_path):
    out = tmp_path / "bundle.tar.gz"
    assert aegis("policy", "compile", policy(), "-o", out).code == 0
    assert aegis("policy", "diff", "--exit-code", out, policy()).code == 0


def test_coverage_names_what_is_not_covered(aegis, log, policy):
    done = aegis("policy", "coverage", policy())
    assert done.code == 0
    assert "85.7%  6 of 7" in done.out
    assert "planner GET https://new.test:443 (destination-unknown): 1" in done.out
    assert "not measured: no tests" in done.out
    told = json.loads(aegis("policy", "coverage", "--json", policy()).out)
    assert told["coverage"] == 85.7
    assert told["parts"]["rules"] is None


def test_coverage_can_fail(aegis, log, policy):
    assert aegis("policy", "coverage", "--fail-under", "80", policy()).code == 0
    done = aegis("policy", "coverage", "--fail-under", "90", policy())
    assert done.code == 1
    assert "85.7%, less than 90%" in done.err


def test_coverage_without_a_log_measures_the_tools(aegis, policy):
    done = aegis("policy", "coverage", policy())
    assert done.code == 0
    assert "100.0%  1 of 1 of the tools" in done.out


def test_suggest_writes_a_policy_that_validates_and_allows_what_was_seen(
    aegis, log, policy, tmp_path
):
    base, out = policy(), tmp_path / "planner.yaml"
    done = aegis("policy", "suggest", "--agent", "planner", "--policy", base, "-o", out)
    # A bound that the log does not prove to have held is said to be open.
    assert done.code == 1
    assert "6 of 7 recorded calls are allowed" in done.err
    assert "left out: request_malformed (1)" in done.err
    assert aegis("policy", "validate", out).code == 0
    assert "max_amount: 5000" in out.read_text()
    assert "# Replayed: 6 of 7 recorded calls are allowed." in out.read_text()
    load_bundle(out)


def test_suggest_without_a_base(aegis, log):
    done = aegis("policy", "suggest", "--agent", "planner")
    assert done.code == 0
    assert "7 of 7 recorded calls are allowed" in done.err
    document = yaml.safe_load(done.out)
    assert {d["id"] for d in document["destinations"]} == {"model.test", "pay.test", "new.test"}


def test_the_shadow_report(aegis, log):
    done = aegis("policy", "shadow", "report")
    assert done.code == 0
    assert "Candidate cafe: 1 of 1 decisions would be others." in done.out
    assert "deny (no-models)" in done.out
    assert "deny (soon)" in done.out
    assert "deny (destination-unknown)" in done.out
    told = json.loads(aegis("policy", "shadow", "report", "--json").out)
    assert told["decisions"] == 7
    (one,) = told["candidates"]["cafe"]["drift"]
    assert (one["old"], one["new"], one["stricter"]) == (
        ["allow", "models"],
        ["deny", "no-models"],
        True,
    )
    assert told["observed"][0]["count"] == 1


def test_coverage_by_tests(aegis, policy, tmp_path):
    test = tmp_path / "models.test.yaml"
    test.write_text(
        "apiVersion: aegis/v1\nkind: PolicyTest\nmetadata: {name: models}\n"
        "policy: policy.yaml\ncases:\n  - name: models are reached\n"
        "    request: {agent: x, url: https://model.test/}\n    expect: {effect: allow}\n"
    )
    told = aegis("policy", "coverage", "--json", "--tests", test, policy())
    rules = json.loads(told.out)["parts"]["rules"]
    assert (rules["covered"], rules["total"], rules["uncovered"]) == (1, 2, ["payments"])
