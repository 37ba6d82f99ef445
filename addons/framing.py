"""Framing: what cannot be inspected whole or would change the protocol is refused."""

from __future__ import annotations

import re

from mitmproxy import http

from addons import mitm_patches
from addons.exchange import Exchange, Socket, exchange_of
from addons.services import Services

MAX_HEADERS = 200
MAX_HEADER_BYTES = 64 * 1024


class Framing:
    """Refuses header floods, trailers and changes of protocol that policy does not allow."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Check the head of a request."""
        exchange = exchange_of(flow)
        fields = flow.request.headers.fields
        size = sum([len(name) + len(value) for name, value in fields])
        if len(fields) > MAX_HEADERS or size > MAX_HEADER_BYTES:
            _refuse(
                exchange,
                "headers_too_large",
                f"More than {MAX_HEADERS} headers or {MAX_HEADER_BYTES} bytes of them.",
                431,
            )
            return
        if not _sound(flow.request):
            _refuse(
                exchange,
                "head_invalid",
                "The method, the target or a header holds characters that HTTP does not allow "
                "there, which servers read in different ways.",
                400,
            )
            return
        coding = exchange.header(flow.request, b"transfer-encoding")
        if coding and [value.strip().lower() for value in coding] != [b"chunked"]:
            _refuse(
                exchange,
                "transfer_encoding",
                "Only `Transfer-Encoding: chunked` is understood; send the body with a "
                "Content-Encoding instead.",
                400,
            )
            return
        upgrade = b",".join(exchange.header(flow.request, b"upgrade")).strip().lower()
        if upgrade == b"h2c":
            for name in ("upgrade", "http2-settings", "connection"):
                flow.request.headers.pop(name, None)
        elif upgrade == b"websocket" and self._may_open(flow.request, exchange):
            exchange.socket = Socket()
        elif upgrade:
            _refuse(
                exchange,
                "upgrade_refused",
                "The policy allows no change of protocol here, so use plain HTTPS requests. "
                "A WebSocket needs `websocket: allow` on its destination.",
                403,
            )
            return
        options = {
            option.strip().lower()
            for value in exchange.header(flow.request, b"connection")
            for option in value.split(b",")
        }
        if not options <= _CONNECTION_OPTIONS:
            _refuse(
                exchange,
                "connection_options",
                "The Connection header names headers to be dropped on the way, which would make "
                "the firewall and the destination see different requests.",
                400,
            )

    def request(self, flow: http.HTTPFlow) -> None:
        """Check what came after the body."""
        exchange = exchange_of(flow)
        if flow.request.trailers and exchange.streamed:
            # The body has left already; trailers may be dropped on the way (RFC 9110, 6.5.1).
            flow.request.trailers = None
        elif flow.request.trailers:
            _refuse(
                exchange,
                "trailers_refused",
                "Trailers after a request's body are not inspected and therefore refused.",
                400,
            )
        body = flow.request.raw_content
        if body and flow.request.is_http2 and not mitm_patches.fitting():
            # An upstream of HTTP/1 would else take it for further requests.
            flow.request.headers.setdefault("content-length", str(len(body)))

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        """Cut an upstream off that changes the protocol unasked."""
        if flow.response is None or flow.response.status_code != 101:
            return
        upgrade = flow.response.headers.get("upgrade", "").strip().lower()
        if exchange_of(flow).socket is None or upgrade != "websocket":
            flow.kill()

    def _may_open(self, request: http.Request, exchange: Exchange) -> bool:
        """Say whether policy lets a WebSocket be opened by this request (RFC 6455 section 4.1)."""
        place, policy = exchange.destination, self._services.policy
        version = exchange.header(request, b"sec-websocket-version")
        if place is None or request.method != "GET" or version != [b"13"]:
            return False
        allowed = policy.options_at(place.scheme, place.host, place.port).websocket == "allow"
        # Without the layer that puts a verdict before each message they would pass unseen.
        return mitm_patches.fitting() and (allowed or policy.mode == "observe")


def _sound(request: http.Request) -> bool:
    """Say whether a head holds only what every reader of it splits in the same places."""
    values = b"".join([value for _, value in request.headers.fields])
    return (
        _TOKEN.fullmatch(request.data.method) is not None
        and _CONTROL.search(values) is None
        and _NOT_IN_A_TARGET.search(request.data.path) is None
    )


_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,32}")
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_NOT_IN_A_TARGET = re.compile(rb"[\x00-\x20\x7f#]")
_CONNECTION_OPTIONS = {b"", b"close", b"keep-alive", b"te", b"upgrade", b"http2-settings"}


def _refuse(exchange: Exchange, code: str, message: str, status: int) -> None:
    exchange.deny(code, message, rule="framing", status=status)
