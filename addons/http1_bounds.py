"""HTTP/1 as mitmproxy reads it, bounded while it arrives and recorded where it is refused.

mitmproxy keeps an unfinished head or chunk header without a bound, fails at trailers, and says of
a head it cannot read nothing that an addon hears.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from h11._readers import ChunkedReader
from mitmproxy import http
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.layers.http import HttpStream
from mitmproxy.proxy.layers.http._base import ReceiveHttp
from mitmproxy.proxy.layers.http._events import (
    ErrorCode,
    RequestEndOfMessage,
    RequestHeaders,
    RequestTrailers,
    ResponseEndOfMessage,
    ResponseProtocolError,
)
from mitmproxy.proxy.layers.http._hooks import HttpErrorHook
from mitmproxy.proxy.layers.http._http1 import (
    Http1Client,
    Http1Connection,
    Http1Server,
    make_error_response,
)
from mitmproxy.proxy.layers.tls import ClientTLSLayer

from addons.exchange import exchange_of
from addons.refused import refusal

MAX_HEAD_BYTES = 96 * 1024
"""An unfinished request head; what Framing allows of headers, and room for a long URL."""

MAX_RESPONSE_HEAD_BYTES = 256 * 1024
MAX_CHUNK_HEADER_BYTES = 16 * 1024
"""A chunk's size with its extensions, or trailers."""

MAX_HELLO_BYTES = 64 * 1024
"""A TLS ClientHello."""

Commands = Iterator[Any]


def install() -> None:
    """Take the place of mitmproxy's own methods, once."""
    if hasattr(Http1Server.read_headers, "bounded"):
        return
    Http1Server.read_headers = _request_head(Http1Server.read_headers)  # type: ignore[method-assign]
    Http1Client.read_headers = _response_head(Http1Client.read_headers)  # type: ignore[method-assign]
    Http1Connection.read_body = _body(Http1Connection.read_body)  # type: ignore[method-assign]
    HttpStream.state_wait_for_request_headers = _located(  # type: ignore[method-assign]
        HttpStream.state_wait_for_request_headers
    )
    ClientTLSLayer.receive_handshake_data = _hello(  # type: ignore[method-assign]
        ClientTLSLayer.receive_handshake_data
    )


def _request_head(original: Any) -> Any:
    def read_headers(self: Http1Server, event: events.ConnectionEvent) -> Commands:
        if isinstance(event, events.DataReceived):
            # mitmproxy takes an empty line for a head and then waits for more.
            while self.buf._data.startswith((b"\r\n", b"\n")):
                self.buf.maybe_extract_at_most(1)
                if self.buf._data.startswith(b"\n"):
                    self.buf.maybe_extract_at_most(1)
        for command in original(self, event):
            # mitmproxy's own line quotes what it could not read.
            if not isinstance(command, commands.Log):
                yield command
        if not isinstance(event, events.DataReceived):
            return
        if self.state == self.read_headers and len(self.buf) > MAX_HEAD_BYTES:
            self.state = self.done
            self.buf.maybe_extract_at_most(len(self.buf))
            message = f"The request's head is larger than {MAX_HEAD_BYTES} bytes."
            yield refusal(self.context.client, "headers_too_large", message, 431)
            yield commands.SendData(self.conn, make_error_response(431, message))
            yield commands.CloseConnection(self.conn)
        elif self.state == self.done and self.request is None:
            yield refusal(
                self.context.client,
                "request_malformed",
                "The request's head cannot be read: its first line or a header is no HTTP.",
            )

    read_headers.bounded = True  # type: ignore[attr-defined]
    return read_headers


def _response_head(original: Any) -> Any:
    def read_headers(self: Http1Client, event: events.ConnectionEvent) -> Commands:
        yield from original(self, event)
        if self.state == self.read_headers and len(self.buf) > MAX_RESPONSE_HEAD_BYTES:
            self.state = self.done
            self.buf.maybe_extract_at_most(len(self.buf))
            yield commands.CloseConnection(self.conn)
            if self.stream_id is not None:
                yield ReceiveHttp(
                    ResponseProtocolError(
                        self.stream_id, "the response's head is too large",
                        ErrorCode.GENERIC_SERVER_ERROR,
                    )
                )  # fmt: skip

    return read_headers


def _body(original: Any) -> Any:
    def read_body(self: Http1Connection, event: events.Event) -> Commands:
        try:
            yield from original(self, event)
        except NotImplementedError:
            # Trailers. A request with any is refused by Framing; those of a response are left out.
            assert self.stream_id is not None
            if isinstance(self, Http1Server):
                trailers = http.Headers([(b"trailer", b"")])
                yield ReceiveHttp(RequestTrailers(self.stream_id, trailers))
                yield ReceiveHttp(RequestEndOfMessage(self.stream_id))
                yield from self.mark_done(request=True)
            else:
                yield ReceiveHttp(ResponseEndOfMessage(self.stream_id))
                yield from self.mark_done(response=True)
            return
        if (
            self.state == self.read_body
            and len(self.buf) > MAX_CHUNK_HEADER_BYTES
            and isinstance(self.body_reader, ChunkedReader)
        ):
            self.state = self.done
            self.buf.maybe_extract_at_most(len(self.buf))
            assert self.stream_id is not None
            yield commands.CloseConnection(self.conn)
            yield ReceiveHttp(
                self.ReceiveProtocolError(
                    self.stream_id, "a chunk's header is too large",
                    code=self.ReceiveProtocolError.code,
                )
            )  # fmt: skip

    return read_body


def _located(original: Any) -> Any:
    """Have it recorded when mitmproxy answers a request without a host by itself."""

    def state_wait_for_request_headers(self: HttpStream, event: RequestHeaders) -> Commands:
        yield from original(self, event)
        if self.client_state == self.state_errored and self.flow.error is None:
            exchange = exchange_of(self.flow)
            if exchange.denial is None and not exchange.recorded:
                exchange.deny(
                    "host_missing", "The request names no host.", rule="framing", status=400
                )
                yield HttpErrorHook(self.flow)

    return state_wait_for_request_headers


def _hello(original: Any) -> Any:
    def receive_handshake_data(self: ClientTLSLayer, data: bytes) -> Any:
        if len(self.recv_buffer) + len(data) > MAX_HELLO_BYTES and not self.client_hello_parsed:
            yield refusal(
                self.context.client, "handshake_refused", "The TLS ClientHello is too large."
            )
            return False, "the ClientHello is too large"
        return (yield from original(self, data))

    return receive_handshake_data
