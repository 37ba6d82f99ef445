"""The form that all spellings of a value share, and what is derived from it under a key."""

from __future__ import annotations

import hashlib
import hmac
import re

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
        return " ".join(small.split())
    if entity == "PHONE_NUMBER" and len(bare) == _LOCAL_DIGITS + 1 and bare[0] == "1":
        # The country code of North America is often left out.
        return bare[1:]
    return bare


def keyed(key: bytes, *parts: str) -> bytes:
    """Give 32 bytes derived from these texts (HMAC-SHA256, RFC 2104)."""
    message = "\0".join(parts).encode("utf-8", "surrogatepass")
    return hmac.digest(key, message, hashlib.sha256)


class Stream:
    """As many choices as are needed, all derived from one text under a key."""

    def __init__(self, key: bytes, *parts: str) -> None:
        self._seed = keyed(key, *parts)
        self._number = 0

    def below(self, bound: int) -> int:
        """Give the next choice: a number from 0 to below the bound."""
        self._number += 1
        block = hmac.digest(self._seed, self._number.to_bytes(8, "big"), hashlib.sha256)
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
