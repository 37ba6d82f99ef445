"""Tool lists: an agent is told of the tools of an MCP server that it may call, and of no others."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson
from mitmproxy import ctx, http

from addons import home
from addons.denial import RPC_DENIED
from addons.exchange import Exchange, exchange_of
from addons.services import Services
from addons.tool_answers import AnswerUnreadable, EventAnswer, JsonAnswer
from ledger import LedgerError, fingerprint
from rules import AgentRef, Effect, EvaluationError, PolicySet, open_call

logger = logging.getLogger(__name__)

LISTING = "tools/list"
EVENTS = "text/event-stream"


class ToolLists:
    """Leaves out of an MCP server's answers the tools that policy would refuse this agent."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def request(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Refuse calls of tools that are described anew; ask for an answer that can be read."""
        exchange = exchange_of(flow)
        tools = self._tools(exchange)
        if tools is None or exchange.streamed:
            return None
        self._check_calls(exchange, tools)
        if exchange.denial is not None:
            return None
        if not exchange.observing:
            flow.request.headers["accept-encoding"] = "identity"
        policy = self._services.policy
        if policy.user_modules and (flow.request.method == "GET" or _asks_for_list(exchange)):
            # They run outside of this process, which the answer cannot wait for.
            return self._ask_ahead(exchange, policy, tools)
        return None

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        """Have the lists in an answer rewritten, as it passes."""
        exchange, response = exchange_of(flow), flow.response
        if response is None or exchange.denial is not None or not exchange.recorded:
            return
        tools = self._tools(exchange)
        if tools is None or flow.request.method == "HEAD":
            return
        events = response.headers.get("content-type", "").strip().lower().startswith(EVENTS)
        # A client that opens a stream reads nothing else.
        if response.status_code in (204, 304) or not (events or flow.request.method == "POST"):
            return
        bound = self._services.policy.limits.max_body_bytes
        keep = _Keep(self._services, exchange, tools)
        answer = (EventAnswer if events else JsonAnswer)(keep, bound)
        encoded = response.headers.get("content-encoding", "identity").strip().lower()
        if exchange.observing:
            if encoded == "identity":
                exchange.rewrite = _watched(answer.feed)
            return
        readable = encoded in ("identity", "")
        feed = answer.feed if readable else _unreadable
        exchange.rewrite = _guarded(flow, exchange, feed, events=events, bound=bound)
        if not readable:
            del response.headers["content-encoding"]
        response.headers.pop("content-length", None)
        if flow.request.http_version == "HTTP/1.1" and response.http_version != "HTTP/1.0":
            response.headers["transfer-encoding"] = "chunked"

    def _tools(self, exchange: Exchange) -> Mapping[str, str] | None:
        place = exchange.destination
        if place is None:
            return None
        return self._services.policy.tools_of_server(place.scheme, place.host, place.port)

    def _check_calls(self, exchange: Exchange, tools: Mapping[str, str]) -> None:
        agent, decision = exchange.agent, exchange.decision
        if agent is None or decision is None or exchange.observing:
            return
        place = decision.destination
        wanted = self._services.policy.destination_options(place).tool_changes
        calls = [call for call in exchange.calls if call.kind == "mcp"]
        if wanted == "allow" or not calls:
            return
        names = {tool: name for name, tool in tools.items()}
        watch = self._services.tool_watch
        try:
            if wanted == "deny":
                changed = watch.server_changed(agent.tenant, place)
            else:
                pins = [
                    watch.pinned((agent.tenant, place, names.get(call.name, ""))) for call in calls
                ]
                changed = any(pin is not None and pin.changed_to for pin in pins)
        except LedgerError as error:
            exchange.deny("tools_unavailable", str(error), rule="tool_changes", status=503)
            return
        if changed:
            exchange.deny(
                "tool_changed",
                "The server describes this tool otherwise than when it was first seen, and nobody "
                "has accepted that yet. The firewall's operator can look at it with "
                "`aegis mcp tools` and accept it with `aegis mcp accept`.",
                rule="tool_changes",
            )

    async def _ask_ahead(
        self, exchange: Exchange, policy: PolicySet, tools: Mapping[str, str]
    ) -> None:
        found = {}
        for tool in set(tools.values()):
            question = {**_question(exchange), "calls": [open_call(tool)]}
            try:
                decision = await self._services.evaluator.decide(policy, question)
            except EvaluationError:
                continue
            found[tool] = decision.effect is not Effect.DENY
        exchange.may_call = found


