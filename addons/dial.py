"""Dial: the name resolved once, every address judged, those to be dialled pinned."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Sequence
from weakref import WeakKeyDictionary

from mitmproxy import connection, http

from addons.exchange import Destination, Exchange, exchange_of
from addons.resolver import ResolveError
from addons.services import Services
from addons.upstream_proxy import UpstreamProxy
from addons.upstream_trust import TrustError
from rules import Decision, judge_address, parse_address

logger = logging.getLogger(__name__)

Pins = dict[Destination, tuple[tuple[str, ...], tuple[str, ...]]]
"""The addresses pinned for each destination, and the ranges they were judged by."""

MAX_PINS = 256
"""Destinations that are pinned on one client connection; beyond that all are resolved anew."""

MAX_ADDRESSES = 8
"""Addresses of one name that are tried."""


class Dial:
    """Finds the addresses of a destination that was decided on, and only of such."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._pins: WeakKeyDictionary[connection.Client, Pins] = WeakKeyDictionary()

    def requestheaders(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Resolve for a request whose body goes through in pieces."""
        exchange = exchange_of(flow)
        return self.find(flow, exchange) if exchange.streamed else None

    def request(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Resolve for a request that was read whole."""
        exchange = exchange_of(flow)
        return None if exchange.streamed else self.find(flow, exchange)

    def find(self, flow: http.HTTPFlow, exchange: Exchange) -> Awaitable[None] | None:
        """Find the addresses of what was decided on, or refuse it; what is given is awaited."""
        destination, decision = exchange.target, exchange.decision
        if destination is None or decision is None:
            raise RuntimeError("dial ran before locate and decide")
        if not self._trusted(exchange):
            return None
        pins = self._pins.setdefault(flow.client_conn, {})
        proxy = self._services.upstream_proxy
        if proxy is not None and exchange.options.via != "direct":
            exchange.proxy = proxy
            return self._through(exchange, destination, decision, pins, proxy)
        return self._pin(exchange, destination, decision, pins)

    def _trusted(self, exchange: Exchange) -> bool:
        """See whether the files by which the destination is trusted are still good."""
        try:
            self._services.trust.roots(exchange.options)
            self._services.trust.certificate(exchange.options)
        except TrustError as error:
            logger.warning("%s.", error)
            exchange.deny(
                "trust_unavailable",
                "A certificate file that the policy names for this destination cannot be used, so "
                "nothing was sent. The firewall's own messages name it.",
                rule="dial",
                status=503,
            )
            return False
        return True

    async def _through(
        self,
        exchange: Exchange,
        destination: Destination,
        decision: Decision,
        pins: Pins,
        proxy: UpstreamProxy,
    ) -> None:
        """Find what the proxy is asked for: an address that was judged, or a name."""
        if not proxy.addresses:
            try:
                await proxy.look_up()
            except ResolveError:
                exchange.deny(
                    "upstream_proxy_unavailable",
                    "The firewall's upstream proxy has no address now, so nothing was sent. Its "
                    "operator finds the proxy under aegis_upstream_proxy.",
                    rule="dial",
                    status=502,
                )
                return
        if proxy.place.names and parse_address(destination.host) is None:
            exchange.address, exchange.addresses = "", (destination.host,)
            return
        waiting = self._pin(exchange, destination, decision, pins)
        if waiting is not None:
            await waiting
        # The proxy may have no IPv6, and does not try a second address.
        exchange.addresses = tuple(sorted(exchange.addresses, key=lambda found: ":" in found))
        exchange.address = exchange.addresses[0] if exchange.addresses else ""

    def _pin(
        self,
        exchange: Exchange,
        destination: Destination,
        decision: Decision,
        pins: Pins,
    ) -> Awaitable[None] | None:
        pinned = pins.get(destination)
        if pinned is None:
            return self._resolve(exchange, destination, decision, pins)
        addresses, judged_by = pinned
        if judged_by == decision.dial:
            exchange.address, exchange.addresses = addresses[0], addresses
        else:
            # The policy has changed since the name was resolved.
            self._judge(exchange, destination, decision, pins, addresses)
        return None

    async def _resolve(
        self,
        exchange: Exchange,
        destination: Destination,
        decision: Decision,
        pins: Pins,
    ) -> None:
        try:
            addresses = await self._services.resolver.resolve(destination.host, destination.port)
        except ResolveError as error:
            exchange.deny("name_unresolved", str(error), rule="dial", status=502)
            return
        self._judge(exchange, destination, decision, pins, addresses)

    def _judge(
        self,
        exchange: Exchange,
        destination: Destination,
        decision: Decision,
        pins: Pins,
        addresses: Sequence[str],
    ) -> None:
        for address in addresses:
            # One bad address among several is what rebinding looks like.
            reason = judge_address(address, decision.dial)
            if reason is not None and not exchange.observing:
                exchange.deny(
                    "address_refused",
                    f"The destination's name leads to an address that is refused: {reason}. "
                    "The policy can name it under the destination's `addresses`.",
                    rule="dial",
                    source=decision.source,
                )
                return
        exchange.addresses = tuple(addresses[:MAX_ADDRESSES])
        exchange.address = exchange.addresses[0]
        if len(pins) >= MAX_PINS:
            pins.clear()
        pins[destination] = exchange.addresses, decision.dial
