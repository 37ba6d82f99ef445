"""Names looked up through the system's resolver, after a hosts file of the operator's."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

from rules import HostError, canonical_host, parse_address

RESOLVE_SECONDS = 5.0


class ResolveError(Exception):
    """A name could not be resolved; the message is for people."""


class Resolver:
    """Resolves a canonical name to all of its addresses, without blocking."""

    def __init__(self, hosts_file: Path | None = None) -> None:
        self._hosts = _read_hosts(hosts_file) if hosts_file is not None else {}

    async def resolve(self, host: str, port: int) -> list[str]:
        """Give the addresses of a name in the order in which to dial them.

        Raises `ResolveError` when there is none.
        """
        if host in self._hosts:
            return self._hosts[host]
        literal = parse_address(host)
        if literal is not None:
            return [str(literal)]
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(RESOLVE_SECONDS):
                found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except TimeoutError:
            raise ResolveError(
                f"The destination's name was not resolved within {RESOLVE_SECONDS:.0f} s."
            ) from None
        except OSError:
            raise ResolveError(
                "The destination's name does not resolve; check its spelling and the DNS of "
                "the firewall's machine."
            ) from None
        return list(dict.fromkeys(str(item[4][0]) for item in found))


def _read_hosts(path: Path) -> dict[str, list[str]]:
    """Read a hosts(5) file; lines that are none are passed over, as resolvers do."""
    hosts: dict[str, list[str]] = {}
    for line in path.read_text("utf-8", errors="replace").splitlines():
        address, *names = line.partition("#")[0].split() or [""]
        if parse_address(address) is None:
            continue
        for name in names:
            try:
                hosts.setdefault(canonical_host(name), []).append(address)
            except HostError:
                continue
    return hosts
