"""Which agent calls where it gives no credential: by the user or the address it calls from."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

from rules.addresses import Network, parse_address


class Places:
    """The users and networks that a policy's agents are known by."""

    def __init__(self, agents: Mapping[str, Mapping[str, Any]]) -> None:
        self.users: Mapping[str, str] = {
            user: name for name, agent in agents.items() for user in agent.get("users", ())
        }
        self._networks: list[tuple[Network, str]] = [
            (ipaddress.ip_network(network), name)
            for name, agent in agents.items()
            for network in agent.get("sources", ())
        ]
        # Of several the narrowest holds.
        self._networks.sort(key=lambda item: item[0].prefixlen, reverse=True)

    @property
    def agents(self) -> list[str]:
        """The agents that are known by a place."""
        return sorted({*self.users.values(), *(name for _, name in self._networks)})

    def agent_from(self, address: str) -> str | None:
        """Name the agent that calls from an address."""
        parsed = parse_address(address)
        if parsed is None:
            return None
        return next((name for network, name in self._networks if parsed in network), None)
