"""IP addresses: the literals that an operating system would dial, and which may be dialled."""

from __future__ import annotations

import functools
import ipaddress
import re
from collections.abc import Sequence

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_NUMBER = re.compile(r"(?:0[xX][0-9a-fA-F]*|[0-9]+)")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_LOCAL_NAT64 = ipaddress.IPv6Network("64:ff9b:1::/48")
_COMPATIBLE = ipaddress.IPv6Network("::/96")
_ISATAP = (0x00005EFE, 0x02005EFE)
"""The upper half of the interface identifiers of RFC 5214."""
_SHARED = ipaddress.IPv4Network("100.64.0.0/10")


def parse_address(text: str) -> Address | None:
    """Parse an address in its usual notation, IPv4-mapped IPv6 unmapped; None for anything else."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            return None
        return address.ipv4_mapped or address
    return address


def looks_like_address(text: str) -> bool:
    """Say whether a resolver could take a text for an address, in any notation of inet_aton(3)."""
    bare = text.strip("[]").rstrip(".")
    if ":" in bare:
        return True
    parts = bare.split(".")
    # The last label decides (WHATWG URL, "ends in a number"): no name ends in one.
    return bool(_NUMBER.fullmatch(parts[-1]))


def judge_address(address: str | Address, allowed: Sequence[str]) -> str | None:
    """Say why an address may not be dialled, None when it may.

    Only public unicast addresses may be, and those in the networks that policy names. Addresses
    that carry an IPv4 address (as mapped, 6to4, NAT64, Teredo, ISATAP do) are judged by that too.
    """
    parsed = parse_address(str(address))
    if parsed is None:
        return "it is no address"
    for candidate in _carried(parsed):
        if any(candidate in network for network in _networks(tuple(allowed))):
            continue
        reason = _reserved(candidate)
        if reason:
            return reason
    return None


def _carried(address: Address) -> list[Address]:
    """Give an address and those that it leads to."""
    found: list[Address] = [address]
    if isinstance(address, ipaddress.IPv6Address):
        if address.sixtofour is not None:
            found.append(address.sixtofour)
        if address.teredo is not None:
            found += address.teredo
        last = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if (int(address) >> 32) & 0xFFFFFFFF in _ISATAP or address in _LOCAL_NAT64:
            found.append(last)
        if address in _COMPATIBLE and int(address) > 1:
            found.append(last)
        if address in _NAT64:
            found = [last]
    return found


def _reserved(address: Address) -> str:
    if address.is_unspecified:
        return "it is the unspecified address"
    if address.is_loopback:
        return "it is a loopback address"
    if address.is_link_local:
        return "it is a link-local address, as metadata services have"
    if address.is_multicast:
        return "it is a multicast address"
    if isinstance(address, ipaddress.IPv4Address) and address in _SHARED:
        return "it is a carrier's shared address"
    if address.is_private or address.is_reserved or not address.is_global:
        return "it is a private or reserved address"
    if isinstance(address, ipaddress.IPv6Address) and address.is_site_local:
        return "it is a private or reserved address"
    return ""


@functools.lru_cache(512)
def _networks(texts: tuple[str, ...]) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(text) for text in texts)
