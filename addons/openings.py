"""What each client may dial: the one list that the gate, TLS and passthrough go by."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from mitmproxy import connection

from addons.upstream_proxy import Spec, UpstreamProxy
from rules import DestinationOptions

Address = tuple[str, int]

MAX_OPENINGS = 256
"""Destinations of one client connection that stay open; the oldest closes first."""


@dataclass(frozen=True, slots=True)
class Opening:
    """A destination that a recorded decision opened, and how it is dialled.

    `addresses` are those that were judged, in the order in which to try them; through a proxy that
    wants names it is the name. `proxy` is None for a direct dial.
    """

    host: str
    port: int
    addresses: tuple[str, ...]
    options: DestinationOptions = field(default_factory=DestinationOptions)
    proxy: UpstreamProxy | None = None

    @property
    def via(self) -> Spec | None:
        """What mitmproxy calls the way."""
        return self.proxy.via if self.proxy is not None else None


class Openings:
    """Keeps the openings of each client connection, by the address that is dialled first."""

    def __init__(self) -> None:
        self._kept: WeakKeyDictionary[connection.Client, OrderedDict[Address, Opening]] = (
            WeakKeyDictionary()
        )

    def add(self, client: connection.Client, opening: Opening) -> None:
        """Open a destination for a client."""
        kept = self._kept.setdefault(client, OrderedDict())
        key = (opening.addresses[0], opening.port)
        kept[key] = opening
        kept.move_to_end(key)
        if len(kept) > MAX_OPENINGS:
            kept.popitem(last=False)

    def find(self, client: connection.Client, address: Address | None) -> Opening | None:
        """Give what a client may dial at an address, None when that is shut."""
        kept = self._kept.get(client)
        return kept.get((address[0], address[1])) if kept and address else None

    def proxy(self, client: connection.Client, address: Address | None) -> UpstreamProxy | None:
        """Give the proxy at an address that one of the client's destinations is reached through."""
        if address is None:
            return None
        for opening in self._kept.get(client, {}).values():
            if opening.via is not None and opening.via[1] == (address[0], address[1]):
                return opening.proxy
        return None
