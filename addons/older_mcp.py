"""OlderMcp: refusals where clients of MCP's older transport look for them, on their open stream."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit

from mitmproxy import http

from addons.denial import render
from addons.exchange import Exchange, exchange_of

MAX_STREAMS = 10_000
MAX_WAITING = 64
"""Refusals that wait for one stream; what is more is told in the answer to the POST alone."""

_ENDPOINT = re.compile(rb"^event: ?endpoint\r?\ndata: ?([^\r\n]{1,2000})\r?$", re.MULTILINE)

Key = tuple[str, str, str, int, str]
"""Agent, tenant, host and port, and where the stream says that messages go."""


@dataclass(slots=True)
class _Stream:
    key: Key | None = None
    waiting: list[bytes] = field(default_factory=list)


class OlderMcp:
    """Puts the errors of refused messages into the stream that the client reads answers from.

    They go out with the next piece that the server sends, which may be as little as a ping.
    """

    after_denial = True

    def __init__(self) -> None:
        self._streams: dict[Key, _Stream] = {}
        self._of: dict[str, _Stream] = {}

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        """Look for the endpoint that a stream names."""
        exchange = exchange_of(flow)
        rewrite = exchange.rewrite
        if flow.request.method != "GET" or rewrite is None or exchange.denial is not None:
            return
        if exchange.observing or len(self._of) >= MAX_STREAMS:
            return
        stream = self._of[exchange.id] = _Stream()
        exchange.rewrite = self._read(flow, exchange, stream, rewrite)

    def request(self, flow: http.HTTPFlow) -> None:
        """Put a refusal into the stream of the session that the message belongs to."""
        exchange = exchange_of(flow)
        if exchange.denial is None or not exchange.rpc_ids or exchange.agent is None:
            return
        stream = self._streams.get(_key(exchange, flow.request.path))
        if stream is not None and len(stream.waiting) < MAX_WAITING:
            content = render(exchange, flow.request).content or b""
            stream.waiting.append(b"event: message\ndata: " + content + b"\n\n")

    def response(self, flow: http.HTTPFlow) -> None:
        """Forget a stream that has ended."""
        self._forget(exchange_of(flow))

    def error(self, flow: http.HTTPFlow) -> None:
        """Forget a stream that broke off."""
        self._forget(exchange_of(flow))

    def _read(
        self,
        flow: http.HTTPFlow,
        exchange: Exchange,
        stream: _Stream,
        rewrite: Callable[[bytes], list[bytes]],
    ) -> Callable[[bytes], list[bytes]]:
        def read(data: bytes) -> list[bytes]:
            pieces = rewrite(data)
            if stream.key is None and exchange.agent is not None:
                for piece in pieces:
                    found = _ENDPOINT.search(piece)
                    if found is not None:
                        path = _path(flow.request.path, found[1].decode("utf-8", "replace"))
                        stream.key = _key(exchange, path)
                        self._streams[stream.key] = stream
            if pieces and stream.waiting:
                # Between whole events only: in the middle of one nothing was given.
                pieces = [*pieces, *stream.waiting]
                stream.waiting.clear()
            return pieces

        return read

    def _forget(self, exchange: Exchange) -> None:
        stream = self._of.pop(exchange.id, None)
        if stream is not None and stream.key is not None:
            self._streams.pop(stream.key, None)


def _key(exchange: Exchange, path: str) -> Key:
    agent, destination = exchange.agent, exchange.destination
    assert agent is not None
    host, port = (destination.host, destination.port) if destination is not None else ("", 0)
    return (agent.id, agent.tenant, host, port, path)


def _path(base: str, endpoint: str) -> str:
    """Give path and query of an endpoint, which may be relative or a whole URL."""
    url = urlsplit(urljoin(base, endpoint))
    return f"{url.path}?{url.query}" if url.query else url.path
