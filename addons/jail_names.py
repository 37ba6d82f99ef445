"""Addresses that stand for names in a jail: no name is looked up before its call is decided on."""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict

IPV4 = ipaddress.IPv4Network("198.18.0.0/15")
IPV6 = ipaddress.IPv6Network("fd5a:e915:0:1::/64")
KEPT_NAMES = 8192
KEPT_SECONDS = 3600.0


class JailNames:
    """Gives each name an address of its own; the names that were not used for longest go first."""

    def __init__(self) -> None:
        self._names: OrderedDict[int, tuple[str, float]] = OrderedDict()
        self._numbers: dict[str, int] = {}
        self._last = 0

    def addresses(self, name: str) -> tuple[ipaddress.IPv4Address, ipaddress.IPv6Address]:
        """Give the addresses of a name: the same as before, unless that is long ago."""
        now = time.monotonic()
        number = self._numbers.get(name)
        if number is None:
            self._forget(now)
            number = self._number(name)
        self._names[number] = name, now
        self._names.move_to_end(number)
        return IPV4[number], IPV6[number]

    def name(self, address: str) -> str | None:
        """Give the name that an address stands for, "" for one that stands for none any more.

        None for all other addresses.
        """
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return None
        network = IPV4 if parsed.version == 4 else IPV6
        if parsed not in network:
            return None
        number = int(parsed) - int(network.network_address)
        found = self._names.get(number)
        if found is None:
            return ""
        self._names[number] = found[0], time.monotonic()
        self._names.move_to_end(number)
        return found[0]

    def _number(self, name: str) -> int:
        # Round and round, so that an address that was given up is not soon another name's.
        while True:
            self._last = self._last % (IPV4.num_addresses - 2) + 1
            if self._last not in self._names:
                self._numbers[name] = self._last
                return self._last

    def _forget(self, now: float) -> None:
        while self._names:
            number, (name, used) = next(iter(self._names.items()))
            if len(self._names) < KEPT_NAMES and now - used < KEPT_SECONDS:
                return
            del self._names[number], self._numbers[name]
