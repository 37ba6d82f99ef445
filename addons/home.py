"""What the firewall makes in its home folder: the CA, the bundle that clients trust, a secret."""

from __future__ import annotations

import datetime
import functools
import os
import secrets
import ssl
import time
from pathlib import Path

import certifi
from mitmproxy.certs import CertStore
from mitmproxy.options import CONF_BASENAME, KEY_SIZE

from ledger import CA_BUNDLE, Home, check_exposures


def prepare(folder: Path) -> Home:
    """Make the home folder, the CA and the CA bundle where they are missing.

    Raises `OSError` when the folder cannot be made or written, `KeyFileError` when others may read
    or change what is in it.
    """
    home = Home(folder)
    check_exposures(home)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    home.ca.mkdir(mode=0o700, exist_ok=True)
    store = CertStore.from_store(home.ca, CONF_BASENAME, KEY_SIZE)
    own = store.default_ca.to_pem()
    _replace(home.ca_certificate, own, 0o644)
    roots = system_roots()
    system = roots.read_bytes() if roots is not None else b""
    _replace(home.ca_bundle, system.rstrip(b"\n") + b"\n" + own, 0o644)
    _replace(home.wgetrc, b"ca_certificate = " + os.fsencode(home.ca_bundle.absolute()), 0o644)
    return home


def secret(home: Home) -> bytes:
    """Give the key of hashes that stand for personal values, made on first use (32 bytes)."""
    try:
        descriptor = os.open(home.secret, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return home.secret.read_bytes()
    with os.fdopen(descriptor, "wb") as file:
        key = secrets.token_bytes(32)
        file.write(key)
    return key


def system_roots() -> Path | None:
    """Find the bundle of root certificates that upstreams are verified with."""
    paths = ssl.get_default_verify_paths()
    for candidate in (
        os.environ.get("SSL_CERT_FILE"),
        paths.openssl_cafile,
        "/etc/ssl/certs/ca-certificates.crt",
        "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/ssl/cert.pem",
        certifi.where(),
    ):
        # Inside `aegis run` the variable names a bundle of our own, which must not grow by itself.
        if candidate and Path(candidate).is_file() and Path(candidate).name != CA_BUNDLE:
            return Path(candidate)
    return None


def timestamp(seconds: float | None = None) -> str:
    """Write a time as RFC 3339 in UTC with microseconds."""
    at = time.time() if seconds is None else seconds
    whole = int(at)
    return f"{_second(whole)}.{int((at - whole) * 1e6):06d}Z"


@functools.lru_cache(4)
def _second(seconds: int) -> str:
    at = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    return at.strftime("%Y-%m-%dT%H:%M:%S")


def _replace(path: Path, content: bytes, mode: int) -> None:
    """Write a file so that readers see the old or the new content, nothing between."""
    if path.exists() and path.read_bytes() == content:
        return
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_bytes(content)
    draft.chmod(mode)
    draft.replace(path)
