"""Route: a call sent to the regional endpoint where its data may go."""

from __future__ import annotations

from weakref import WeakKeyDictionary

from mitmproxy import connection, http

from addons.exchange import Destination, exchange_of


class Route:
    """Changes where a request goes when the decision says so, with the same port and scheme."""

    def __init__(self) -> None:
        self._places: WeakKeyDictionary[connection.Client, str] = WeakKeyDictionary()

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Route a request whose body goes through in pieces."""
        if exchange_of(flow).streamed:
            self._route(flow)

    def request(self, flow: http.HTTPFlow) -> None:
        """Route a request that was read whole."""
        if not exchange_of(flow).streamed:
            self._route(flow)

    def _route(self, flow: http.HTTPFlow) -> None:
        exchange = exchange_of(flow)
        decision, destination = exchange.decision, exchange.destination
        if decision is None or destination is None:
            raise RuntimeError("route ran before locate and decide")
        host = decision.route_host or destination.host
        if exchange.observing:
            host = destination.host
        if (
            self._places.setdefault(flow.client_conn, host) != host
            and destination.scheme == "https"
        ):
            # Both names may lead to one address, and mitmproxy would then use the connection whose
            # certificate is the other's.
            exchange.deny(
                "route_changed",
                "This call goes to another region than the one before it on this connection. "
                "Send it again on a new connection.",
                rule=decision.rule,
                status=421,
            )
            return
        if host == destination.host:
            return
        if _signed(flow.request):
            exchange.deny(
                "signed_for_host",
                f"This call is signed for its host (AWS Signature Version 4), and policy keeps its "
                f"data elsewhere. Call {host} instead.",
                rule=decision.rule,
                status=421,
            )
            return
        exchange.routed = Destination(destination.scheme, host, destination.port)
        standard = {"https": 443, "http": 80}[destination.scheme]
        flow.request.host_header = (
            host if destination.port == standard else f"{host}:{destination.port}"
        )


def _signed(request: http.Request) -> bool:
    """Say whether a signature covers the request's host, so that it cannot be sent elsewhere."""
    return "X-Amz-Signature=" in request.path or any(
        value.startswith("AWS4-") for value in request.headers.get_all("authorization")
    )
