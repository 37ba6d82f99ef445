"""The form that all spellings of a value share, and what is derived from it under a key."""

from __future__ import annotations

import functools
import hashlib
import re

from redaction.name_words import TITLES
from redaction.normalise import normalise

_LOCAL_DIGITS = 10
_SURROGATE = re.compile("[\ud800-\udfff]")


def plain(value: str) -> str:
    """Give a value without its disguises."""
    # Bytes that are no text are lone surrogates, which nothing here can read.
    text = value if value.isascii() else _SURROGATE.sub("\ufffd", value)
    normal = normalise(text)
    return text if normal is None else normal.text


def canonical(value: str, entity: str = "") -> str:
    """Give the form that all spellings of a value share, so that they share a pseudonym."""
    small = plain(value).casefold()
    bare = "".join([char for char in small if char.isalnum()])
    if not any(char.isdigit() for char in bare):
        # Only letters and spaces: a name, whose words must stay apart.
        words = small.split()
        while entity == "PERSON" and len(words) > 1 and words[0] in TITLES:
            # "Dr. Okafor" and "Okafor" are one person.
            words = words[1:]
        return " ".join(words)
    if entity == "PHONE_NUMBER" and len(bare) == _LOCAL_DIGITS + 1 and bare[0] == "1":
        # The country code of North America is often left out.
        return bare[1:]
    return bare


def keyed(key: bytes, *parts: str) -> bytes:
    """Give 32 bytes derived from these texts (HMAC-SHA256, RFC 2104)."""
    return _hasher(key).digest("\0".join(parts).encode("utf-8", "surrogatepass"))


_BLOCK = 64
_INNER, _OUTER = (bytes(byte ^ pad for byte in range(256)) for pad in (0x36, 0x5C))


class KeyedHash:
    """HMAC-SHA256 (RFC 2104) of many short messages under one key, which is taken in once."""

    def __init__(self, key: bytes) -> None:
        short = key if len(key) <= _BLOCK else hashlib.sha256(key).digest()
        block = short.ljust(_BLOCK, b"\0")
        self._inner = hashlib.sha256(block.translate(_INNER))
        self._outer = hashlib.sha256(block.translate(_OUTER))

    def digest(self, message: bytes) -> bytes:
        """Give the 32 bytes of a message."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(message)
        outer.update(inner.digest())
        return outer.digest()


_hasher = functools.lru_cache(maxsize=64)(KeyedHash)


class Stream:
    """As many choices as are needed, all derived from one text under a key."""

    def __init__(self, key: bytes, *parts: str) -> None:
        self._seed = keyed(key, *parts)
        self._hash = KeyedHash(self._seed)
        self._number = 0

    def below(self, bound: int) -> int:
        """Give the next choice: a number from 0 to below the bound."""
        self._number += 1
        block = self._hash.digest(self._number.to_bytes(8, "big"))
        # 256 bits make the bias of the remainder nothing.
        return int.from_bytes(block, "big") % bound

    def hexadecimal(self, digits: int) -> str:
        """Give the next choice as so many hexadecimal digits."""
        return f"{self.below(16**digits):0{digits}x}"

    def like(self, shape: str) -> str:
        """Give a text of this shape: digits for digits, letters for letters, all else as it is."""
        self._number += 1
        block = self._seed + self._number.to_bytes(8, "big")
        choices = hashlib.shake_256(block).digest(4 * len(shape))
        return "".join(
            [
                _char(char, int.from_bytes(choices[4 * index : 4 * index + 4], "big"))
                for index, char in enumerate(shape)
            ]
        )


def _char(char: str, choice: int) -> str:
    if char.isdigit():
        return str(choice % 10)
    if char.isalpha():
        # Without I and O, which look like digits.
        letter = "ABCDEFGHJKLMNPQRSTUVWXYZ"[choice % 24]
        return letter if char.isupper() else letter.lower()
    return char
