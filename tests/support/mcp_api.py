"""An MCP server of the real SDK behind a local upstream that counts and remembers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

from tests.support.authority import LocalCa
from tests.support.server import Reply, Request, Upstream


class McpServer(Upstream):
    """Streamable HTTP at /mcp, or the older transport at /sse.

    Its tools are write_note(text), pay(amount, to) and add(a, b).
    `calls` holds (tool, arguments) of each tool that ran.
    """

    names = ("mcp.example.test",)

    def __init__(
        self,
        ca: LocalCa | None,
        *names: str,
        http2: bool = True,
        json_response: bool = False,
        stateless: bool = False,
        sse: bool = False,
    ) -> None:
        # Takes a second to import, which only those who use it should pay.
        from mcp.server.fastmcp import FastMCP
        from mcp.server.transport_security import TransportSecuritySettings

        super().__init__(ca, *names, http2=http2)
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self._mcp = FastMCP(
            "notes",
            log_level="ERROR",
            json_response=json_response,
            stateless_http=stateless,
            transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
        )
        self._sse = sse
        self._app = self._mcp.sse_app() if sse else self._mcp.streamable_http_app()
        self._ending: asyncio.Event | None = None
        self._session: asyncio.Task[None] | None = None
        self._add_tools()

    @property
    def mcp_url(self) -> str:
        """The address that an MCP client takes."""
        return f"{self.url}/mcp"

    def _add_tools(self) -> None:
        @self._mcp.tool()
        def write_note(text: str) -> str:
            """Write a note."""
            self.calls.append(("write_note", {"text": text}))
            return f"noted {len(text)} characters"

        @self._mcp.tool()
        def pay(amount: float, to: str) -> str:
            """Pay an amount to somebody."""
            self.calls.append(("pay", {"amount": amount, "to": to}))
            return "paid"

        @self._mcp.tool()
        def add(a: int, b: int) -> int:
            """Add two numbers."""
            self.calls.append(("add", {"a": a, "b": b}))
            return a + b

    async def opened(self) -> None:
        """Run the SDK's session manager, in one task from its start to its end."""
        if self._sse:
            return
        ready, self._ending = asyncio.Event(), asyncio.Event()

        async def run(stop: asyncio.Event) -> None:
            async with AsyncExitStack() as stack:
                await stack.enter_async_context(self._mcp.session_manager.run())
                ready.set()
                await stop.wait()

        self._session = asyncio.ensure_future(run(self._ending))
        await ready.wait()

    async def closed(self) -> None:
        """End the session manager."""
        if self._ending is not None and self._session is not None:
            self._ending.set()
            await asyncio.gather(self._session, return_exceptions=True)

    async def handle(self, request: Request) -> Reply:
        """Answer a request by the SDK's ASGI application."""
        return await _ask(self._app, request)


async def _ask(app: Any, request: Request) -> Reply:
    """Call an ASGI application; the reply's body comes as the application sends it."""
    sent: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
    incoming = [{"type": "http.request", "body": request.body, "more_body": False}]
    gone = asyncio.Event()

    async def receive() -> dict[str, Any]:
        if incoming:
            return incoming.pop()
        await gone.wait()
        return {"type": "http.disconnect"}

    async def run() -> None:
        try:
            await app(scope, receive, sent.put)
        finally:
            sent.put_nowait(None)

    headers = [
        (name.lower().encode("latin-1"), value.encode("latin-1"))
        for name, value in request.headers
        if not name.startswith(":")
    ]
    path, _, query = request.target.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "https",
        "path": request.path,
        "raw_path": path.encode("latin-1"),
        "query_string": query.encode("latin-1"),
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 0),
        "server": ("127.0.0.1", 0),
        "state": {},
    }
    task = asyncio.ensure_future(run())
    start = await sent.get()
    if start is None:
        await task
        raise RuntimeError("the application gave no answer")

    async def body() -> AsyncIterator[bytes]:
        try:
            while (message := await sent.get()) is not None:
                if message.get("body"):
                    yield message["body"]
                if not message.get("more_body"):
                    return
        finally:
            gone.set()
            if not task.done():
                await asyncio.wait({task}, timeout=1)
                task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    names = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in start["headers"]]
    if request.protocol == "HTTP/1.1" and not any(n.lower() == "content-length" for n, _ in names):
        names.append(("transfer-encoding", "chunked"))
    return Reply(start["status"], names, body())
