"""Gate: the last look before a dial; what is not allowed and recorded does not get out."""

from __future__ import annotations

from mitmproxy import connection, http, tcp, udp
from mitmproxy.dns import DNSFlow
from mitmproxy.proxy import server_hooks

from addons import dial_in_order
from addons.denial import render
from addons.exchange import Exchange, exchange_of
from addons.openings import Opening, Openings


class Gate:
    """Opens for the addresses of a recorded exchange and for nothing else."""

    after_denial = True

    def __init__(self, openings: Openings | None = None) -> None:
        self._openings = openings if openings is not None else Openings()

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Let a body go through in pieces only when its exchange is recorded."""
        exchange = exchange_of(flow)
        if exchange.streamed and exchange.recorded and exchange.denial is None:
            self._pass(flow, exchange)
        else:
            flow.request.stream = False
        if exchange.denial is not None:
            # The client waits to be asked for its body, and it is not wanted.
            flow.request.headers.pop("expect", None)

    def request(self, flow: http.HTTPFlow) -> None:
        """Let a request go on, or answer it here."""
        exchange = exchange_of(flow)
        if exchange.streamed:
            return
        if exchange.denial is None and exchange.recorded and exchange.addresses:
            self._pass(flow, exchange)
        elif flow.response is None:
            flow.response = render(exchange, flow.request)

    def _pass(self, flow: http.HTTPFlow, exchange: Exchange) -> None:
        destination = exchange.target
        assert destination is not None
        opening = Opening(
            destination.host,
            destination.port,
            exchange.addresses,
            exchange.options,
            exchange.proxy,
        )
        self._openings.add(flow.client_conn, opening)
        # The address that was judged is what mitmproxy dials; Host and :authority stay.
        flow.request.data.host = opening.addresses[0]
        if flow.server_conn.via != opening.via:
            # The server that all requests of a client begin with stays as it is.
            flow.server_conn = connection.Server(address=flow.server_conn.address)
            flow.server_conn.via = opening.via

    def server_connect(self, data: server_hooks.ServerConnectionHookData) -> None:
        """Refuse every dial that no exchange of this client was let through for."""
        opening = self._openings.find(data.client, data.server.address)
        if opening is not None and opening.proxy is None:
            data.server.sni = opening.host
            dial_in_order.offer(data.server, opening.addresses)
            return
        proxy = self._openings.proxy(data.client, data.server.address)
        if proxy is not None:
            data.server.sni = proxy.place.host
            dial_in_order.offer(data.server, proxy.addresses)
            return
        data.server.error = "refused by the firewall: no recorded decision allows this dial"

    def tcp_start(self, flow: tcp.TCPFlow) -> None:
        """Cut raw TCP off."""
        flow.kill()

    def udp_start(self, flow: udp.UDPFlow) -> None:
        """Cut UDP off."""
        flow.kill()

    def dns_request(self, flow: DNSFlow) -> None:
        """Cut DNS off."""
        flow.kill()
