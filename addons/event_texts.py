"""Which texts of an event go on in later events, as a model's words do.

Shapes of many APIs are known: OpenAI's chat completions, completions, responses and assistants,
Anthropic's messages, Gemini, Cohere, Ollama, A2A's artifacts, and whatever names a piece `delta`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from addons.json_texts import JsonTexts


@dataclass(frozen=True, slots=True)
class Piece:
    """Where a text of an event belongs."""

    stream: str
    """Names the text that it is a piece of; equal names continue one another."""
    sure: bool
    """True where the API says so; else it may as well be a text of its own."""
    code: bool
    """True for pieces of a JSON text, such as the arguments of a tool call."""


class EventTexts(JsonTexts):
    """An event's JSON: its texts, and which of them are pieces of longer ones."""

    def __init__(self, data: bytes) -> None:
        """Read it; raises `ValueError` where it is no JSON."""
        super().__init__(data)
        rpc = isinstance(self.value, dict) and "jsonrpc" in self.value
        self.pieces: dict[int, Piece] = {}
        """By the index of the text; all others are whole."""
        for index, text in enumerate(self.texts):
            if not text.is_name and text.text:
                piece = _piece(self.value, text.keys, rpc=rpc)
                if piece is not None:
                    self.pieces[index] = piece
        self.ends = _ends(self.value)
        """What the names of the texts begin with that it says are complete; empty means all."""


_SURE = re.compile(
    r"""(?:^|/)(?:
        [^/]*delta[^/]*(?:/.*)?
        | choices/[0-9]+/text
        | candidates/[0-9]+/content/parts/[0-9]+/text
        | token/text
    )$""",
    re.IGNORECASE | re.VERBOSE,
)
_OLLAMA = re.compile(r"(?:message/(?:content|thinking)|response|thinking)$")
_BARE = re.compile(r"(?:completion|generation|outputText)$")
_ARTIFACT = re.compile(r"(?:^|/)artifact/parts/[0-9]+/(?:text|root/text)$")
_CODE = re.compile(r"(?:^|/)(?:arguments|partial_json|input_json|args|\w*args\w*delta)$", re.I)
_CODE_TYPE = re.compile(r"(?:arguments|args|tool-input|tool_use_input)[._-]?delta", re.I)

# Names and numbers of things, which stand whole in each event.
_WHOLE = frozenset(
    """type id object model role name index status kind event created finish_reason finishReason
    stop_reason stop_sequence signature call_id tool_call_id tool_use_id toolCallId mimeType
    mime_type system_fingerprint service_tier modelVersion responseId response_id item_id
    thoughtSignature encrypted_content obfuscation jsonrpc method taskId contextId messageId
    artifactId run_id thread_id timestamp""".split()  # noqa: SIM905
)
_IDS = (
    "item_id",
    "itemId",
    "messageId",
    "message_id",
    "artifactId",
    "output_index",
    "content_index",
    "summary_index",
    "contentBlockIndex",
    "toolCallId",
)
_ENDS = re.compile(
    r"(?:^|[._-])(?:done|completed|complete|stop|stopped|end|ended|finish|finished|failed|error"
    r"|incomplete|cancelled|message_delta)$",
    re.I,
)
_FINISHES = ("finish_reason", "finishReason", "stop_reason", "stopReason")


def read_event(data: bytes) -> EventTexts | None:
    """Read an event's JSON, None where it is none."""
    if data[:1] not in (b"{", b"["):
        return None
    try:
        return EventTexts(data)
    except ValueError:
        return None


def _piece(root: Any, keys: Sequence[str], *, rpc: bool) -> Piece | None:
    if not keys or keys[-1] in _WHOLE or not isinstance(root, dict):
        return None
    path = "/".join(keys)
    if rpc:
        sure = _ARTIFACT.search(path) is not None and not _last_chunk(root, keys)
        return Piece(_name(root, keys), True, False) if sure else None
    sure = (
        _SURE.search(path) is not None
        or (root.get("done") is False and _OLLAMA.match(path) is not None)
        or _BARE.match(path) is not None
    )
    kind = root.get("type")
    code = _CODE.search(path) is not None or (
        keys[-1].lower().endswith("delta")
        and isinstance(kind, str)
        and _CODE_TYPE.search(kind) is not None
    )
    return Piece(_name(root, keys), sure, code)


def _name(root: dict[str, Any], keys: Sequence[str]) -> str:
    """Name the text that a piece belongs to: its path, by the numbers that its events give."""
    parts: list[str] = []
    value: Any = root
    for key in keys:
        if isinstance(value, list):
            item = value[int(key)] if key.isdigit() and int(key) < len(value) else None
            own = item.get("index") if isinstance(item, dict) else None
            parts.append(f"[{own if isinstance(own, int) else key}]")
            value = item
            continue
        if not isinstance(value, dict):
            parts.append(key)
            continue
        parts += [
            f"{name}={value[name]}" for name in _IDS if isinstance(value.get(name), str | int)
        ]
        if value is root:
            if isinstance(value.get("index"), int):
                parts.append(f"index={value['index']}")
            if isinstance(value.get("delta"), str) and isinstance(value.get("id"), str):
                parts.append(f"id={value['id']}")
            if isinstance(value.get("delta"), str) and isinstance(value.get("type"), str):
                parts.append(value["type"])
        parts.append(key)
        value = value.get(key)
    return "/".join(parts)


def _last_chunk(root: dict[str, Any], keys: Sequence[str]) -> bool:
    value: Any = root
    for key in keys:
        if not isinstance(value, dict):
            return True
        if "artifact" in value:
            last = value.get("lastChunk", value.get("last_chunk"))
            return last is True or (last is None and not value.get("append"))
        value = value.get(key)
    return True


def _ends(value: Any) -> tuple[str, ...]:
    if not isinstance(value, dict):
        return ()
    kind = value.get("type", value.get("event"))
    if isinstance(kind, str) and _ENDS.search(kind):
        return ("",)
    if value.get("done") is True or value.get("stop") is True or value.get("error"):
        return ("",)
    return tuple(
        f"{name}/[{choice.get('index', position)}]"
        for name in ("choices", "candidates")
        if isinstance(value.get(name), list)
        for position, choice in enumerate(value[name])
        if isinstance(choice, dict) and any(choice.get(key) for key in _FINISHES)
    )
