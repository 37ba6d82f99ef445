"""Gate: the last look before a dial; what is not allowed and recorded does not get out."""

from __future__ import annotations

from weakref import WeakKeyDictionary

from mitmproxy import connection, http, tcp, udp
from mitmproxy.dns import DNSFlow
from mitmproxy.proxy import server_hooks

from addons.denial import render
from addons.exchange import Exchange, exchange_of

Address = tuple[str, int]


class Gate:
    """Opens for the one address of a recorded exchange and for nothing else."""

    after_denial = True

    def __init__(self) -> None:
        self._open: WeakKeyDictionary[connection.Client, dict[Address, str]] = WeakKeyDictionary()

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
        if exchange.denial is None and exchange.recorded and exchange.address:
            self._pass(flow, exchange)
        elif flow.response is None:
            flow.response = render(exchange, flow.request)

    def _pass(self, flow: http.HTTPFlow, exchange: Exchange) -> None:
        destination = exchange.target
        assert destination is not None
        self._open.setdefault(flow.client_conn, {})[(exchange.address, destination.port)] = (
            destination.host
        )
        # The address that was judged is what mitmproxy dials; Host and :authority stay.
        flow.request.data.host = exchange.address

    def server_connect(self, data: server_hooks.ServerConnectionHookData) -> None:
        """Refuse every dial that no exchange of this client was let through for."""
        address = data.server.address
        names = self._open.get(data.client)
        host = names.get((address[0], address[1])) if names and address else None
        if host is None:
            data.server.error = "refused by the firewall: no recorded decision allows this dial"
            return
        data.server.sni = host

    def tcp_start(self, flow: tcp.TCPFlow) -> None:
        """Cut raw TCP off."""
        flow.kill()

    def udp_start(self, flow: udp.UDPFlow) -> None:
        """Cut UDP off."""
        flow.kill()

    def dns_request(self, flow: DNSFlow) -> None:
        """Cut DNS off."""
        flow.kill()
