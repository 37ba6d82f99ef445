"""JailAim: the address that a connection in a jail went to stands for the name that it asks for."""

from __future__ import annotations

from mitmproxy import http

from addons.exchange import exchange_of
from addons.jail_server import JailMode
from addons.services import Services


class JailAim:
    """Refuses a request that names another destination than the address it was sent to."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Compare the destination with the name that was asked for by DNS."""
        client = flow.client_conn
        if not isinstance(client.proxy_mode, JailMode):
            return
        exchange = exchange_of(flow)
        name = self._services.jail_names.name(client.sockname[0])
        if exchange.destination is None or name is None or name == exchange.destination.host:
            return
        exchange.deny(
            "destination_mismatch",
            "The request's host and the name that its address was asked for by are different, "
            "so the request was not sent. Look the name up again."
            if name
            else "The address stands for no name any more. Look the name up again.",
            rule="jail",
            status=421,
        )
