"""Answers: personal data taken out of what comes back, and surrogates made values again.

First what policy wants taken out, then the conversation's own surrogates: what they stand for came
from this agent, and goes back to it alone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence

from mitmproxy import http

from addons.answer import Answer, denial_of
from addons.answer_kind import AnswerKind, frames_of, kind_of
from addons.answer_rules import AnswerPolicy, AnswerRules
from addons.decode import DecodeError, decode
from addons.event_frames import StreamUnreadable
from addons.exchange import Exchange, exchange_of
from addons.redact_events import EventRedactor
from addons.redactor import Part, RawBody, RedactionFailed
from addons.services import Services
from addons.signed_requests import Changed, check
from addons.way_back import WayBack
from redaction import Redacted, RedactionError


class Answers:
    """Searches and restores answers before the agent sees them."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._policy = AnswerPolicy(services)
        self._way_back = WayBack()

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Look up what is wanted of the answer while the policy that decided is in force."""
        self._policy.rules(exchange_of(flow).decision)

    def request(self, flow: http.HTTPFlow) -> None:
        """Ask for an answer that can be read."""
        exchange = exchange_of(flow)
        if exchange.observing or exchange.decision is None:
            return
        rules = self._policy.rules(exchange.decision)
        if rules is None and not exchange.restores:
            return
        headers = flow.request.headers
        if "sec-websocket-key" in headers:
            if rules is not None and not rules.passes:
                exchange.deny(
                    "answer_unsearchable",
                    "A WebSocket's messages are not searched for personal data on their way back, "
                    "and policy wants that of what comes from this destination.",
                    rule=rules.first,
                )
            return
        if not _signed(flow.request, "accept-encoding"):
            headers["accept-encoding"] = "identity"
        if rules is not None and not _signed(flow.request, "range"):
            # A value may be cut in two by it.
            for name in ("range", "if-range"):
                headers.pop(name, None)

    def responseheaders(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Settle how an answer is read."""
        exchange, response = exchange_of(flow), flow.response
        if response is None or exchange.denial is not None or not exchange.recorded:
            return None
        rules = self._policy.rules(exchange.decision)
        if rules is None and not (exchange.restores and not exchange.observing):
            return None
        kind = kind_of(flow.request, response)
        if exchange.observing:
            if rules is not None and kind is not AnswerKind.NONE:
                self._watch(exchange)
            return None
        return self._begin(flow, exchange, response, kind, rules)

    async def _begin(
        self,
        flow: http.HTTPFlow,
        exchange: Exchange,
        response: http.Response,
        kind: AnswerKind,
        rules: AnswerRules | None,
    ) -> None:
        exchange.answer_status = response.status_code
        ways = None
        if exchange.restores:
            ways = await self._way_back.of(self._services.vault, exchange)
        answer = Answer(self._services, self._policy, flow, exchange, rules, ways)
        await answer.headers()
        if exchange.answer_denial is None and kind is not AnswerKind.NONE:
            answer.begin(kind)

    async def answer_piece(self, flow: http.HTTPFlow) -> None:
        """Search a piece of an answer."""
        exchange = exchange_of(flow)
        if exchange.slow is not None:
            exchange.pieces += await exchange.slow(exchange.piece)

    def response(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Search and restore an answer that was read whole."""
        exchange = exchange_of(flow)
        if flow.response is None or exchange.denial is not None:
            return None
        if exchange.whole_answer is None and exchange.seen_answer is None:
            if exchange.answer_denial is not None:
                flow.response = denial_of(exchange, flow.request)
            return None
        return self._finish(flow, exchange)

    async def _finish(self, flow: http.HTTPFlow, exchange: Exchange) -> None:
        if isinstance(exchange.whole_answer, Answer):
            await exchange.whole_answer.finish()
        elif exchange.seen_answer is not None:
            await self._count(flow, exchange, bytes(exchange.seen_answer))
        if exchange.answer_denial is not None:
            flow.response = denial_of(exchange, flow.request)

    def _watch(self, exchange: Exchange) -> None:
        """Keep a copy of an answer that goes on as it is, to say what would be taken out."""
        bound = self._services.policy.limits.max_body_bytes
        seen = exchange.seen_answer = bytearray()

        def watch(data: bytes) -> list[bytes]:
            if len(seen) <= bound:
                seen.extend(data)
            return [data] if data else []

        exchange.rewrite_also(watch)

    async def _count(self, flow: http.HTTPFlow, exchange: Exchange, seen: bytes) -> None:
        rules, response = self._policy.rules(exchange.decision), flow.response
        if rules is None or response is None or not seen:
            return
        limits = self._services.policy.limits
        encoding = response.headers.get("content-encoding", "")
        try:
            data = decode(
                seen, encoding, max_bytes=limits.max_body_bytes, max_ratio=limits.max_ratio
            )
            frames = frames_of(flow.request, response)
            if frames is None:
                declared = response.headers.get("content-type", "")
                await self._search(exchange, rules, [RawBody(declared, data, rules.opaque)])
            else:

                async def search(parts: Sequence[Part]) -> list[Redacted]:
                    return await self._search(exchange, rules, parts)

                events = EventRedactor(frames, search, None, limits.max_body_bytes)
                await events.feed(data)
                await events.feed(b"")
        except (DecodeError, RedactionError, RedactionFailed, StreamUnreadable):
            exchange.redacted_answer["unreadable"] += 1

    async def _search(
        self, exchange: Exchange, rules: AnswerRules, parts: Sequence[Part]
    ) -> list[Redacted]:
        scope = self._policy.scope(exchange, ())
        results = await self._services.redactor.redact(parts, rules.rules, scope)
        for result in results:
            exchange.redacted_answer.update(result.counts)
        return results


def _signed(request: http.Request, header: str) -> bool:
    return check(request, Changed(headers=[header])) is not None
