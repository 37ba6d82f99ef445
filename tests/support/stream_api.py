"""An upstream of long bodies that keeps none of them, and takes them when a test says so.

POST /sink counts a body and answers at its end; POST /stall takes nothing before `flow` is set.
GET /bytes/N sends N bytes; GET /cut/N says it sends 2 N, sends N and breaks off; GET /stuck sends a
head and nothing else; GET /sse/N sends N timed events; GET /late answers after `flow` is set; GET
/switch changes the protocol; POST /early answers at once. Over HTTP/2 /goodbye/N says in the middle,
once `flow` is set, that the connection ends.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import h11
from h2.settings import SettingCodes
from hyperframe.frame import GoAwayFrame

from tests.support.authority import LocalCa
from tests.support.server import Answer, Connection, HangUp, Request, Upstream, run_soon

BLOCK = bytes(range(256)) * 256


class StreamApi(Upstream):
    """Streams; `taken` counts the bytes of bodies that came, `sent` those that left."""

    names = ("streams.example.test",)

    def __init__(self, ca: LocalCa | None, *names: str, http2: bool = True) -> None:
        super().__init__(ca, *names, http2=http2)
        self.flow = asyncio.Event()
        self.pace = 0.0
        """Seconds that it takes for each megabyte that comes."""
        self.concurrent = 100
        """Streams that a new connection takes at once."""
        self.taken = 0
        self.sent = 0
        self.resets: list[int] = []

    def let_flow(self, yes: bool = True) -> None:
        """Open or shut what /stall, /late and /goodbye wait for."""
        run_soon(self.flow.set if yes else self.flow.clear)

    def forget(self) -> None:
        """Forget what was seen so far."""
        super().forget()
        self.taken = self.sent = 0
        self.resets.clear()
        self.flow.clear()

    async def serve_http1(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        connection: Connection,
        answer: Answer,
    ) -> None:
        """Serve one connection."""
        http = h11.Connection(h11.SERVER)
        while True:
            head = await self._next(http, reader)
            if not isinstance(head, h11.Request):
                return
            request = _request(head, connection)
            self.requests.append(request)
            if request.path == "/stall":
                await self.flow.wait()
            if request.path == "/early":
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nenough")
            if request.path == "/switch":
                writer.write(b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\n")
                writer.write(b"upgrade: free\r\n\r\nfree speech")
                await writer.drain()
                return
            while isinstance(piece := await self._next(http, reader), h11.Data):
                self.taken += len(piece.data)
                await self.take_time(len(piece.data))
            if not isinstance(piece, h11.EndOfMessage):
                return
            await self._answer_http1(http, request, reader, writer)
            http.start_next_cycle()

    async def take_time(self, size: int) -> None:
        """Be as slow as `pace` says."""
        if self.pace:
            await asyncio.sleep(self.pace * size / 1e6)

    async def _next(self, http: h11.Connection, reader: asyncio.StreamReader) -> object:
        while (event := http.next_event()) is h11.NEED_DATA:
            http.receive_data(await reader.read(1 << 16))
        return event

    async def _answer_http1(
        self,
        http: h11.Connection,
        request: Request,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        kind, size = _wanted(request)
        if kind in ("sink", "stall", "late"):
            if kind == "late":
                await self._while_there(reader, self.flow.is_set)
            body = b"%d" % self.taken
            head = h11.Response(status_code=200, headers=[("content-length", str(len(body)))])
            writer.write((http.send(head) or b"") + (http.send(h11.Data(data=body)) or b""))
        else:
            length = {"bytes": size, "cut": 2 * size}.get(kind)
            how = (
                ("transfer-encoding", "chunked")
                if length is None
                else ("content-length", str(length))
            )
            writer.write(http.send(h11.Response(status_code=200, headers=[how])) or b"")
            if kind == "stuck":
                await self._while_there(reader, lambda: False)
            if kind == "sse":
                for _ in range(size):
                    writer.write(http.send(h11.Data(data=_event())) or b"")
                    await asyncio.sleep(0.005)
                    if reader.at_eof():
                        raise HangUp
            else:
                while size > 0:
                    writer.write(http.send(h11.Data(data=BLOCK[:size])) or b"")
                    await writer.drain()
                    self.sent += len(BLOCK[:size])
                    size -= len(BLOCK)
            if kind in ("cut", "cutchunked"):
                raise HangUp
        writer.write(http.send(h11.EndOfMessage()) or b"")
        await writer.drain()

    async def _while_there(self, reader: asyncio.StreamReader, until: Callable[[], bool]) -> None:
        while not until():
            if reader.at_eof():
                raise HangUp
            await asyncio.sleep(0.01)

    async def serve_http2(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        connection: Connection,
        answer: Answer,
    ) -> None:
        """Serve one connection."""
        session = _Session(self, writer, connection)
        await session.run(reader)


class _Session:
    def __init__(
        self, api: StreamApi, writer: asyncio.StreamWriter, connection: Connection
    ) -> None:
        self._api, self._writer, self._connection = api, writer, connection
        self._http = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=False, header_encoding="latin-1")
        )
        self._http.local_settings[SettingCodes.MAX_CONCURRENT_STREAMS] = api.concurrent
        # Else the first frame would say what was before.
        self._http.local_settings.acknowledge()
        self._requests: dict[int, Request] = {}
        self._owed: dict[int, int] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._room = asyncio.Event()
        self._said_goodbye = False

    async def run(self, reader: asyncio.StreamReader) -> None:
        self._http.initiate_connection()
        await self._flush()
        try:
            while data := await reader.read(1 << 16):
                for event in self._http.receive_data(data):
                    self._take(event)
                await self._flush()
                await self._api.take_time(len(data))
        except h2.exceptions.ProtocolError:
            await self._flush()
        finally:
            for task in self._tasks.values():
                task.cancel()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def _take(self, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.RequestReceived):
            headers = tuple((str(name), str(value)) for name, value in event.headers)
            fields = dict(headers)
            request = Request(
                fields[":method"], fields[":path"], headers, b"", "HTTP/2", self._connection
            )
            self._api.requests.append(request)
            self._requests[event.stream_id] = request
            if request.path == "/stall":
                self._spawn(event.stream_id, self._thaw(event.stream_id))
            elif request.path == "/early":
                self._http.send_headers(event.stream_id, [(":status", "200")])
                self._http.send_data(event.stream_id, b"enough", end_stream=True)
                self._http.reset_stream(event.stream_id, 0)
        elif isinstance(event, h2.events.DataReceived):
            request = self._requests[event.stream_id]
            if request.path == "/stall" and not self._api.flow.is_set():
                owed = self._owed.get(event.stream_id, 0)
                self._owed[event.stream_id] = owed + event.flow_controlled_length
                # Others share the connection's window.
                self._http.increment_flow_control_window(max(1, event.flow_controlled_length))
            elif event.flow_controlled_length:
                self._http.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            self._api.taken += len(event.data)
        elif isinstance(event, h2.events.StreamEnded):
            self._spawn(event.stream_id, self._answer(event.stream_id))
        elif isinstance(event, h2.events.StreamReset):
            self._api.resets.append(int(event.error_code))
            if task := self._tasks.pop(event.stream_id, None):
                task.cancel()
        elif isinstance(event, h2.events.WindowUpdated | h2.events.RemoteSettingsChanged):
            self._room.set()

    def _spawn(self, stream: int, work: object) -> None:
        self._tasks[stream] = asyncio.ensure_future(work)  # type: ignore[arg-type]

    async def _thaw(self, stream: int) -> None:
        await self._api.flow.wait()
        if owed := self._owed.pop(stream, 0):
            self._http.increment_flow_control_window(owed, stream)
            await self._flush()

    async def _answer(self, stream: int) -> None:
        try:
            await self._send(stream)
        except (OSError, h2.exceptions.ProtocolError):
            return

    async def _send(self, stream: int) -> None:
        kind, size = _wanted(self._requests[stream])
        if kind in ("sink", "stall", "late"):
            if kind == "late":
                await self._api.flow.wait()
            body = b"%d" % self._api.taken
            self._http.send_headers(
                stream, [(":status", "200"), ("content-length", str(len(body)))]
            )
            self._http.send_data(stream, body, end_stream=True)
            await self._flush()
            return
        head = [(":status", "200")]
        if kind in ("bytes", "cut"):
            head.append(("content-length", str(size * (2 if kind == "cut" else 1))))
        self._http.send_headers(stream, head)
        await self._flush()
        if kind == "stuck":
            return
        if kind == "sse":
            for _ in range(size):
                await self._send_data(stream, _event())
                await asyncio.sleep(0.005)
        else:
            while size > 0:
                await self._send_data(stream, BLOCK[:size])
                if kind == "goodbye" and not self._said_goodbye:
                    self._said_goodbye = True
                    await self._api.flow.wait()
                    frame = GoAwayFrame(0, last_stream_id=stream)
                    self._writer.write(frame.serialize())
                    await asyncio.sleep(0.1)
                self._api.sent += len(BLOCK[:size])
                size -= len(BLOCK)
        if kind == "cut":
            self._writer.transport.abort()
            return
        if kind == "cutchunked":
            self._http.reset_stream(stream, 2)
        else:
            self._http.end_stream(stream)
        await self._flush()

    async def _send_data(self, stream: int, data: bytes) -> None:
        view = memoryview(data)
        while view:
            room = min(
                self._http.local_flow_control_window(stream), self._http.max_outbound_frame_size
            )
            if room <= 0:
                self._room.clear()
                await self._room.wait()
                continue
            self._http.send_data(stream, bytes(view[:room]))
            view = view[room:]
            await self._flush()

    async def _flush(self) -> None:
        if data := self._http.data_to_send():
            self._writer.write(data)
        await self._writer.drain()


def _event() -> bytes:
    return b"data: %d\n\n" % time.monotonic_ns()


def _request(head: h11.Request, connection: Connection) -> Request:
    headers = tuple((n.decode("latin-1"), v.decode("latin-1")) for n, v in head.headers.raw_items())
    return Request(
        head.method.decode("ascii"), head.target.decode("latin-1"), headers, b"", "HTTP/1.1",
        connection,
    )  # fmt: skip


def _wanted(request: Request) -> tuple[str, int]:
    kind, _, size = request.path.lstrip("/").partition("/")
    return kind, int(size or 0)
