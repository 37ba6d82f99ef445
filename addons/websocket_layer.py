"""mitmproxy's WebSocket layer with bounds, and with nothing passed on that was not let through.

What the agent sends is put together whole and waits for its verdict; what the server sends passes
as it arrives. Control frames, in which RFC 6455 (section 5.5) has room for 125 bytes, carry nothing
of the agent's.
"""

from __future__ import annotations

import time
import zlib
from collections import deque
from collections.abc import Callable
from typing import Any

import wsproto.events
import wsproto.extensions
from mitmproxy import http, websocket
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers import websocket as stock
from wsproto.connection import ConnectionState, ConnectionType
from wsproto.frame_protocol import CloseReason, FrameDecoder, FrameProtocol, Opcode, RsvBits
from wsproto.utilities import split_comma_header

from addons.answer_layer import QUIET_SECONDS
from addons.exchange import METADATA_KEY, Exchange, Socket

MAX_FRAGMENTS = 4096
"""Frames of one message."""

MAX_ANSWER_BYTES = 32 * 1024 * 1024
"""Bytes of one message of a server, unpacked."""

MAX_PINGS = 64
"""Pings of a server that may wait for their answer."""

DEFLATED_BYTES = 64 * 1024
"""Bytes of a message beyond which packing it would hold other exchanges up."""

_max_message: Callable[[], int] = lambda: 0  # noqa: E731


class _Deflate(wsproto.extensions.PerMessageDeflate):
    """permessage-deflate (RFC 7692) whose messages unpack to a bound at most."""

    def __init__(self, bound: Callable[[], int]) -> None:
        super().__init__()
        self._bound = bound
        self._unpacked = 0

    def frame_inbound_payload_data(
        self, proto: FrameDecoder | FrameProtocol, data: bytes
    ) -> bytes | CloseReason:
        """Unpack a part of a message."""
        if not self._inbound_compressed or not self._inbound_is_compressible:
            return data
        assert self._decompressor is not None
        room = max(0, self._bound() - self._unpacked)
        try:
            plain = self._decompressor.decompress(bytes(data), room + 1)
        except zlib.error:
            return CloseReason.INVALID_FRAME_PAYLOAD_DATA
        self._unpacked += len(plain)
        return CloseReason.MESSAGE_TOO_BIG if self._unpacked > self._bound() else plain

    def frame_inbound_complete(
        self, proto: FrameDecoder | FrameProtocol, fin: bool
    ) -> bytes | CloseReason | None:
        """End a frame; the last of a message leaves little in the decompressor."""
        if fin:
            self._unpacked = 0
        return super().frame_inbound_complete(proto, fin)

    def frame_outbound(
        self,
        proto: FrameDecoder | FrameProtocol,
        opcode: Opcode,
        rsv: RsvBits,
        data: bytes,
        fin: bool,
    ) -> tuple[RsvBits, bytes]:
        """Pack a frame, unless it is a whole large message."""
        if fin and opcode is not Opcode.CONTINUATION and len(data) > DEFLATED_BYTES:
            return rsv, data
        return super().frame_outbound(proto, opcode, rsv, data, fin)


