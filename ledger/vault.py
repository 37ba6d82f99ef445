"""The vault: which value each surrogate stands for, so that answers can be given the way back.

An agent's conversation is a session of a tenant; what one session put in another cannot read. The
values are personal: whoever keeps them encrypts them, and forgets them when their time is over.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from ledger.errors import LedgerError, StoreUnavailable

MAX_ENTRIES = 10_000
"""Surrogates of one session, at most."""

MAX_TENANT_ENTRIES = 1_000_000
"""Surrogates of all sessions of one tenant, at most."""


class VaultCollision(LedgerError):  # noqa: N818 - a state of the vault, like its siblings
    """Surrogates stand for other values already; `digests` are those of the values refused."""

    def __init__(self, digests: Collection[str]) -> None:
        super().__init__("A surrogate stands for another value of this session already.")
        self.digests = frozenset(digests)


class VaultFull(StoreUnavailable):
    """No more surrogates can be kept for this session or tenant now."""


class Vault(Protocol):
    """Surrogates and their values; every method may raise StoreUnavailable.

    Times are seconds since 1970. A `digest` tells values apart without telling them; equal digests
    mean the same value.
    """

    def put(
        self,
        tenant: str,
        session: str,
        entries: Mapping[str, tuple[str, str]],
        expires_at: float,
        now: float | None = None,
    ) -> None:
        """Keep surrogates, each with its value's digest and its value, until `expires_at`.

        All of them or none. They may be kept for a twentieth of that time longer; what is kept
        already lasts at least as long. Raises VaultCollision, VaultFull.
        """
        ...

    def bumps(self, tenant: str, session: str) -> Mapping[str, int]:
        """Give, by digest, how often another surrogate had to be chosen for a value."""
        ...

    def bump(self, tenant: str, session: str, digests: Collection[str]) -> None:
        """Note that another surrogate has to be chosen for these values."""
        ...

    def mapping(self, tenant: str, session: str, now: float) -> Mapping[str, str]:
        """Give the values by their surrogates, those whose time is not over.

        The very same object comes back while nothing has changed.
        """
        ...

    def forget(self, tenant: str, session: str) -> None:
        """Delete a session."""
        ...

    def purge(self, now: float) -> int:
        """Delete what has expired, so that it is in no file any more; gives how much that was."""
        ...

    def close(self) -> None:
        """Let go of the storage; a second call does nothing."""
        ...
