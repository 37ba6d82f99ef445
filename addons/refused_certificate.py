"""Refused certificate: a client that does not trust the firewall's CA, told to who can mend it."""

from __future__ import annotations

import logging
import time
from collections import OrderedDict

from mitmproxy import connection, http, tls

from addons import home
from addons.exchange import exchange_of
from addons.record import scrub
from addons.services import Services

logger = logging.getLogger(__name__)

AGAIN_SECONDS = 60.0
"""How long the same agent and destination are not told of again."""

MAX_KEPT = 1024

SIGNS = ("unknown ca", "bad certificate", "certificate unknown", "unknown_ca")
"""What OpenSSL calls the alerts of a client that does not trust a certificate."""

MEND = (
    "The client does not trust the firewall's certificate. Have it trust ca-bundle.pem of the home "
    "folder (`aegis run` does), or, if it pins certificates, say `tls: passthrough` at the "
    "destination."
)


class RefusedCertificate:
    """Records that a client refused the firewall's certificate, and what to do."""

    after_denial = True

    def __init__(self, services: Services) -> None:
        self._services = services
        self._tunnels: OrderedDict[str, tuple[str, str, str, int]] = OrderedDict()
        self._told: OrderedDict[tuple[str, str], float] = OrderedDict()

    def http_connect(self, flow: http.HTTPFlow) -> None:
        """Remember whose tunnel leads where."""
        exchange = exchange_of(flow)
        if exchange.denial is not None or exchange.destination is None or exchange.agent is None:
            return
        known = exchange.decision.destination if exchange.decision is not None else ""
        host = exchange.destination.host if known else scrub(exchange.destination.host)
        self._tunnels[flow.client_conn.id] = (
            exchange.agent.spiffe_id,
            known,
            host,
            exchange.destination.port,
        )
        if len(self._tunnels) > MAX_KEPT:
            self._tunnels.popitem(last=False)

    def client_disconnected(self, client: connection.Client) -> None:
        """Forget a tunnel."""
        self._tunnels.pop(client.id, None)

    def tls_failed_client(self, data: tls.TlsData) -> None:
        """Tell of a handshake that the client broke off over our certificate."""
        found = self._tunnels.pop(data.conn.id, None)
        error = (data.conn.error or "").lower()
        if found is None or not any(sign in error for sign in SIGNS):
            return
        agent, known, host, port = found
        now = time.monotonic()
        if now - self._told.get((agent, host), -AGAIN_SECONDS) < AGAIN_SECONDS:
            return
        self._told[agent, host] = now
        self._told.move_to_end((agent, host))
        if len(self._told) > MAX_KEPT:
            self._told.popitem(last=False)
        logger.warning("%s, %s:%d: %s", agent.rpartition("/")[2], host, port, MEND)
        self._services.log.submit(
            {
                "kind": "client_refused_certificate",
                "time": home.timestamp(),
                "agent": agent,
                "destination": {"id": known, "host": host, "port": port},
                "mend": MEND,
            }
        )