class _Keep:
    """Goes through the lists of one answer."""

    def __init__(self, services: Services, exchange: Exchange, tools: Mapping[str, str]) -> None:
        self._services, self._exchange, self._tools = services, exchange, tools

    def __call__(self, listed: list[Any]) -> list[Any]:
        kept = [tool for tool in listed if self._may_call(_name(tool))]
        kept = self._unchanged(kept)
        self._exchange.tools_left_out += len(listed) - len(kept)
        return kept

    def _may_call(self, name: str | None) -> bool:
        tool = self._tools.get(name) if name is not None else None
        policy = self._services.policy
        if tool is None:
            return False
        if policy.user_modules:
            return self._exchange.may_call.get(tool, False)
        try:
            return policy.may_call(tool, **_question(self._exchange))
        except EvaluationError as error:
            logger.warning("No decision: %s.", error)
            return False

    def _unchanged(self, kept: list[Any]) -> list[Any]:
        """Compare descriptions with those that were seen first; gives the tools that may stay."""
        exchange, services = self._exchange, self._services
        assert exchange.agent is not None
        assert exchange.decision is not None
        tenant, place = exchange.agent.tenant, exchange.decision.destination
        wanted = services.policy.destination_options(place).tool_changes
        same = []
        try:
            for tool in kept:
                name, seen = str(_name(tool)), fingerprint(tool)
                changed, news = services.tool_watch.see((tenant, place, name), seen, _now())
                if news:
                    self._record(place, name, seen, wanted)
                if not changed or wanted == "allow":
                    same.append(tool)
            if wanted == "deny" and services.tool_watch.server_changed(tenant, place):
                return []
        except LedgerError as error:
            logger.warning("The tools of a server cannot be compared. %s", error)
            return kept if wanted == "allow" else []
        return same

    def _record(self, place: str, name: str, seen: str, wanted: str) -> None:
        exchange = self._exchange
        assert exchange.agent is not None
        self._services.log.submit(
            {
                "kind": "tool_changed",
                "time": home.timestamp(),
                "decision": exchange.id,
                "tenant": exchange.agent.tenant,
                "agent": exchange.agent.spiffe_id,
                "destination": place,
                "tool": self._tools[name],
                "fingerprint": seen,
                "tool_changes": wanted,
            }
        )


def _now() -> float:
    return time.time()


def _question(exchange: Exchange) -> Any:
    """Ask as for a call whose arguments are not known yet."""
    agent, destination = exchange.agent, exchange.destination
    assert agent is not None
    assert destination is not None
    return {
        "stage": "request",
        "agent": AgentRef(agent.id, agent.tenant, tuple(agent.groups), exchange.proof),
        "scheme": destination.scheme,
        "host": destination.host,
        "port": destination.port,
        "method": "POST",
        "body_kind": "json",
        "on_behalf_of": exchange.on_behalf_of,
        "asked_regions": exchange.asked_regions,
        "now": _now(),
    }


def _name(tool: Any) -> str | None:
    """Give the name of a tool, None where clients may read different ones."""
    if not isinstance(tool, dict):
        return None
    names = [value for key, value in tool.items() if key.casefold() == "name"]
    return names[0] if len(names) == 1 and isinstance(names[0], str) else None


def _asks_for_list(exchange: Exchange) -> bool:
    value = exchange.body.value
    messages = value if isinstance(value, list) else [value]
    return any(isinstance(item, dict) and item.get("method") == LISTING for item in messages)


def _unreadable(_: bytes) -> list[bytes]:
    raise AnswerUnreadable


def _watched(feed: Callable[[bytes], list[bytes]]) -> Callable[[bytes], list[bytes]]:
    """Look at an answer that goes on as it is."""
    reading = True

    def rewrite(data: bytes) -> list[bytes]:
        nonlocal reading
        if reading:
            try:
                feed(data)
            except Exception:
                reading = False
        return [data] if data else []

    return rewrite


def _guarded(
    flow: http.HTTPFlow,
    exchange: Exchange,
    feed: Callable[[bytes], list[bytes]],
    *,
    events: bool,
    bound: int,
) -> Callable[[bytes], list[bytes]]:
    """Let on what was rewritten; when that fails nothing more of the answer goes on."""
    ended, dropped = False, 0

    def rewrite(data: bytes) -> list[bytes]:
        nonlocal ended, dropped
        if ended:
            dropped += len(data)
            if dropped > bound:
                _hang_up(flow)
            return []
        try:
            return [piece for piece in feed(data) if piece]
        except Exception as error:
            ended = True
            if not isinstance(error, AnswerUnreadable):
                logger.warning("An answer was cut off (%s).", type(error).__name__)
            exchange.answer_refused = True
            if events and data:
                _hang_up(flow)
            return [_refusal(exchange, events=events)]

    return rewrite


def _refusal(exchange: Exchange, *, events: bool) -> bytes:
    """Tell the client why its answer ends, as errors to what it asked."""
    errors = [
        {
            "jsonrpc": "2.0",
            "id": rpc_id,
            "error": {
                "code": RPC_DENIED,
                "message": "The server's answer cannot be read as MCP within limits.max_body, so "
                "the firewall did not let it on. Ask for less at a time, or tell its operator.",
                "data": {"code": "answer_unreadable", "decision_id": exchange.id},
            },
        }
        for rpc_id in exchange.rpc_ids or ()
    ]
    if events:
        return b"".join(b"data: " + orjson.dumps(error) + b"\n\n" for error in errors)
    if not errors:
        return b""
    return orjson.dumps(errors if exchange.rpc_batch else errors[0])


def _hang_up(flow: http.HTTPFlow) -> None:
    """Stop an answer whose rest nobody will read."""
    server = flow.server_conn
    handler = ctx.master.addons.get("proxyserver").connections.get(flow.client_conn.id)
    io = handler.transports.get(server) if handler is not None else None
    if io is not None and io.writer is not None:
        io.writer.close()
