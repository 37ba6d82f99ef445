"""JSON (RFC 8259) and JSON lines: every name, text and long number, replaced where it stands."""

from __future__ import annotations

import codecs
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import jiter

from redaction.documents.model import MAX_LEAVES, Leaf
from redaction.errors import RedactionError, UnsupportedDocument
from redaction.field_names import NAME_HINT

_POINTER_CHARS = 200
_NAME_CHARS = 64
_QUOTE = 0x22
_SMALLEST, _LARGEST = 1_000_000, 10**20

# Only for text that is known to be JSON: strings and numbers, in order.
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|-?[0-9][-+.0-9eE]*+', re.DOTALL)
_NAME_FOLLOWS = re.compile(rb"[ \t\r\n]*+:")


class JsonDocument:
    """A JSON text; its names, strings and numbers of 7 to 20 digits are leaves."""

    def __init__(self, body: bytes) -> None:
        """Read the body; raises `UnsupportedDocument` where it is not JSON or is ambiguous."""
        self._body = body
        self._encoding = json.detect_encoding(body)
        if self._encoding in {"utf-8", "utf-8-sig"}:
            self._utf8 = body.removeprefix(codecs.BOM_UTF8)
        else:
            try:
                self._utf8 = body.decode(self._encoding).encode()
            except UnicodeError:
                raise UnsupportedDocument("The body is not JSON in a Unicode encoding.") from None
        self.leaves: list[Leaf] = []
        _walk(_parse(self._utf8), "", "", self.leaves)

    def rebuild(self, replaced: Mapping[int, str]) -> bytes:
        """Put new texts in place of leaves; all else keeps its bytes."""
        if not replaced:
            return self._body
        result = _splice(self._utf8, len(self.leaves), replaced)
        if self._encoding == "utf-8-sig":
            return codecs.BOM_UTF8 + result
        if self._encoding != "utf-8":
            return _encode_like(result.decode(), self._encoding, self._body)
        return result


class JsonLinesDocument:
    """JSON texts, one a line, or each behind a record separator (RFC 7464)."""

    def __init__(self, body: bytes, separator: bytes = b"\n") -> None:
        """Read the body; raises `UnsupportedDocument` where a record is not JSON."""
        self.leaves: list[Leaf] = []
        self._separator = separator
        self._lines: list[tuple[bytes, JsonDocument | None, int]] = []
        for number, line in enumerate(body.split(separator)):
            offset = len(self.leaves)
            if not line.strip(b" \t\r\n"):
                self._lines.append((line, None, offset))
                continue
            part = JsonDocument(line)
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
        leaves: list[Leaf] = []
        _walk(_parse(body), "", "", leaves)
    except (UnicodeEncodeError, UnsupportedDocument):
        return
    position = start = 0
    for leaf, match in zip(leaves, _leaf_tokens(body), strict=True):
        first, last = match.span()
        start += len(body[position:first].decode())
        end = start + len(body[first:last].decode())
        quote = int(body[first] == _QUOTE)
        yield start + quote, end - quote, leaf
        position, start = last, end


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


def number_text(value: float) -> str | None:
    """Give the digits of a number that may be an identifier, or None."""
    if isinstance(value, float):
        if not value.is_integer():
            return None
        value = int(value)
    return str(value) if _SMALLEST <= abs(value) < _LARGEST else None


def _walk(value: Any, pointer: str, hint: str, leaves: list[Leaf]) -> None:
    kind = type(value)
    if kind is str:
        leaves.append(Leaf(pointer, value, hint))
    elif kind is dict:
        parent = hint.rpartition("/")[2]
        # FHIR and forms: the field's name is the value of a sibling.
        named = _sibling_name(value) if "value" in value else None
        for name, item in value.items():
            short = name if len(name) <= _NAME_CHARS else name[:_NAME_CHARS]
            place = f"{pointer}/{short}" if len(pointer) < _POINTER_CHARS else pointer
            leaves.append(Leaf(place, name, NAME_HINT))
            if named is not None and name == "value":
                short = named
            inner = f"{parent}/{short}" if parent else short
            if type(item) is str:
                leaves.append(Leaf(place, item, inner))
            else:
                _walk(item, place, inner, leaves)
    elif kind is list:
        long = len(pointer) >= _POINTER_CHARS
        for index, item in enumerate(value):
            _walk(item, pointer if long else f"{pointer}/{index}", hint, leaves)
    elif kind is int or kind is float:
        text = number_text(value)
        if text is not None:
            leaves.append(Leaf(pointer, text, hint))
    if len(leaves) > MAX_LEAVES:
        raise UnsupportedDocument(f"The body has more than {MAX_LEAVES} texts.")


def _sibling_name(value: dict[str, Any]) -> str | None:
    for key in ("name", "key", "field", "label", "system"):
        name = value.get(key)
        if type(name) is str:
            # Of a URL such as FHIR's the end says what it is.
            return name[-_NAME_CHARS:]
    return None


def _leaf_tokens(body: bytes) -> Iterator[re.Match[bytes]]:
    for match in _TOKEN.finditer(body):
        token = match[0]
        if token[0] == _QUOTE or (
            (len(token) > 6 or b"e" in token or b"E" in token)
            and number_text(_number(token)) is not None
        ):
            yield match


def _number(token: bytes) -> float:
    return float(token) if re.search(rb"[.eE]", token) else int(token)


def _splice(body: bytes, count: int, replaced: Mapping[int, str]) -> bytes:
    pieces: list[bytes] = []
    position = found = 0
    names: Counter[str] = Counter()
    for index, match in enumerate(_leaf_tokens(body)):
        found += 1
        text = replaced.get(index)
        if text is None:
            continue
        if _NAME_FOLLOWS.match(body, match.end()):
            names[text] += 1
            if names[text] > 1:
                # Two members must not come to share a name: one of them would be lost.
                text = f"{text}#{names[text]}"
        pieces.append(body[position : match.start()])
        pieces.append(json.dumps(text, ensure_ascii=not text.isprintable()).encode())
        position = match.end()
    if found != count:
        raise RedactionError("The body could not be put together again.")
    pieces.append(body[position:])
    result = b"".join(pieces)
    if names:
        _parse(result)
    return result


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
