"""JSON (RFC 8259) and JSON lines: every name, text and long number, replaced where it stands."""

from __future__ import annotations

import codecs
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import jiter

from redaction.documents.json_walk import JsonWalk, Parts, number_text
from redaction.documents.model import MAX_LEAVES, Leaf, Reading
from redaction.errors import RedactionError, UnsupportedDocument

__all__ = ["JsonDocument", "JsonLinesDocument", "inner_fields", "number_text"]

_QUOTE = 0x22
_SPECIAL = frozenset('"\\')

# Only for text that is known to be JSON: strings and numbers, in order.
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|-?[0-9][-+.0-9eE]*+', re.DOTALL)
_NAME_FOLLOWS = re.compile(rb"[ \t\r\n]*+:")
_NUMBER = re.compile(r"(-?)0*((?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?)")


class JsonDocument:
    """A JSON text; its names, strings and numbers of 7 to 20 digits are leaves."""

    def __init__(self, body: bytes, reading: Reading | None = None) -> None:
        """Read the body; raises `UnsupportedDocument` where it is not JSON or is ambiguous.

        `reading` says how the documents in its texts are read; without it they are texts.
        """
        self._body = body
        self._encoding = json.detect_encoding(body)
        if self._encoding in {"utf-8", "utf-8-sig"}:
            self._utf8 = body.removeprefix(codecs.BOM_UTF8)
        else:
            try:
                self._utf8 = body.decode(self._encoding).encode()
            except UnicodeError:
                raise UnsupportedDocument("The body is not JSON in a Unicode encoding.") from None
        self._walk = _walk(self._utf8, reading)
        self.leaves: list[Leaf] = self._walk.leaves

    def rebuild(self, replaced: Mapping[int, str]) -> bytes:
        """Put new texts in place of leaves; all else keeps its bytes."""
        if not replaced:
            return self._body
        result = _splice(self._utf8, self._walk.token + 1, self._by_token(replaced))
        if self._encoding == "utf-8-sig":
            return codecs.BOM_UTF8 + result
        if self._encoding != "utf-8":
            return _encode_like(result.decode(), self._encoding, self._body)
        return result

    def _by_token(self, replaced: Mapping[int, str]) -> dict[int, str]:
        """Give the new text of each token in which a leaf has one."""
        walk = self._walk
        texts: dict[int, str] = {}
        inner: dict[int, dict[int, str]] = {}
        for index, text in replaced.items():
            token = walk.tokens[index]
            special = walk.special.get(token)
            if special is None:
                texts[token] = text
            else:
                inner.setdefault(token, {})[index - special.first] = text
        for token, changes in inner.items():
            special = walk.special[token]
            if isinstance(special, Parts):
                texts[token] = self._joined(special, changes)
                continue
            body = special.document.rebuild(changes)
            texts[token] = special.encode(body)
            for other, make in special.links:
                texts[other] = make(body)
        return texts

    def _joined(self, parts: Parts, changes: Mapping[int, str]) -> str:
        return "".join(
            piece
            if isinstance(piece, str)
            else changes.get(piece, self.leaves[parts.first + piece].text)
            for piece in parts.pieces
        )


class JsonLinesDocument:
    """JSON texts, one a line, or each behind a record separator (RFC 7464)."""

    def __init__(
        self, body: bytes, separator: bytes = b"\n", reading: Reading | None = None
    ) -> None:
        """Read the body; raises `UnsupportedDocument` where a record is not JSON."""
        self.leaves: list[Leaf] = []
        self._separator = separator
        self._lines: list[tuple[bytes, JsonDocument | None, int]] = []
        for number, line in enumerate(body.split(separator)):
            offset = len(self.leaves)
            if not line.strip(b" \t\r\n"):
                self._lines.append((line, None, offset))
                continue
            part = JsonDocument(line, reading)
            self._lines.append((line, part, offset))
            self.leaves += [
                leaf._replace(pointer=f"{number}:{leaf.pointer}") for leaf in part.leaves
            ]
            if len(self.leaves) > MAX_LEAVES:
                raise UnsupportedDocument(f"The body has more than {MAX_LEAVES} texts.")

    def rebuild(self, replaced: Mapping[int, str]) -> bytes:
        """Put new texts in place of leaves; all else keeps its bytes."""
        by_line: list[dict[int, str]] = [{} for _ in self._lines]
        line = 0
        for index in sorted(replaced):
            while line + 1 < len(self._lines) and self._lines[line + 1][2] <= index:
                line += 1
            by_line[line][index - self._lines[line][2]] = replaced[index]
        return self._separator.join(
            part.rebuild(changes) if part is not None and changes else raw
            for (raw, part, _), changes in zip(self._lines, by_line, strict=True)
        )


