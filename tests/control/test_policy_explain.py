"""What a policy decides on a request, why, and what would change it."""

import io
import json

import pytest

from tests.control.test_policy_test import OWN

POLICY = """\
apiVersion: aegis/v1
kind: Policy
metadata: {name: shop}
agents:
  - {id: finance, groups: [money], tenant: acme}
destinations:
  - {id: pay, hosts: [pay.example.test]}
  - {id: notes, hosts: ["*.notes.example.test"]}
tools:
  - id: pay.create
    destination: pay
    http: {methods: [POST], path: /v1/payments}
    arguments: {max_amount: 5000}
  - {id: write, mcp: {server: notes, tool: write}}
approvals:
  - {id: boss, channel: "#money", approvers: 2, expires: 15m}
rules:
  - {id: money-pays, agents: ["group:money"], tools: [pay.create], effect: allow}
  - id: large
    agents: ["*"]
    tools: [pay.create]
    when: {arguments: {amount: {over: 1000}}}
    effect: require_approval
    approval: boss
  - {id: no-interns, agents: [intern], destinations: [pay], effect: deny}
  - {id: notes, agents: ["*"], tools: [write], effect: allow,
     when: {time: [{from: "09:00", to: "17:00"}]}}
rates:
  - {id: slow, scope: agent, limit: 5, window: 1m, tools: [write], on_exceed: deny}
"""
PAY = ("--agent", "finance", "--url", "https://pay.example.test/v1/payments")


@pytest.fixture
def shop(tmp_path):
    file = tmp_path / "shop.yaml"
    file.write_text(POLICY)
    return file


@pytest.fixture
def explain(aegis, shop):
    def call(*arguments, policy=shop):
        return aegis("policy", "explain", policy, *arguments)

    return call


def test_an_allowed_call_names_its_rule_and_place(explain):
    done = explain(*PAY, "--json-body", '{"amount": 40}')
    assert done.code == 0, done.err
    assert done.out.startswith("allow by 'money-pays' (shop.yaml:18)")
    assert "calls pay.create" in done.out
    assert "What would change it" not in done.out


def test_a_broken_constraint_is_what_would_change_it(explain):
    done = explain(*PAY, "--json-body", '{"amount": 5001}')
    assert "deny by 'tool:pay.create/amount.max'" in done.out
    assert "The constraint pay.create/amount.max (shop.yaml:13) must hold" in done.out
    lines = done.out.splitlines()
    chain = [line.split()[:2] for line in lines[lines.index("") + 2 :] if line]
    assert chain[:3] == [
        ["deny", "tool:pay.create/amount.max"],
        ["require_approval", "large"],
        ["allow", "money-pays"],
    ]


def test_a_default_deny_names_the_rules_that_cover_it_and_for_whom(explain):
    done = explain("--agent", "guest", "--method", "post", "--url", PAY[3], "--json-body", "{}")
    assert "deny by 'default-deny'" in done.out
    assert (
        "The rule 'money-pays' (shop.yaml:18) allows 'pay' to group:money, for pay.create."
        in done.out
    )
    assert "agents: [guest], tools: [pay.create], effect: allow" in done.out


def test_a_rule_that_denies_is_named(explain):
    done = explain("--agent", "intern", "--url", "https://pay.example.test/")
    assert "The rule 'no-interns' (shop.yaml:25) must not name this agent and call." in done.out


def test_an_approval_is_what_would_change_it(explain):
    done = explain(*PAY, "--json-body", '{"amount": 2000}')
    assert done.out.startswith("require_approval by 'large'")
    assert "'boss' for 'large' (shop.yaml:19): 2 people in #money, within 900 seconds" in done.out
    assert "--approved large" in done.out
    done = explain(*PAY, "--json-body", '{"amount": 2000}', "--approved", "large")
    assert done.out.startswith("allow by 'money-pays'")


def test_an_unknown_destination_names_the_nearest(explain):
    done = explain("--agent", "finance", "--url", "https://pay.exmaple.test/")
    assert "deny by 'destination-unknown'" in done.out
    assert "The nearest: pay.example.test" in done.out
    done = explain("--agent", "finance", "--url", "http://pay.example.test/")
    assert "is known, but not with http and port 80: https:443." in done.out
    done = explain("--agent", "finance", "--url", "https://qqq.zz/")
    assert "Add it under `destinations`." in done.out


