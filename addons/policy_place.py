"""The place that `--policy` names, checked and opened as a source of policies."""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from addons import home as home_folder
from addons.policy_source import FileSource, FolderSource, PolicySource, SourceError, StoreSource
from ledger import Home

if TYPE_CHECKING:
    from addons.bundle_server import Verify

TOKEN = "AEGIS_BUNDLE_TOKEN"  # noqa: S105 - a variable's name
BUNDLE_PATH = "/bundles/aegis.tar.gz"
"""The bundle that is meant where a URL names only the server."""


@dataclass(frozen=True, slots=True)
class Place:
    """What `--policy` said: a path, a URL, or nothing for what was applied on the home folder.

    `key` is the file of the key that signs bundles, `ca` that of the roots a server is trusted by.
    """

    policy: str = ""
    key: Path | None = None
    ca: Path | None = None

    @property
    def is_url(self) -> bool:
        """Tell whether it is a bundle server's."""
        return "://" in self.policy

    @property
    def path(self) -> Path:
        """Its path, when it is none of a server."""
        return Path(self.policy).expanduser().absolute()

    @property
    def name(self) -> str:
        """How others find it from any folder."""
        if not self.policy:
            return ""
        return _whole(self.policy) if self.is_url else str(self.path)


def check(place: Place) -> None:
    """Raise `SourceError` with one clear line for a place that cannot be used."""
    for file, what in ((place.key, "key"), (place.ca, "CA file")):
        if file is not None and not file.is_file():
            raise SourceError(f"there is no {what} {file}.")
    if place.is_url:
        _check_url(place)
    elif place.policy and not place.path.exists():
        raise SourceError(f"there is no file {Path(place.policy).expanduser()}.")


def open_source(place: Place, home: Home) -> PolicySource:
    """Open the source of policies; raises `SourceError`, `LedgerError`."""
    check(place)
    if not place.policy:
        return StoreSource(home.policies)
    if not place.is_url:
        return FolderSource(place.path) if place.path.is_dir() else FileSource(place.path)
    # Its HTTP client takes a tenth of a second to load, for those who have such a server.
    from addons.bundle_server import BundleServerSource

    return BundleServerSource(
        place.name,
        home.last_bundle(place.name),
        token=_token(),
        verify=_verifier(place.key),
        roots=place.ca or home_folder.system_roots(),
    )


def _check_url(place: Place) -> None:
    try:
        parts = urlsplit(place.policy)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise SourceError("this is no URL.") from None
    if parts.scheme not in ("http", "https") or not host or parts.fragment:
        raise SourceError(
            f"give a path, or a URL such as https://policies.example.com{BUNDLE_PATH}."
        )
    if parts.username is not None or parts.password is not None:
        raise SourceError(f"leave the credential out of the URL and set {TOKEN}.")
    if parts.scheme == "http" and not _is_loopback(host) and (place.key is None or _token()):
        # Who can change the policy on its way decides what leaves.
        raise SourceError(
            f"the bundle server {host} is not on this machine: use https, or for signed bundles "
            "that need no token a key."
        )
    _token()
    _verifier(place.key)


def _whole(url: str) -> str:
    parts = urlsplit(url)
    return url if parts.path.strip("/") else parts._replace(path=BUNDLE_PATH).geturl()


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _token() -> str:
    token = os.environ.get(TOKEN, "")
    if not token.isascii() or not token.isprintable() or " " in token:
        raise SourceError(f"{TOKEN} holds what no token can: use printable ASCII without blanks.")
    return token


def _verifier(key: Path | None) -> Verify | None:
    """Make what checks the signature of bundles with a key, None where none is named."""
    if key is None:
        return None
    public = key.read_bytes()
    from rules.signature import verify

    return lambda content: verify(content, public)
