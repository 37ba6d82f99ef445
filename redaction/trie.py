"""Many words found in a text at once, in time linear in it: leftmost, longest, whole."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, NamedTuple


class Hit(NamedTuple):
    """A word where it stands in a text."""

    start: int
    end: int
    word: str


class Scan(NamedTuple):
    """The words of a text up to a place, and the character before that place."""

    hits: list[Hit]
    end: int
    before: str


_END = ""
"""The key of a trie's node under which the word stands that ends there."""

_ESCAPE = re.compile(r"\\(?:u[0-9A-Fa-f]{4}|[^u])", re.DOTALL)
_ESCAPE_CHARS = 6


class Trie:
    """A set of words.

    A word that begins or ends with a letter or digit is only found where no other stands beside
    it. With `any_case` capitals and small letters are one. With `escapes` the text is the inside
    of a JSON string (RFC 8259), whose escapes are no letters.
    """

    def __init__(
        self, words: Iterable[str], *, any_case: bool = False, escapes: bool = False
    ) -> None:
        self._any_case = any_case
        self._escapes = escapes
        self._root: dict[str, Any] = {}
        self.longest = 0
        for word in words:
            if not word:
                continue
            node = self._root
            for char in word:
                node = node.setdefault(_small(char) if any_case else char, {})
            node[_END] = word
            self.longest = max(self.longest, len(word))
        firsts = {form for char in self._root for form in (char, char.upper() if any_case else "")}
        if escapes:
            firsts.add("\\")
        starts = "".join(sorted(re.escape(char) for char in firsts if len(char) == 1))
        self._starts = re.compile(f"[{starts}]" if starts else "(?!)")

    def scan(self, text: str, *, before: str = "", final: bool = True) -> Scan:
        """Give the words in a text, up to where more text is needed to say.

        `before` is the character before the text. With `final` nothing follows, and all is said.
        """
        hits: list[Hit] = []
        position, free = 0, -1
        # `free` is where an escape ended, behind which a word may begin.
        while (found := self._starts.search(text, position)) is not None:
            start = found.start()
            if self._escapes and text[start] == "\\":
                escape = _ESCAPE.match(text, start)
                if escape is None and not final and len(text) - start < _ESCAPE_CHARS:
                    return Scan(hits, start, _before(text, start, free, before))
                position = free = escape.end() if escape is not None else start + 1
                continue
            position = start + 1
            if text[start].isalnum() and _before(text, start, free, before).isalnum():
                continue
            hit, is_open = self._longest(text, start)
            if is_open and not final:
                return Scan(hits, start, _before(text, start, free, before))
            if hit is not None:
                hits.append(hit)
                position = hit.end
        return Scan(hits, len(text), _before(text, len(text), free, before))

    def _longest(self, text: str, start: int) -> tuple[Hit | None, bool]:
        """Give the longest word that begins here, and whether more text could change that."""
        node, index, found = self._root, start, None
        while True:
            if (word := node.get(_END)) is not None:
                closed = not text[index - 1].isalnum()
                if index == len(text):
                    return Hit(start, index, word), not closed or len(node) > 1
                if closed or not text[index].isalnum():
                    found = Hit(start, index, word)
            if index == len(text):
                return found, True
            following = node.get(_small(text[index]) if self._any_case else text[index])
            if following is None:
                return found, False
            node, index = following, index + 1


def _before(text: str, index: int, free: int, before: str) -> str:
    """Give the character before a place, nothing behind an escape."""
    if index == free:
        return ""
    return text[index - 1] if index else before


def _small(char: str) -> str:
    small = char.casefold()
    return small if len(small) == 1 else char
