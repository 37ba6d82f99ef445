"""The HTTP/1.1 side of a local upstream."""

from __future__ import annotations

import asyncio

import h11

from tests.support.server import Answer, Connection, Reply, Request, pieces


async def serve(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    connection: Connection,
    answer: Answer,
) -> None:
    """Answer the requests of one connection, one after another, until it closes."""
    http = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
    while True:
        try:
            request = await _request(http, reader, writer, connection)
        except h11.RemoteProtocolError as error:
            body = str(error).encode()
            writer.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: %d\r\n" % len(body))
            writer.write(b"connection: close\r\n\r\n" + body)
            await writer.drain()
            return
        if request is None:
            return
        reply = await answer(request)
        if reply.taken_over is not None:
            lines = [b"HTTP/1.1 101 Switching Protocols"]
            lines += [f"{name}: {value}".encode() for name, value in reply.headers]
            writer.write(b"\r\n".join(lines) + b"\r\n\r\n")
            await reply.taken_over(reader, writer, http.trailing_data[0])
            return
        await _send(http, reader, writer, reply)
        if http.our_state is not h11.DONE or http.their_state is not h11.DONE:
            return
        http.start_next_cycle()


async def _request(
    http: h11.Connection,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    connection: Connection,
) -> Request | None:
    head: h11.Request | None = None
    body = bytearray()
    while True:
        event = http.next_event()
        if event is h11.NEED_DATA:
            if http.they_are_waiting_for_100_continue:
                writer.write(http.send(h11.InformationalResponse(status_code=100, headers=[])))
            http.receive_data(await reader.read(1 << 16))
        elif isinstance(event, h11.Request):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage) and head is not None:
            headers = tuple((_text(name), _text(value)) for name, value in head.headers.raw_items())
            return Request(
                _text(head.method), _text(head.target), headers, bytes(body), "HTTP/1.1", connection
            )
        else:
            return None


async def _send(
    http: h11.Connection,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    reply: Reply,
) -> None:
    headers = list(reply.headers)
    known = {name.lower() for name, _ in headers}
    if isinstance(reply.body, bytes) and not known & {"content-length", "transfer-encoding"}:
        headers.append(("content-length", str(len(reply.body))))
    writer.write(http.send(h11.Response(status_code=reply.status, headers=headers)) or b"")
    if isinstance(reply.body, bytes):
        writer.write(http.send(h11.Data(data=reply.body)) or b"")
    else:
        await writer.drain()
        async for piece in pieces(reply.body, reader, writer):
            writer.write(http.send(h11.Data(data=piece)) or b"")
            await writer.drain()
    writer.write(http.send(h11.EndOfMessage()) or b"")
    await writer.drain()


def _text(data: bytes) -> str:
    return data.decode("latin-1")
