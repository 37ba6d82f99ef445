"""Answers of MCP servers on their way: the tool lists in them, rewritten one message at a time."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import jiter

Keep = Callable[[list[Any]], list[Any]]
"""Gives those tools of a list that the agent is told of."""

_HINT = re.compile(rb"(?i:tool)|\\u|\x00")
"""What stands in every message with a list of tools, however its keys are written."""

_BREAK = re.compile(rb"\r\n|\n|\r")
_EVENT_END = re.compile(rb"(?>\r\n|\n|\r)(?>\r\n|\n|\r)")
_BOM = b"\xef\xbb\xbf"


class AnswerUnreadable(Exception):  # noqa: N818
    """An answer may hold a list of tools that cannot be read; nothing more of it may go on."""


class JsonAnswer:
    """An answer that is one JSON document, held until it is whole."""

    def __init__(self, keep: Keep, bound: int) -> None:
        self._keep, self._bound = keep, bound
        self._held = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Take a piece, an empty one at the end; raises `AnswerUnreadable`."""
        if data:
            self._held += data
            if len(self._held) > self._bound:
                raise AnswerUnreadable
            return []
        held, self._held = bytes(self._held), bytearray()
        return [rewritten(held, self._keep)] if held else []


class EventAnswer:
    """An answer that is a stream of events, each of which goes on when it is whole."""

    def __init__(self, keep: Keep, bound: int) -> None:
        self._keep, self._bound = keep, bound
        self._held = bytearray()
        self._begun = False

    def feed(self, data: bytes) -> list[bytes]:
        """Take a piece, an empty one at the end; raises `AnswerUnreadable`."""
        # Where an event ends may be seen only with the next piece.
        start = max(0, len(self._held) - 3)
        self._held += data
        done: list[bytes] = []
        taken = 0
        for end in _EVENT_END.finditer(self._held, start):
            done.append(self._event(bytes(self._held[taken : end.end()])))
            taken = end.end()
        del self._held[:taken]
        if len(self._held) > self._bound:
            raise AnswerUnreadable
        if not data and self._held:
            # The standard drops an event without an end, some clients do not.
            done.append(self._event(bytes(self._held)))
            self._held.clear()
        return done

    def _event(self, event: bytes) -> bytes:
        if not self._begun:
            self._begun = True
            if event.startswith(_BOM):
                event = event[len(_BOM) :]
        if len(event) > self._bound:
            raise AnswerUnreadable
        if not _HINT.search(event):
            return event
        lines = _BREAK.split(event)
        found = [value for line in lines if (value := _data(line)) is not None]
        if not found:
            return event
        text = b"\n".join(found)
        if text.lstrip()[:1] not in (b"{", b"["):
            # No message; it must be no line more for a reader that knows other ends of lines.
            if len(text.decode("utf-8", "replace").splitlines()) > 1:
                raise AnswerUnreadable
            return event
        new = rewritten(text, self._keep)
        if new is text:
            return event
        others = [line for line in lines if line and _data(line) is None]
        return b"\n".join([*others, b"data: " + new]) + b"\n\n"


def rewritten(text: bytes, keep: Keep) -> bytes:
    """Rewrite the lists of tools in a message or batch; gives the very same where there are none.

    Raises `AnswerUnreadable` for what may be such a list and cannot be read in one way only.
    """
    if not _HINT.search(text):
        return text
    try:
        value = jiter.from_json(
            text, allow_inf_nan=False, catch_duplicate_keys=True, partial_mode=False
        )
    except ValueError:
        raise AnswerUnreadable from None
    changed = False
    for result, key in _lists(value):
        kept = keep(result[key])
        changed = changed or len(kept) != len(result[key])
        result[key] = kept
    return json.dumps(value, separators=(",", ":")).encode() if changed else text


def _lists(value: Any) -> Iterator[tuple[dict[str, Any], str]]:
    """Find the lists of tools, by keys as the laxest client reads them."""
    for message in value if isinstance(value, list) else [value]:
        for result in _members(message, "result"):
            for key in list(result) if isinstance(result, dict) else ():
                if key.casefold() == "tools" and isinstance(result[key], list):
                    yield result, key


def _members(message: Any, name: str) -> list[Any]:
    if not isinstance(message, dict):
        return []
    return [value for key, value in message.items() if key.casefold() == name]


def _data(line: bytes) -> bytes | None:
    name, _, value = line.partition(b":")
    return value.removeprefix(b" ") if name == b"data" else None
