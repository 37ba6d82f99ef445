"""Originals put back in the place of surrogates, in whole texts and in streams of pieces.

    restorer = Restorer({"[[PERSON_7f3a9c21]]": "Jane Doe"})
    restorer.text("Dear [[PERSON_7f3a9c21]],")          Dear Jane Doe,
    restorer.feed("Dear [[PER"), restorer.feed("SON_7f3a9c21]],"), restorer.end()

Time is linear in the text. A stream is held back only as far as a surrogate may have begun.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Collection, Iterator, Mapping

from redaction.surrogates import TOKEN
from redaction.trie import Hit, Trie

_WORD = re.compile(r"[^\W\d_](?:[^\W\d_]|['’-](?=[^\W\d_]))*")
_HALF = re.compile("[\ud800-\udfff]")
_NAME = re.compile(r"[A-Z][a-z]{2,}(?: [A-Z][a-z]{2,}){1,3}")
_LEAST_PART = 3


class Restorer:
    """Puts originals back.

    `mapping` gives the original of each surrogate. A surrogate that is a name ("Emily Carter") is
    known by its parts as well, where they can be only one person's; `people` are those that are
    names, by default all that look like one. With `in_json` the texts of `feed` are the inside of
    a JSON string.
    """

    def __init__(
        self,
        mapping: Mapping[str, str],
        people: Collection[str] | None = None,
        *,
        in_json: bool = False,
    ) -> None:
        self._originals = dict(_tokens(mapping))
        for part, original in _parts(mapping, people).items():
            self._originals.setdefault(part, original)
        self._words = Trie(self._originals)
        self._json_words = Trie(self._originals, escapes=True)
        self._in_json = in_json
        self._held, self._before = "", ""

    def __bool__(self) -> bool:
        return bool(self._originals)

    @property
    def longest(self) -> int:
        """The length of the longest surrogate: what a stream holds back at most."""
        return self._words.longest

    @property
    def held(self) -> str:
        """What is held back of a stream."""
        return self._held

    def again(self, *, in_json: bool = False) -> Restorer:
        """Give another restorer of the same surrogates, for a stream of its own."""
        other = copy.copy(self)
        other._in_json = in_json
        other._held = other._before = ""
        return other

    def text(self, text: str) -> str:
        """Give a whole text with the originals."""
        return self._filled(text, self._words.scan(text).hits, in_json=False)

    def json_text(self, text: str) -> str:
        """Give the inside of a JSON string, or a whole JSON text, with the originals escaped."""
        return self._filled(text, self._json_words.scan(text).hits, in_json=True)

    def feed(self, chunk: str) -> str:
        """Take the next piece of a stream; gives what can be passed on."""
        return self._next(self._held + chunk, final=False)

    def end(self) -> str:
        """Give what was held back, at the end of a stream; another may follow."""
        rest = self._next(self._held, final=True)
        self._held = self._before = ""
        return rest

    def _next(self, text: str, *, final: bool) -> str:
        words = self._json_words if self._in_json else self._words
        scan = words.scan(text, before=self._before, final=final)
        self._held, self._before = text[scan.end :], scan.before
        return self._filled(text[: scan.end], scan.hits, in_json=self._in_json)

    def _filled(self, text: str, hits: list[Hit], *, in_json: bool) -> str:
        if not hits:
            return text
        pieces: list[str] = []
        position = 0
        for hit in hits:
            original = self._originals[hit.word]
            pieces += text[position : hit.start], _escaped(original) if in_json else original
            position = hit.end
        pieces.append(text[position:])
        return "".join(pieces)


def _escaped(text: str) -> str:
    # Half a surrogate pair can only be written as an escape.
    return json.dumps(text, ensure_ascii=_HALF.search(text) is not None)[1:-1]


def _tokens(mapping: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Give the surrogates, and tokens also without their brackets, as some models repeat them."""
    for surrogate, original in mapping.items():
        if TOKEN.fullmatch(surrogate):
            yield surrogate[2:-2], original
    yield from mapping.items()


def _parts(mapping: Mapping[str, str], people: Collection[str] | None) -> dict[str, str]:
    """Give the parts of names with those of their originals, where each is of one person alone."""
    found: dict[str, set[str]] = {}
    for surrogate, original in mapping.items():
        if surrogate not in people if people is not None else not _NAME.fullmatch(surrogate):
            continue
        theirs, ours = _WORD.findall(surrogate), _WORD.findall(original)
        if len(theirs) != len(ours):
            continue
        for part, own in zip(theirs, ours, strict=True):
            if len(part) >= _LEAST_PART:
                found.setdefault(part, set()).add(own)
    return {
        part: min(owners)
        for part, owners in found.items()
        if len({owner.casefold() for owner in owners}) == 1
    }
