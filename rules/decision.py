"""What goes into a decision and what comes out of it."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
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
    """Who calls, as far as policy looks at it."""

    id: str
    tenant: str = "default"
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """What tools are matched on; host and path are canonical already.

    `body` is parsed JSON, a form as `dict[str, list[str]]`, text, or None; `body_kind` is one of
    `json`, `form`, `text`, `opaque`, `none`, `uninspected`.
    """

    method: str
    scheme: str
    host: str
    port: int
    path: str
    query: Mapping[str, list[str]]
    body: Any
    body_kind: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call of a tool. `kind` is `http` or `mcp`, `request_id` the JSON-RPC id.

    `readable` is False when the arguments could not be read whole, so that nothing about them is
    proven.
    """

    name: str
    kind: str
    arguments: Mapping[str, Any]
    request_id: Any = None
    readable: bool = True


@dataclass(frozen=True, slots=True)
class Decision:
    """What policy says of one exchange.

    `rule` is the id of what decided, `source` its file and line, `reason` a sentence to act on
    that holds no value of the request. `dial` are the networks (CIDR) its addresses may lie in
    beside the public ones, `redact` the ids of the redactions that must be applied.
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


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of what is inspected: bytes of a body, what becomes of larger ones, expansion."""

    max_body_bytes: int
    larger_bodies: str
    max_ratio: int


@dataclass(frozen=True, slots=True)
class DestinationOptions:
    """What else a policy says of a destination."""

    region: str = ""
    tier: str = ""
    trace_context: str = "strip"
