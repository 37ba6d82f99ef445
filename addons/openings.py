"""What each client may dial: the one list that the gate, TLS and passthrough go by."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from mitmproxy import connection

Address = tuple[str, int]

MAX_OPENINGS = 256
"""Destinations of one client connection that stay open; the oldest closes first."""


@dataclass(frozen=True, slots=True)
class Opening:
    """A destination that a recorded decision opened, and how it is dialled.

    `addresses` are those that were judged, in the order in which to try them.
    """

    host: str
    port: int
    addresses: tuple[str, ...]


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
