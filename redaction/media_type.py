"""Content-Type and Content-Disposition values, read the one way that all readers agree on."""

from __future__ import annotations

import functools
import re
from typing import NamedTuple

from redaction.errors import UnsupportedDocument

_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_MEDIA = re.compile(rf"{_WORD}/{_WORD}")
# A backslash before a quote ends the text for some readers and not for others.
_PARAMETER = re.compile(
    rf"[ \t]*;[ \t]*(?P<name>{_WORD})="
    rf"""(?:"(?P<quoted>(?:[^"\\\x00-\x1f\x7f]|\\(?!"))*)"|(?P<token>{_WORD}))"""
)
_KINDS = {
    # Messages of gRPC have a frame around them, whatever they are written in.
    "json": r"(?!application/grpc)[^;]*\+json"
    r"|(?:application|text)/(?:[^;]*[.-])?json(?:-rpc|request)?",
    "ndjson": r"(?:application|text)/(?:x-)?(?:ndjson|jsonl|jsonlines|json-lines|json-seq)"
    r"|[^;]*\+(?:json-seq|ndjson)",
    "hl7": r"(?:application|text)/(?:x-)?hl7-?v2(?:\+er7)?|x-application/hl7-v2(?:\+er7)?",
    "x12": r"(?:application|text)/(?:x-)?(?:edi-?)?x12",
    "form": r"application/x-www-form-urlencoded",
    "multipart": r"multipart/[^;]*",
    "xml": r"(?:application|text)/xml|[^;]*\+xml",
    "text": r"(?:text/[^;]*|application/(?:[^;]*[+.-])?(?:javascript|graphql|yaml|toml|sql|csv))?",
}
_KIND = re.compile("|".join(f"(?P<{name}>(?:{kind})$)" for name, kind in _KINDS.items()))
_JSON = re.compile(rb"(?:\xef\xbb\xbf)?[ \t\r\n]*[{\[]")
_WIDE_JSON = re.compile(
    rb"(?:\xff\xfe(?:\0\0)?)?[{\[]\0|(?:\xfe\xff|\0\0\xfe\xff)?\0(?:\0\0)?[{\[]"
)
_END = re.compile(r"[ \t]*;?[ \t]*")
_CACHED_CHARS = 200


class Parameter(NamedTuple):
    """A parameter of a header value, and where its text stands in that."""

    name: str
    text: str
    start: int
    end: int


class MediaType(NamedTuple):
    """What a Content-Type says; `sound` is False when readers could read it differently."""

    type: str = ""
    charset: str = ""
    boundary: str = ""
    sound: bool = True
    kind: str = "text"
    """`json`, `ndjson`, `hl7`, `x12`, `form`, `multipart`, `xml`, `text`, or empty for others."""

    @property
    def separator(self) -> bytes:
        """What stands before or after each record of a body of several JSON texts."""
        return b"\x1e" if self.type.endswith("json-seq") else b"\n"


def looks_like_json(body: bytes) -> bool:
    """Tell whether a body begins like a JSON object or array, in any Unicode encoding."""
    return _JSON.match(body) is not None or _WIDE_JSON.match(body) is not None


def read_media_type(value: str) -> MediaType:
    """Read a Content-Type (RFC 9110 section 8.3.1); its type and charset in lower case."""
    if len(value) <= _CACHED_CHARS:
        return _cached(value)
    return _read(value)


def parameters(value: str, start: int) -> list[Parameter]:
    """Read the parameters that follow a header's first word.

    Raises `UnsupportedDocument` for what readers disagree on: a name twice, odd quotes, no value.
    """
    found: list[Parameter] = []
    names: set[str] = set()
    while match := _PARAMETER.match(value, start):
        name = match["name"].lower()
        # `name` and `name*` are the same parameter written in two ways (RFC 8187).
        if name.removesuffix("*") in names:
            raise UnsupportedDocument("A header has a parameter twice.")
        names.add(name.removesuffix("*"))
        group = "token" if match["quoted"] is None else "quoted"
        found.append(Parameter(name, match[group], *match.span(group)))
        start = match.end()
    if _END.fullmatch(value, start) is None:
        raise UnsupportedDocument("A header has parameters that cannot be read.")
    return found


def _read(value: str) -> MediaType:
    text = value.strip(" \t")
    if not text:
        return MediaType()
    media = text.partition(";")[0].rstrip(" \t").lower()
    try:
        found = {item.name: item.text for item in parameters(text, len(media))}
    except UnsupportedDocument:
        return MediaType(media, sound=False, kind=_kind(media))
    sound = _MEDIA.fullmatch(media) is not None and not found.keys() & {"charset*", "boundary*"}
    charset, boundary = found.get("charset", "").lower(), found.get("boundary", "")
    return MediaType(media, charset, boundary, sound, _kind(media))


def _kind(media: str) -> str:
    match = _KIND.match(media)
    return (match.lastgroup or "") if match is not None else ""


_cached = functools.lru_cache(maxsize=512)(_read)
