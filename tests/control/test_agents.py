"""Agents and tokens by command, in a real store."""

import json
import stat

import pytest

from ledger import SqliteAgents, TokenError


@pytest.fixture
def store(home):
    home.mkdir(mode=0o700)
    store = SqliteAgents(home / "agents.db", monotonic=iter(range(10**6)).__next__)
    yield store
    store.close()


def test_add_prints_a_token_that_works_and_nothing_else(aegis, store):
    done = aegis("agents", "add", "planner", "--tenant", "acme", "--group", "a", "--group", "b")
    assert done.code == 0
    agent = store.authenticate(done.out.strip())
    assert (agent.id, agent.tenant, agent.groups) == ("planner", "acme", ("a", "b"))
    assert "not shown again" in done.err
    assert done.out.strip() not in done.err


def test_the_home_is_made_for_the_owner_alone(aegis, home):
    aegis("agents", "add", "planner")
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert stat.S_IMODE((home / "agents.db").stat().st_mode) == 0o600


@pytest.mark.parametrize("command", ["disable", "enable", "rotate"])
def test_an_unknown_agent_gets_the_nearest_names(aegis, command):
    aegis("agents", "add", "planner")
    done = aegis("agents", command, "planer")
    assert done.code == 2
    assert "planner" in done.err


def test_twice_the_same_agent_is_refused(aegis):
    aegis("agents", "add", "planner")
    done = aegis("agents", "add", "planner")
    assert done.code == 2
    assert "exists already" in done.err
    assert done.out == ""


def test_list(aegis, store):
    store.add("planner", "acme", ["a"])
    store.disable("planner")
    listed = json.loads(aegis("agents", "list", "--json").out)
    assert listed[0]["id"] == "planner"
    assert listed[0]["groups"] == ["a"]
    assert listed[0]["disabled_at"]
    shown = aegis("agents", "list").out
    assert "planner" in shown
    assert "disabled" in shown


def test_disable_and_enable(aegis, store):
    token = aegis("agents", "add", "planner").out.strip()
    assert aegis("agents", "disable", "planner").code == 0
    with pytest.raises(TokenError):
        store.authenticate(token)
    assert aegis("agents", "enable", "planner").code == 0
    assert store.authenticate(token).id == "planner"


def test_rotate_revokes_the_old_token(aegis, store):
    old = aegis("agents", "add", "planner").out.strip()
    new = aegis("agents", "rotate", "planner").out.strip()
    assert store.authenticate(new).id == "planner"
    with pytest.raises(TokenError):
        store.authenticate(old)


def test_rotate_renews_the_default_agents_file(aegis, store, home):
    store.add("default")
    (home / "default.token").write_text(store.mint("default", label="token file") + "\n")
    (home / "default.token").chmod(0o600)
    printed = aegis("agents", "rotate", "default").out.strip()
    assert store.authenticate(printed).id == "default"
    kept = (home / "default.token").read_text().strip()
    assert store.authenticate(kept).id == "default"


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("15m", 900), ("12h", 43200)])
def test_lifetimes(aegis, store, text, seconds):
    store.add("planner")
    assert aegis("tokens", "mint", "planner", "--ttl", text).code == 0
    token = store.tokens("planner")[0]
    assert token.expires_at - token.created_at == seconds


@pytest.mark.parametrize("text", ["0", "5x", "-1", "999999999d", ""])
def test_lifetimes_that_are_none(aegis, store, text):
    store.add("planner")
    done = aegis("tokens", "mint", "planner", f"--ttl={text}")
    assert done.code == 2
    assert done.err
    assert store.tokens("planner") == []


def test_tokens_are_minted_listed_and_revoked(aegis, store):
    store.add("planner")
    token = aegis("tokens", "mint", "planner", "--label", "ci").out.strip()
    listed = aegis("tokens", "list", "--agent", "planner", "--json")
    assert token not in listed.out
    (info,) = json.loads(listed.out)
    assert info["label"] == "ci"
    assert "ci" in aegis("tokens", "list").out
    assert aegis("tokens", "revoke", info["id"]).code == 0
    with pytest.raises(TokenError):
        store.authenticate(token)
    assert aegis("tokens", "revoke", "aaaaaaaaaaaa").code == 2
