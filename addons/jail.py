"""The jail that this firewall is the only way out of: whose it is, and the sockets in it."""

from __future__ import annotations

import functools
import json
import os
from dataclasses import dataclass

VARIABLE = "AEGIS_JAIL"
"""Environment of a firewall of a jail: the JSON that `Jail.parse` reads."""


@dataclass(frozen=True, slots=True)
class Jail:
    """A jail: its agent with the token it was made with, and the descriptors of its sockets.

    All TCP of the jail comes to the `gates`, its DNS to `dns_udp` and `dns_tcp`.
    """

    agent: str
    token_id: str
    gates: tuple[int, ...]
    dns_udp: tuple[int, ...]
    dns_tcp: tuple[int, ...]

    @property
    def descriptors(self) -> tuple[int, ...]:
        """All of them."""
        return (*self.gates, *self.dns_udp, *self.dns_tcp)


@functools.lru_cache(1)
def parse(text: str) -> Jail:
    """Read what `aegis run --jail` says; raises `ValueError`."""
    try:
        said = json.loads(text)
        found = Jail(
            str(said["agent"]),
            str(said["token_id"]),
            *(tuple(map(int, said[name])) for name in ("gates", "dns_udp", "dns_tcp")),
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"no jail: {error}") from None
    for descriptor in found.descriptors:
        # They are for this process alone.
        os.set_inheritable(descriptor, False)
    return found
