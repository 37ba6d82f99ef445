"""A URL or request target (RFC 3986): userinfo, path, query and fragment."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from redaction.documents.fhir_schema import schema
from redaction.documents.model import Leaf
from redaction.documents.pairs import Part, Parts, escape, split_pairs, unescape
from redaction.field_names import NAME_HINT

_URL = re.compile(
    r"(?:(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*:)?//(?:(?P<userinfo>[^/?#@]*)@)?(?P<host>[^/?#]*))?"
    r"(?P<path>[^?#]*)(?:\?(?P<query>[^#]*))?(?:#(?P<fragment>.*))?",
    re.DOTALL,
)
# An identifier may be spread over segments: /123/45/6789.
_DIGITS_ACROSS = re.compile(r"[0-9](?:/|%2f)[0-9]", re.IGNORECASE)
_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")
_PATH_SAFE = "!$&'()*+,;=:@~"
_RAW_SAFE = _PATH_SAFE + "/%"


class UrlDocument:
    """A URL or the target of a request; the host is not a leaf, for it cannot be rewritten."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._parts = Parts(_split(url))
        self.leaves = _labelled(self._parts.leaves)

    def rebuild(self, replaced: Mapping[int, str]) -> bytes:
        """Put new texts in; all else keeps its bytes."""
        url = self._parts.join(dict(replaced)) if replaced else self._url
        return url.encode("utf-8", "surrogateescape")


def _labelled(leaves: list[Leaf]) -> list[Leaf]:
    """Say what a request to a FHIR server holds: `/Patient/1`, `/Patient?family=Roe`."""
    kind = next(
        (
            leaf.text
            for leaf in leaves
            if leaf.text[:1].isupper()
            and leaf.pointer[:6] == "/path/"
            and leaf.text in _resources()
        ),
        "",
    )
    if not kind:
        return leaves
    rules = schema()
    person = rules.displays.get(kind) == "PERSON"
    found: list[Leaf] = []
    for leaf in leaves:
        if leaf.pointer[:6] == "/path/" and leaf.hint in rules.ids and _ID.fullmatch(leaf.text):
            leaf = leaf._replace(entity=rules.ids[leaf.hint], form="id")
        elif leaf.pointer[:1] == "?" and leaf.hint != NAME_HINT:
            name = leaf.hint.partition(":")[0]
            if person or name in rules.subjects:
                leaf = leaf._replace(entity=rules.searches.get(name, ""))
        found.append(leaf)
    return found


def _resources() -> frozenset[str]:
    return schema().resources


def _split(url: str) -> Iterator[Part]:
    match = _URL.fullmatch(url)
    assert match is not None
    host = match["host"]
    if host is not None:
        yield f"{match['scheme'] or ''}//", None, None
        if match["userinfo"] is not None:
            for number, piece in enumerate(match["userinfo"].split(":", 1)):
                if number:
                    yield ":", None, None
                if piece:
                    yield piece, _segment, Leaf("/userinfo", unescape(piece, plus=False))
            yield "@", None, None
        yield host, None, None
    yield from _path(match["path"])
    if match["query"] is not None:
        yield "?", None, None
        yield from split_pairs(match["query"], "?")
    if match["fragment"] is not None:
        yield "#", None, None
        if match["fragment"]:
            yield match["fragment"], _segment, Leaf("#", unescape(match["fragment"], plus=False))


def _path(path: str) -> Iterator[Part]:
    if _DIGITS_ACROSS.search(path):
        # Raw, so that slashes that are encoded stay told from those that are not.
        yield path, _raw, Leaf("/path", path)
        return
    before = ""
    for number, segment in enumerate(path.split("/")):
        if number:
            yield "/", None, None
        if segment:
            text = unescape(segment, plus=False)
            yield segment, _segment, Leaf(f"/path/{number}", text, before)
            before = text[:64]


def _segment(text: str) -> str:
    return escape(text, plus=False, safe=_PATH_SAFE)


def _raw(text: str) -> str:
    return escape(text, plus=False, safe=_RAW_SAFE)
