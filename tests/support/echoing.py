"""An upstream that answers with what it was sent, in the form and the pieces that a test wants."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import brotli
import zstandard

from tests.support import model_streams as models
from tests.support.model_streams import Shape
from tests.support.server import Reply, Request, Upstream

STREAMS: dict[str, tuple[Shape, str]] = {
    "chat": (models.chat, "text/event-stream"),
    "chat tool": (models.chat_tool, "text/event-stream; charset=utf-8"),
    "responses": (models.responses, "text/event-stream"),
    "messages": (models.messages, "text/event-stream"),
    "messages tool": (models.messages_tool, "text/event-stream"),
    "gemini": (models.gemini, "text/event-stream"),
    "gemini array": (models.gemini_array, "application/json"),
    "ollama": (models.ollama, "application/x-ndjson"),
    "bedrock": (models.bedrock, "application/vnd.amazon.eventstream"),
}
PATHS = {
    "chat": "/v1/chat/completions",
    "chat tool": "/v1/chat/completions",
    "responses": "/v1/responses",
    "messages": "/v1/messages",
    "messages tool": "/v1/messages",
    "gemini": "/v1beta/models/m:streamGenerateContent?alt=sse",
    "gemini array": "/v1beta/models/m:streamGenerateContent",
}
_PACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "br": brotli.compress,
    "zstd": zstandard.ZstdCompressor().compress,
}


class EchoApi(Upstream):
    """Answers with `answer`, else with the text of the prompt; the test sets the other fields.

    A prompt is `{"prompt": TEXT}`, or the last message of a chat.
    """

    names = ("echo.example.test",)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.forget()

    def forget(self) -> None:
        """Forget what was seen so far, and answer as usual again."""
        super().forget()
        self.answer: str | None = None
        self.stream = ""
        self.cut: Callable[[str], Sequence[str]] = lambda text: [text]
        self.delay = 0.0
        self.encoding = ""
        self.kind = "application/json"
        self.body: bytes | None = None
        self.status = 200
        self.headers: list[tuple[str, str]] = []
        self.sized = True

    async def handle(self, request: Request) -> Reply:
        """Answer a request."""
        text = _prompt(request) if self.answer is None else self.answer
        if self.stream:
            shape, kind = STREAMS[self.stream]
            events = shape(list(self.cut(text)))
            head = [("content-type", kind), *self.headers]
            if self.encoding:
                head.append(("content-encoding", self.encoding))
                events = [_PACK[self.encoding](b"".join(events))]
            return Reply(self.status, head, self._paced(events))
        body = self.body
        if body is None:
            body = json.dumps({"said": text, "n": 1}).encode()
        head = [("content-type", self.kind), *self.headers]
        if self.encoding:
            head.append(("content-encoding", self.encoding))
            body = _PACK[self.encoding](body)
        if self.sized:
            return Reply(self.status, head, body)
        return Reply(self.status, head, self._paced(self._pieces(body)))

    def _pieces(self, body: bytes) -> list[bytes]:
        return [body[start : start + 1000] for start in range(0, len(body), 1000)]

    async def _paced(self, events: Sequence[bytes]) -> AsyncIterator[bytes]:
        for number, event in enumerate(events):
            if number and self.delay:
                await asyncio.sleep(self.delay)
            yield event


def _prompt(request: Request) -> str:
    try:
        asked = request.json()
    except ValueError:
        return request.body.decode("utf-8", "replace")
    if "messages" in asked:
        return str(asked["messages"][-1]["content"])
    return str(asked.get("prompt", ""))
