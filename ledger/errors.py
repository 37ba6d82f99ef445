"""Everything that can go wrong in the ledger, each with a sentence for people.

    LedgerError
    ├── LogUnavailable      the log cannot take or give records now: disk full, read-only, locked
    ├── LogCorrupt          the log contradicts its checkpoint or its key: never append to it
    ├── RecordError         one entry is not loggable: a float, an integer past 2^53
    ├── CheckpointError     a signed note is malformed, forged or signed by another key
    ├── KeyFileError        the signing key or a token file is unreadable or readable by others
    ├── StoreUnavailable    a database (agents, policies, tools, vault) cannot be read or written
    │   └── VaultFull       a session or tenant has as many surrogates as can be kept
    ├── VaultCollision      a surrogate stands for another value of its session already
    ├── AgentError          a bad id, tenant, group, label or lifetime
    │   ├── DuplicateAgent  an agent of that id exists
    │   └── UnknownAgent    no agent or token of that id exists
    ├── UnknownTool         no tool of that name was seen at that MCP server
    ├── HistoryError        a policy cannot be applied or taken back: no reason given, no bundle
    │   └── UnknownRevision no applied policy has that revision
    └── TokenError          a token was refused; `reason` says why

No message holds a secret, a token or a value out of a record.
"""

import enum


class LedgerError(Exception):
    """Base of the tree; `str()` is one message that names the place and the mend."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class LogUnavailable(LedgerError):  # noqa: N818 - a state of the log, named as the rooms agreed
    """The log cannot take or give records now; nothing may leave until it can."""


class LogCorrupt(LedgerError):  # noqa: N818
    """The log contradicts its own signed checkpoints; it refuses to be appended to."""


class RecordError(LedgerError):
    """One entry cannot be written in canonical form."""


class CheckpointError(LedgerError):
    """A signed note failed; `kind` is "malformed", "forged" or "other-key"."""

    def __init__(self, message: str, kind: str = "malformed") -> None:
        super().__init__(message)
        self.kind = kind


class KeyFileError(LedgerError):
    """A secret's file is missing, malformed or readable by others."""


class StoreUnavailable(LedgerError):  # noqa: N818
    """A database of agents, policies, tools or surrogates cannot be read or written now."""


class AgentError(LedgerError):
    """A value given for an agent or a token is not acceptable."""


class DuplicateAgent(AgentError):  # noqa: N818
    """An agent of that id exists already."""


class UnknownAgent(AgentError):  # noqa: N818
    """No agent, or no token, has that id."""


class UnknownTool(LedgerError):  # noqa: N818
    """No agent of that tenant has seen that tool at that MCP server."""


class HistoryError(LedgerError):
    """A policy cannot be applied or taken back as was asked."""


class UnknownRevision(HistoryError):  # noqa: N818
    """No applied policy has that revision."""


class TokenReason(enum.StrEnum):
    """Why a token was refused; a wrong secret and an unknown id are both `UNKNOWN`."""

    MALFORMED = "malformed"
    UNKNOWN = "unknown"
    REVOKED = "revoked"
    EXPIRED = "expired"
    DISABLED = "disabled"


class TokenError(LedgerError):
    """A token was refused; `reason` is for records, the message for the person at the agent."""

    def __init__(self, message: str, reason: TokenReason) -> None:
        super().__init__(message)
        self.reason = reason
