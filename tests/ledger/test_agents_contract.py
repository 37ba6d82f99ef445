"""What every AgentStore adapter must do; the adapters are listed in conftest.py."""

from collections.abc import Callable
from typing import Any

import pytest

from ledger import (
    Agent,
    AgentError,
    AgentStore,
    DuplicateAgent,
    TokenError,
    TokenReason,
    UnknownAgent,
    split_token,
)

OpenStore = Callable[[], AgentStore]


def refused(store: AgentStore, token: str) -> TokenReason:
    with pytest.raises(TokenError) as caught:
        store.authenticate(token)
    assert len(token) < 20 or token[-20:] not in str(caught.value)
    return caught.value.reason


def test_agent_is_kept_with_tenant_and_groups(store: AgentStore) -> None:
    added = store.add("billing-bot", "acme", ["developers", "eu", "developers"])
    assert added == store.get("billing-bot")
    assert added.groups == ("developers", "eu")
    assert added.spiffe_id == "spiffe://aegis.local/tenant/acme/agent/billing-bot"
    store.add("a")
    assert [agent.id for agent in store.list()] == ["a", "billing-bot"]
    assert store.get("a") == Agent("a", "default", ())


def test_token_names_its_agent(store: AgentStore) -> None:
    store.add("coder", "acme", ["developers"])
    token = store.mint("coder")
    assert store.authenticate(token) == Agent("coder", "acme", ("developers",))
    assert store.is_live(split_token(token)[0])


def test_tokens_differ_and_have_the_agreed_form(store: AgentStore) -> None:
    store.add("coder")
    tokens = {store.mint("coder") for _ in range(20)}
    assert len(tokens) == 20
    for token in tokens:
        prefix, token_id, secret = token.split("_", 2)
        assert (prefix, len(token_id), len(secret)) == ("aegis", 12, 43)


@pytest.mark.parametrize(
    "text",
    ["", "aegis", "Bearer x", "aegis_abc_def", "aegis_" + "a" * 12 + "_" + "b" * 42, "aegis_1_\n"],
)
def test_text_of_another_form_is_malformed(store: AgentStore, text: str) -> None:
    assert refused(store, text) == TokenReason.MALFORMED


def test_wrong_secret_and_unknown_id_look_the_same(store: AgentStore) -> None:
    store.add("coder")
    token = store.mint("coder")
    messages = set()
    other_end = "A" if token[-1] != "A" else "E"
    for wrong in (token[:-1] + other_end, "aegis_" + "a" * 12 + token[18:]):
        with pytest.raises(TokenError) as caught:
            store.authenticate(wrong)
        assert caught.value.reason == TokenReason.UNKNOWN
        messages.add(str(caught.value))
    assert len(messages) == 1
    assert not store.is_live("a" * 12)


def test_wrong_secret_tells_nothing_of_a_revoked_token(store: AgentStore) -> None:
    store.add("coder")
    token = store.mint("coder")
    store.revoke(split_token(token)[0])
    wrong = token[:-2] + ("AA" if token[-2:] != "AA" else "EE")
    assert refused(store, wrong) == TokenReason.UNKNOWN
    assert refused(store, token) == TokenReason.REVOKED


def test_token_expires_to_the_second(store: AgentStore, clock: Any) -> None:
    store.add("coder")
    token, forever = store.mint("coder", ttl_seconds=60), store.mint("coder")
    clock.now += 59.5
    assert store.authenticate(token).id == "coder"
    clock.now += 0.5
    assert refused(store, token) == TokenReason.EXPIRED
    assert not store.is_live(split_token(token)[0])
    clock.now += 10**9
    assert store.authenticate(forever).id == "coder"


def test_disabled_agent_is_refused_until_enabled(store: AgentStore, clock: Any) -> None:
    store.add("coder")
    token = store.mint("coder")
    clock.now += 5
    assert store.disable("coder").disabled_at == int(clock.now)
    assert refused(store, token) == TokenReason.DISABLED
    assert not store.is_live(split_token(token)[0])
    at = clock.now
    clock.now += 5
    assert store.disable("coder").disabled_at == int(at)
    assert store.enable("coder").disabled_at is None
    assert store.authenticate(token).id == "coder"


def test_a_live_agent_is_found_until_it_is_disabled(store: AgentStore) -> None:
    assert store.live("coder") is None
    store.add("coder", "acme", ["developers"])
    assert store.live("coder") == Agent("coder", "acme", ("developers",))
    store.disable("coder")
    assert store.live("coder") is None
    store.enable("coder")
    assert store.live("coder") is not None


