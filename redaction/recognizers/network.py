"""IP addresses and URLs."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import ClassVar

import re2

from redaction.recognizers.base import Recognizer, Span, has_digit

# Not behind a letter and a slash: Chrome/120.0.0.0 is a version.
_V4 = re.compile(
    r"(?<![0-9A-Za-z.])(?<![A-Za-z]/)[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?![0-9A-Za-z]|\.[0-9])"
)
_V6 = re.compile(
    r"(?<![0-9A-Za-z:.])[0-9a-fA-F:]{2,39}(?:(?<=:)[0-9]{1,3}(?:\.[0-9]{1,3}){3})?(?![0-9A-Za-z:])"
)


class IpAddressRecognizer(Recognizer):
    """IP_ADDRESS: IPv4 and IPv6 (RFC 4291)."""

    entity: ClassVar[str] = "IP_ADDRESS"

    def find(self, text: str) -> Iterator[Span]:
        """Give the spans of addresses."""
        if not has_digit(text):
            return
        for match in _V4.finditer(text):
            if all(int(part) < 256 for part in match[0].split(".")):
                yield *match.span(), 0.6
        if ":" not in text:
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


# RE2, whose time is linear whatever the text: the pattern that Presidio has for this takes
# minutes for a few kilobytes of dots.
_URL = re2.compile(
    r"(?i)\b(?:https?|ftps?|wss?)://[^\s\"'<>\\^`{|}]+|\bwww\.[a-z0-9-]+\.[a-z0-9.-]+[^\s\"'<>\\^`{|}]*"
)
_BARE = re2.compile(
    r"(?i)\b(?:[a-z0-9-]+\.)+(?:com|org|net|edu|gov|mil|int|info|biz|io|co|us|uk|de|fr|eu|app|dev|ai|health)"
    r"\b(?:/[^\s\"'<>\\^`{|}]*)?"
)
_TRAILING = ".,;:!?)]}*'"


class UrlRecognizer(Recognizer):
    """URL: with a scheme or www, and host names of common top-level domains."""

    entity: ClassVar[str] = "URL"

    def find(self, text: str) -> Iterator[Span]:
        """Give the spans of URLs."""
        if "." not in text and "://" not in text:
            return
        for pattern, score in ((_URL, 0.6), (_BARE, 0.5)):
            for match in pattern.finditer(text):
                start, end = match.span()
                if text[start - 1 : start] == "@":
                    continue
                value = text[start:end].rstrip(_TRAILING)
                yield start, start + len(value), score
