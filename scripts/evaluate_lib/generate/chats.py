"""Chats with a model, in the shapes of several interfaces, with texts of the other kinds."""

from __future__ import annotations

import json
from typing import Any

from scripts.evaluate_lib.generate.record import SHORTEST, Maker, Record
from scripts.evaluate_lib.generate.texts import a_text

CONTENT_TYPE = "application/json"

_SYSTEM = (
    "You are a careful assistant of a clinic. Answer in two sentences.",
    "You help a support team. Never guess; ask when something is missing.",
    "You write letters for a busy office.",
)
_REPLIES = (
    "Of course. Is there anything else that I should know?",
    "I would start low and go slow, and check the kidneys first.",
    "Here is a draft; please read it before you send it.",
)


def _said(record: Record, kind: str, place: str) -> str:
    """Give a text, and remember its values; one that its template has too is no test."""
    text = a_text(record.rng, kind, record.split)
    for span in text.spans:
        value = text.text[span.start : span.end]
        if value.lower() not in text.literal.lower():
            record.secret(span.label, value, place)
    for value in text.keep:
        # A number alone may stand in another value; words and codes do not.
        if len(value) >= SHORTEST + 1 and not value.isdigit():
            record.plain(value, place)
    return text.text


def _reply(record: Record) -> str:
    return record.plain(record.rng.choice(_REPLIES), "reply")


def _openai(record: Record) -> dict[str, Any]:
    messages: list[dict[str, Any]] = [{"role": "system", "content": record.rng.choice(_SYSTEM)}]
    for _ in range(record.rng.randrange(1, 3)):
        content = _said(record, "queries", "messages.content")
        messages += [
            {"role": "user", "content": content},
            {"role": "assistant", "content": _reply(record)},
        ]
    messages.append({"role": "user", "content": _said(record, "notes", "messages.content")})
    return {
        "model": record.plain("gpt-4.1-mini", "model"),
        "messages": messages,
        "temperature": 0.2,
    }


def _anthropic(record: Record) -> dict[str, Any]:
    note = _said(record, "notes", "messages.content.text")
    return {
        "model": "claude-sonnet-4-5",
        "max_tokens": 1024,
        "system": record.plain(record.rng.choice(_SYSTEM), "system"),
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "Shorten this note."},
                    {"type": "text", "text": note},
                ],
            }
        ],
    }


def _responses(record: Record) -> dict[str, Any]:
    return {
        "model": "gpt-5",
        "instructions": record.plain(record.rng.choice(_SYSTEM), "instructions"),
        "input": _said(record, "general", "input"),
        "store": False,
    }


def _tool_call(record: Record) -> dict[str, Any]:
    first, last = record.name("patient", "arguments")
    arguments = {
        "lastName": last,
        "firstName": first,
        "dateOfBirth": record.day("arguments.dateOfBirth", birth=True),
        "mrn": record.slot("mrn", "arguments.mrn"),
        "phone": record.slot("phone", "arguments.phone"),
        "reason": record.fresh("diagnosis", "arguments.reason"),
    }
    call = {"name": "book_visit", "arguments": json.dumps(arguments, ensure_ascii=False)}
    return {
        "model": "gpt-4.1",
        "messages": [
            {"role": "user", "content": _said(record, "queries", "messages.content")},
            {
                "role": "assistant",
                "tool_calls": [{"id": "call_1", "type": "function", "function": call}],
            },
            {"role": "tool", "tool_call_id": "call_1", "content": '{"ok": true}'},
        ],
    }


def _gemini(record: Record) -> dict[str, Any]:
    text = _said(record, record.rng.choice(["general", "notes"]), "contents.parts.text")
    return {"contents": [{"role": "user", "parts": [{"text": text}]}]}


def _long_chat(record: Record) -> dict[str, Any]:
    messages = []
    for number in range(6):
        if number % 2:
            messages.append({"role": "assistant", "content": _reply(record)})
        else:
            kind = record.rng.choice(["queries", "general"])
            messages.append({"role": "user", "content": _said(record, kind, "messages.content")})
    return {"model": "llama-3.3-70b", "messages": messages}


KINDS: dict[str, Maker] = {
    "openai-chat": _openai,
    "anthropic-messages": _anthropic,
    "openai-responses": _responses,
    "tool-call": _tool_call,
    "gemini": _gemini,
    "long-chat": _long_chat,
}
"""What a request may be, by the names that a hash parts for tuning and testing."""


def body(make: Maker, record: Record) -> str:
    """Write a request."""
    return json.dumps(make(record), ensure_ascii=False)
