"""Locate: the one canonical destination that every name in the request must agree on."""

from __future__ import annotations

import functools
from weakref import WeakKeyDictionary

from mitmproxy import connection, http, tls
from mitmproxy.net.http import url
from mitmproxy.proxy.mode_specs import RegularMode

from addons.exchange import Destination, Exchange, exchange_of
from rules import HostError, canonical_host

DEFAULT_PORTS = {"http": 80, "https": 443}


class Locate:
    """Finds where a request would go and refuses it when its names disagree."""

    def __init__(self) -> None:
        self._tunnels: WeakKeyDictionary[connection.Client, Destination] = WeakKeyDictionary()
        self._names: WeakKeyDictionary[connection.Client, str] = WeakKeyDictionary()

    def http_connect(self, flow: http.HTTPFlow) -> None:
        """Name the destination of a tunnel from its authority."""
        exchange = exchange_of(flow)
        destination = _destination(exchange, "https", flow.request.host, flow.request.port)
        if destination is None:
            return
        for header in exchange.header(flow.request, b"host"):
            # Clients disagree on the port in a CONNECT's Host; its name has to be the same.
            host, port = _authority(header)
            if host != destination.host or port not in (None, destination.port, 80, 443):
                _disagree(exchange, "the CONNECT authority", "the Host header")
                return
        self._tunnels[flow.client_conn] = destination

    def tls_clienthello(self, data: tls.ClientHelloData) -> None:
        """Remember the name a client asks for in TLS, to be compared with each request."""
        sni = data.client_hello.sni or ""
        self._names[data.context.client] = sni
        tunnel = self._tunnels.get(data.context.client)
        if tunnel is not None and sni and _canonical(sni) != tunnel.host:
            # No certificate for any name but that of the tunnel.
            data.context.client.sni = tunnel.host

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Name the destination of a request and compare all names in it."""
        exchange = exchange_of(flow)
        request = flow.request
        scheme = "https" if request.scheme == "https" else "http"
        if request.method == "CONNECT":
            exchange.deny(
                "nested_connect", "A tunnel inside a tunnel is not allowed.", rule="locate"
            )
            return
        if isinstance(flow.client_conn.proxy_mode, RegularMode):
            destination = self._asked_for(flow, exchange, scheme)
        else:
            destination = self._caught(flow, exchange, scheme)
        if destination is None:
            return
        hosts = exchange.header(request, b"host")
        if len(hosts) > 1:
            exchange.deny(
                "host_repeated", "The request has more than one Host header.", rule="locate"
            )
            return
        names = [("the Host header", value) for value in hosts]
        if request.data.authority:
            names.append(("the :authority", request.data.authority))
        for what, value in names:
            host, port = _authority(value)
            if host != destination.host or (port or DEFAULT_PORTS[scheme]) != destination.port:
                _disagree(exchange, "the destination", what)
                return
        exchange.destination = destination

    def _asked_for(
        self, flow: http.HTTPFlow, exchange: Exchange, scheme: str
    ) -> Destination | None:
        """Name the destination of a client that knows of the proxy: by its tunnel or URL."""
        request = flow.request
        tunnel = self._tunnels.get(flow.client_conn)
        if tunnel is None and scheme == "https":
            exchange.deny(
                "connect_required",
                "Use CONNECT for https: the firewall accepts absolute URLs for http only.",
                rule="locate",
                status=400,
            )
            return None
        destination = _destination(exchange, scheme, request.host, request.port)
        if destination is None or tunnel is None:
            return destination
        if (destination.host, destination.port) != (tunnel.host, tunnel.port):
            _disagree(exchange, "the CONNECT authority", "the request's host")
            return None
        sni = self._names.get(flow.client_conn, "")
        if scheme == "https" and flow.client_conn not in self._names:
            raise RuntimeError("the TLS handshake was not seen")
        if sni and _canonical(sni) != tunnel.host:
            _disagree(exchange, "the CONNECT authority", "the TLS server name (SNI)")
            return None
        if (scheme == "https") != flow.client_conn.tls_established:
            _disagree(exchange, "the scheme", "the connection")
            return None
        return destination

    def _caught(self, flow: http.HTTPFlow, exchange: Exchange, scheme: str) -> Destination | None:
        """Name the destination of a client whose connection was redirected to us.

        What it dialled is only its word for a name: the address that counts is resolved later.
        """
        request = flow.request
        if (scheme == "https") != flow.client_conn.tls_established:
            _disagree(exchange, "the scheme", "the connection")
            return None
        name = ""
        if scheme == "https":
            if flow.client_conn not in self._names:
                raise RuntimeError("the TLS handshake was not seen")
            name = self._names[flow.client_conn]
        else:
            hosts = exchange.header(request, b"host")
            if hosts:
                name = _authority(hosts[0])[0] or hosts[0].decode("latin-1")
        return _destination(exchange, scheme, name or request.host, request.port)


def _destination(exchange: Exchange, scheme: str, host: str, port: int) -> Destination | None:
    canonical = _canonical(host)
    if canonical is None:
        exchange.deny("host_invalid", _why(host), rule="locate")
        return None
    exchange.destination = Destination(scheme, canonical, port)
    return exchange.destination


@functools.lru_cache(4096)
def _authority(value: bytes) -> tuple[str | None, int | None]:
    """Split and canonicalise a Host header or authority; (None, None) when it is not one."""
    try:
        host, port = url.parse_authority(value.decode("utf-8").strip(), check=True)
    except ValueError:
        return None, None
    return _canonical(str(host)), port


@functools.lru_cache(4096)
def _canonical(host: str) -> str | None:
    try:
        return canonical_host(host)
    except HostError:
        return None


def _why(host: str) -> str:
    """Say why a host is no host."""
    try:
        canonical_host(host)
    except HostError as error:
        return f"The destination's name is refused: {error}"
    return "The destination's name is refused."


def _disagree(exchange: Exchange, one: str, other: str) -> None:
    exchange.deny(
        "destination_mismatch",
        f"{one[0].upper()}{one[1:]} and {other} name different destinations, "
        "so the request was not sent.",
        rule="locate",
        status=421,
    )
