"""The vault in one SQLite file, each value sealed for the one place where it may be read."""

from __future__ import annotations

import hashlib
import hmac
import math
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import apsw
import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ledger.errors import LedgerError, StoreUnavailable
from ledger.sqlite_file import FileKind, connect, explain, writing
from ledger.vault import MAX_ENTRIES, MAX_TENANT_ENTRIES, VaultCollision, VaultFull

VAULT_FILE = FileKind(
    noun="vault of surrogates",
    application_id=0x41455654,  # "AEVT"
    version=1,
    schema="""
        CREATE TABLE entries(tenant TEXT NOT NULL, session TEXT NOT NULL, name BLOB NOT NULL,
                             digest TEXT NOT NULL, sealed BLOB NOT NULL, expires_at REAL NOT NULL,
                             PRIMARY KEY (tenant, session, name)) STRICT, WITHOUT ROWID;
        CREATE INDEX entries_by_end ON entries(expires_at);
        CREATE TABLE bumps(tenant TEXT NOT NULL, session TEXT NOT NULL, digest TEXT NOT NULL,
                           count INTEGER NOT NULL,
                           PRIMARY KEY (tenant, session, digest)) STRICT, WITHOUT ROWID;
        CREATE TABLE sizes(tenant TEXT PRIMARY KEY, entries INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    """,
    unavailable=StoreUnavailable,
    corrupt=StoreUnavailable,
)
CACHED_SESSIONS = 256
"""Sessions whose values stay in memory between two answers."""

_NONCE = 12
_PURPOSE = b"aegis vault v1"
_PUT = """
    INSERT INTO entries VALUES (?1, ?2, ?3, ?4, ?5, ?6)
    ON CONFLICT DO UPDATE SET sealed = ?5, expires_at = ?6
"""
_BUMP = """
    INSERT INTO bumps VALUES (?, ?, ?, 1) ON CONFLICT DO UPDATE SET count = count + 1
"""
_IN_SESSION = "SELECT count(*) FROM entries WHERE tenant = ? AND session = ?"
_COUNT = """
    INSERT INTO sizes VALUES (?1, ?2) ON CONFLICT DO UPDATE SET entries = entries + ?2
"""
_BARE_BUMPS = """
    DELETE FROM bumps WHERE NOT EXISTS (
        SELECT 1 FROM entries AS e WHERE e.tenant = bumps.tenant AND e.session = bumps.session
    )
"""


@dataclass(slots=True)
class _Session:
    """What is known of one session since the file last changed."""

    values: Mapping[str, str] = field(default_factory=dict)
    ends: Mapping[str, float] = field(default_factory=dict)
    first_end: float = float("inf")
    bumps: Mapping[str, int] = field(default_factory=dict)


