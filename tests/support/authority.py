"""A certificate authority of the tests' own, and names that mean this machine."""

from __future__ import annotations

import functools
import ssl
import threading
from collections.abc import Mapping
from pathlib import Path

import trustme


class LocalCa:
    """Signs the certificates of local upstreams; its root is in the file `pem`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._ca = trustme.CA()
        self._lock = threading.Lock()
        self.pem = folder / "upstream-ca.pem"
        self._ca.cert_pem.write_to_path(str(self.pem))

    def server_context(self, *names: str, alpn: tuple[str, ...] = ("http/1.1",)) -> ssl.SSLContext:
        """Make a server's context with a certificate for the names (or addresses)."""
        with self._lock:
            certificate = self._ca.issue_cert(*names)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(context)
        context.set_alpn_protocols(list(alpn))
        return context

    def write_key_pair(self, folder: Path, *names: str) -> tuple[Path, Path]:
        """Write a certificate chain and its key as PEM files, for servers of another process."""
        with self._lock:
            certificate = self._ca.issue_cert(*names)
        chain, key = folder / f"{names[0]}.crt", folder / f"{names[0]}.key"
        chain.write_bytes(b"".join(pem.bytes() for pem in certificate.cert_chain_pems))
        certificate.private_key_pem.write_to_path(str(key))
        return chain, key

    @functools.cached_property
    def client_context(self) -> ssl.SSLContext:
        """Give a client's context that trusts this CA alone."""
        return ssl.create_default_context(cafile=str(self.pem))


def write_hosts(path: Path, names: Mapping[str, str]) -> Path:
    """Write a hosts(5) file from a mapping of name to address."""
    path.write_text("".join(f"{address} {name}\n" for name, address in names.items()), "utf-8")
    return path
