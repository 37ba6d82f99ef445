"""Sanitise: personal data taken out of URL, headers and body, or the request refused."""

from __future__ import annotations

import asyncio
import datetime
import time
from collections.abc import Awaitable, Collection, Mapping, Sequence

from mitmproxy import http

from addons.exchange import Exchange, exchange_of
from addons.redactor import RedactionFailed
from addons.request_documents import Sent, parts_of
from addons.services import Services
from addons.signed_requests import Changed, check, recompute
from ledger import LedgerError, VaultCollision
from redaction import (
    CollisionError,
    HeaderDocument,
    Opaque,
    Redacted,
    RedactionError,
    RuleSet,
    Scope,
    commitment,
    derived_key,
    surrogates_of,
    tenant_key,
)
from rules import Decision

DEFAULT_TTL = 24 * 3600.0
"""Seconds that the values of surrogates are kept, where policy says nothing."""

ATTEMPTS = 8
"""How often surrogates are chosen anew when two values would share one."""


class Sanitise:
    """Applies the redactions that the decision asks for."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._wanted: dict[tuple[str, tuple[str, ...]], RuleSet] = {}

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Refuse to let a body through in pieces where it would have to be redacted."""
        exchange = exchange_of(flow)
        decision = exchange.decision
        if not exchange.streamed or decision is None or exchange.observing:
            return
        rules = self._of(decision)
        if rules is None:
            return
        if rules.profile.on_failure == "pass":
            exchange.unredacted = "unread"
            return
        if not exchange.header(flow.request, b"content-length"):
            exchange.deny(
                "body_unread",
                "The body is a stream that nobody reads (request_streams: pass), and policy wants "
                "personal data taken out of what goes to this destination. Send a body that says "
                "its length (Content-Length).",
                rule=decision.redact[0],
            )
            return
        exchange.deny(
            "body_too_large",
            "The body is too large to be inspected, and policy wants personal data taken out "
            "of what goes to this destination.",
            rule=decision.redact[0],
            status=413,
        )

    def request(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Find and take out what policy names, everywhere in the request."""
        exchange = exchange_of(flow)
        decision = exchange.decision
        if exchange.streamed or decision is None:
            return None
        rules = self._of(decision)
        return None if rules is None else self._sanitise(flow, exchange, decision, rules)

    async def _sanitise(
        self, flow: http.HTTPFlow, exchange: Exchange, decision: Decision, rules: RuleSet
    ) -> None:
        try:
            await self._apply(flow, exchange, rules)
        except (RedactionError, RedactionFailed, LedgerError) as error:
            unreadable = isinstance(error, RedactionError)
            if exchange.observing:
                exchange.redacted["unreadable"] += 1
            elif rules.profile.on_failure == "pass":
                exchange.unredacted = "unreadable" if unreadable else "search_failed"
            else:
                exchange.deny(
                    "redaction_failed",
                    f"Personal data could not be taken out, so nothing was sent: {error}",
                    rule=decision.redact[0],
                    status=422 if unreadable else 503,
                )

    async def _apply(self, flow: http.HTTPFlow, exchange: Exchange, rules: RuleSet) -> None:
        opaque: Opaque = "pass" if rules.profile.images == "pass" else "refuse"
        parts, sent = parts_of(flow.request, exchange, opaque)
        salt = derived_key(self._services.secret, f"commitment {exchange.id}")
        session = exchange.vault_session
        # Values of earlier calls may come back too.
        exchange.restores = rules.profile.reversible and not exchange.observing
        for attempt in range(ATTEMPTS):
            try:
                scope = await self._scope(exchange, rules, session)
                results = await self._services.redactor.redact(parts, rules, scope, salt)
                surrogates = surrogates_of(results)
                if surrogates and not exchange.observing:
                    await self._keep(exchange, rules, session, surrogates)
                break
            except (CollisionError, VaultCollision) as collision:
                if attempt == ATTEMPTS - 1:
                    raise
                await asyncio.to_thread(
                    self._services.vault.bump, _tenant(exchange), session, collision.digests
                )
        for result in results:
            exchange.redacted.update(result.counts)
            exchange.redacted_at.update(result.places)
        if not exchange.redacted:
            return
        exchange.redacted_commitment = commitment(results)
        if not exchange.observing:
            _write(flow.request, exchange, sent, results)

    async def _scope(self, exchange: Exchange, rules: RuleSet, session: str) -> Scope:
        tenant = _tenant(exchange)
        bumps: Mapping[str, int] = {}
        given: Collection[str] = ()
        if rules.profile.reversible and not exchange.observing:
            vault = self._services.vault
            bumps = await asyncio.to_thread(vault.bumps, tenant, session)
            given = (await asyncio.to_thread(vault.mapping, tenant, session, time.time())).keys()
        return Scope(
            key=tenant_key(self._services.secret, tenant),
            session=session,
            bumps=bumps,
            given=frozenset(given),
            today=datetime.datetime.now(datetime.UTC).date(),
        )

    async def _keep(
        self,
        exchange: Exchange,
        rules: RuleSet,
        session: str,
        surrogates: Mapping[str, tuple[str, str]],
    ) -> None:
        now = time.time()
        await asyncio.to_thread(
            self._services.vault.put,
            _tenant(exchange),
            session,
            surrogates,
            now + (rules.profile.ttl_seconds or DEFAULT_TTL),
            now,
        )

    def _of(self, decision: Decision) -> RuleSet | None:
        """Give what is wanted of requests, None where that is nothing."""
        if not decision.redact:
            return None
        key = (decision.revision, decision.redact)
        rules = self._wanted.get(key)
        if rules is None:
            if len(self._wanted) > 256:
                self._wanted.clear()
            policy = self._services.policy
            wanted = [
                rule
                for rule in policy.redaction_rules(decision.redact)
                if rule.get("direction", "request") != "response"
            ]
            rules = self._wanted[key] = RuleSet.of(wanted, policy.recognizers)
        return rules if rules.profile.operators else None


def _tenant(exchange: Exchange) -> str:
    return exchange.agent.tenant if exchange.agent is not None else ""


def _write(
    request: http.Request, exchange: Exchange, sent: Sent, results: Sequence[Redacted]
) -> None:
    """Put the new URL, headers and body into the request, or refuse what a signature forbids."""
    url, headers, *body = results
    names: list[str] = []
    fields = list(request.headers.fields)
    if headers.places:
        values = HeaderDocument.parse(headers.content)
        for (index, name, old), (_, value) in zip(sent, values, strict=True):
            if value != old:
                names.append(name)
                fields[index] = (fields[index][0], value.encode("utf-8", "surrogateescape"))
    new_body = bool(body) and bool(body[0].places)
    problem = check(request, Changed(bool(url.places), names, new_body))
    if problem is not None:
        exchange.deny(problem.code, problem.message, rule="redaction", status=problem.status)
        return
    if url.places:
        request.path = url.content.decode("utf-8", "surrogateescape")
    request.headers.fields = tuple(fields)
    if new_body:
        # The setter encodes again by Content-Encoding and corrects Content-Length.
        request.content = body[0].content
        recompute(request)
