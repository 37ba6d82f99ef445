"""Models behind further protocols: Gemini's, Bedrock's, and OpenAI's when it asks for a tool."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import struct
import zlib
from collections.abc import AsyncIterator, Iterable
from typing import Any

from tests.support.llm_api import LlmApi
from tests.support.server import Reply, Request, Upstream, json_reply

REPLY = "Hello from the local model."
_WORDS = [word + " " for word in REPLY.split()[:-1]] + [REPLY.split()[-1]]


class ToolLlm(LlmApi):
    """Asks for the first tool it is offered, with city=Oslo, and tells what the tool said."""

    names = ("tools.llm.example.test",)

    async def handle(self, request: Request) -> Reply:
        """Answer a request."""
        asked = request.json() if request.method == "POST" else {}
        said = _from_tool(asked)
        arguments = json.dumps({"city": "Oslo"})
        if asked.get("tools") and said is None and request.path == "/v1/chat/completions":
            name = asked["tools"][0]["function"]["name"]
            call = {"id": "call_1", "type": "function"}
            call["function"] = {"name": name, "arguments": arguments}
            choice = {
                "index": 0,
                "message": {"role": "assistant", "content": None, "tool_calls": [call]},
                "finish_reason": "tool_calls",
            }
            return json_reply({**_COMPLETION, "model": asked["model"], "choices": [choice]})
        if asked.get("tools") and said is None and request.path == "/v1/responses":
            call = {
                "type": "function_call",
                "id": "fc_1",
                "call_id": "call_1",
                "name": asked["tools"][0]["name"],
                "arguments": arguments,
                "status": "completed",
            }
            return json_reply({**_RESPONSE, "model": asked["model"], "output": [call]})
        self.reply = f"The tool said: {said}" if said is not None else REPLY
        return await super().handle(request)


_COMPLETION: dict[str, Any] = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1_700_000_000,
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
}
_RESPONSE: dict[str, Any] = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1_700_000_000,
    "status": "completed",
    "parallel_tool_calls": True,
    "tool_choice": "auto",
    "tools": [],
    "error": None,
    "incomplete_details": None,
    "instructions": None,
    "metadata": {},
}


def _from_tool(asked: dict[str, Any]) -> str | None:
    for message in asked.get("messages", []):
        if message.get("role") == "tool":
            return str(message["content"])
    for item in asked.get("input", []) if isinstance(asked.get("input"), list) else []:
        if item.get("type") == "function_call_output":
            return str(item["output"])
    return None


class GeminiApi(Upstream):
    """POST ...:generateContent answers whole, ...:streamGenerateContent by events."""

    names = ("gemini.example.test",)

    async def handle(self, request: Request) -> Reply:
        """Answer a request."""
        if request.path.endswith(":generateContent"):
            return json_reply(_candidate(REPLY, "STOP"))
        if request.path.endswith(":streamGenerateContent"):
            events = [
                f"data: {json.dumps(_candidate(word, 'STOP' if word is _WORDS[-1] else None))}\r\n\r\n"
                for word in _WORDS
            ]
            kind = ("content-type", "text/event-stream")
            return Reply(200, [kind], _paced(event.encode() for event in events))
        return json_reply({"error": {"code": 404, "message": "no such method"}}, 404)


def _candidate(text: str, finish: str | None) -> dict[str, Any]:
    candidate = {"content": {"role": "model", "parts": [{"text": text}]}, "index": 0}
    return {"candidates": [{**candidate, **({"finishReason": finish} if finish else {})}]}


class BedrockApi(Upstream):
    """The four calls of Bedrock's runtime; streams are in AWS's event encoding."""

    names = ("bedrock.example.test",)
    _path = re.compile(
        r"/model/[^/]+/(converse|converse-stream|invoke|invoke-with-response-stream)"
    )

    async def handle(self, request: Request) -> Reply:
        """Answer a request."""
        found = self._path.fullmatch(request.path)
        if request.method != "POST" or found is None:
            return json_reply({"message": "no such path"}, 404)
        call = found[1]
        if call == "converse":
            message = {"role": "assistant", "content": [{"text": REPLY}]}
            usage = {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2}
            answer = {"output": {"message": message}, "stopReason": "end_turn", "usage": usage}
            return json_reply({**answer, "metrics": {"latencyMs": 1}})
        if call == "invoke":
            return json_reply({"completion": REPLY})
        if call == "converse-stream":
            events = [
                aws_event("messageStart", {"role": "assistant"}),
                *(
                    aws_event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": w}})
                    for w in _WORDS
                ),
                aws_event("messageStop", {"stopReason": "end_turn"}),
            ]
        else:
            events = [
                aws_event(
                    "chunk", {"bytes": base64.b64encode(json.dumps({"text": w}).encode()).decode()}
                )
                for w in _WORDS
            ]
        kind = ("content-type", "application/vnd.amazon.eventstream")
        return Reply(200, [kind], _paced(events))


def aws_event(name: str, document: dict[str, Any]) -> bytes:
    """Encode an event: lengths and their CRC, headers, payload, CRC of all."""
    headers = b"".join(
        bytes([len(key)]) + key.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()
        for key, value in (
            (":event-type", name),
            (":content-type", "application/json"),
            (":message-type", "event"),
        )
    )
    payload = json.dumps(document).encode()
    prelude = struct.pack(">II", 12 + len(headers) + len(payload) + 4, len(headers))
    whole = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + payload
    return whole + struct.pack(">I", zlib.crc32(whole))


async def _paced(pieces: Iterable[bytes]) -> AsyncIterator[bytes]:
    for number, piece in enumerate(pieces):
        if number:
            await asyncio.sleep(0.05)
        yield piece
