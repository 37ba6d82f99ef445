"""Agents and tokens in one SQLite file, with a snapshot in memory for each call's check."""

import builtins
import hmac
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import apsw
import orjson

from ledger.agents import (
    TRUST_DOMAIN,
    Agent,
    TokenInfo,
    check_id,
    check_label,
    check_ttl,
    new_token,
    split_token,
    unknown_agent,
)
from ledger.errors import (
    DuplicateAgent,
    LedgerError,
    StoreUnavailable,
    TokenError,
    TokenReason,
    UnknownAgent,
)
from ledger.sqlite_file import FileKind, connect, explain, writing

AGENTS_FILE = FileKind(
    noun="agents database",
    application_id=0x41454147,  # "AEAG"
    version=1,
    schema="""
        CREATE TABLE agents(id TEXT PRIMARY KEY, tenant TEXT NOT NULL, groups TEXT NOT NULL,
                            created_at INTEGER NOT NULL, disabled_at INTEGER) STRICT;
        CREATE TABLE tokens(id TEXT PRIMARY KEY, agent TEXT NOT NULL REFERENCES agents(id),
                            secret_hash BLOB NOT NULL, label TEXT NOT NULL,
                            created_at INTEGER NOT NULL, expires_at INTEGER,
                            revoked_at INTEGER) STRICT;
        CREATE INDEX tokens_of_agent ON tokens(agent);
    """,
    unavailable=StoreUnavailable,
    corrupt=StoreUnavailable,
)
_REFRESH_SECONDS = 0.25
_NEVER = float("inf")
_REVOKE_ALL = "UPDATE tokens SET revoked_at = ? WHERE agent = ? AND revoked_at IS NULL"
_SAME_FOR_ALL = "The proxy credential is not accepted; get a token with `aegis agents rotate`."


@dataclass(frozen=True, slots=True)
class _Known:
    secret_hash: bytes
    agent: Agent
    expires_at: float
    revoked: bool


_NOBODY = _Known(bytes(32), Agent(""), 0, True)


