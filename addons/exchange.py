"""The one object that the steps of the data plane share about an exchange."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from mitmproxy import http

from addons.upstream_proxy import UpstreamProxy
from ledger import Agent
from rules import AgentRef, Decision, DestinationOptions, ToolCall

METADATA_KEY = "aegis"

UNKNOWN_BYTES = 2**53 - 1
"""What a body counts as that says no length: more than any bound."""


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a request goes: one canonical name, never what the client merely claims."""

    scheme: str
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Denial:
    """Why a request was refused, in words an agent and its owner can act on.

    `code` is stable and for programs, `message` is for people; it never holds a request's value.
    """

    code: str
    message: str
    rule: str
    status: int = 403
    source: str = ""


@dataclass(slots=True)
class Body:
    """What was read of a request's body.

    `kind` is one of `json`, `ndjson`, `form`, `multipart`, `xml`, `text`, `opaque`, `none`,
    `uninspected`. `data` is the decoded body, `value` what it parses to.
    """

    kind: str = "none"
    data: bytes = b""
    value: Any = None
    ambiguous: bool = False
    """True when the destination may read other arguments in it than the firewall does."""
    opaque: int = 0
    """How many of its bytes nobody can read: all of an opaque body, the binary parts of others."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a WebSocket message: its content as it may go on, or the socket's end."""

    content: bytes | None = None
    close_code: int = 1011
    close_reason: str = "internal_error"


class SocketBack(Protocol):
    """Something that restores the texts that a server sends through a WebSocket."""

    @property
    def holding(self) -> bool:
        """Whether a message waits for the next one."""
        ...

    def take(self, text: str) -> list[str]:
        """Take a whole message; gives those that go on now."""
        ...

    def release(self) -> list[str]:
        """Give what waits."""
        ...


@dataclass(slots=True)
class Socket:
    """A WebSocket: the verdict on its last message, and what has passed."""

    unchanged: bool = False
    """True while the policy only observes."""
    messages: int = 0
    answers: int = 0
    response_bytes: int = 0
    back: SocketBack | None = None
    """What makes surrogates in the server's messages values again, once there are any."""
    _verdict: Verdict = Verdict()

    def decided(self, verdict: Verdict) -> None:
        """Say what becomes of the message at hand."""
        self._verdict = verdict

    def take_verdict(self) -> Verdict:
        """Give the verdict on the message at hand; without one it does not pass."""
        verdict, self._verdict = self._verdict, Verdict()
        return verdict


class HeldAnswer(Protocol):
    """Something that holds a part of an answer back."""

    @property
    def holding(self) -> bool:
        """Whether it would give something, were it asked."""
        ...

    def release(self) -> list[bytes]:
        """Give what is held."""
        ...


class WholeAnswer(Protocol):
    """Something that reads an answer whole."""

    @property
    def bound(self) -> int:
        """Bytes of the longest that it reads."""
        ...

    def outgrown(self) -> bool:
        """Decide on an answer that is longer: True refuses it, False has it go on in pieces."""
        ...


