"""The HTTP/2 side of a local upstream."""

from __future__ import annotations

import asyncio

import h2.config
import h2.connection
import h2.events
import h2.exceptions

from tests.support.server import Answer, Connection, HangUp, Reply, Request, pieces


async def serve(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    connection: Connection,
    answer: Answer,
) -> None:
    """Answer the streams of one connection side by side until it closes."""
    await _Session(reader, writer, connection, answer).run()


class _Session:
    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        connection: Connection,
        answer: Answer,
    ) -> None:
        self._reader, self._writer = reader, writer
        self._connection, self._answer = connection, answer
        self._http = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=False, header_encoding="latin-1")
        )
        self._open: dict[int, tuple[tuple[tuple[str, str], ...], bytearray]] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._room = asyncio.Event()

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
        finally:
            for task in self._tasks.values():
                task.cancel()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def _take(self, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.RequestReceived):
            headers = tuple((str(name), str(value)) for name, value in event.headers)
            self._open[event.stream_id] = headers, bytearray()
        elif isinstance(event, h2.events.DataReceived):
            self._open[event.stream_id][1].extend(event.data)
            if event.flow_controlled_length:
                self._http.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamEnded):
            self._tasks[event.stream_id] = asyncio.ensure_future(self._respond(event.stream_id))
        elif isinstance(event, h2.events.StreamReset):
            self._open.pop(event.stream_id, None)
            if task := self._tasks.pop(event.stream_id, None):
                task.cancel()
        elif isinstance(event, h2.events.WindowUpdated | h2.events.RemoteSettingsChanged):
            self._room.set()

    async def _respond(self, stream: int) -> None:
        headers, body = self._open.pop(stream)
        fields = dict(headers)
        request = Request(
            fields.get(":method", ""),
            fields.get(":path", ""),
            headers,
            bytes(body),
            "HTTP/2",
            self._connection,
        )
        try:
            await self._send(stream, await self._answer(request))
        except HangUp:
            self._writer.transport.abort()
        except (OSError, h2.exceptions.ProtocolError):
            return
        finally:
            self._tasks.pop(stream, None)

    async def _send(self, stream: int, reply: Reply) -> None:
        whole = reply.body if isinstance(reply.body, bytes) else None
        headers = [(":status", str(reply.status))]
        headers += [(n.lower(), v) for n, v in reply.headers if n.lower() != "transfer-encoding"]
        if whole is not None and all(name != "content-length" for name, _ in headers):
            headers.append(("content-length", str(len(whole))))
        self._http.send_headers(stream, headers)
        await self._flush()
        if isinstance(reply.body, bytes):
            await self._send_data(stream, reply.body)
        else:
            async for piece in pieces(reply.body, self._reader, self._writer):
                await self._send_data(stream, piece)
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
