"""Files that upstreams are verified with and known to, by the names that a policy gives them."""

from __future__ import annotations

import stat
from collections import OrderedDict
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

from ledger import Home
from rules import DestinationOptions

MAX_BYTES = 4 * 1024 * 1024
MAX_KEPT = 256

Stamp = tuple[str, int, int, int]
"""A file and its state: path, inode, size and time of its last change."""


class TrustError(Exception):
    """A file cannot be used; the message names it and says what to do."""


class UpstreamTrust:
    """Finds, checks and stamps the files; what was checked is checked again when it changes."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._good: OrderedDict[Stamp, None] = OrderedDict()

    def roots(self, options: DestinationOptions) -> Stamp | None:
        """Give the roots that alone a destination is verified with, None for the firewall's.

        Raises `TrustError`.
        """
        if not options.trust:
            return None
        return self._checked(self._home.trust / f"{options.trust}.pem", secret=False)

    def certificate(self, options: DestinationOptions) -> Stamp | None:
        """Give the certificate to show to a destination, None for none; raises `TrustError`."""
        if not options.client_certificate:
            return None
        folder = self._home.client_certificates
        return self._checked(folder / f"{options.client_certificate}.pem", secret=True)

    def _checked(self, path: Path, *, secret: bool) -> Stamp:
        stamp = _stamp(path, secret=secret)
        if stamp in self._good:
            return stamp
        try:
            content = path.read_bytes()
        except OSError as error:
            raise _unreadable(path, error) from None
        (_check_pair if secret else _check_roots)(path, content)
        self._good[stamp] = None
        if len(self._good) > MAX_KEPT:
            self._good.popitem(last=False)
        return stamp


def _stamp(path: Path, *, secret: bool) -> Stamp:
    """Look at a file without opening it: a pipe would hold the firewall up."""
    try:
        state = path.stat()
    except OSError as error:
        raise _unreadable(path, error) from None
    if not stat.S_ISREG(state.st_mode) or state.st_size > MAX_BYTES:
        raise TrustError(f"{path}: this is no PEM file. Put one there")
    if secret and state.st_mode & 0o077:
        raise TrustError(f"{path}: others may read its key. Set its mode to 0600")
    return str(path), state.st_ino, state.st_size, state.st_mtime_ns


def _unreadable(path: Path, error: OSError) -> TrustError:
    return TrustError(
        f"{path}: the file cannot be read ({error.strerror}). Put it there as PEM, or leave its "
        "name out of the policy"
    )


def _check_roots(path: Path, content: bytes) -> None:
    try:
        if x509.load_pem_x509_certificates(content):
            return
    except ValueError:
        pass
    raise TrustError(f"{path}: it holds no certificates in PEM. Put the roots there")


def _check_pair(path: Path, content: bytes) -> None:
    try:
        chain = x509.load_pem_x509_certificates(content)
        key = load_pem_private_key(content, None)
    except TypeError:
        # OpenSSL would ask for its password, on a terminal that nobody watches.
        raise TrustError(f"{path}: its key has a password. Put a key without one there") from None
    except ValueError:
        raise TrustError(
            f"{path}: it has to hold a certificate, its chain and its key in PEM, in this order"
        ) from None
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if chain[0].public_key().public_bytes(*form) != key.public_key().public_bytes(*form):
        raise TrustError(
            f"{path}: its first certificate and its key do not belong together. Put the "
            "certificate of the key first"
        )
