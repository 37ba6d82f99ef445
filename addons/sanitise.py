"""Sanitise: personal data taken out of URL, headers and body, or the request refused."""

from __future__ import annotations

from collections.abc import Awaitable

from mitmproxy import http

from addons.exchange import Exchange, exchange_of
from addons.redactor import RedactionFailed
from addons.request_documents import documents_of
from addons.services import Services
from redaction import HeaderDocument, Profile, RedactionError, profile_from
from rules import Decision


class Sanitise:
    """Applies the redactions that the decision asks for."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._profiles: dict[tuple[str, tuple[str, ...]], Profile] = {}

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Refuse to let a body through in pieces where it would have to be redacted."""
        exchange = exchange_of(flow)
        decision = exchange.decision
        if not exchange.streamed or decision is None or not decision.redact or exchange.observing:
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
        if exchange.streamed or decision is None or not decision.redact:
            return None
        return self._sanitise(flow, exchange, decision)

    async def _sanitise(self, flow: http.HTTPFlow, exchange: Exchange, decision: Decision) -> None:
        profile = self._profile(decision.revision, decision.redact)
        try:
            await self._apply(flow, exchange, profile)
        except (RedactionError, RedactionFailed) as error:
            if exchange.observing:
                exchange.redacted["unreadable"] += 1
                return
            exchange.deny(
                "redaction_failed",
                f"Personal data could not be taken out, so nothing was sent: {error}",
                rule=decision.redact[0],
                status=422 if isinstance(error, RedactionError) else 503,
            )

    async def _apply(self, flow: http.HTTPFlow, exchange: Exchange, profile: Profile) -> None:
        request = flow.request
        documents, sent = await documents_of(request, exchange)
        results = await self._services.redactor.redact(documents, profile)
        for result in results:
            exchange.redacted.update(result.counts)
        if exchange.observing:
            return
        url, headers, *body = results
        if url.counts:
            request.path = url.content.decode("utf-8", "surrogateescape")
        if headers.counts:
            fields = list(request.headers.fields)
            values = HeaderDocument.parse(headers.content)
            for (index, _, _), (_, value) in zip(sent, values, strict=True):
                fields[index] = (fields[index][0], value.encode("utf-8", "surrogateescape"))
            request.headers.fields = tuple(fields)
        if body and body[0].counts:
            # The setter encodes again by Content-Encoding and corrects Content-Length.
            request.content = body[0].content

    def _profile(self, revision: str, rules: tuple[str, ...]) -> Profile:
        key = (revision, rules)
        profile = self._profiles.get(key)
        if profile is None:
            if len(self._profiles) > 256:
                self._profiles.clear()
            profile = profile_from(self._services.policy.redaction_rules(rules))
            self._profiles[key] = profile
        return profile
