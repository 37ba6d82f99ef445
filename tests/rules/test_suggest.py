"""A least-privilege policy out of recorded traffic."""

import yaml

from rules import compile_policy, parse_policy
from rules.judge import Judge
from rules.replay import replay
from rules.suggest import suggest
from tests.rules.test_replay import POLICY, record


def parsed(suggestion):
    return yaml.safe_load(suggestion.text)


def base(*changes):
    text = POLICY
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    policy = parse_policy(text, "base.yaml")
    return policy, compile_policy(policy)


def seen(host, method="GET", **more):
    return record(
        host,
        method=method,
        effect="deny",
        rule="destination-unknown",
        enforced=False,
        mode="observe",
        **more,
    )


def test_what_was_seen_is_allowed_and_nothing_else():
    records = [
        *[seen("api.test") for _ in range(3)],
        seen("api.test", "POST"),
        seen("plain.test", destination={"scheme": "http", "port": 8080}),
        seen("other.test", agent="somebody-else"),
    ]
    found = suggest("planner", records)
    assert (found.used, found.allowed, found.replay.replayed) == (5, 5, 5)
    document = parsed(found)
    assert document["destinations"] == [
        {"id": "api.test", "hosts": ["api.test"]},
        {"id": "plain.test", "hosts": ["plain.test"], "schemes": ["http"], "ports": [8080]},
    ]
    assert [tool["http"] for tool in document["tools"]] == [
        {"methods": ["GET"], "path": "/{rest*}"},
        {"methods": ["POST"], "path": "/{rest*}"},
        {"methods": ["GET"], "path": "/{rest*}"},
    ]
    others = [
        seen("api.test", "DELETE"),
        seen("other.test"),
        seen("api.test", agent="somebody-else"),
        seen("plain.test", destination={"scheme": "http", "port": 80}),
    ]
    told = replay(others, Judge(found.bundle))
    assert [(c.before, c.after) for c in told.matrix] == [("deny", ("deny",))]


def test_comments_tell_how_many_calls_each_part_is_from():
    found = suggest("planner", [*[seen("api.test") for _ in range(3)], seen("api.test", "POST")])
    lines = found.text.splitlines()
    before = {lines[n]: lines[n - 1].strip() for n in range(1, len(lines))}
    assert before["  - id: api.test"] == "# 4 calls"
    assert before["  - id: api.test.get"] == "# 3 calls, any path"
    assert before["  - id: api.test.post"] == "# 1 call, any path"
    assert before["  - id: allow-api.test"] == "# 4 calls"


def test_the_same_records_give_the_same_text():
    records = [seen("api.test"), seen("b.test"), seen("a.test", "POST")]
    assert suggest("planner", records).text == suggest("planner", records).text


def test_known_tools_are_copied_with_their_constraints():
    policy, bundle = base()
    records = [
        record("pay.test", tools=["pay.create"], rule="office-pays", revision=bundle.revision),
        record("notes.test", tools=["notes.write"], rule="all-write", revision=bundle.revision),
        record("notes.test", rule="all-write", revision=bundle.revision),
        seen("pay.test", "GET", revision=bundle.revision, destination={"id": "pay"})
        | {"rule": "default-deny"},
    ]
    found = suggest("planner", records, policy, [bundle])
    assert (found.used, found.allowed) == (4, 4)
    tools = {tool["id"]: tool for tool in parsed(found)["tools"]}
    assert tools["pay.create"]["arguments"] == {"max_amount": 5000}
    assert set(tools) == {"pay.create", "notes.write", "pay.get"}
    # Nobody saw a call of it.
    assert "pay.list" not in found.text
    assert "model" not in found.text
    assert parsed(found)["agents"] == [{"id": "planner", "groups": ["office"]}]


def test_a_constraint_that_was_broken_is_not_loosened():
    policy, bundle = base()
    broke = record(
        "pay.test",
        tools=["pay.create"],
        effect="deny",
        rule="tool:pay.create/amount.max",
        enforced=False,
    )
    fine = record("pay.test", tools=["pay.create"], rule="office-pays", revision=bundle.revision)
    found = suggest("planner", [broke, fine], policy, [bundle])
    assert (found.used, dict(found.left_out)) == (1, {"forbidden": 1})


def test_what_was_refused_is_left_out_and_counted():
    records = [
        seen("api.test"),
        record("evil.test", effect="deny", rule="default-deny", code="policy_denied"),
        record("evil.test", effect="deny", rule="framing", code="request_malformed"),
        seen("h-########.test"),
        seen("api.test", "get"),
        seen("api.test") | {"effect": "require_approval", "rule": "large"},
        seen("api.test", approved=["large"]),
        seen("api.test", on_behalf_of=[{"id": "other"}]),
    ]
    found = suggest("planner", records)
    assert dict(found.left_out) == {
        "refused": 1,
        "request_malformed": 1,
        "host_blanked": 1,
        "odd_method": 1,
        "held": 2,
        "delegated": 1,
    }
    assert "evil" not in found.text
    assert (found.used, found.allowed) == (1, 1)


def test_redactions_are_kept_for_what_is_reached():
    redaction = """\
redaction:
  - {id: numbers, destinations: [model, pay], entities: [US_SSN]}
  - {id: names, destinations: [notes], entities: [PERSON]}
  - {id: cards, entities: [CREDIT_CARD]}
"""
    policy = parse_policy(POLICY + redaction, "base.yaml")
    found = suggest("planner", [record()], policy)
    kept = {item["id"]: item for item in parsed(found)["redaction"]}
    assert set(kept) == {"numbers", "cards"}
    assert kept["numbers"]["destinations"] == ["model"]
    assert found.allowed == 1


def test_mcp_tools_without_a_name_in_the_policy_get_one():
    policy, _ = base()
    called = seen("model.test", "POST", tools=["mcp:model/Ask Me"])
    found = suggest("planner", [called], policy)
    assert parsed(found)["tools"] == [
        {"id": "model.ask-me", "mcp": {"server": "model", "tool": "Ask Me"}}
    ]
    assert found.allowed == 1


def test_a_private_address_is_named():
    found = suggest("planner", [seen("in.test", destination={"address": "10.1.2.3"})])
    assert parsed(found)["destinations"][0]["addresses"] == ["10.1.2.3/32"]
    public = suggest("planner", [seen("out.test", destination={"address": "93.184.215.14"})])
    assert "addresses" not in public.text


def test_no_record_gives_no_policy():
    assert suggest("nobody", [record()]) is None


def test_a_hostile_record_cannot_write_policy():
    odd = seen("api.test") | {"time": "now\nrules: []"}
    assert parsed(suggest("planner", [odd]))["rules"]
