"""Where commands find the policy that a firewall decides by."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from ledger import Home, SqlitePolicies, StoredPolicy
from rules import DEFAULT_POLICY, Bundle, load_bundle, read_bundle


def bundle_in_force(home: Home, named: str) -> tuple[str, Bundle]:
    """Give the policy that a firewall with this `--policy` decides by, and what to call it.

    A bundle server's is the last good one it gave; raises `PolicyError`, `StoreUnavailable`.
    """
    if named.startswith(("http://", "https://")):
        return named, read_bundle(home.last_bundle(named))
    if named:
        return named, load_bundle(Path(named))
    applied = applied_policy(home)
    if applied is not None:
        return "applied", load_stored(applied)
    return str(DEFAULT_POLICY), load_bundle(DEFAULT_POLICY)


def applied_policy(home: Home) -> StoredPolicy | None:
    """Give the policy that was applied on a home folder, None while there is none."""
    if not home.policies.exists():
        return None
    with closing(SqlitePolicies(home.policies)) as policies:
        return policies.active()


def load_stored(policy: StoredPolicy) -> Bundle:
    """Read the bundle of an applied policy; raises `PolicyError`."""
    return Bundle.from_bytes(policy.bundle, f"applied policy {policy.revision}")