class FirewallWebsocketLayer(stock.WebsocketLayer):
    """Relays WebSocket messages, those of the agent only after a verdict on each."""

    def __init__(self, context: Context, flow: http.HTTPFlow) -> None:
        super().__init__(context, flow)
        exchange = flow.metadata.get(METADATA_KEY)
        found = exchange.socket if isinstance(exchange, Exchange) else None
        # Without an exchange there is no verdict, and nothing passes.
        self._socket = found or Socket()
        self._size = 0
        self._said: list[str] = []
        self._said_size = 0
        self._within = False
        """True while a message of the server goes on part by part."""
        self._clock = False
        self._pings: deque[bytes] = deque(maxlen=MAX_PINGS)

    def start(self, _: events.Event) -> layer.CommandGenerator[None]:
        """Take the connection over, with the extensions that the server agreed to."""
        self.client_ws = stock.WebsocketConnection(
            ConnectionType.SERVER, self._extensions(_max_message), conn=self.context.client
        )
        self.server_ws = stock.WebsocketConnection(
            ConnectionType.CLIENT,
            self._extensions(lambda: MAX_ANSWER_BYTES),
            conn=self.context.server,
        )
        yield stock.WebsocketStartHook(self.flow)
        self._handle_event = self.relay_messages  # type: ignore[method-assign,assignment]

    _handle_event = start

    def _extensions(self, bound: Callable[[], int]) -> list[wsproto.extensions.Extension]:
        assert self.flow.response is not None
        agreed = self.flow.response.headers.get("sec-websocket-extensions", "")
        found: list[wsproto.extensions.Extension] = []
        for extension in split_comma_header(agreed.encode("ascii", "replace")):
            if extension.split(";", 1)[0].strip() == _Deflate.name:
                deflate = _Deflate(bound)
                deflate.finalize(extension)
                found.append(deflate)
        return found

    def relay_messages(self, event: events.Event) -> layer.CommandGenerator[None]:
        """Relay what came in."""
        if isinstance(event, events.Wakeup):
            yield from self._release()
        if not isinstance(event, events.ConnectionEvent):
            return
        from_client = event.connection == self.context.client
        source = self.client_ws if from_client else self.server_ws
        if source.state is ConnectionState.CLOSED:
            return
        if isinstance(event, events.DataReceived):
            source.receive_data(event.data)
        elif isinstance(event, events.ConnectionClosed):
            source.receive_data(None)
        for ws_event in source.events():
            if isinstance(ws_event, wsproto.events.CloseConnection):
                yield from self._close(ws_event.code, ws_event.reason, from_client)
            elif from_client:
                yield from self._from_client(ws_event)
            else:
                yield from self._from_server(ws_event)
            if self._handle_event == self.done:
                return

    def _from_server(self, ws_event: wsproto.events.Event) -> layer.CommandGenerator[None]:
        if isinstance(ws_event, wsproto.events.Message):
            self._socket.response_bytes += len(ws_event.data)
            self._socket.answers += ws_event.message_finished
            if isinstance(ws_event.data, str) and (self._socket.back or self._said):
                yield from self._restore(ws_event)
                return
            self._within = not ws_event.message_finished
            yield self.client_ws.send2(
                type(ws_event)(data=ws_event.data, message_finished=ws_event.message_finished)
            )
        else:
            if isinstance(ws_event, wsproto.events.Ping):
                self._pings.append(bytes(ws_event.payload))
            yield self.client_ws.send2(ws_event)

    def _restore(self, part: wsproto.events.Message[Any]) -> layer.CommandGenerator[None]:
        """Put a text of the server together and make surrogates in it values again."""
        back = self._socket.back
        if self._within:
            # Its first parts went on before there was a surrogate.
            self._within = not part.message_finished
            yield self.client_ws.send2(
                type(part)(data=part.data, message_finished=part.message_finished)
            )
            return
        self._said.append(part.data)
        self._said_size += len(part.data)
        if not part.message_finished and self._said_size <= MAX_ANSWER_BYTES:
            return
        text = "".join(self._said)
        self._said.clear()
        self._said_size = 0
        if not part.message_finished or back is None:
            self._within = not part.message_finished
            yield self.client_ws.send2(
                wsproto.events.TextMessage(text, message_finished=part.message_finished)
            )
            return
        for message in back.take(text):
            yield self.client_ws.send2(wsproto.events.TextMessage(message))
        if back.holding and not self._clock:
            self._clock = True
            yield commands.RequestWakeup(QUIET_SECONDS)

    def _release(self) -> layer.CommandGenerator[None]:
        self._clock = False
        if self._socket.back is not None and self.client_ws.state is ConnectionState.OPEN:
            for message in self._socket.back.release():
                yield self.client_ws.send2(wsproto.events.TextMessage(message))

    def _from_client(self, ws_event: wsproto.events.Event) -> layer.CommandGenerator[None]:
        if isinstance(ws_event, wsproto.events.Message):
            yield from self._message(ws_event)
        elif self._socket.unchanged:
            yield self.server_ws.send2(ws_event)
        elif isinstance(ws_event, wsproto.events.Ping):
            # Answered here: a payload that went on would be the agent's to choose.
            yield self.client_ws.send2(wsproto.events.Pong(payload=ws_event.payload))
        elif isinstance(ws_event, wsproto.events.Pong):
            payload = bytes(ws_event.payload)
            if payload in self._pings:
                self._pings.remove(payload)
                yield self.server_ws.send2(ws_event)

    def _message(self, part: wsproto.events.Message[Any]) -> layer.CommandGenerator[None]:
        text = isinstance(part.data, str)
        data = part.data.encode() if isinstance(part.data, str) else bytes(part.data)
        pieces = self.client_ws.frame_buf
        pieces[-1] += data
        self._size += len(data)
        if self._size > _max_message() or len(pieces) > MAX_FRAGMENTS:
            yield from self._close(CloseReason.MESSAGE_TOO_BIG, "message too large", None)
            return
        if part.frame_finished and not part.message_finished:
            pieces.append(b"")
        if not part.message_finished:
            return
        content = b"".join(pieces)
        self.client_ws.frame_buf, self._size = [b""], 0
        assert self.flow.websocket is not None
        kind = Opcode.TEXT if text else Opcode.BINARY
        self.flow.websocket.messages.append(websocket.WebSocketMessage(kind, True, content))
        yield stock.WebsocketMessageHook(self.flow)
        # mitmproxy would keep them all.
        self.flow.websocket.messages.clear()
        verdict = self._socket.take_verdict()
        if verdict.content is None:
            yield from self._close(verdict.close_code, verdict.close_reason, None)
            return
        whole = verdict.content != content
        parts = stock.Fragmentizer([verdict.content] if whole else pieces, text)
        for event in parts(verdict.content):
            yield self.server_ws.send2(event)

    def _close(
        self, code: int, reason: str | None, from_client: bool | None
    ) -> layer.CommandGenerator[None]:
        """Close both sides; `from_client` is None when it is the firewall that ends it."""
        assert self.flow.websocket is not None
        yield from self._release()
        data = self.flow.websocket
        data.timestamp_end, data.closed_by_client = time.time(), bool(from_client)
        data.close_code, data.close_reason = code, reason
        for connection in (self.server_ws, self.client_ws):
            to_server = connection is self.server_ws
            said: str | None = reason
            if to_server and not self._socket.unchanged:
                said = None  # the agent's words
            ends = CloseReason.GOING_AWAY if to_server and from_client is None else code
            if connection.state in (ConnectionState.OPEN, ConnectionState.REMOTE_CLOSING):
                yield connection.send2(wsproto.events.CloseConnection(code=ends, reason=said))
            yield commands.CloseConnection(connection.conn)
        yield stock.WebsocketEndHook(self.flow)
        self.flow.live = False
        self._handle_event = self.done  # type: ignore[method-assign]

    def done(self, _: events.Event) -> layer.CommandGenerator[None]:
        """Ignore what comes after the end."""
        yield from ()


def install(max_message: Callable[[], int]) -> None:
    """Have mitmproxy use this layer; `max_message` gives the bytes of an agent's message."""
    global _max_message
    _max_message = max_message
    stock.WebsocketLayer = FirewallWebsocketLayer  # type: ignore[misc]
