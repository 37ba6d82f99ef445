"""Passthrough: TLS let through unread, to where policy says so and to nowhere else."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from mitmproxy import connection, http
from mitmproxy.proxy import layer
from mitmproxy.proxy.context import Context
from mitmproxy.tls import ClientHello

from addons.decide import no_decision, settle
from addons.dial import Dial
from addons.exchange import UNKNOWN_BYTES, Body, Exchange, exchange_of
from addons.identify import may_call
from addons.openings import Opening, Openings
from addons.passthrough_layer import PassthroughLayer, Relay, stack
from addons.record import Record
from addons.services import Services
from addons.settle import broken
from rules import (
    AgentRef,
    Decision,
    Effect,
    EvaluationError,
    HostError,
    PolicySet,
    canonical_host,
    judge_address,
)

LOOK_SECONDS = 0.5
"""How often it is seen whether the open tunnels may still be."""

_SERVER_NAME = 0
_ENCRYPTED = frozenset({0xFE0D, 0xFFCE})
"""Extensions that hide the real name: ECH, and ESNI before it."""


@dataclass(slots=True)
class _Tunnel:
    """A tunnel that policy lets through, from its CONNECT to its end."""

    flow: http.HTTPFlow
    exchange: Exchange
    begun: bool = False
    relay: Relay | None = None


class Passthrough:
    """Opens tunnels that nobody reads, and cuts them when they may not be any more.

    The tunnel is decided on like a request of which nothing is known. It opens when the server name
    in TLS is the name that was asked for by CONNECT, its address was judged and the decision is
    recorded.
    """

    def __init__(self, services: Services, openings: Openings, dial: Dial, record: Record) -> None:
        self._services = services
        self._openings = openings
        self._dial = dial
        self._record = record
        self._tunnels: WeakKeyDictionary[connection.Client, _Tunnel] = WeakKeyDictionary()
        self._open: dict[str, _Tunnel] = {}
        self._watch: asyncio.Task[None] | None = None

    # At CONNECT ---------------------------------------------------------------------------

    async def http_connect(self, flow: http.HTTPFlow) -> None:
        """Decide whether a tunnel may pass through unread, where its destination is such a one."""
        policy, exchange = self._services.policy, exchange_of(flow)
        if not policy.passes_through:
            return
        try:
            decision = await self._ask(policy, exchange)
        except EvaluationError as error:
            no_decision(exchange, error)
            return
        if policy.destination_options(decision.destination).tls != "passthrough":
            return
        exchange.tunnel, exchange.body = True, Body("uninspected", opaque=UNKNOWN_BYTES)
        exchange.data = tuple(policy.labelled_entities)
        await self._ask_candidate(exchange)
        settle(exchange, decision, policy)
        unmet = _unmet(decision, exchange)
        if unmet:
            exchange.deny(
                "passthrough_refused",
                f"The policy lets TLS to this destination through unread, and {unmet}, which "
                "cannot be done then. Its owner has to take one of them back.",
                rule=decision.redact[0] if decision.redact else decision.rule,
                source=decision.source,
            )
        if exchange.denial is None:
            self._tunnels[flow.client_conn] = _Tunnel(flow, exchange)

    async def _ask(self, policy: PolicySet, exchange: Exchange) -> Decision:
        """Ask about a request of which only the destination is known; raises `EvaluationError`."""
        question = _question(exchange, policy)
        evaluator = self._services.evaluator
        if evaluator.asks(policy):
            return await evaluator.decide(policy, question)
        return policy.decide(**question)

    async def _ask_candidate(self, exchange: Exchange) -> None:
        candidate = self._services.candidate
        if candidate is not None:
            question = _question(exchange, candidate)
            with contextlib.suppress(EvaluationError):
                exchange.candidate = await self._services.evaluator.decide(
                    candidate, question, remote=False
                )

    # At the first bytes in it ---------------------------------------------------------------

    def next_layer(self, chosen: layer.NextLayer) -> None:
        """Take the place of what mitmproxy would do with the bytes in such a tunnel."""
        context = chosen.context
        tunnel = self._tunnels.get(context.client)
        if tunnel is None or tunnel.begun:
            return
        tunnel.begun = True
        if chosen.layer is not None and chosen.layer in context.layers:
            del context.layers[context.layers.index(chosen.layer) :]
        chosen.layer = PassthroughLayer(context)

    async def passthrough(self, begun: PassthroughLayer) -> None:
        """Open the tunnel when its first message names where it may go."""
        tunnel = self._tunnels[begun.context.client]
        try:
            may = await self._may_open(tunnel, begun.hello)
        except Exception as error:
            no_decision(tunnel.exchange, error)
            await self._record.write(tunnel.flow, tunnel.exchange)
        else:
            begun.child = self._opened(tunnel, begun.context) if may else None

    async def _may_open(self, tunnel: _Tunnel, hello: ClientHello | None) -> bool:
        """Judge the names and the address, and record what comes of it."""
        exchange, destination = tunnel.exchange, tunnel.exchange.destination
        assert destination is not None
        if hello is None:
            _refuse(
                exchange,
                "passthrough_not_tls",
                "Policy lets TLS through to this destination and nothing else, and this is no TLS.",
            )
        else:
            _check_names(exchange, hello, destination.host)
        if exchange.denial is None:
            why = await self._why_not(tunnel)
            if why:
                _refuse(exchange, why, "Policy or the agent's token has changed since CONNECT.")
        if exchange.denial is None:
            waiting = self._dial.find(tunnel.flow, exchange)
            if waiting is not None:
                await waiting
        await self._record.write(tunnel.flow, exchange)
        return exchange.denial is None and exchange.recorded and bool(exchange.addresses)

    def _opened(self, tunnel: _Tunnel, context: Context) -> layer.Layer:
        exchange = tunnel.exchange
        assert exchange.destination is not None
        opening = Opening(
            exchange.destination.host,
            exchange.destination.port,
            exchange.addresses,
            exchange.options,
            exchange.proxy,
        )
        self._openings.add(context.client, opening)
        context.server.address = (opening.addresses[0], opening.port)
        context.server.via = opening.via
        context.server.tls = context.client.tls = False
        tunnel.relay = Relay(context.client, self._ended)
        self._open[context.client.id] = tunnel
        if self._watch is None or self._watch.done():
            self._watch = asyncio.create_task(self._look())
        return stack(context, tunnel.relay)

    # While it is open -----------------------------------------------------------------------

    async def _look(self) -> None:
        """Cut what may not be any more: the token, the policy or the time has changed."""
        while self._open:
            await asyncio.sleep(LOOK_SECONDS)
            for tunnel in list(self._open.values()):
                try:
                    why = await self._why_not(tunnel)
                except Exception:  # whatever is wrong, nobody can say that it still may
                    why = "not_decided"
                if why and tunnel.relay is not None:
                    tunnel.relay.cut(why)

    async def _why_not(self, tunnel: _Tunnel) -> str:
        """Say why a tunnel may not be open now, empty when it may."""
        exchange, services = tunnel.exchange, self._services
        if not may_call(services.agents, exchange):
            return "token_revoked"
        policy, before = services.policy, exchange.decision
        assert before is not None
        if policy.revision == before.revision and services.evaluator.asks(policy):
            return ""
        decision = await self._ask(policy, exchange)
        options = policy.destination_options(decision.destination)
        if decision.mode == "observe":
            return ""
        if decision.effect in (Effect.DENY, Effect.REQUIRE_APPROVAL) or decision.reserve:
            return "policy_denied"
        if options.tls != "passthrough" or options.via != exchange.options.via:
            return "policy_changed"
        if decision.redact or decision.route_host:
            return "policy_changed"
        judged = exchange.addresses if exchange.address else ()
        if any(judge_address(address, decision.dial) for address in judged):
            return "address_refused"
        return ""

    def client_disconnected(self, client: connection.Client) -> None:
        """See to it that each tunnel has an end."""
        tunnel = self._open.get(client.id)
        if tunnel is not None and tunnel.relay is not None:
            tunnel.relay.end("broken_off")

    def _ended(self, relay: Relay) -> None:
        """Record what came of a tunnel."""
        tunnel = self._open.pop(relay.client.id, None)
        if tunnel is None:
            return
        exchange = tunnel.exchange
        exchange.settled = True
        outcome: dict[str, Any] = {
            "kind": "outcome",
            "decision": exchange.id,
            "status": None,
            "request_bytes": relay.up,
            "response_bytes": relay.down,
            "duration_us": (time.perf_counter_ns() - exchange.started_ns) // 1000,
            "error": broken(relay.error) if relay.error else None,
            "tls": "passthrough",
        }
        self._services.log.submit(outcome)


def _question(exchange: Exchange, policy: PolicySet) -> dict[str, Any]:
    agent, destination = exchange.agent, exchange.destination
    if agent is None or destination is None:
        raise RuntimeError("passthrough ran before identify and locate")
    return {
        "stage": "request",
        "agent": AgentRef(agent.id, agent.tenant, tuple(agent.groups), exchange.proof),
        "scheme": "https",
        "host": destination.host,
        "port": destination.port,
        "method": "CONNECT",
        "body_kind": "uninspected",
        "calls": (),
        "on_behalf_of": exchange.on_behalf_of,
        # What nobody reads may hold anything.
        "opaque": UNKNOWN_BYTES,
        "data": tuple(policy.labelled_entities),
        "asked_regions": policy.unread_regions(destination.host),
        "now": time.time(),
    }


def _unmet(decision: Decision, exchange: Exchange) -> str:
    """Name what the decision asks for that needs reading."""
    if exchange.observing:
        return ""
    if decision.redact:
        return "wants personal data taken out"
    destination = exchange.destination
    if decision.route_host and destination and decision.route_host != destination.host:
        return "sends the call to another region"
    return ""


def _check_names(exchange: Exchange, hello: ClientHello, host: str) -> None:
    """Refuse a ClientHello whose one server name is not that of the CONNECT."""
    kinds = [kind for kind, _ in hello.extensions]
    if not _ENCRYPTED.isdisjoint(kinds):
        _refuse(
            exchange,
            "passthrough_name_hidden",
            "The TLS server name is encrypted (ECH), so nobody can tell where this goes. Switch "
            "ECH off in the client.",
        )
    elif hello.sni is None or kinds.count(_SERVER_NAME) != 1:
        _refuse(
            exchange,
            "passthrough_name_missing",
            "TLS that is let through unread has to name its server (SNI), once, and this does not.",
        )
    elif _canonical(hello.sni) != host:
        _refuse(
            exchange,
            "destination_mismatch",
            "The CONNECT authority and the TLS server name (SNI) name different destinations, so "
            "nothing was sent.",
        )


def _canonical(name: str) -> str | None:
    try:
        return canonical_host(name)
    except HostError:
        return None


def _refuse(exchange: Exchange, code: str, message: str) -> None:
    exchange.deny(code, message, rule="passthrough", status=421)
