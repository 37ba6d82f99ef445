"""IP addresses and URLs."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import ClassVar

from redaction import linear
from redaction.recognizers.base import Recognizer, Span, has_digit, near, word_pattern

# Not behind a letter and a slash: Chrome/120.0.0.0 is a version.
_V4 = re.compile(
    r"(?<![0-9A-Za-z.])(?<![A-Za-z]/)[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?![0-9A-Za-z]|\.[0-9])"
)
_V4_GATE = linear.compile(r"[0-9]\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]")
_V6 = re.compile(
    r"(?<![0-9A-Za-z:.])[0-9a-fA-F:]{2,39}(?:(?<=:)[0-9]{1,3}(?:\.[0-9]{1,3}){3})?(?![0-9A-Za-z:])"
)
_V6_GATE = linear.compile(r"(?i)[0-9a-f]{0,4}:[0-9a-f]{0,4}:[0-9a-f]")
_NO_ADDRESS = re.compile(
    r"(?:versions?|ver|v|releases?|rel|build|firmware|sections?|sec|§|chapter|clause|paragraph|rule"
    r"|article|figure|fig|table|appendix|step|item|requirement|upgrade(?:d)? to|schema|revision"
    r"|driver"
    r"|[A-Za-z]+@|==|>=|<=|~=|\^)[ .:#\"'(=]{0,3}\Z",
    re.IGNORECASE,
)
_NO_ADDRESS_CHARS = 16
_IP_WORDS = word_pattern(
    [
        *("ip", "ips", "ipv4", "address", "host", "server", "ping", "dns", "subnet", "gateway"),
        *(
            "login",
            "logged",
            "client",
            "remote",
            "network",
            "router",
            "proxy",
            "connect",
            "connected",
        ),
        *("connection", "traffic", "request", "requests", "from", "access", "accessed", "port"),
    ]
)


class IpAddressRecognizer(Recognizer):
    """IP_ADDRESS: IPv4 and IPv6 (RFC 4291)."""

    entity: ClassVar[str] = "IP_ADDRESS"

    def find(self, text: str) -> Iterator[Span]:
        """Give the spans of addresses."""
        if not has_digit(text):
            return
        if _V4_GATE.search(text) is not None:
            for match in _V4.finditer(text):
                score = _v4_score(text, match)
                if score:
                    yield *match.span(), score
        if ":" not in text or _V6_GATE.search(text) is None:
            return
        for match in _V6.finditer(text):
            value = match[0]
            if value.count(":") < 2 or not has_digit(value):
                continue
            try:
                ipaddress.IPv6Address(value)
            except ValueError:
                continue
            yield *match.span(), 0.6


def _v4_score(text: str, match: re.Match[str]) -> float:
    start, end = match.span()
    parts = match[0].split(".")
    if any(int(part) > 255 or (len(part) > 1 and part[0] == "0") for part in parts):
        return 0.0
    if _NO_ADDRESS.search(text[max(0, start - _NO_ADDRESS_CHARS) : start]):
        return 0.2
    if all(len(part) == 1 for part in parts) and not near(_IP_WORDS, text, start, end):
        # As of a section or a version.
        return 0.35
    return 0.6


# RE2, whose time is linear whatever the text: the pattern that Presidio has for this takes
# minutes for a few kilobytes of dots.
_URL = linear.compile(
    r"(?i)\b(?:https?|ftps?|sftp|wss?|ssh|file|ldaps?|smb|rtsp|s3|gs)://[^\s\"'<>\\^`{|}]+"
    r"|\bhxxps?://[^\s\"'<>\\^`{|}]+|\bwww\.[a-z0-9-]+\.[a-z0-9.-]+[^\s\"'<>\\^`{|}]*"
)
_BARE = linear.compile(
    r"(?i)\b(?:[a-z0-9-]+\.)+(?:(com|org|net|edu|gov|mil|co\.uk|org\.uk|ac\.uk|com\.au|co\.in"
    r"|com\.br|de|fr"
    r"|eu|uk|nl|ch|es|se|ca|au|jp|cn|ru|pl)|info|biz|int|io|co|us|app|dev|ai|health|care|clinic"
    r"|hospital"
    r"|me|tv|it|in|be|at|br|mx|xyz|online|site|store|shop|tech|cloud|ly|gl|gg|be)"
    r"\b(?:[:/?#][^\s\"'<>\\^`{|}]*)?"
)
_DOTTED = linear.compile(r"(?i)[a-z0-9-]\.[a-z]{2}")
_TRAILING = ".,;:!?)]}*'"
# As a name of code, of a file or of a word run into the next sentence.
_OF_CODE = re.compile(
    r"[a-z0-9-]{0,3}\.|(?:self|this|numpy|obj\w*|data|args)\.|.*\.(?:int|info|me|it|in|be|at)\Z"
)
_CODE_AFTER = ("(", "=", "[", "_", "<", "-")


class UrlRecognizer(Recognizer):
    """URL: with a scheme or www, and host names of common top-level domains."""

    entity: ClassVar[str] = "URL"

    def find(self, text: str) -> Iterator[Span]:
        """Give the spans of URLs."""
        if "://" in text or "www." in text or "WWW." in text:
            for match in _URL.finditer(text):
                start = match.start()
                yield start, start + len(_without_tail(match[0])), 0.6
        if _DOTTED.search(text) is None:
            return
        for match in _BARE.finditer(text):
            start = match.start()
            if text[start - 1 : start] in {"@", "/", ".", "_"}:
                continue
            value = _without_tail(match[0])
            host = re.split("[:/?#]", value, maxsplit=1)[0]
            follows = text[start + len(value) : start + len(value) + 1]
            if follows in _CODE_AFTER and follows:
                continue
            sure = match[1] is not None or len(value) > len(host)
            if not sure and (host != host.lower() or _OF_CODE.match(host)):
                continue
            if match[1] is not None and len(host) < 6 and host != host.lower():
                continue
            yield start, start + len(value), 0.5 if sure else 0.4


def _without_tail(value: str) -> str:
    """Cut off punctuation of the sentence, but for a bracket that the address opened."""
    while value and value[-1] in _TRAILING:
        if value[-1] == ")" and value.count("(") >= value.count(")"):
            break
        value = value[:-1]
    return value
