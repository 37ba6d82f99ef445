"""Record: the decision, durable in the signed log before the first byte leaves."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Awaitable
from typing import Any

from mitmproxy import http

from addons import home, refused
from addons.denial import render
from addons.exchange import Exchange, exchange_of
from addons.services import Services
from ledger import LedgerError
from rules import Decision, Effect

MAX_PLACES = 100
"""Places of one request at which something was taken out that are told of; the first of them."""

_LONG_NUMBER = re.compile(r"[0-9](?:[-._]?[0-9]){7,}")


class Record:
    """Writes one decision record for each exchange and answers those that were refused."""

    after_denial = True

    def __init__(self, services: Services) -> None:
        self._services = services

    def http_connect(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Record a tunnel that is refused; one that is allowed is recorded by its requests."""
        return self._answer(flow) if exchange_of(flow).denial is not None else None

    def requestheaders(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Record a request whose body goes through in pieces, before it starts."""
        exchange = exchange_of(flow)
        if exchange.denial is not None:
            # The body is not wanted: mitmproxy must not start to send it on.
            flow.request.stream = False
            exchange.streamed = False
        elif exchange.streamed:
            return self.write(flow, exchange)
        return None

    def request(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Record a request that was read whole."""
        return None if exchange_of(flow).recorded else self._answer(flow)

    async def _answer(self, flow: http.HTTPFlow) -> None:
        exchange = exchange_of(flow)
        await self.write(flow, exchange)
        if exchange.denial is not None:
            refused.answered.add(flow.client_conn)
            flow.response = render(exchange, flow.request)

    async def error(self, flow: http.HTTPFlow) -> None:
        """Record what the proxy refused by itself before any step could."""
        exchange = exchange_of(flow)
        if not exchange.recorded:
            exchange.deny(
                "request_malformed",
                "The request is malformed or its client went away.",
                rule="framing",
                status=400,
            )
            await self.write(flow, exchange)

    async def write(self, flow: http.HTTPFlow, exchange: Exchange) -> None:
        """Record a decision, or refuse what cannot be recorded."""
        services = self._services
        services.spans.decided(flow, exchange)
        entry = self._entry(flow, exchange)
        try:
            await services.log.append(entry)
        except LedgerError as error:
            exchange.denial = None
            exchange.deny(
                "log_unavailable",
                f"The decision could not be recorded, so nothing was sent. {error}",
                rule="fail-closed:record",
                status=503,
            )
            return
        exchange.recorded = True

    def _entry(self, flow: http.HTTPFlow, exchange: Exchange) -> dict[str, Any]:
        decision, denial, agent = exchange.decision, exchange.denial, exchange.agent
        services = self._services
        if denial is not None:
            effect, rule, reason = str(Effect.DENY), denial.rule, denial.message
            source = denial.source
        elif decision is not None:
            effect, rule, reason = str(decision.effect), decision.rule, decision.reason
            source = decision.source
        else:
            raise RuntimeError("record ran before decide")
        entry: dict[str, Any] = {
            "kind": "decision",
            "id": exchange.id,
            "time": home.timestamp(exchange.started_at),
            "mode": decision.mode if decision is not None else services.policy.mode,
            "effect": effect,
            "enforced": denial is not None or effect == "allow" or not exchange.observing,
            "rule": rule,
            "reason": reason,
            "source": source,
            "revision": decision.revision if decision is not None else services.policy.revision,
            "tenant": agent.tenant if agent is not None else None,
            "agent": agent.spiffe_id if agent is not None else None,
            "token_id": exchange.token_id,
            "proof": exchange.proof if agent is not None else None,
            "destination": self._destination(exchange),
            "request": self._request(flow, exchange),
            "tools": [call.name for call in exchange.calls],
            **self._circumstances(exchange),
            **_redacted(exchange),
            "timing_us": {step: spent // 1000 for step, spent in exchange.timings.items()},
            "trace_id": exchange.trace_id,
        }
        if denial is not None:
            entry["code"] = denial.code
        if exchange.tunnel:
            entry["stage"] = "request"
        return entry

    def _circumstances(self, exchange: Exchange) -> dict[str, Any]:
        """What else the decision hung on and what it asked for, so that it can be asked again."""
        agent, decision = exchange.agent, exchange.decision
        found: dict[str, Any] = {
            "groups": list(agent.groups) if agent is not None else [],
            "data": list(exchange.data),
            "environment": dict(self._services.environment),
        }
        if exchange.session:
            found["session"] = exchange.session
        if exchange.asked_regions:
            found["asked_regions"] = list(exchange.asked_regions)
        if exchange.on_behalf_of:
            found["on_behalf_of"] = [
                {"id": other.id, "tenant": other.tenant, "groups": list(other.groups)}
                for other in exchange.on_behalf_of
            ]
        if decision is not None:
            found.update(obligations(decision))
        if exchange.candidate is not None:
            found["shadow"] = {
                "revision": exchange.candidate.revision,
                "effect": str(exchange.candidate.effect),
                "rule": exchange.candidate.rule,
            }
        return found

    def _destination(self, exchange: Exchange) -> dict[str, Any] | None:
        destination, decision = exchange.destination, exchange.decision
        if destination is None:
            return None
        known = decision.destination if decision is not None else ""
        region = self._services.policy.destination_options(known).region if known else ""
        return {
            "id": known,
            "scheme": destination.scheme,
            # A name nobody declared may itself be what an agent tries to carry out.
            "host": destination.host if known else scrub(destination.host),
            "port": destination.port,
            "address": exchange.address,
            "region": region,
            **({"routed": exchange.routed.host} if exchange.routed is not None else {}),
            **_way(exchange),
        }

    def _request(self, flow: http.HTTPFlow, exchange: Exchange) -> dict[str, Any]:
        request = flow.request
        body = request.raw_content or b""
        return {
            "method": request.method if request.method.isalpha() else "?",
            "path": self._digest(b"path", request.path.encode("utf-8", "surrogateescape")),
            "protocol": request.http_version,
            "body": exchange.body.kind,
            "bytes": exchange.request_bytes,
            **({"opaque": exchange.body.opaque} if exchange.body.opaque else {}),
            "digest": self._digest(b"body", body) if body else "",
        }

    def _digest(self, what: bytes, data: bytes) -> str:
        """Commit to a value that may be personal: keyed, so that it cannot be guessed."""
        return hmac.digest(self._services.secret, what + b"\0" + data, hashlib.sha256).hex()


def _redacted(exchange: Exchange) -> dict[str, Any]:
    """Tell how much of what was taken out where, and commit to the values without telling them."""
    found: dict[str, Any] = {"redacted": dict(exchange.redacted)}
    if exchange.redacted_at:
        places = exchange.redacted_at.most_common(MAX_PLACES)
        found["redacted_at"] = [
            {"place": place, "entity": entity, "count": count} for (place, entity), count in places
        ]
    if exchange.redacted_commitment:
        found["redacted_commitment"] = exchange.redacted_commitment
    if exchange.unredacted:
        found["unredacted"] = exchange.unredacted
    return found


def _way(exchange: Exchange) -> dict[str, Any]:
    """Tell what is unusual about how the destination is reached."""
    found: dict[str, Any] = {}
    if exchange.tunnel:
        found["tls"] = "passthrough"
    if exchange.proxy is not None:
        found["via"] = "proxy"
        if exchange.addresses and not exchange.address:
            found["judged"] = "name"
    return found


def obligations(decision: Decision) -> dict[str, Any]:
    """Give what a decision asks for beside its effect, and what observing rules would have done."""
    found: dict[str, Any] = {}
    if decision.approve:
        found["approve"] = [{"id": item.id, "rule": item.rule} for item in decision.approve]
    if decision.reserve:
        found["reserve"] = [{"id": item.id, "key": item.key} for item in decision.reserve]
    if decision.throttle:
        found["throttle"] = list(decision.throttle)
    if decision.would is not None:
        effect, rule = decision.would
        found["would"] = {"effect": str(effect), "rule": rule}
    return found


def scrub(host: str) -> str:
    """Blank out long numbers in a host name."""
    return _LONG_NUMBER.sub(lambda match: "#" * len(match.group()), host)
