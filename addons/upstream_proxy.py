"""The proxy of the operator's network that calls leave through, and the credential for it."""

from __future__ import annotations

import base64
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from addons.resolver import ResolveError, Resolver
from rules import HostError, canonical_host, parse_address

MAX_CREDENTIAL = 4096

Scheme = Literal["http", "https"]
Spec = tuple[Scheme, tuple[str, int]]
"""What mitmproxy calls a server's `via`."""


class ProxyError(Exception):
    """The proxy cannot be used as it was given; the message is for the operator."""


@dataclass(frozen=True, slots=True)
class ProxyPlace:
    """Which proxy: its scheme (http or https), name and port, and whether it wants names.

    `auth` is the file of its credential, None for none.
    """

    scheme: Scheme
    host: str
    port: int
    names: bool = False
    auth: Path | None = None


def parse_place(url: str) -> ProxyPlace:
    """Read the URL of a proxy; raises `ProxyError`."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        if parts.scheme not in ("http", "https") or parts.path.strip("/"):
            raise ValueError
        if "@" in parts.netloc:
            raise ProxyError(
                "leave the credential out of the URL, which every process of this machine can "
                "read, and put USER:PASSWORD into a file (aegis_upstream_proxy_auth_file)."
            )
        if parts.query or parts.fragment or not url.isprintable():
            raise ValueError
        name = canonical_host(host)
    except (ValueError, HostError):
        raise ProxyError(
            "give the URL of a proxy, such as http://proxy.example.com:3128."
        ) from None
    if port == 0:
        raise ProxyError("give the proxy's port.")
    if parts.scheme == "https":
        return ProxyPlace("https", name, port or 443)
    return ProxyPlace("http", name, port or 80)


def check_credential(path: Path) -> None:
    """Read the credential for nothing but its mistakes; raises `ProxyError`."""
    _read(path)


class UpstreamProxy:
    """The proxy, its addresses looked up once."""

    def __init__(self, place: ProxyPlace, resolver: Resolver) -> None:
        self.place = place
        self._resolver = resolver
        self.addresses: tuple[str, ...] = ()
        """Where it is, empty until it was looked up."""

    async def look_up(self) -> None:
        """Find its addresses, which are kept from then on; raises `ResolveError`."""
        found = await self._resolver.resolve(self.place.host, self.place.port)
        if any(parse_address(address) is None for address in found):
            raise ResolveError("The upstream proxy's name leads to no address.")
        self.addresses = self.addresses or tuple(found)

    @property
    def via(self) -> Spec:
        """How mitmproxy is told of it, once it was looked up."""
        return self.place.scheme, (self.addresses[0], self.place.port)

    def authorization(self) -> str | None:
        """Give the header that it wants, read anew each time; raises `ProxyError`."""
        if self.place.auth is None:
            return None
        return "Basic " + base64.b64encode(_read(self.place.auth)).decode("ascii")


def _read(path: Path) -> bytes:
    """Read a credential that nobody else may read."""
    try:
        state = path.stat()
        if not stat.S_ISREG(state.st_mode) or state.st_size > MAX_CREDENTIAL:
            raise ProxyError(f"{path}: this is no file of one line, USER:PASSWORD.")
        if state.st_mode & 0o077:
            raise ProxyError(f"{path}: others may read it. Set its mode to 0600.")
        content = path.read_bytes().strip(b"\r\n")
    except OSError as error:
        raise ProxyError(f"{path}: the file cannot be read ({error.strerror}).") from None
    if not content.partition(b":")[1] or any(byte < 32 or byte == 127 for byte in content):
        raise ProxyError(f"{path}: this is no file of one line, USER:PASSWORD.")
    return content
