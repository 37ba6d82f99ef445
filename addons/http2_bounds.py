"""HTTP/2 floods of clients cut off, and what mitmproxy refuses of HTTP/2 recorded."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import h2.errors
import h2.events
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.layers.http._http2 import Http2Server

from addons import refused
from addons.refused import refusal

WINDOW_SECONDS = 10.0
MAX_RESETS = 200
"""Streams that a client may take back in that time."""

MAX_CONTROL_FRAMES = 1000
"""PING, SETTINGS, PRIORITY, unknown and empty DATA frames in that time."""

MAX_HEADER_BLOCK = 128 * 1024
"""An unfinished header block, packed; unpacked, h2 bounds it at 64 KiB."""

_CONTROL = (
    h2.events.PingReceived,
    h2.events.RemoteSettingsChanged,
    h2.events.PriorityUpdated,
    h2.events.UnknownFrameReceived,
)


def install() -> None:
    """Take the place of mitmproxy's own methods, once."""
    if hasattr(Http2Server.handle_h2_event, "bounded"):
        return
    Http2Server.handle_h2_event = _counted(Http2Server.handle_h2_event)  # type: ignore[method-assign]
    Http2Server.protocol_error = _recorded(Http2Server.protocol_error)  # type: ignore[method-assign]
    Http2Server._handle_event = _bounded(Http2Server._handle_event)  # type: ignore[method-assign]


def _counted(original: Any) -> Any:
    def handle_h2_event(self: Http2Server, event: Any) -> Any:
        if _floods(self, event):
            yield from self.protocol_error("flood", h2.errors.ErrorCodes.ENHANCE_YOUR_CALM)
            return True
        return (yield from original(self, event))

    handle_h2_event.bounded = True  # type: ignore[attr-defined]
    return handle_h2_event


def _floods(connection: Http2Server, event: Any) -> bool:
    """Count what costs the client nothing, and say when it is too much."""
    if isinstance(event, h2.events.StreamReset):
        weight = MAX_CONTROL_FRAMES // MAX_RESETS
    elif isinstance(event, _CONTROL) or (
        isinstance(event, h2.events.DataReceived) and not event.data and not event.stream_ended
    ):
        weight = 1
    else:
        return False
    now = time.monotonic()
    since, count = connection.__dict__.get("_flood", (now, 0))
    if now - since > WINDOW_SECONDS:
        since, count = now, 0
    connection.__dict__["_flood"] = since, count + weight
    return bool(count + weight > MAX_CONTROL_FRAMES)


def _recorded(original: Any) -> Any:
    def protocol_error(
        self: Http2Server,
        message: str,
        error_code: int = h2.errors.ErrorCodes.PROTOCOL_ERROR,
    ) -> Iterator[Any]:
        calm = error_code == h2.errors.ErrorCodes.ENHANCE_YOUR_CALM
        words = "The client floods its HTTP/2 connection." if calm else "This is not sound HTTP/2."
        # mitmproxy's own words, which go to the client and to the log, quote what was sent.
        for command in original(self, words, error_code):
            if not isinstance(command, commands.Log):
                yield command
        # A client that was refused while it sent ends its body early; that is recorded already.
        if "InvalidBodyLengthError" not in message or self.context.client not in refused.answered:
            code = "http2_flood" if calm else "request_malformed"
            yield refusal(self.context.client, code, words)

    return protocol_error


def _bounded(original: Any) -> Any:
    def _handle_event(self: Http2Server, event: events.Event) -> Iterator[Any]:
        yield from original(self, event)
        if isinstance(event, events.DataReceived) and "_handle_event" not in self.__dict__:
            waiting = self.h2_conn.incoming_buffer._headers_buffer
            if waiting and sum(len(frame.data) for frame in waiting) > MAX_HEADER_BLOCK:
                yield from self.protocol_error("flood", h2.errors.ErrorCodes.ENHANCE_YOUR_CALM)

    return _handle_event