def inner_fields(text: str) -> Iterator[tuple[int, int, Leaf]]:
    """Give start, end and leaf of each value in a text that is JSON, such as a tool's arguments.

    Gives nothing for a text that is not JSON; quotes are outside the span.
    """
    if text[:1] not in {"{", "["}:
        return
    try:
        body = text.encode()
        walk = _walk(body, None)
    except (UnicodeEncodeError, UnsupportedDocument):
        return
    # Of a text of which only a part is a leaf the place of that is not known.
    whole = {
        token: leaf
        for token, leaf in zip(walk.tokens, walk.leaves, strict=True)
        if token not in walk.special
    }
    position = start = 0
    for token, match in enumerate(_TOKEN.finditer(body)):
        first, last = match.span()
        start += len(body[position:first].decode())
        end = start + len(body[first:last].decode())
        quote = int(body[first] == _QUOTE)
        if token in whole:
            yield start + quote, end - quote, whole[token]
        position, start = last, end


def _walk(body: bytes, reading: Reading | None) -> JsonWalk:
    walk = JsonWalk(reading)
    try:
        walk.walk(_parse(body), "", "")
    except RecursionError:
        raise UnsupportedDocument("The body is nested too deep.") from None
    return walk


def _parse(body: bytes) -> Any:
    try:
        return jiter.from_json(
            body, allow_inf_nan=False, cache_mode="keys", catch_duplicate_keys=True
        )
    except ValueError as error:
        # What follows "at" is a position; what comes before may quote the body.
        _, _, position = str(error).rpartition(" at ")
        raise UnsupportedDocument(
            f"The body is not JSON that reads the same everywhere (see {position})."
        ) from None


def _splice(body: bytes, count: int, texts: Mapping[int, str]) -> bytes:
    pieces: list[bytes] = []
    position = found = 0
    names: Counter[str] = Counter()
    matches = _TOKEN.finditer(body)
    for token in sorted(texts):
        match = next(islice(matches, token - found, None), None)
        if match is None:
            break
        found, text = token + 1, texts[token]
        start, end = match.span()
        pieces.append(body[position:start])
        position = end
        if body[start] != _QUOTE:
            pieces.append(_number(text))
            continue
        if _NAME_FOLLOWS.match(body, end):
            names[text] += 1
            if names[text] > 1:
                # Two members must not come to share a name: one of them would be lost.
                text = f"{text}#{names[text]}"
        pieces.append(_written(text))
    if found + sum(1 for _ in matches) != count:
        raise RedactionError("The body could not be put together again.")
    pieces.append(body[position:])
    result = b"".join(pieces)
    if names:
        _parse(result)
    return result


def _written(text: str) -> bytes:
    if text.isprintable() and _SPECIAL.isdisjoint(text):
        return b'"%s"' % text.encode()
    return json.dumps(text, ensure_ascii=not text.isprintable()).encode()


def _number(text: str) -> bytes:
    """Write a number; what is none becomes zero, for a number must stay one."""
    match = _NUMBER.fullmatch(text.strip())
    return (match[1] + match[2]).encode() if match is not None else b"0"


def _encode_like(text: str, encoding: str, original: bytes) -> bytes:
    for mark, exact in _MARKS:
        if original.startswith(mark):
            return mark + text.encode(exact)
    return text.encode(encoding)


_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
