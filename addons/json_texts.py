"""The strings of one JSON text, and the text with others in their place, all else byte for byte."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[{}\[\],:]', re.DOTALL)
MAX_DEPTH = 200


class Text(NamedTuple):
    """One string: where its token stands, what it says, and the keys that lead to it."""

    start: int
    end: int
    text: str
    keys: tuple[str, ...]
    is_name: bool
    """True for the name of a member."""


class JsonTexts:
    """A JSON text in UTF-8; raises `ValueError` where it is none."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        try:
            self.value: Any = json.loads(data.decode())
        except RecursionError:
            raise ValueError("nested too deep") from None
        self.texts = _texts(data)

    def write(self, new: Mapping[int, str]) -> bytes:
        """Put other strings in place of some, by their indices."""
        if not new:
            return self._data
        pieces: list[bytes] = []
        position = 0
        for index in sorted(new):
            old = self.texts[index]
            text = new[index]
            # What cannot be written in UTF-8, or is invisible, is escaped.
            written = json.dumps(text, ensure_ascii=not text.isprintable())
            pieces += [self._data[position : old.start], written.encode()]
            position = old.end
        return b"".join([*pieces, self._data[position:]])


def _texts(data: bytes) -> list[Text]:
    found: list[Text] = []
    stack: list[int | None] = []
    """For each open array the index of its element, for each open object None."""
    keys: list[str] = []
    name_next = False
    for match in _TOKEN.finditer(data):
        token = match[0]
        mark = token[0]
        if mark == 0x22:
            text = json.loads(token)
            found.append(Text(match.start(), match.end(), text, tuple(keys), name_next))
            if name_next:
                keys[-1] = text
        elif mark in b"{[":
            if len(stack) >= MAX_DEPTH:
                raise ValueError("nested too deep")
            stack.append(None if mark == 0x7B else 0)
            keys.append("" if mark == 0x7B else "0")
            name_next = mark == 0x7B
        elif mark in b"}]":
            stack.pop()
            keys.pop()
            name_next = False
        elif mark == 0x3A:
            name_next = False
        else:
            position = stack[-1]
            if position is None:
                name_next = True
            else:
                stack[-1] = position + 1
                keys[-1] = str(position + 1)
    return found
