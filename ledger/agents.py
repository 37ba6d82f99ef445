"""Who may call: agents, their tokens, and the protocol that a store of them keeps."""

import contextlib
import difflib
import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ledger.errors import (
    AgentError,
    DuplicateAgent,
    KeyFileError,
    TokenError,
    TokenReason,
    UnknownAgent,
)
from ledger.signer import check_private, write_private

TRUST_DOMAIN = "aegis.local"
MAX_TTL_SECONDS = 10 * 365 * 86_400
_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
_TOKEN = re.compile(r"aegis_([a-z2-7]{12})_([A-Za-z0-9_-]{43})")
_ID_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_FILE_LABEL = "token file"


@dataclass(frozen=True, slots=True)
class Agent:
    """A program identity; `disabled_at` is in seconds since 1970, None while it may call."""

    id: str
    tenant: str = "default"
    groups: tuple[str, ...] = ()
    disabled_at: int | None = None
    trust_domain: str = TRUST_DOMAIN

    @property
    def spiffe_id(self) -> str:
        """Give the agent's name in a service mesh (SPIFFE ID)."""
        return f"spiffe://{self.trust_domain}/tenant/{self.tenant}/agent/{self.id}"


@dataclass(frozen=True, slots=True)
class TokenInfo:
    """What is known of a token: all but its secret; times are seconds since 1970."""

    id: str
    agent: str
    label: str
    created_at: int
    expires_at: int | None
    revoked_at: int | None


class AgentStore(Protocol):
    """Agents and tokens; every method may raise StoreUnavailable."""

    def add(self, id: str, tenant: str = "default", groups: Sequence[str] = ()) -> Agent:
        """Create an agent; raises DuplicateAgent, AgentError."""
        ...

    def get(self, id: str) -> Agent:
        """Give one agent; raises UnknownAgent with the nearest names."""
        ...

    def list(self) -> Sequence[Agent]:
        """Give all agents by id."""
        ...

    def disable(self, id: str) -> Agent:
        """Refuse all of the agent's tokens from now on; raises UnknownAgent."""
        ...

    def enable(self, id: str) -> Agent:
        """Let the agent call again; raises UnknownAgent."""
        ...

    def mint(self, id: str, ttl_seconds: int | None = None, label: str = "") -> str:
        """Give a new token, shown once; raises UnknownAgent, AgentError."""
        ...

    def rotate(self, id: str, ttl_seconds: int | None = None, label: str = "") -> str:
        """Revoke all of the agent's tokens and give a new one; raises UnknownAgent, AgentError."""
        ...

    def revoke(self, token_id: str) -> None:
        """Refuse one token from now on; raises UnknownAgent."""
        ...

    def tokens(self, agent: str | None = None) -> Sequence[TokenInfo]:
        """Give what is known of the tokens, of one agent or of all; raises UnknownAgent."""
        ...

    def authenticate(self, token: str) -> Agent:
        """Give the agent behind a token; raises TokenError."""
        ...

    def live(self, id: str) -> Agent | None:
        """Give an agent that may call, None when there is none of that id or it is disabled."""
        ...

    def is_live(self, token_id: str) -> bool:
        """Tell whether the token would still be accepted: for connections that stay open."""
        ...

    def close(self) -> None:
        """Let go of the storage; a second call does nothing."""
        ...


def new_token() -> tuple[str, str, str]:
    """Give a fresh (id, secret, token): 60 bits of name, 256 bits of secret."""
    token_id = "".join(secrets.choice(_ID_ALPHABET) for _ in range(12))
    secret = secrets.token_urlsafe(32)
    return token_id, secret, f"aegis_{token_id}_{secret}"


def split_token(token: str) -> tuple[str, str]:
    """Give (id, secret) of a token text; raises TokenError for a text of another form."""
    match = _TOKEN.fullmatch(token)
    if match is None:
        raise TokenError(
            "The proxy credential is not an Aegis token (aegis_<id>_<secret>); "
            "get one with `aegis agents rotate`.",
            TokenReason.MALFORMED,
        )
    return match[1], match[2]


def check_id(value: str, what: str = "agent id") -> str:
    """Give the id back, or raise AgentError that says what an id may hold."""
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise AgentError(
            f"{value!r} is not a valid {what}: use 1 to 63 of a-z, 0-9, '.', '_' and '-', "
            "with a letter or digit first."
        )
    return value


def check_ttl(ttl_seconds: int | None) -> int | None:
    """Give the lifetime back, or raise AgentError."""
    if ttl_seconds is None:
        return None
    if isinstance(ttl_seconds, bool) or not isinstance(ttl_seconds, int):
        raise AgentError("A token's lifetime is a whole number of seconds.")
    if not 1 <= ttl_seconds <= MAX_TTL_SECONDS:
        raise AgentError(f"A token lives from 1 second to {MAX_TTL_SECONDS} seconds (ten years).")
    return ttl_seconds


def check_label(label: str) -> str:
    """Give the label back, or raise AgentError."""
    if len(label) > 100 or not label.isprintable():
        raise AgentError("A token's label is at most 100 printable characters.")
    return label


def unknown_agent(id: str, known: Iterable[str]) -> UnknownAgent:
    """Make the error for an id that no agent has, with the nearest ones that exist."""
    near = difflib.get_close_matches(id, list(known), n=3)
    hint = f"Did you mean {' or '.join(near)}?" if near else "See `aegis agents list`."
    return UnknownAgent(f"There is no agent {id!r}. {hint}")


def ensure_default_agent(store: AgentStore, token_file: Path) -> Agent:
    """Make sure that agent "default" exists and that the file (0600) holds a token of it.

    A file that is missing, or whose token the store does not accept, gets a new token and the
    old one of this file is revoked. Raises KeyFileError when others may read the file.
    """
    with contextlib.suppress(DuplicateAgent):
        store.add("default")
    agent = store.get("default")
    try:
        if agent.disabled_at is None and not _holds_token(store, token_file):
            _renew(store, token_file)
    except OSError as exc:
        raise KeyFileError(
            f"{token_file}: the token file cannot be read or written ({exc.strerror}); "
            "check the folder, its owner and its rights."
        ) from exc
    return agent


def _holds_token(store: AgentStore, token_file: Path) -> bool:
    try:
        check_private(token_file)
        text = token_file.read_text(encoding="ascii", errors="replace").strip()
        return store.authenticate(text).id == "default"
    except (FileNotFoundError, TokenError):
        return False


def _renew(store: AgentStore, token_file: Path) -> None:
    old = [t.id for t in store.tokens("default") if t.label == _FILE_LABEL and not t.revoked_at]
    token_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    token = store.mint("default", label=_FILE_LABEL)
    token_file.unlink(missing_ok=True)
    try:
        write_private(token_file, token + "\n")
    except FileExistsError:  # another process was quicker: its token stands
        old = [split_token(token)[0]]
    for token_id in old:
        store.revoke(token_id)
