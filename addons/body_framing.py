"""Bodies that do not say their length, framed where a message changes its protocol.

HTTP/2 marks the end of a body itself. mitmproxy writes such a body to an HTTP/1 peer without any
framing: an upstream would take its bytes for requests that nobody decided on, and a client could
not tell a body that broke off from a whole one.
"""

from __future__ import annotations

from typing import Any

from mitmproxy import http
from mitmproxy.proxy.layers.http._base import HttpEvent
from mitmproxy.proxy.layers.http._events import RequestHeaders, ResponseHeaders, ResponseTrailers
from mitmproxy.proxy.layers.http._http1 import Http1Client, Http1Server

_to_server = Http1Client.send
_to_client = Http1Server.send


def install() -> None:
    """Have mitmproxy send such bodies in chunks."""
    Http1Client.send = _send_to_server  # type: ignore[method-assign]
    Http1Server.send = _send_to_client  # type: ignore[method-assign]


def _send_to_server(self: Http1Client, event: HttpEvent) -> Any:
    if isinstance(event, RequestHeaders) and not event.end_stream and _unframed(event.request):
        request = event.request.copy()
        request.headers["transfer-encoding"] = "chunked"
        event = RequestHeaders(event.stream_id, request, event.end_stream)
    yield from _to_server(self, event)


def _send_to_client(self: Http1Server, event: HttpEvent) -> Any:
    if isinstance(event, ResponseTrailers):
        # They may be dropped on the way (RFC 9110, 6.5.1); mitmproxy would fail.
        return
    if isinstance(event, ResponseHeaders) and _unframed(event.response):
        response, request = event.response, self.request
        bodiless = response.status_code < 200 or response.status_code in (204, 304)
        if request is not None and request.is_http11 and request.method != "HEAD" and not bodiless:
            response = response.copy()
            response.headers["transfer-encoding"] = "chunked"
            event = ResponseHeaders(event.stream_id, response, event.end_stream)
    yield from _to_client(self, event)


def _unframed(message: http.Message) -> bool:
    return message.is_http2 and "content-length" not in message.headers