class SqliteAgents:
    """An AgentStore; what another process changes is seen within 250 ms.

    `clock` gives seconds since 1970, `monotonic` seconds that never go back.
    """

    def __init__(
        self,
        path: Path,
        *,
        trust_domain: str = TRUST_DOMAIN,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        busy_ms: int = 5000,
    ) -> None:
        self.path = Path(path)
        self._trust_domain = trust_domain
        self._clock = clock
        self._monotonic = monotonic
        self._lock = threading.RLock()
        self._db = connect(self.path, AGENTS_FILE, busy_ms)
        self._tokens: dict[str, _Known] = {}
        self._agents: dict[str, Agent] = {}
        self._version = -1
        self._look_again = -_NEVER

    def add(self, id: str, tenant: str = "default", groups: Sequence[str] = ()) -> Agent:
        """Create an agent; raises DuplicateAgent, AgentError."""
        check_id(id)
        check_id(tenant, "tenant")
        names = tuple(dict.fromkeys(check_id(group, "group") for group in groups))
        try:
            self._write(
                "INSERT INTO agents VALUES (?,?,?,?,NULL)",
                (id, tenant, orjson.dumps(names).decode(), int(self._clock())),
            )
        except apsw.ConstraintError:
            raise DuplicateAgent(
                f"Agent {id!r} exists already; choose another id, or give it a new token with "
                f"`aegis agents rotate {id}`."
            ) from None
        return Agent(id, tenant, names, None, self._trust_domain)

    def get(self, id: str) -> Agent:
        """Give one agent; raises UnknownAgent with the nearest names."""
        rows = self._read("SELECT id, tenant, groups, disabled_at FROM agents WHERE id = ?", (id,))
        if not rows:
            known = [row[0] for row in self._read("SELECT id FROM agents")]
            raise unknown_agent(id, known)
        return self._agent(*rows[0])

    def list(self) -> list[Agent]:
        """Give all agents by id."""
        rows = self._read("SELECT id, tenant, groups, disabled_at FROM agents ORDER BY id")
        return [self._agent(*row) for row in rows]

    def disable(self, id: str) -> Agent:
        """Refuse all of the agent's tokens from now on; raises UnknownAgent."""
        self.get(id)
        self._write(
            "UPDATE agents SET disabled_at = coalesce(disabled_at, ?) WHERE id = ?",
            (int(self._clock()), id),
        )
        return self.get(id)

    def enable(self, id: str) -> Agent:
        """Let the agent call again; raises UnknownAgent."""
        self.get(id)
        self._write("UPDATE agents SET disabled_at = NULL WHERE id = ?", (id,))
        return self.get(id)

    def mint(self, id: str, ttl_seconds: int | None = None, label: str = "") -> str:
        """Give a new token, shown once; raises UnknownAgent, AgentError."""
        return self._mint(id, ttl_seconds, label, revoke_others=False)

    def rotate(self, id: str, ttl_seconds: int | None = None, label: str = "") -> str:
        """Revoke all of the agent's tokens and give a new one; raises UnknownAgent, AgentError."""
        return self._mint(id, ttl_seconds, label, revoke_others=True)

    def revoke(self, token_id: str) -> None:
        """Refuse one token from now on; raises UnknownAgent."""
        if not self._read("SELECT 1 FROM tokens WHERE id = ?", (token_id,)):
            raise UnknownAgent("There is no token of that id. See `aegis agents list`.")
        self._write(
            "UPDATE tokens SET revoked_at = coalesce(revoked_at, ?) WHERE id = ?",
            (int(self._clock()), token_id),
        )

    def tokens(self, agent: str | None = None) -> builtins.list[TokenInfo]:
        """Give what is known of the tokens, of one agent or of all; raises UnknownAgent."""
        if agent is not None:
            self.get(agent)
        rows = self._read(
            "SELECT id, agent, label, created_at, expires_at, revoked_at FROM tokens "
            "WHERE ?1 IS NULL OR agent = ?1 ORDER BY created_at, rowid",
            (agent,),
        )
        return [TokenInfo(*row) for row in rows]

    def authenticate(self, token: str) -> Agent:
        """Give the agent behind a token; raises TokenError, StoreUnavailable."""
        token_id, secret = split_token(token)
        # A token that is not known may have been minted since.
        if token_id not in self._tokens or self._monotonic() >= self._look_again:
            self._refresh()
        known = self._tokens.get(token_id, _NOBODY)
        # The comparison is made for unknown ids too: the time taken tells nothing about ids.
        same = hmac.compare_digest(sha256(secret.encode()).digest(), known.secret_hash)
        if not same or known is _NOBODY:
            raise TokenError(_SAME_FOR_ALL, TokenReason.UNKNOWN)
        agent = known.agent
        if known.revoked:
            raise TokenError(
                f"This token of agent {agent.id} was revoked; get a new one with "
                f"`aegis agents rotate {agent.id}`.",
                TokenReason.REVOKED,
            )
        if self._clock() >= known.expires_at:
            raise TokenError(
                f"This token of agent {agent.id} has expired; get a new one with "
                f"`aegis agents rotate {agent.id}`.",
                TokenReason.EXPIRED,
            )
        if agent.disabled_at is not None:
            raise TokenError(
                f"Agent {agent.id} is disabled; an operator can run `aegis agents enable "
                f"{agent.id}`.",
                TokenReason.DISABLED,
            )
        return agent

    def live(self, id: str) -> Agent | None:
        """Give an agent that may call, else None; raises StoreUnavailable."""
        if id not in self._agents or self._monotonic() >= self._look_again:
            self._refresh()
        agent = self._agents.get(id)
        return agent if agent is not None and agent.disabled_at is None else None

    def is_live(self, token_id: str) -> bool:
        """Tell whether the token would still be accepted; raises StoreUnavailable."""
        if self._monotonic() >= self._look_again:
            self._refresh()
        known = self._tokens.get(token_id)
        return (
            known is not None
            and not known.revoked
            and known.agent.disabled_at is None
            and self._clock() < known.expires_at
        )

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        with self._lock:
            self._db.close(True)

    def _mint(self, id: str, ttl_seconds: int | None, label: str, *, revoke_others: bool) -> str:
        check_ttl(ttl_seconds)
        check_label(label)
        self.get(id)
        now = int(self._clock())
        token_id, secret, token = new_token()
        expires_at = None if ttl_seconds is None else now + ttl_seconds
        row = (token_id, id, sha256(secret.encode()).digest(), label, now, expires_at)
        insert = "INSERT INTO tokens VALUES (?,?,?,?,?,?,NULL)"
        if revoke_others:
            self._write(f"{_REVOKE_ALL}; {insert}", (now, id, *row))
        else:
            self._write(insert, row)
        return token

    def _refresh(self) -> None:
        """Read all tokens again when another connection has changed the file."""
        with self._lock:
            try:
                version = self._db.pragma("data_version")
                if version != self._version:
                    self._agents = {agent.id: agent for agent in self.list()}
                    self._tokens = self._snapshot(self._agents)
                    self._version = version
            except apsw.Error as exc:
                raise self._explain(exc) from exc
            self._look_again = self._monotonic() + _REFRESH_SECONDS

    def _snapshot(self, agents: Mapping[str, Agent]) -> dict[str, _Known]:
        rows = self._read("SELECT id, agent, secret_hash, expires_at, revoked_at FROM tokens")
        return {
            token_id: _Known(
                secret_hash,
                agents[agent],
                _NEVER if expires_at is None else expires_at,
                revoked_at is not None,
            )
            for token_id, agent, secret_hash, expires_at, revoked_at in rows
        }

    def _agent(self, id: str, tenant: str, groups: str, disabled_at: int | None) -> Agent:
        return Agent(id, tenant, tuple(orjson.loads(groups)), disabled_at, self._trust_domain)

    def _read(self, sql: str, values: tuple[Any, ...] = ()) -> builtins.list[Any]:
        with self._lock:
            try:
                return self._db.execute(sql, values).fetchall()
            except apsw.Error as exc:
                raise self._explain(exc) from exc

    def _write(self, sql: str, values: tuple[Any, ...]) -> None:
        with self._lock:
            try:
                with writing(self._db):
                    self._db.execute(sql, values)
            except apsw.ConstraintError:
                raise
            except apsw.Error as exc:
                raise self._explain(exc) from exc
            # data_version tells of other connections only: our own change is known here.
            self._version, self._look_again = -1, -_NEVER

    def _explain(self, exc: apsw.Error) -> LedgerError:
        if isinstance(exc, apsw.ConnectionClosedError):
            return StoreUnavailable(f"{self.path}: this agents database was closed.")
        return explain(exc, self.path, AGENTS_FILE)
