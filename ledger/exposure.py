"""What others than its owner may do with a home folder: read its secrets, change its files."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ledger.errors import KeyFileError
from ledger.home import CA_BUNDLE, WGETRC, Home

_PUBLIC = frozenset(
    {CA_BUNDLE, WGETRC, "ca.pem", "checkpoint", "log.pub", "policy.pub", "proxy.json"}
)
_CERTIFICATES = ("-ca-cert.pem", "-ca-cert.cer", "-ca-cert.p12")
_READ, _WRITE = stat.S_IRGRP | stat.S_IROTH, stat.S_IWGRP | stat.S_IWOTH


@dataclass(frozen=True, slots=True)
class Exposure:
    """One thing that is open to others: what they may do, and the command that mends it.

    `secret` says that it is one of the firewall's own secrets, or that its files could be changed.
    """

    path: Path
    what: str
    mend: str
    secret: bool = True

    def __str__(self) -> str:
        return f"{self.path}: {self.what}; run `{self.mend}`."


def exposures(home: Home) -> Iterator[Exposure]:
    """Find what others may read or change in a home folder; raises `OSError`."""
    if os.name != "posix" or not home.folder.is_dir():
        return
    # What others cannot enter they cannot change, whatever its files say.
    open_to_others = home.folder.stat().st_mode & (stat.S_IXGRP | stat.S_IXOTH)
    for path in sorted((home.folder, *home.folder.rglob("*"))):
        try:
            mode = path.lstat().st_mode
        except FileNotFoundError:
            continue  # a draft that was moved to its place meanwhile
        if stat.S_ISREG(mode) and mode & _READ and not _is_public(path):
            yield Exposure(
                path, "others may read it", f"chmod 600 {path}", secret=_is_secret(home, path)
            )
        elif mode & _WRITE and open_to_others and not stat.S_ISLNK(mode):
            yield Exposure(path, "others may change it", f"chmod go-w {path}")


def check_exposures(home: Home) -> None:
    """Raise `KeyFileError` where others may read one of the firewall's secrets or change a file."""
    for found in exposures(home):
        if found.secret:
            raise KeyFileError(str(found))


def loose_parents(folder: Path) -> Iterator[Exposure]:
    """Find the folders above one in which others could put another in its place."""
    if os.name != "posix":
        return
    for parent in folder.resolve().parents:
        found = parent.stat()
        if found.st_mode & _WRITE and not found.st_mode & stat.S_ISVTX:
            yield Exposure(
                parent, f"others may put another {folder.name} in its place", f"chmod go-w {parent}"
            )


def _is_public(path: Path) -> bool:
    # What mitmproxy keeps for clients: certificates without keys, and parameters.
    of_ca = path.parent.name == "ca" and path.name.endswith((*_CERTIFICATES, "-dhparam.pem"))
    return of_ca or path.name in _PUBLIC


def _is_secret(home: Home, path: Path) -> bool:
    relative = path.relative_to(home.folder)
    return (
        path.suffix in (".key", ".db", ".token")
        or path.name.endswith((".db-wal", ".db-shm"))
        or relative.parts[0] in ("ca", "client-certificates")
    )
