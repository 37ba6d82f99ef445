"""gRPC on the wire: an upstream that answers while it is asked, and calls to it."""

from __future__ import annotations

import asyncio
import struct
from urllib.parse import unquote

import h2.config
import h2.connection
import h2.events
import h2.exceptions

from tests.support.http2_client import Http2Client, Stream
from tests.support.server import Answer, Connection, Request, Upstream

SERVICE = "/aegis.test.Echo"
PREFIX = struct.Struct(">BI")


def message(data: bytes, *, compressed: bool = False) -> bytes:
    """Frame a message."""
    return PREFIX.pack(compressed, len(data)) + data


def messages(stream: bytes | bytearray) -> list[tuple[bool, bytes]]:
    """Give the whole messages of a body, each with its compression flag."""
    found, at = [], 0
    while at + PREFIX.size <= len(stream):
        flag, size = PREFIX.unpack_from(stream, at)
        if at + PREFIX.size + size > len(stream):
            break
        at += PREFIX.size
        found.append((bool(flag), bytes(stream[at : at + size])))
        at += size
    return found


class GrpcApi(Upstream):
    """The service `aegis.test.Echo`, whose messages are any bytes.

    Unary answers with the message, ServerStream with it three times, ClientStream with all joined
    by "+", Bidi with each as it comes, Fail with the status 5, Silent with nothing.
    """

    names = ("grpc.example.test",)

    def __init__(self, ca: object, *names: str, http2: bool = True) -> None:
        super().__init__(ca, *names, http2=http2)  # type: ignore[arg-type]
        self.resets: list[int] = []
        """Error codes of the streams that were reset."""

    async def serve_http2(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        connection: Connection,
        answer: Answer,
    ) -> None:
        """Serve the calls of one connection."""
        await _Session(self, reader, writer, connection).run()


class _Call:
    def __init__(self, request: Request) -> None:
        self.request = request
        self.body = bytearray()
        self.seen = 0

    def new(self) -> list[tuple[bool, bytes]]:
        """Give the messages that have become whole since the last time."""
        found = messages(self.body)
        new, self.seen = found[self.seen :], len(found)
        return new


class _Session:
    def __init__(
        self,
        api: GrpcApi,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        connection: Connection,
    ) -> None:
        self._api, self._reader, self._writer = api, reader, writer
        self._connection = connection
        self._http = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=False, header_encoding="utf-8")
        )
        self._calls: dict[int, _Call] = {}

    async def run(self) -> None:
        self._http.initiate_connection()
        await self._flush()
        try:
            while data := await self._reader.read(1 << 16):
                for event in self._http.receive_data(data):
                    self._take(event)
                await self._flush()
        except h2.exceptions.ProtocolError:
            await self._flush()

    def _take(self, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.RequestReceived):
            headers = tuple((str(name), str(value)) for name, value in event.headers)
            fields = dict(headers)
            call = _Call(
                Request(
                    fields[":method"], fields[":path"], headers, b"", "HTTP/2", self._connection
                )
            )
            self._calls[event.stream_id] = call
            self._api.requests.append(call.request)
            method = call.request.path.removeprefix(SERVICE + "/")
            if method == "Fail":
                self._end(event.stream_id, 5, "no such thing: 100%25", only=True)
            elif method in ("Bidi", "ServerStream"):
                self._begin(event.stream_id)
        elif isinstance(event, h2.events.DataReceived):
            if event.flow_controlled_length:
                self._http.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            found = self._calls.get(event.stream_id)
            if found is not None:
                found.body += event.data
                if found.request.path == f"{SERVICE}/Bidi":
                    for flag, data in found.new():
                        self._send(event.stream_id, data, flag)
        elif isinstance(event, h2.events.StreamEnded):
            self._finish(event.stream_id)
        elif isinstance(event, h2.events.StreamReset):
            self._api.resets.append(int(event.error_code))
            self._calls.pop(event.stream_id, None)

    def _finish(self, stream: int) -> None:
        call = self._calls.pop(stream, None)
        if call is None:
            return
        method = call.request.path.removeprefix(SERVICE + "/")
        found = messages(call.body)
        if method == "Unary":
            self._begin(stream)
            self._send(stream, found[0][1], found[0][0])
        elif method == "ServerStream":
            for _ in range(3):
                self._send(stream, found[0][1], found[0][0])
        elif method == "ClientStream":
            self._begin(stream)
            self._send(stream, b"+".join(data for _, data in found), False)
        elif method in ("Fail", "Silent"):
            return
        self._end(stream, 0, "")

    def _begin(self, stream: int) -> None:
        self._http.send_headers(stream, [(":status", "200"), ("content-type", "application/grpc")])

    def _send(self, stream: int, data: bytes, compressed: bool) -> None:
        self._http.send_data(stream, message(data, compressed=compressed))

    def _end(self, stream: int, status: int, text: str, *, only: bool = False) -> None:
        head = [(":status", "200"), ("content-type", "application/grpc")] if only else []
        trailers = [("grpc-status", str(status)), ("grpc-message", text), ("x-trailer", "kept")]
        self._http.send_headers(stream, head + trailers, end_stream=True)

    async def _flush(self) -> None:
        if data := self._http.data_to_send():
            self._writer.write(data)
        await self._writer.drain()


class GrpcCall:
    """One call over an HTTP/2 connection; `method` is Unary, Bidi and so on."""

    def __init__(self, client: Http2Client, method: str, *fields: tuple[str, str]) -> None:
        self._client = client
        given = {name for name, _ in fields}
        usual = [("te", "trailers"), ("content-type", "application/grpc"), ("grpc-timeout", "9S")]
        head = [pair for pair in usual if pair[0] not in given]
        path = method if method.startswith("/") else f"{SERVICE}/{method}"
        self.stream: Stream = client.open(path, *head, *fields, method="POST", end=False)

    def send(self, data: bytes, *, end: bool = False, compressed: bool = False) -> None:
        """Send a message."""
        self._client.send(self.stream, message(data, compressed=compressed), end=end)

    def receive(self, count: int) -> list[tuple[bool, bytes]]:
        """Wait until so many messages have come in all, and give them."""
        self._client.wait(lambda: len(messages(self.stream.data)) >= count or self.stream.done)
        return messages(self.stream.data)

    def end(self) -> None:
        """Say that no more messages come."""
        self._client.send(self.stream, b"", end=True)

    def finish(self) -> tuple[int, str]:
        """Wait for the status and give it with its message."""
        self._client.finish(self.stream)
        fields = dict([*self.stream.headers, *self.stream.trailers])
        return int(fields["grpc-status"]), unquote(fields.get("grpc-message", ""))
