"""Keys derived from the installation's secret, one for each purpose (HMAC as a PRF, RFC 5869)."""

from __future__ import annotations

import hashlib
import hmac


def derived_key(secret: bytes, purpose: str) -> bytes:
    """Give the key of a purpose (32 bytes)."""
    return hmac.digest(secret, purpose.encode(), hashlib.sha256)


def tenant_key(secret: bytes, tenant: str) -> bytes:
    """Give the key of a tenant's hashes and surrogates, on its calls and on their answers."""
    return derived_key(secret, f"tenant {tenant}")
