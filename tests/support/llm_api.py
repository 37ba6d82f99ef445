"""A language model's API: OpenAI chat completions and responses, Anthropic messages."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

from tests.support.authority import LocalCa
from tests.support.server import Reply, Request, Upstream, json_reply

Document = dict[str, Any]


class LlmApi(Upstream):
    """Answers every prompt with `reply`, whole or streamed a word at a time.

    `reply` may be a function of the request's document; `delay` is the seconds between the pieces
    of a stream.
    """

    names = ("api.llm.example.test",)

    def __init__(
        self,
        ca: LocalCa | None,
        *names: str,
        http2: bool = True,
        reply: str | Callable[[Document], str] = "Hello from the local model.",
        delay: float = 0.05,
    ) -> None:
        super().__init__(ca, *names, http2=http2)
        self.reply = reply
        self.delay = delay

    async def handle(self, request: Request) -> Reply:
        """Answer a request."""
        if request.method == "GET" and request.path == "/v1/models":
            return json_reply({"object": "list", "data": [{"id": "local-1", "object": "model"}]})
        makers = {
            "/v1/chat/completions": (_chat, _chat_stream),
            "/v1/responses": (_response, _response_stream),
            "/v1/messages": (_message, _message_stream),
        }
        if request.method != "POST" or request.path not in makers:
            return json_reply({"error": {"message": "no such path", "type": "not_found"}}, 404)
        asked = request.json()
        text = self.reply if isinstance(self.reply, str) else self.reply(asked)
        whole, stream = makers[request.path]
        model = str(asked.get("model", "local-1"))
        usage = (_tokens(request.body.decode()), _tokens(text))
        if not asked.get("stream"):
            return json_reply(whole(model, text, usage))
        with_usage = bool((asked.get("stream_options") or {}).get("include_usage"))
        events = stream(model, text, usage, with_usage)
        headers = [("content-type", "text/event-stream"), ("cache-control", "no-cache")]
        return Reply(200, headers, self._paced(events))

    async def _paced(self, events: Iterable[str]) -> AsyncIterator[bytes]:
        for number, event in enumerate(events):
            if number:
                await asyncio.sleep(self.delay)
            yield event.encode()


Usage = tuple[int, int]


def _tokens(text: str) -> int:
    return max(1, len(text) // 4)


def _words(text: str) -> list[str]:
    """Cut a text into pieces that give it back when put together."""
    words = text.split(" ")
    return [word + " " for word in words[:-1]] + [words[-1]]


# OpenAI chat completions ------------------------------------------------------------------


def _chat(model: str, text: str, usage: Usage) -> Document:
    message = {"role": "assistant", "content": text, "refusal": None}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}],
        "usage": _chat_usage(usage),
    }


def _chat_usage(usage: Usage) -> Document:
    return {
        "prompt_tokens": usage[0],
        "completion_tokens": usage[1],
        "total_tokens": sum(usage),
    }


def _chat_stream(model: str, text: str, usage: Usage, with_usage: bool) -> Iterable[str]:
    def chunk(choices: list[Document], **more: Any) -> str:
        document = {
            "id": "chatcmpl-1",
            "object": "chat.completion.chunk",
            "created": 1_700_000_000,
            "model": model,
            "choices": choices,
            **more,
        }
        return f"data: {json.dumps(document)}\n\n"

    def choice(delta: Document, finish: str | None = None) -> list[Document]:
        return [{"index": 0, "delta": delta, "finish_reason": finish}]

    yield chunk(choice({"role": "assistant", "content": ""}))
    for word in _words(text):
        yield chunk(choice({"content": word}))
    yield chunk(choice({}, "stop"))
    if with_usage:
        yield chunk([], usage=_chat_usage(usage))
    yield "data: [DONE]\n\n"


# OpenAI responses -------------------------------------------------------------------------


def _response(model: str, text: str, usage: Usage, status: str = "completed") -> Document:
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1_700_000_000,
        "status": status,
        "model": model,
        "output": [_output(text)] if status == "completed" else [],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "temperature": 1.0,
        "top_p": 1.0,
        "usage": {
            "input_tokens": usage[0],
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": usage[1],
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": sum(usage),
        },
    }


def _output(text: str) -> Document:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [{"type": "output_text", "text": text, "annotations": []}],
    }


def _response_stream(model: str, text: str, usage: Usage, _: bool) -> Iterable[str]:
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    part = {"type": "output_text", "text": "", "annotations": []}
    started = {**_output(""), "status": "in_progress", "content": []}
    events: list[Document] = [
        {
            "type": "response.created",
            "response": _response(model, text, usage, "in_progress"),
        },
        {"type": "response.output_item.added", "output_index": 0, "item": started},
        {"type": "response.content_part.added", **place, "part": part},
        *(
            {"type": "response.output_text.delta", **place, "delta": word, "logprobs": []}
            for word in _words(text)
        ),
        {"type": "response.output_text.done", **place, "text": text, "logprobs": []},
        {"type": "response.content_part.done", **place, "part": {**part, "text": text}},
        {"type": "response.output_item.done", "output_index": 0, "item": _output(text)},
        {"type": "response.completed", "response": _response(model, text, usage)},
    ]
    for number, event in enumerate(events):
        document = {**event, "sequence_number": number}
        yield f"event: {event['type']}\ndata: {json.dumps(document)}\n\n"


# Anthropic messages -----------------------------------------------------------------------


def _message(model: str, text: str, usage: Usage) -> Document:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [{"type": "text", "text": text}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": usage[0], "output_tokens": usage[1]},
    }


def _message_stream(model: str, text: str, usage: Usage, _: bool) -> Iterable[str]:
    start = {**_message(model, "", (usage[0], 1)), "content": [], "stop_reason": None}
    events: list[Document] = [
        {"type": "message_start", "message": start},
        {
            "type": "content_block_start",
            "index": 0,
            "content_block": {"type": "text", "text": ""},
        },
        *(
            {
                "type": "content_block_delta",
                "index": 0,
                "delta": {"type": "text_delta", "text": word},
            }
            for word in _words(text)
        ),
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {"output_tokens": usage[1]},
        },
        {"type": "message_stop"},
    ]
    for event in events:
        yield f"event: {event['type']}\ndata: {json.dumps(event)}\n\n"
