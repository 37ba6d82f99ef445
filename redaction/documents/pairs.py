"""Names and values as forms and query strings write them: `a=1&b=2`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import quote_from_bytes, unquote_to_bytes

from redaction.documents.model import MAX_LEAVES, Leaf
from redaction.errors import UnsupportedDocument
from redaction.field_names import NAME_HINT

Part = tuple[str, Callable[[str], str] | None, Leaf | None]
"""Raw text; and for what is a leaf how to write a new text, and the leaf."""


def unescape(raw: str, *, plus: bool) -> str:
    """Undo percent-encoding; bytes that are not UTF-8 become lone surrogates."""
    if plus:
        raw = raw.replace("+", " ")
    if "%" not in raw:
        return raw
    data = unquote_to_bytes(raw.encode("utf-8", "surrogateescape"))
    return data.decode("utf-8", "surrogateescape")


def escape(text: str, *, plus: bool, safe: str = "") -> str:
    """Percent-encode a text for a place in a URL or form."""
    data = text.encode("utf-8", "surrogateescape")
    if plus:
        return quote_from_bytes(data, safe + " ").replace(" ", "+")
    return quote_from_bytes(data, safe)


def split_pairs(raw: str, place: str) -> Iterator[Part]:
    """Cut a text into names, values and what stands between them."""
    if raw.count("&") > MAX_LEAVES:
        raise UnsupportedDocument(f"There are more than {MAX_LEAVES} fields.")
    for number, pair in enumerate(raw.split("&")):
        if number:
            yield "&", None, None
        name, equals, value = pair.partition("=")
        plain = unescape(name, plus=True)
        pointer = f"{place}/{plain[:64]}"
        if name:
            yield name, _written, Leaf(pointer, plain, NAME_HINT)
        if equals:
            yield "=", None, None
        if value:
            yield value, _written, Leaf(pointer, unescape(value, plus=True), plain[:64])


def _written(text: str) -> str:
    return escape(text, plus=True)


class Parts:
    """A text cut into parts, some of which are leaves."""

    def __init__(self, parts: Iterator[Part]) -> None:
        self._parts = list(parts)
        self.leaves = [leaf for _, _, leaf in self._parts if leaf is not None]

    def join(self, replaced: dict[int, str]) -> str:
        """Put the text together with new texts at these indices of `leaves`."""
        pieces: list[str] = []
        index = 0
        for raw, write, _ in self._parts:
            if write is None:
                pieces.append(raw)
                continue
            new = replaced.get(index)
            pieces.append(raw if new is None else write(new))
            index += 1
        return "".join(pieces)
