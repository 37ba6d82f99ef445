"""Agents known by where they call from."""

from __future__ import annotations

import pytest

from rules import PolicyError, PolicySet, compile_policy, parse_policy

POLICY = """
apiVersion: aegis/v1
kind: Policy
metadata: {name: places}
agents:
  - {id: coder, users: [coder, "1001"]}
  - {id: office, sources: [10.0.0.0/8, "2001:db8::/32"]}
  - {id: desk, sources: [10.1.2.0/24]}
destinations: [{id: any, hosts: [a.example.test]}]
rules: [{id: r, agents: ["*"], destinations: [any], effect: allow}]
"""


def test_the_narrowest_network_names_the_agent() -> None:
    places = PolicySet(compile_policy(parse_policy(POLICY, "p.yaml"))).places
    assert dict(places.users) == {"coder": "coder", "1001": "coder"}
    for address, agent in {
        "10.1.2.3": "desk",
        "10.1.3.3": "office",
        "::ffff:10.1.2.3": "desk",
        "2001:db8::1": "office",
        "11.0.0.1": None,
        "no address": None,
    }.items():
        assert places.agent_from(address) == agent


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[10.1.2.0/24]", "[10.1.2.1/24]", "is no network"),
        ("[10.1.2.0/24]", "[10.0.0.0/8]", "is the agent 'office' already"),
        ("{id: desk,", "{id: desk, users: ['1001'],", "is the agent 'coder' already"),
    ],
)
def test_a_place_is_one_agents(old: str, new: str, said: str) -> None:
    with pytest.raises(PolicyError, match=said):
        parse_policy(POLICY.replace(old, new), "p.yaml")