class SqliteVault:
    """A Vault; `secret` is the home's, from which each tenant's keys are derived.

    A row is sealed (AES-256-GCM) for its tenant, session, name, digest and end: moved, renamed or
    prolonged by another hand it cannot be read any more. The surrogates themselves are sealed, too:
    they may keep the form, the sex or the state of what they stand for.
    """

    def __init__(
        self,
        path: Path,
        secret: bytes,
        *,
        clock: Callable[[], float] = time.time,
        busy_ms: int = 5000,
    ) -> None:
        self.path = Path(path)
        self._secret = secret
        self._clock = clock
        self._lock = threading.RLock()
        self._keys: dict[str, tuple[AESGCM, bytes]] = {}
        self._sessions: OrderedDict[tuple[str, str], _Session] = OrderedDict()
        self._version = -1
        self._db = connect(self.path, VAULT_FILE, busy_ms)
        try:
            # What is deleted is overwritten, not only unlinked.
            self._db.execute("PRAGMA secure_delete=ON")
        except apsw.Error as exc:
            raise self._explain(exc) from exc

    def put(
        self,
        tenant: str,
        session: str,
        entries: Mapping[str, tuple[str, str]],
        expires_at: float,
        now: float | None = None,
    ) -> None:
        """Keep surrogates until `expires_at` or so; raises VaultCollision, VaultFull."""
        if not entries:
            return
        names = {self._name(tenant, session, surrogate): surrogate for surrogate in entries}
        now = self._clock() if now is None else now
        expires_at = _rounded(expires_at, now)
        with self._lock, self._explained(), writing(self._db):
            self._end(tenant, session, now)
            kept = {
                name: (digest, end)
                for name, digest, end in self._db.execute(
                    "SELECT name, digest, expires_at FROM entries WHERE tenant = ? AND session = ?",
                    (tenant, session),
                )
                if name in names
            }
            refused = {
                entries[surrogate][0]
                for name, surrogate in names.items()
                if name in kept and kept[name][0] != entries[surrogate][0]
            }
            if refused:
                raise VaultCollision(refused)
            self._check_room(tenant, session, len(names) - len(kept))
            for name, surrogate in names.items():
                digest, value = entries[surrogate]
                if name in kept and kept[name][1] >= expires_at:
                    continue
                sealed = self._seal(
                    tenant, _about(tenant, session, name, digest, expires_at), surrogate, value
                )
                row = (tenant, session, name, digest, sealed, float(expires_at))
                self._db.execute(_PUT, row)
            if len(names) > len(kept):
                self._db.execute(_COUNT, (tenant, len(names) - len(kept)))
            self._sessions.pop((tenant, session), None)

    def bumps(self, tenant: str, session: str) -> Mapping[str, int]:
        """Give how often another surrogate had to be chosen, by digest."""
        with self._lock, self._explained():
            return self._look(tenant, session).bumps

    def bump(self, tenant: str, session: str, digests: Collection[str]) -> None:
        """Note that another surrogate has to be chosen for these values."""
        with self._lock, self._explained():
            with writing(self._db):
                for digest in digests:
                    self._db.execute(_BUMP, (tenant, session, digest))
            self._sessions.pop((tenant, session), None)

    def mapping(self, tenant: str, session: str, now: float) -> Mapping[str, str]:
        """Give the values by their surrogates; the same object while nothing has changed."""
        with self._lock, self._explained():
            known = self._look(tenant, session)
            if now >= known.first_end:
                ends = {name: end for name, end in known.ends.items() if end > now}
                known.values = MappingProxyType({name: known.values[name] for name in ends})
                known.ends = ends
                known.first_end = min(ends.values(), default=float("inf"))
            return known.values

    def forget(self, tenant: str, session: str) -> None:
        """Delete a session."""
        with self._lock, self._explained():
            with writing(self._db):
                where = (tenant, session)
                self._delete("tenant = ? AND session = ?", where)
                self._db.execute("DELETE FROM bumps WHERE tenant = ? AND session = ?", where)
            self._sessions.pop(where, None)
            self._empty_wal()

    def purge(self, now: float) -> int:
        """Delete what has expired, from the file and from what it writes ahead."""
        with self._lock, self._explained():
            with writing(self._db):
                gone = self._delete("expires_at <= ?", (now,))
                if gone:
                    self._db.execute(_BARE_BUMPS)
            if gone:
                self._sessions.clear()
                self._empty_wal()
            return gone

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        with self._lock:
            self._sessions.clear()
            self._keys.clear()
            self._db.close(True)

    # Inside -------------------------------------------------------------------------------

    def _look(self, tenant: str, session: str) -> _Session:
        """Give a session from memory, or read it where the file has changed since."""
        # It tells of other connections' changes; our own drop what they concern.
        version = self._db.pragma("data_version")
        if version != self._version:
            self._sessions.clear()
            self._version = version
        where = (tenant, session)
        known = self._sessions.get(where)
        if known is None:
            known = self._sessions[where] = self._read(*where)
            if len(self._sessions) > CACHED_SESSIONS:
                self._sessions.popitem(last=False)
        self._sessions.move_to_end(where)
        return known

    def _read(self, tenant: str, session: str) -> _Session:
        values: dict[str, str] = {}
        ends: dict[str, float] = {}
        # One snapshot of both tables.
        self._db.execute("BEGIN")
        try:
            rows: list[Any] = self._db.execute(
                "SELECT name, digest, sealed, expires_at FROM entries "
                "WHERE tenant = ? AND session = ?",
                (tenant, session),
            ).fetchall()
            bumped: list[Any] = self._db.execute(
                "SELECT digest, count FROM bumps WHERE tenant = ? AND session = ?",
                (tenant, session),
            ).fetchall()
        finally:
            self._db.execute("COMMIT")
        for name, digest, sealed, end in rows:
            about = _about(tenant, session, name, digest, end)
            surrogate, value = self._open(tenant, about, sealed)
            values[surrogate], ends[surrogate] = value, end
        return _Session(
            MappingProxyType(values),
            ends,
            min(ends.values(), default=float("inf")),
            MappingProxyType(dict(bumped)),
        )

    def _check_room(self, tenant: str, session: str, more: int) -> None:
        if more <= 0:
            return
        if self._db.execute(_IN_SESSION, (tenant, session)).get + more > MAX_ENTRIES:
            raise VaultFull(
                f"{self.path}: a session holds {MAX_ENTRIES} surrogates at most; begin a new one "
                "(Aegis-Session) or let them expire sooner."
            )
        size = self._db.execute("SELECT entries FROM sizes WHERE tenant = ?", (tenant,)).get or 0
        if size + more > MAX_TENANT_ENTRIES:
            raise VaultFull(
                f"{self.path}: a tenant's sessions hold {MAX_TENANT_ENTRIES} surrogates at most; "
                "let them expire sooner."
            )

    def _end(self, tenant: str, session: str, now: float) -> None:
        """Delete what has expired of one session: a surrogate may then stand for another value."""
        self._delete("tenant = ? AND session = ? AND expires_at <= ?", (tenant, session, now))

    def _delete(self, where: str, values: tuple[Any, ...]) -> int:
        gone: list[Any] = self._db.execute(
            f"SELECT tenant, count(*) FROM entries WHERE {where} GROUP BY tenant",  # noqa: S608
            values,
        ).fetchall()
        if not gone:
            return 0
        self._db.execute(f"DELETE FROM entries WHERE {where}", values)  # noqa: S608
        for tenant, count in gone:
            self._db.execute(_COUNT, (tenant, -count))
        return sum(count for _, count in gone)

    def _empty_wal(self) -> None:
        """Write all back and leave nothing in the write-ahead file; a reader may delay it."""
        try:
            self._db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        except apsw.BusyError:
            # The next purge does it.
            return

    def _keys_of(self, tenant: str) -> tuple[AESGCM, bytes]:
        found = self._keys.get(tenant)
        if found is None:
            info = _PURPOSE + b"\0" + tenant.encode("utf-8", "surrogatepass")
            both = HKDF(hashes.SHA256(), 64, None, info).derive(self._secret)
            found = self._keys[tenant] = AESGCM(both[:32]), both[32:]
        return found

    def _name(self, tenant: str, session: str, surrogate: str) -> bytes:
        _, key = self._keys_of(tenant)
        return hmac.digest(key, _framed(session, surrogate), hashlib.sha256)[:16]

    def _seal(self, tenant: str, about: bytes, surrogate: str, value: str) -> bytes:
        cipher, _ = self._keys_of(tenant)
        nonce = os.urandom(_NONCE)
        return nonce + cipher.encrypt(nonce, _framed(surrogate, value), about)

    def _open(self, tenant: str, about: bytes, sealed: bytes) -> tuple[str, str]:
        cipher, _ = self._keys_of(tenant)
        try:
            plain = cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], about)
        except (InvalidTag, ValueError):
            raise StoreUnavailable(
                f"{self.path}: the vault of surrogates was sealed with another key, or somebody "
                "changed it. Move it away to begin a new one; answers to earlier calls then keep "
                "their surrogates."
            ) from None
        size = int.from_bytes(plain[:4])
        surrogate, value = plain[4 : 4 + size], plain[8 + size :]
        return surrogate.decode("utf-8", "surrogatepass"), value.decode("utf-8", "surrogatepass")

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except apsw.Error as exc:
            raise self._explain(exc) from exc

    def _explain(self, exc: apsw.Error) -> LedgerError:
        if isinstance(exc, apsw.ConnectionClosedError):
            return StoreUnavailable(f"{self.path}: this vault of surrogates was closed.")
        return explain(exc, self.path, VAULT_FILE)


def _rounded(expires_at: float, now: float) -> float:
    """Put an end off by a twentieth at most, so that not every call of a chat writes all anew."""
    step = max(0.001, round(expires_at - now) / 20)
    return math.ceil(expires_at / step) * step


def _about(tenant: str, session: str, name: bytes, digest: str, expires_at: float) -> bytes:
    """Give what a value is sealed for."""
    return _framed(tenant, session, name.hex(), digest) + orjson.dumps(float(expires_at))


def _framed(*texts: str) -> bytes:
    """Write texts so that no two lists of them are written alike."""
    encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
    return b"".join(len(text).to_bytes(4) + text for text in encoded)
