"""What goes into a decision and what comes out of it."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


class Effect(enum.StrEnum):
    """What a decision does, from weak to strong; of several the strictest holds."""

    ALLOW = "allow"
    SANITIZE = "sanitize"
    REQUIRE_APPROVAL = "require_approval"
    DENY = "deny"

    @property
    def strictness(self) -> int:
        """Give its place in the order, 0 for the weakest."""
        return list(Effect).index(self)


@dataclass(frozen=True, slots=True)
class AgentRef:
    """Who calls, as far as policy looks at it; `proof` is what proved it."""

    id: str
    tenant: str = "default"
    groups: tuple[str, ...] = ()
    proof: str = "token"


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """What tools are matched on; host, path and the names of headers are canonical already.

    `body` is parsed JSON, a list of that for `ndjson`, a form as `dict[str, list[str]]`, the parts
    of a multipart form likewise, text, or None; `body_kind` is one of `json`, `ndjson`, `form`,
    `multipart`, `xml`, `text`, `opaque`, `none`, `uninspected`. `ambiguous` is True when the
    destination may find other arguments in the body, `opaque` is how many of its bytes nobody can
    read.
    """

    method: str
    scheme: str
    host: str
    port: int
    path: str
    query: Mapping[str, list[str]]
    body: Any
    body_kind: str
    headers: Mapping[str, list[str]] = field(default_factory=dict)
    ambiguous: bool = False
    opaque: int = 0


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call of a tool. `kind` is `http`, `mcp` or `graphql`, `request_id` the JSON-RPC id.

    `readable` is False when the arguments could not be read whole, so that nothing about them is
    proven.
    """

    name: str
    kind: str
    arguments: Mapping[str, Any]
    request_id: Any = None
    readable: bool = True


@dataclass(frozen=True, slots=True)
class Facts:
    """What happened elsewhere and goes into a decision.

    `exceeded` are the ids of budgets and rates that this call would go beyond, `approved` the ids
    of rules (or budgets) for which a person has said yes to this very request.
    """

    exceeded: tuple[str, ...] = ()
    approved: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Approval:
    """A person to be asked: which approval, for which rule, where, how many and until when."""

    id: str
    rule: str
    channel: str
    approvers: int
    expires_seconds: int


@dataclass(frozen=True, slots=True)
class Reservation:
    """An account that a call has to be booked on: a budget or rate and whose it is.

    `limit` is what there is of `unit` (`dollars`, `tokens`, `calls`, `bytes`) in one window.
    """

    id: str
    key: str
    unit: str
    limit: float
    window_seconds: int


@dataclass(frozen=True, slots=True)
class Cause:
    """One rule that took part in a decision; `observed` when it only would have."""

    effect: Effect
    rule: str
    reason: str
    source: str
    observed: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """What policy says of one exchange.

    `rule` is the id of what decided, `source` its file and line, `reason` a sentence to act on
    that holds no value of the request. `dial` are the networks (CIDR) its addresses may lie in
    beside the public ones.

    Obligations, without which the effect does not hold: `redact` are the ids of the redactions
    that must be applied, `route_host` is where the call has to go instead, `approve` who must be
    asked, `reserve` what it has to be booked on, `throttle` the rates it must wait for.
    `would` is the effect, and the rule, if the rules that only observe were in force.
    """

    effect: Effect
    rule: str
    reason: str
    source: str
    revision: str
    mode: str
    destination: str
    dial: tuple[str, ...]
    redact: tuple[str, ...]
    route_host: str = ""
    route_region: str = ""
    approve: tuple[Approval, ...] = ()
    reserve: tuple[Reservation, ...] = ()
    throttle: tuple[str, ...] = ()
    would: tuple[Effect, str] | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision on one call (None for a request that calls no tool) and all that took part."""

    call: ToolCall | None
    decision: Decision
    causes: tuple[Cause, ...]


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of what is inspected: bytes of a body, what becomes of larger ones, expansion."""

    max_body_bytes: int
    larger_bodies: str
    max_ratio: int


@dataclass(frozen=True, slots=True)
class DestinationOptions:
    """What else a policy says of a destination.

    `via` is `direct`, `proxy` or empty for what is usual; `trust` and `client_certificate` name
    files of the home folder.
    """

    region: str = ""
    tier: str = ""
    trace_context: str = "strip"
    tls: str = "intercept"
    websocket: str = "deny"
    request_streams: str = "read"
    via: str = ""
    trust: str = ""
    client_certificate: str = ""
