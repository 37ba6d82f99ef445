"""What is allowed: the policy language, its compilation to OPA bundles, and decisions by them."""

from rules.addresses import judge_address, looks_like_address, parse_address
from rules.bundle import Bundle, read_bundle
from rules.compiler import DEFAULT_POLICY, compile_policy, load_bundle
from rules.decision import (
    AgentRef,
    Approval,
    Cause,
    Decision,
    DestinationOptions,
    Effect,
    Explanation,
    Facts,
    HttpRequest,
    Limits,
    Reservation,
    ToolCall,
)
from rules.engine import PolicyEngine
from rules.errors import EvaluationError, HostError, PolicyError, Problem, ToolError, refused
from rules.hosts import canonical_host
from rules.places import Places
from rules.policy import Policy, load_policy, parse_policy
from rules.policy_set import Asked, PolicySet, drive, open_call
from rules.policy_stamp import policy_stamp
from rules.regorus_engine import RegorusEngine
from rules.schema import schema

__all__ = [
    "DEFAULT_POLICY",
    "AgentRef",
    "Approval",
    "Asked",
    "Bundle",
    "Cause",
    "Decision",
    "DestinationOptions",
    "Effect",
    "EvaluationError",
    "Explanation",
    "Facts",
    "HostError",
    "HttpRequest",
    "Limits",
    "Places",
    "Policy",
    "PolicyEngine",
    "PolicyError",
    "PolicySet",
    "Problem",
    "RegorusEngine",
    "Reservation",
    "ToolCall",
    "ToolError",
    "canonical_host",
    "compile_policy",
    "drive",
    "judge_address",
    "load_bundle",
    "load_policy",
    "looks_like_address",
    "open_call",
    "parse_address",
    "parse_policy",
    "policy_stamp",
    "read_bundle",
    "refused",
    "schema",
]
