"""What models say, as the events of their APIs, cut into the pieces that a test wants."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from tests.support.model_apis import aws_event

Document = dict[str, Any]


def sse(document: Document | str, name: str = "") -> bytes:
    """Write one event."""
    data = document if isinstance(document, str) else json.dumps(document)
    return (f"event: {name}\n" if name else "").encode() + f"data: {data}\n\n".encode()


def chat(pieces: Iterable[str]) -> list[bytes]:
    """OpenAI's chat completions."""

    def chunk(delta: Document, finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return sse({"id": "c1", "object": "chat.completion.chunk", "choices": [choice]})

    return [
        chunk({"role": "assistant", "content": ""}),
        *(chunk({"content": piece}) for piece in pieces),
        chunk({}, "stop"),
        sse("[DONE]"),
    ]


def chat_tool(pieces: Iterable[str]) -> list[bytes]:
    """The arguments of a tool call in OpenAI's chat completions."""

    def chunk(call: Document) -> bytes:
        delta = {"tool_calls": [{"index": 0, **call}]}
        return sse({"id": "c1", "choices": [{"index": 0, "delta": delta, "finish_reason": None}]})

    return [
        chunk({"id": "call_1", "type": "function", "function": {"name": "f", "arguments": ""}}),
        *(chunk({"function": {"arguments": piece}}) for piece in pieces),
        sse({"id": "c1", "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}),
        sse("[DONE]"),
    ]


def responses(pieces: Sequence[str]) -> list[bytes]:
    """OpenAI's responses."""
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    text = "".join(pieces)
    events = [
        *({"type": "response.output_text.delta", **place, "delta": p} for p in pieces),
        {"type": "response.output_text.done", **place, "text": text},
        {"type": "response.completed", "response": {"output": [{"content": [{"text": text}]}]}},
    ]
    return [
        sse({**event, "sequence_number": number}, event["type"])
        for number, event in enumerate(events)
    ]


def messages(pieces: Iterable[str]) -> list[bytes]:
    """Anthropic's messages."""
    return _messages(({"type": "text_delta", "text": piece} for piece in pieces), "text")


def messages_tool(pieces: Iterable[str]) -> list[bytes]:
    """The input of a tool in Anthropic's messages."""
    deltas = ({"type": "input_json_delta", "partial_json": piece} for piece in pieces)
    return _messages(deltas, "tool_use")


def _messages(deltas: Iterable[Document], kind: str) -> list[bytes]:
    events = [
        {"type": "message_start", "message": {"id": "m1", "content": []}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": kind}},
        *({"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": 0},
        {"type": "message_stop"},
    ]
    return [sse(event, event["type"]) for event in events]


def gemini(pieces: Iterable[str]) -> list[bytes]:
    """Gemini, by events."""
    return [sse(_candidate(piece)) for piece in pieces]


def gemini_array(pieces: Sequence[str]) -> list[bytes]:
    """Gemini, as one JSON array that is written bit by bit."""
    elements = [json.dumps(_candidate(piece), indent=1).encode() for piece in pieces]
    return [b"[" + elements[0], *(b",\r\n" + element for element in elements[1:]), b"]\n"]


def _candidate(text: str) -> Document:
    return {"candidates": [{"content": {"role": "model", "parts": [{"text": text}]}, "index": 0}]}


def ollama(pieces: Iterable[str]) -> list[bytes]:
    """Ollama, by lines."""
    lines = [{"message": {"role": "assistant", "content": p}, "done": False} for p in pieces]
    end = {"message": {"role": "assistant", "content": ""}, "done": True}
    return [json.dumps(line).encode() + b"\n" for line in [*lines, end]]


def a2a(pieces: Sequence[str]) -> list[bytes]:
    """An artifact of an A2A task."""

    def update(number: int, piece: str) -> Document:
        artifact = {"artifactId": "a1", "parts": [{"kind": "text", "text": piece}]}
        last = number == len(pieces) - 1
        result = {"kind": "artifact-update", "taskId": "t1", "artifact": artifact}
        result |= {"append": number > 0, "lastChunk": last}
        return {"jsonrpc": "2.0", "id": 1, "result": result}

    return [sse(update(number, piece)) for number, piece in enumerate(pieces)]


def bedrock(pieces: Iterable[str]) -> list[bytes]:
    """Bedrock's converse-stream."""
    return [
        aws_event("messageStart", {"role": "assistant"}),
        *(
            aws_event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": piece}})
            for piece in pieces
        ),
        aws_event("contentBlockStop", {"contentBlockIndex": 0}),
        aws_event("messageStop", {"stopReason": "end_turn"}),
    ]


def unknown(pieces: Iterable[str]) -> list[bytes]:
    """A shape that nobody told us of."""
    return [sse({"kind": "said", "data": {"words": piece}}) for piece in pieces]


Shape = Callable[[Sequence[str]], list[bytes]]
Read = Callable[[Document], str]


def events_of(stream: bytes) -> list[Document]:
    """Read the JSON events of a stream of server-sent events or JSON lines, or a JSON array."""
    if stream[:1] == b"[":
        found: list[Document] = json.loads(stream)
        return found
    lines = stream.decode().splitlines()
    data = [
        line.removeprefix("data:").strip()
        for line in lines
        if line[:1] == "{" or line[:5] == "data:"
    ]
    return [json.loads(text) for text in data if text[:1] == "{"]


def said(stream: bytes) -> str:
    """Put the pieces of a stream together, as its clients do."""
    return "".join(_piece(event) for event in events_of(stream))


def _piece(event: Document) -> str:
    delta = event.get("delta")
    for choice in event.get("choices", []):
        delta = choice.get("delta", {})
        for call in delta.get("tool_calls", []):
            return str(call["function"]["arguments"])
        return str(delta.get("content") or "")
    if isinstance(delta, str):
        return delta
    if isinstance(delta, dict):
        return str(delta.get("text", delta.get("partial_json", "")))
    if "candidates" in event:
        return str(event["candidates"][0]["content"]["parts"][0]["text"])
    if "done" in event:
        return str(event["message"]["content"])
    if "jsonrpc" in event:
        return str(event["result"]["artifact"]["parts"][0]["text"])
    return str(event.get("data", {}).get("words", ""))
