"""Through the operator's proxy: what is asked of it, and what becomes of its answers."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Generator
from typing import Any, cast
from weakref import WeakKeyDictionary

from mitmproxy import connection, ctx, http
from mitmproxy.proxy import commands, events, tunnel
from mitmproxy.proxy.layers.http._upstream_proxy import HttpUpstreamProxy

from addons.openings import Openings
from addons.upstream_proxy import ProxyError

logger = logging.getLogger(__name__)

ANSWER_SECONDS = 30.0
"""How long the proxy may take to answer a CONNECT."""

MAX_ANSWER = 64 * 1024
"""How long the head of its answer may be."""

NOWHERE = ("refused.invalid", 443)
"""What is asked for where nothing is allowed; no name ends in it (RFC 6761)."""

_waiting: WeakKeyDictionary[connection.Connection, asyncio.TimerHandle] = WeakKeyDictionary()


class ThroughProxy:
    """Asks the proxy for what a recorded decision opened, with the firewall's credential."""

    after_denial = True

    def __init__(self, openings: Openings) -> None:
        self._openings = openings

    def http_connect_upstream(self, flow: http.HTTPFlow) -> None:
        """Write the CONNECT to the proxy."""
        request, client = flow.request, flow.client_conn
        opening = self._openings.find(client, (request.host, request.port))
        proxy = opening.proxy if opening is not None else None
        # The name of mitmproxy's own making is that of the dialled address.
        host, port = (request.host, request.port) if proxy is not None else NOWHERE
        authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        request.data.authority = authority.encode("ascii")
        request.headers.clear()
        request.headers["Host"] = authority
        if proxy is None:
            return
        try:
            credential = proxy.authorization()
        except ProxyError as error:
            logger.warning("aegis_upstream_proxy_auth_file: %s", error)
            credential = None
        if credential is not None:
            request.headers["Proxy-Authorization"] = credential
        _wait_for_answer(client, flow.server_conn)


def _wait_for_answer(client: connection.Client, server: connection.Server) -> None:
    """Give the proxy so much time to answer."""

    def give_up() -> None:
        handlers = ctx.master.addons.get("proxyserver").connections
        handler = handlers.get(client.id)
        if handler is not None and server in handler.transports:
            handler.close_connection(server)

    _waiting[server] = asyncio.get_running_loop().call_later(ANSWER_SECONDS, give_up)


def install() -> None:
    """Have mitmproxy's layer for upstream proxies bound and name what goes wrong."""
    original = HttpUpstreamProxy.receive_handshake_data
    if hasattr(original, "bounded"):
        return

    def receive_handshake_data(
        self: HttpUpstreamProxy, data: bytes
    ) -> Generator[Any, Any, tuple[bool, str | None]]:
        done, error = yield from original(self, data)
        if not done and error is None and len(self.buf) > MAX_ANSWER:
            error = "the answer is too long"
        if done or error:
            timer = _waiting.pop(self.tunnel_connection, None)
            if timer is not None:
                timer.cancel()
        return done, error

    receive_handshake_data.bounded = True  # type: ignore[attr-defined]
    changed = cast(Any, HttpUpstreamProxy)
    changed.receive_handshake_data = receive_handshake_data
    changed.event_to_child = _event_to_child


def _event_to_child(
    self: HttpUpstreamProxy, event: events.Event
) -> Generator[commands.Command, Any, None]:
    """Tell of a tunnel that did not come about in words that name neither address nor answer."""
    if isinstance(event, events.OpenConnectionCompleted) and event.reply:
        event = events.OpenConnectionCompleted(event.command, what_failed(event.reply))
    yield from tunnel.TunnelLayer.event_to_child(self, event)


def what_failed(error: str) -> str:
    """Say what is wrong with the proxy, from mitmproxy's words for it."""
    refused = _REFUSED.search(error)
    if refused is not None:
        hint = " The firewall's operator has to mend its credential." * (refused[1] == "407")
        return f"The upstream proxy refused the tunnel ({refused[1]}).{hint}"
    if error.startswith("Certificate verify failed"):
        return "The upstream proxy is not trusted: its certificate does not verify."
    if error.startswith("The destination cannot be reached"):
        return error.replace("The destination", "The upstream proxy", 1)
    if error.startswith("Connection killed"):
        return error
    return "The upstream proxy gave no answer that can be used."


_REFUSED = re.compile(r"refused HTTP CONNECT request: ([0-9]{3})\b")