@dataclass(slots=True)
class Exchange:
    """One exchange on its way through the steps: what each of them found out and decided."""

    id: str
    started_at: float
    """Wall clock, seconds since the epoch."""
    started_ns: int
    """Monotonic clock, nanoseconds."""
    agent: Agent | None = None
    token_id: str = ""
    proof: str = "token"
    """What proved who is calling: `token`, `socket_owner`, `source_address` or `jail`."""
    on_behalf_of: tuple[AgentRef, ...] = ()
    """The agents that the caller says it acts for."""
    destination: Destination | None = None
    routed: Destination | None = None
    """Where the call goes instead, because policy keeps its data in a region."""
    address: str = ""
    """The address that was resolved, judged and is dialled first."""
    addresses: tuple[str, ...] = ()
    """All that were judged and may be dialled, in the order in which to try them."""
    options: DestinationOptions = field(default_factory=DestinationOptions)
    """What else the policy that decided says of the destination."""
    proxy: UpstreamProxy | None = None
    """The proxy of the operator's network that the call leaves through."""
    body: Body = field(default_factory=Body)
    calls: Sequence[ToolCall] = ()
    data: tuple[str, ...] = ()
    """Labels of the classes of data that were found in the request."""
    asked_regions: tuple[str, ...] = ()
    """Regions that the request itself asks to be processed in, where policy looks at that."""
    candidate_data: tuple[str, ...] = ()
    """The same by the policy in the shadow."""
    rpc_ids: list[Any] | None = None
    """Ids of the JSON-RPC requests in the body, None when it holds none."""
    rpc_batch: bool = False
    decision: Decision | None = None
    candidate: Decision | None = None
    """What the policy in the shadow of the one in force would have decided."""
    denial: Denial | None = None
    redacted: Counter[str] = field(default_factory=Counter)
    redacted_at: Counter[tuple[str, str]] = field(default_factory=Counter)
    """How much of each entity was taken out at each place; a place holds no value."""
    redacted_commitment: str = ""
    """A salted digest of the values that were taken out."""
    unredacted: str = ""
    """Why the request went on as it was though something was to be taken out, as policy says."""
    socket: Socket | None = None
    """The WebSocket that the request opens, where policy allows it."""
    session: str = ""
    """For a message of a WebSocket: the id of the exchange that opened it."""
    tunnel: bool = False
    """True when the whole tunnel passes through unread, because policy says so."""
    streamed: bool = False
    """True when the body goes through unread, in pieces, because policy says so."""
    recorded: bool = False
    timings: dict[str, int] = field(default_factory=dict)
    """Nanoseconds spent in each step."""
    rewrite: Callable[[bytes], list[bytes]] | None = None
    """Takes the answer in pieces, and an empty one at its end; gives what goes on to the client."""
    may_call: Mapping[str, bool] = field(default_factory=dict)
    """Which tools of an MCP server the agent may call, where that had to be asked ahead."""
    answer_refused: bool = False
    """True when the answer did not go on to its end, because it could not be read."""
    tools_left_out: int = 0
    """How many tools were left out of the lists in the answer."""
    vault_session: str = ""
    """The conversation that surrogates of this exchange belong to, within its tenant."""
    restores: bool = False
    """Whether the answer may hold surrogates that stand for values of this conversation."""
    redacted_answer: Counter[str] = field(default_factory=Counter)
    """How much of each entity was taken out of the answer."""
    answer_problem: str = ""
    """Why the answer was not searched, or did not go on to its end."""
    answer_status: int = 0
    """The status of an answer that was searched or restored, as the server gave it."""
    answer_denial: Denial | None = None
    """What the agent is told in place of an answer that must not go on."""
    answer_cut: bool = False
    """True when the answer ends here, whatever the server still sends."""
    whole_answer: WholeAnswer | None = None
    """What reads the answer whole before it goes on."""
    seen_answer: bytearray | None = None
    """A copy of an answer that goes on unchanged, where policy only observes."""
    slow: Callable[[bytes | None], Awaitable[list[bytes]]] | None = None
    """Takes the answer in pieces like `rewrite`, but has to wait; None asks for what is held."""
    piece: bytes | None = None
    """The piece for `slow`, and `pieces` what became of it."""
    pieces: list[bytes] = field(default_factory=list)
    held: HeldAnswer | None = None
    """What holds a part of the answer back until more of it comes."""
    last_piece: float = 0.0
    """When the last piece came: monotonic clock, seconds."""
    request_bytes: int = 0
    response_bytes: int = 0
    trace_id: str = ""
    trace_parent: str = ""
    settled: bool = False
    _head: dict[bytes, list[bytes]] | None = None

    def header(self, request: http.Request, name: bytes) -> list[bytes]:
        """Give all values of a header as it came, by its lower-case name."""
        if self._head is None:
            # One walk for all steps: mitmproxy walks the whole head at each question.
            self._head = {}
            for key, value in request.headers.fields:
                self._head.setdefault(key.lower(), []).append(value)
        return self._head.get(name, [])

    def texts_of_headers(self, request: http.Request) -> dict[str, list[str]]:
        """Give the values of all headers as text, by their lower-case names."""
        self.header(request, b"")
        assert self._head is not None
        return {
            name.decode("latin-1"): [value.decode("latin-1") for value in values]
            for name, values in self._head.items()
        }

    @property
    def target(self) -> Destination | None:
        """Where the call really goes."""
        return self.routed or self.destination

    @property
    def observing(self) -> bool:
        """True when the policy only observes: what it would refuse goes on unchanged."""
        return self.decision is not None and self.decision.mode == "observe"

    def stream(self, data: bytes) -> bytes | list[bytes]:
        """Take the answer in pieces, and an empty one at its end; gives what goes on."""
        if self.slow is not None:
            pieces, self.pieces = self.pieces, []
            return [piece for piece in pieces if piece]
        self.response_bytes += len(data)
        return data if self.rewrite is None else self.rewrite(data)

    def rewrite_also(self, rewrite: Callable[[bytes], list[bytes]]) -> None:
        """Have the answer rewritten once more, after all that rewrites it already."""
        first = self.rewrite

        def both(data: bytes) -> list[bytes]:
            assert first is not None
            done = [new for piece in first(data) if piece for new in rewrite(piece)]
            return done if data else [*done, *rewrite(b"")]

        self.rewrite = rewrite if first is None else both

    def deny(
        self, code: str, message: str, *, rule: str, status: int = 403, source: str = ""
    ) -> None:
        """Refuse this exchange; the first reason given is the one that stays."""
        if self.denial is None:
            self.denial = Denial(code, message, rule, status, source)


def new_id(now: float) -> str:
    """Give a decision id that sorts by time: 48 bits of milliseconds, 64 random bits."""
    return f"{int(now * 1000):012x}{os.urandom(8).hex()}"


def exchange_of(flow: http.HTTPFlow) -> Exchange:
    """Give the exchange of a flow, made when a hook sees the flow for the first time."""
    found = flow.metadata.get(METADATA_KEY)
    if isinstance(found, Exchange):
        return found
    now = time.time()
    exchange = Exchange(id=new_id(now), started_at=now, started_ns=time.perf_counter_ns())
    flow.metadata[METADATA_KEY] = exchange
    return exchange
