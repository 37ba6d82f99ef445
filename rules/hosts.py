"""One spelling for each host name (IDNA 2008 with UTS 46, RFC 5891), or a reason against it."""

from __future__ import annotations

import functools
import re
import unicodedata

import idna

from rules.addresses import looks_like_address, parse_address
from rules.errors import HostError

MAX_HOST = 253
_ASCII_HOST = re.compile(
    r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
    r"(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*"
)


@functools.lru_cache(4096)
def canonical_host(text: str) -> str:
    """Give the canonical form of a host name or address literal.

    Names are lower-case A-labels without a trailing dot, addresses in their usual notation with
    IPv4-mapped IPv6 unmapped. Raises `HostError`.
    """
    if not text:
        raise HostError("it is empty")
    if len(text) > 4 * MAX_HOST:
        raise HostError(f"it is longer than {MAX_HOST} characters")
    name = text[:-1] if text.endswith(".") else text
    bare = name[1:-1] if name.startswith("[") and name.endswith("]") else name
    address = parse_address(bare)
    if address is not None:
        return str(address)
    if looks_like_address(bare):
        raise HostError("it is an address in an unusual notation")
    lowered = name.lower()
    if not lowered.isascii():
        _check_scripts(lowered)
        try:
            lowered = idna.encode(lowered, uts46=True, std3_rules=False).decode("ascii")
        except (idna.IDNAError, UnicodeError):
            raise HostError("it is no valid international name") from None
        if looks_like_address(lowered) or parse_address(lowered) is not None:
            raise HostError("it is an address in an unusual notation")
    if len(lowered) > MAX_HOST:
        raise HostError(f"it is longer than {MAX_HOST} characters")
    if not _ASCII_HOST.fullmatch(lowered):
        raise HostError("it holds characters or empty labels that no host name has")
    for label in lowered.split("."):
        if label.startswith("xn--"):
            _check_encoded(label)
    return lowered


def _check_encoded(label: str) -> None:
    try:
        plain = idna.ulabel(label)
    except (idna.IDNAError, UnicodeError):
        raise HostError("it holds an invalid punycode label") from None
    _check_scripts(plain)


def _check_scripts(name: str) -> None:
    """Refuse a label that mixes scripts, as look-alikes do."""
    for label in re.split("[.\u3002\uff0e\uff61]", name):
        scripts = {_script(character) for character in unicodedata.normalize("NFKC", label)}
        scripts.discard("")
        if len(scripts) > 1 and not scripts <= {"CJK", "HIRAGANA", "KATAKANA", "LATIN"}:
            raise HostError("it mixes letters of several scripts in one label")


def _script(character: str) -> str:
    if not character.isalpha():
        return ""
    word = unicodedata.name(character, "").split(" ")[0]
    return word.split("-")[0]