def test_mcp_time_and_rates(explain):
    note = (
        *("--agent", "a", "--url", "https://x.notes.example.test/mcp"),
        *("--mcp-tool", "write", "--arguments", '{"text": "x"}'),
    )
    assert explain(*note, "--at", "2026-03-02T10:00:00Z").out.startswith("allow by 'notes'")
    done = explain(*note, "--at", "2026-03-02T20:00:00Z")
    assert done.out.startswith("deny by 'default-deny'")
    assert "to every agent, for write, when its conditions hold." in done.out
    done = explain(*note, "--at", "2026-03-02T10:00:00Z", "--exceeded", "slow")
    assert "'slow' (shop.yaml:29) is used up" in done.out


def test_a_request_that_cannot_be_read_says_so(explain):
    done = explain("--agent", "a", "--url", "https://x.notes.example.test/", "--json-body", "[1]")
    assert done.out.startswith("deny by 'read'")


def test_own_rego_takes_part(explain, tmp_path, shop):
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "shop.yaml").write_text(POLICY)
    (tmp_path / "p" / "own.rego").write_text(OWN)
    done = explain(*PAY, "--json-body", '{"amount": 41}', policy=tmp_path / "p")
    assert done.out.startswith("deny by 'user:odd'")
    assert "Odd amounts are checked first." in done.out


def test_as_json(explain):
    said = json.loads(explain(*PAY, "--json-body", '{"amount": 2000}', "--json").out)
    assert (said["effect"], said["rule"], said["source"]) == (
        "require_approval",
        "large",
        "shop.yaml:19",
    )
    assert said["approve"] == ["boss"]
    assert [cause["rule"] for cause in said["causes"]] == ["large", "money-pays"]
    assert said["tools"] == ["pay.create"]
    assert said["changes"]


def test_the_request_from_a_file(explain, tmp_path):
    file = tmp_path / "request.yaml"
    file.write_text(
        "agent: finance\nurl: https://pay.example.test/v1/payments\njson: {amount: 40}\n"
    )
    assert explain("--input", file).out.startswith("allow by 'money-pays'")
    # An option wins over the file.
    assert explain("--input", file, "--agent", "intern").out.startswith("deny by 'no-interns'")
    file.write_text("agent: finance\nulr: https://pay.example.test/\n")
    done = explain("--input", file)
    assert done.code == 2
    assert "request.yaml:2:1: ulr: 'ulr' is not a key here. Did you mean 'url'?" in done.err


def test_a_body_from_a_file_and_from_standard_input(explain, tmp_path, monkeypatch):
    body = tmp_path / "body.json"
    body.write_text('{"amount": 5001}')
    assert "amount.max" in explain(*PAY, "--json-body", body).out
    monkeypatch.setattr("sys.stdin", io.StringIO('{"amount": 5001}'))
    assert "amount.max" in explain(*PAY, "--json-body", "-").out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--agent", "a"), "--url: the request has no url. Add --url."),
        (("--url", "https://a.test"), "--agent: the request has no agent. Add --agent."),
        (("--agent", "a", "--url", "a.test"), "--url: 'a.test' is no URL of http or https."),
        ((*PAY, "--at", "noon"), "--at: 'noon' is no time."),
        ((*PAY, "--json-body", "{"), "--json-body: it names no file and is no JSON: "),
        ((*PAY, "--header", "x"), "--header: 'x' has no ':'. Write NAME:VALUE."),
        ((*PAY, "--env", "x"), "--env: 'x' has no '='. Write NAME=VALUE."),
        ((*PAY, "--arguments", "{}"), "Add --mcp-tool NAME."),
        ((*PAY, "--mcp-tool", "t", "--arguments", "[]"), "--arguments: it is no object."),
        ((*PAY, "--mcp-tool", "t", "--json-body", "1"), "--mcp-tool: the request has json and mcp."),
        ((*PAY, "--input", "/nowhere/x"), "the file cannot be read"),
    ],
)  # fmt: skip
def test_bad_input_is_code_2_and_says_what_to_do(explain, arguments, says):
    done = explain(*arguments)
    assert done.code == 2
    assert says in done.err
    assert done.out == ""


def test_a_policy_that_is_not_there(explain, tmp_path):
    assert explain(*PAY, policy=tmp_path / "none.yaml").code == 2
