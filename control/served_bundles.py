"""The bundles that a bundle server gives: one of the whole policy, and one for each tenant."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from control.in_force import bundle_in_force
from ledger import Home, PolicyState, SqlitePolicies
from rules import Bundle, PolicySet, compile_policy, load_bundle, load_policy, policy_stamp
from rules.bundle import SIGNATURES
from rules.signature import sign

WHOLE = "aegis"
_PACKED = (".tar.gz", ".tgz")


@dataclass(frozen=True, slots=True)
class Offer:
    """One bundle as it is served; the tag tells its bytes from all others."""

    revision: str
    tag: str
    content: bytes


class Bundles:
    """Makes the bundles of a policy file or folder, or of what was applied on a home folder."""

    def __init__(self, home: Home, policy: Path | None, private: bytes | None = None) -> None:
        self._home = home
        self._private = private
        self._policy = policy
        self.settles = policy is not None
        """Whether a change may be seen half done, and must have come to rest before it is read."""

    def stamp(self) -> object:
        """Give what changes with the policy; raises `PolicyError`, `StoreUnavailable`."""
        if self._policy is not None:
            return policy_stamp(self._policy)
        if not self._home.policies.exists():
            return PolicyState()
        store = SqlitePolicies(self._home.policies)
        try:
            return store.state().active
        finally:
            store.close()

    def make(self) -> Mapping[str, Offer]:
        """Compile and warm up all bundles; raises `PolicyError`, `StoreUnavailable`."""
        made: dict[str, Bundle] = {}
        if self._policy is None:
            made[WHOLE] = bundle_in_force(self._home, "")[1]
        elif self._policy.name.endswith(_PACKED):
            made[WHOLE] = load_bundle(self._policy)
        else:
            policy = load_policy(self._policy)
            made[WHOLE] = compile_policy(policy)
            for tenant in policy.tenants:
                made[f"{WHOLE}-{tenant}"] = compile_policy(policy, tenant=tenant)
        for bundle in made.values():
            PolicySet(bundle)
        if self._private is not None:
            made = {name: sign(bundle, self._private) for name, bundle in made.items()}
        return {name: _offer(bundle) for name, bundle in made.items()}


def _offer(bundle: Bundle) -> Offer:
    content = bundle.to_bytes()
    # A revision says nothing of who signed it.
    signed = SIGNATURES in bundle.files
    more = f".{hashlib.sha256(content).hexdigest()[:8]}" if signed else ""
    return Offer(bundle.revision, bundle.revision + more, content)
