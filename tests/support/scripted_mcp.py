"""An MCP server whose answers a test writes itself, in the shapes that real ones send."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

from tests.support.authority import LocalCa
from tests.support.server import Reply, Request, Upstream

EVENTS = ("content-type", "text/event-stream")


def tool(name: str, description: str = "Does something.") -> dict[str, Any]:
    """Describe a tool as a server lists it."""
    return {"name": name, "description": description, "inputSchema": {"type": "object"}}


class ScriptedMcp(Upstream):
    """POST /mcp answers `answer` or, for tools/list, the tools; GET /sse is the older transport.

    `kind` is `json` or `events`; `headers` go along. POST /messages answers on the open stream.
    """

    names = ("scripted.example.test",)

    def __init__(self, ca: LocalCa | None, *names: str, http2: bool = True) -> None:
        super().__init__(ca, *names, http2=http2)
        self.reset()

    def reset(self) -> None:
        """Go back to two harmless tools in JSON."""
        self.tools = [tool("read"), tool("wipe"), tool("pay")]
        self.kind = "json"
        self.headers: Sequence[tuple[str, str]] = ()
        self.answer: bytes | list[bytes] | None = None
        self.more = asyncio.Event()
        self._streams: list[asyncio.Queue[bytes]] = []
        self.forget()

    async def handle(self, request: Request) -> Reply:
        """Answer a request."""
        if request.method == "GET":
            return Reply(200, [EVENTS], self._stream())
        if request.method == "DELETE":
            return Reply(204)
        if self.answer is not None:
            if isinstance(self.answer, bytes):
                return Reply(200, [self._kind, *self._all], self.answer)
            return Reply(200, [self._kind, *self._all], self._pieces(self.answer))
        sent = request.json()
        answers = [self._of(item) for item in (sent if isinstance(sent, list) else [sent])]
        document = answers if isinstance(sent, list) else answers[0]
        text = json.dumps(document).encode()
        if request.path == "/messages":
            for stream in self._streams:
                stream.put_nowait(b"event: message\r\ndata: " + text + b"\r\n\r\n")
            return Reply(202)
        if self.kind == "json":
            return Reply(200, [self._kind, *self._all], text)
        return Reply(200, [self._kind, *self._all], b"event: message\ndata: " + text + b"\n\n")

    @property
    def _kind(self) -> tuple[str, str]:
        return EVENTS if self.kind == "events" else ("content-type", "application/json")

    @property
    def _all(self) -> Sequence[tuple[str, str]]:
        return [("mcp-session-id", "s-1"), *self.headers]

    def _of(self, message: dict[str, Any]) -> dict[str, Any]:
        result: dict[str, Any] = {"ok": True, "content": []}
        if message.get("method") == "tools/list":
            result = {"tools": self.tools, "nextCursor": "c"}
        return {"jsonrpc": "2.0", "id": message.get("id"), "result": result}

    async def _stream(self) -> AsyncIterator[bytes]:
        queue: asyncio.Queue[bytes] = asyncio.Queue()
        self._streams.append(queue)
        yield b"event: endpoint\r\ndata: /messages?session_id=tool-1\r\n\r\n"
        while True:
            yield await queue.get()

    async def _pieces(self, pieces: list[bytes]) -> AsyncIterator[bytes]:
        yield pieces[0]
        await self.more.wait()
        for piece in pieces[1:]:
            yield piece
