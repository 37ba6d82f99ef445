"""What has happened: the signed decision log, and the agents and tokens that may call."""

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
    KeyFileError,
    LedgerError,
    LogCorrupt,
    LogUnavailable,
    RecordError,
    StoreUnavailable,
    TokenError,
    TokenReason,
    UnknownAgent,
)
from ledger.export import RecordProof, export_jsonl, prove_record
from ledger.group_commit import GroupCommit
from ledger.home import CA_BUNDLE, Home, default_home
from ledger.log import GENESIS, DecisionLog, Entry, Receipt
from ledger.log_reader import LogReader, Summary, checkpoint_path
from ledger.log_sqlite import SqliteLog
from ledger.policy_key import load_or_create_policy_key
from ledger.signer import Signer, Verifier, load_or_create_signer, parse_verifiers
from ledger.verify import LogProblem, VerifyReport, verify_jsonl, verify_log

__all__ = [
    "CA_BUNDLE",
    "GENESIS",
    "Agent",
    "AgentError",
    "AgentStore",
    "CheckpointError",
    "DecisionLog",
    "DuplicateAgent",
    "Entry",
    "GroupCommit",
    "Home",
    "KeyFileError",
    "LedgerError",
    "LogCorrupt",
    "LogProblem",
    "LogReader",
    "LogUnavailable",
    "Receipt",
    "RecordError",
    "RecordProof",
    "Signer",
    "SqliteAgents",
    "SqliteLog",
    "StoreUnavailable",
    "Summary",
    "TokenError",
    "TokenInfo",
    "TokenReason",
    "UnknownAgent",
    "Verifier",
    "VerifyReport",
    "checkpoint_path",
    "default_home",
    "ensure_default_agent",
    "export_jsonl",
    "load_or_create_policy_key",
    "load_or_create_signer",
    "parse_verifiers",
    "prove_record",
    "split_token",
    "verify_jsonl",
    "verify_log",
]
