"""What has happened: the signed log, agents and their tokens, applied policies, surrogates."""

from ledger.agents import (
    Agent,
    AgentStore,
    TokenInfo,
    ensure_default_agent,
    split_token,
)
from ledger.agents_sqlite import SqliteAgents
from ledger.errors import (
    AgentError,
    CheckpointError,
    DuplicateAgent,
    HistoryError,
    KeyFileError,
    LedgerError,
    LogCorrupt,
    LogUnavailable,
    RecordError,
    StoreUnavailable,
    TokenError,
    TokenReason,
    UnknownAgent,
    UnknownRevision,
    UnknownTool,
)
from ledger.export import RecordProof, export_jsonl, prove_record
from ledger.exposure import Exposure, check_exposures, exposures, loose_parents
from ledger.group_commit import GroupCommit
from ledger.home import CA_BUNDLE, WGETRC, Home, default_home
from ledger.log import GENESIS, DecisionLog, Entry, Receipt
from ledger.log_reader import LogReader, Summary, checkpoint_path
from ledger.log_sqlite import SqliteLog
from ledger.policies import Candidate, PolicyEvent, PolicyState, PolicyStore, StoredPolicy
from ledger.policies_sqlite import SqlitePolicies
from ledger.policy_key import load_or_create_policy_key
from ledger.signer import Signer, Verifier, load_or_create_signer, parse_verifiers
from ledger.tool_pins import ToolPin, ToolPins, fingerprint
from ledger.tool_pins_sqlite import SqliteToolPins
from ledger.vault import Vault, VaultCollision, VaultFull
from ledger.vault_sqlite import SqliteVault
from ledger.verify import LogProblem, VerifyReport, verify_jsonl, verify_log

__all__ = [
    "CA_BUNDLE",
    "GENESIS",
    "WGETRC",
    "Agent",
    "AgentError",
    "AgentStore",
    "Candidate",
    "CheckpointError",
    "DecisionLog",
    "DuplicateAgent",
    "Entry",
    "Exposure",
    "GroupCommit",
    "HistoryError",
    "Home",
    "KeyFileError",
    "LedgerError",
    "LogCorrupt",
    "LogProblem",
    "LogReader",
    "LogUnavailable",
    "PolicyEvent",
    "PolicyState",
    "PolicyStore",
    "Receipt",
    "RecordError",
    "RecordProof",
    "Signer",
    "SqliteAgents",
    "SqliteLog",
    "SqlitePolicies",
    "SqliteToolPins",
    "SqliteVault",
    "StoreUnavailable",
    "StoredPolicy",
    "Summary",
    "TokenError",
    "TokenInfo",
    "TokenReason",
    "ToolPin",
    "ToolPins",
    "UnknownAgent",
    "UnknownRevision",
    "UnknownTool",
    "Vault",
    "VaultCollision",
    "VaultFull",
    "Verifier",
    "VerifyReport",
    "check_exposures",
    "checkpoint_path",
    "default_home",
    "ensure_default_agent",
    "export_jsonl",
    "exposures",
    "fingerprint",
    "load_or_create_policy_key",
    "load_or_create_signer",
    "loose_parents",
    "parse_verifiers",
    "prove_record",
    "split_token",
    "verify_jsonl",
    "verify_log",
]