def test_rotate_ends_all_older_tokens_of_that_agent_only(store: AgentStore) -> None:
    store.add("coder")
    store.add("other")
    old, older, others = store.mint("coder"), store.mint("coder", 60), store.mint("other")
    new = store.rotate("coder", label="laptop")
    assert refused(store, old) == TokenReason.REVOKED
    assert refused(store, older) == TokenReason.REVOKED
    assert store.authenticate(new).id == "coder"
    assert store.authenticate(others).id == "other"


def test_list_of_tokens_shows_no_secret(store: AgentStore, clock: Any) -> None:
    store.add("coder")
    store.add("other")
    token = store.mint("coder", ttl_seconds=60, label="laptop")
    store.mint("other")
    (info,) = store.tokens("coder")
    assert (info.id, info.agent, info.label) == (split_token(token)[0], "coder", "laptop")
    assert (info.created_at, info.expires_at) == (int(clock.now), int(clock.now) + 60)
    assert info.revoked_at is None
    store.revoke(info.id)
    assert store.tokens("coder")[0].revoked_at == int(clock.now)
    assert len(store.tokens()) == 2
    assert split_token(token)[1] not in repr(store.tokens())


def test_change_by_another_process_is_seen_within_a_quarter_second(
    open_store: OpenStore, monotonic: Any
) -> None:
    here, there = open_store(), open_store()
    here.add("coder")
    token = here.mint("coder")
    token_id = split_token(token)[0]
    assert here.authenticate(token).id == "coder"
    there.revoke(token_id)
    monotonic.now += 0.25
    assert not here.is_live(token_id)
    assert refused(here, token) == TokenReason.REVOKED
    new = there.mint("coder")
    monotonic.now += 0.25
    assert here.authenticate(new).id == "coder"


def test_own_change_is_seen_at_once(store: AgentStore) -> None:
    store.add("coder")
    token = store.mint("coder")
    assert store.authenticate(token).id == "coder"
    store.revoke(split_token(token)[0])
    assert not store.is_live(split_token(token)[0])


def test_all_is_kept_over_a_restart(open_store: OpenStore) -> None:
    first = open_store()
    first.add("coder", "acme", ["x"])
    token = first.mint("coder")
    first.close()
    assert open_store().authenticate(token) == Agent("coder", "acme", ("x",))


def test_duplicate_is_refused_with_a_way_on(store: AgentStore) -> None:
    store.add("coder")
    with pytest.raises(DuplicateAgent, match=r"'coder' exists already.*aegis agents rotate coder"):
        store.add("coder", "other")
    assert store.get("coder").tenant == "default"


@pytest.mark.parametrize("call", ["get", "disable", "enable", "mint", "rotate", "tokens"])
def test_unknown_agent_is_named_with_the_nearest(store: AgentStore, call: str) -> None:
    store.add("billing-bot")
    with pytest.raises(UnknownAgent, match=r"no agent 'biling-bot'. Did you mean billing-bot?"):
        getattr(store, call)("biling-bot")
    with pytest.raises(UnknownAgent, match=r"no agent 'zzz'. See `aegis agents list`"):
        getattr(store, call)("zzz")


def test_unknown_token_cannot_be_revoked(store: AgentStore) -> None:
    with pytest.raises(UnknownAgent, match="no token"):
        store.revoke("nope")


@pytest.mark.parametrize(
    "bad", ["", "A", "-a", ".a", "a b", "a/b", "a" * 64, "ü", "a\n", "../x", "a'--"]
)
def test_bad_names_are_refused_with_the_rule(store: AgentStore, bad: str) -> None:
    for arguments in ((bad,), ("ok", bad), ("ok", "default", [bad])):
        with pytest.raises(AgentError, match=r"use 1 to 63 of a-z"):
            store.add(*arguments)
    assert store.list() == []


@pytest.mark.parametrize("ttl", [0, -1, True, 1.5, "60", 10**12])
def test_bad_lifetime_is_refused(store: AgentStore, ttl: Any) -> None:
    store.add("coder")
    with pytest.raises(AgentError, match="token"):
        store.mint("coder", ttl_seconds=ttl)
    assert store.tokens() == []


@pytest.mark.parametrize("label", ["x" * 101, "a\nb", "\x1b[31m"])
def test_bad_label_is_refused(store: AgentStore, label: str) -> None:
    store.add("coder")
    with pytest.raises(AgentError, match="label"):
        store.rotate("coder", label=label)
