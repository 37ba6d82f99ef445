"""Answer a refused request at its head instead of waiting for its body.

mitmproxy answers once the body has come whole; a client that streams both ways sends none before it
has heard something.
"""

from __future__ import annotations

import time
from typing import Any

from mitmproxy import http
from mitmproxy.proxy.layers.http import HttpStream
from mitmproxy.proxy.layers.http._events import RequestHeaders
from mitmproxy.proxy.layers.http._hooks import HttpRequestHook, HttpResponseHeadersHook

from addons.exchange import METADATA_KEY, Exchange

_original = HttpStream.state_wait_for_request_headers


def install() -> None:
    """Have mitmproxy's streams look for a refusal once the head has been judged."""
    HttpStream.state_wait_for_request_headers = _wait_for_head  # type: ignore[method-assign]


def refused(stream: HttpStream) -> bool:
    """Say whether the request of a stream is refused already."""
    exchange = stream.flow.metadata.get(METADATA_KEY)
    return isinstance(exchange, Exchange) and exchange.denial is not None


def _was_waiting(stream: HttpStream) -> bool:
    """Say whether the client wanted to be asked for its body."""
    exchange = stream.flow.metadata.get(METADATA_KEY)
    return isinstance(exchange, Exchange) and bool(exchange.header(stream.flow.request, b"expect"))


def _wait_for_head(self: HttpStream, event: RequestHeaders) -> Any:
    yield from _original(self, event)
    waiting = self.client_state == self.state_consume_request_body
    if waiting and not event.end_stream and refused(self):
        yield from answer(self)


def answer(self: HttpStream) -> Any:
    """Ask for the answer to a request now; the rest of its body is read and thrown away."""
    self.request_body_buf.clear()
    self.client_state = self.state_errored
    yield HttpRequestHook(self.flow)
    if (yield from self.check_killed(True)):
        return
    if self.flow.response is None:
        self.flow.response = http.Response.make(413)
    if self.flow.request.is_http11 and _was_waiting(self):
        # It may send its next request where its body would have been.
        self.flow.response.headers["connection"] = "close"
    self.flow.response.timestamp_start = time.time()
    yield HttpResponseHeadersHook(self.flow)
    if (yield from self.check_killed(True)):
        return
    yield from self.send_response()
    yield from self.flow_done()
