"""Characters of all scripts as the ASCII that they look like."""

from __future__ import annotations

import functools
import re
import unicodedata

# Letters that look like Latin ones, for the words beside a number and for addresses.
_LOOKALIKES = (
    str.maketrans("АВЕЅІЈКМНОРСТУХЗ", "ABESIJKMHOPCTYX3")  # Cyrillic
    | str.maketrans("аеорсухѕіјԁһԛԝ", "aeopcyxsijdhqw")
    | str.maketrans("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧοιν", "ABEZHIKMNOPTYXoiv")  # Greek
    | str.maketrans("ՕօՏոսց", "OoSnug")  # Armenian
    | str.maketrans("⁄∕․‧•∙⋅·−¯〇ⵔ", "//......--0O")
)
_LONGEST_FOLD = 4
_INVISIBLE = frozenset("\u115f\u1160\u3164\uffa0\ufffd")
# Letters in boxes and discs, which no normal form of Unicode opens.
_ENCLOSED = ((0x1F150, 0x1F169), (0x1F170, 0x1F189), (0x1F1E6, 0x1F1FF))


@functools.lru_cache(maxsize=8192)
def folded(char: str) -> str:
    """Give the ASCII look-alike of a character, nothing for an invisible one, or itself."""
    digit = unicodedata.digit(char, None)
    if digit is not None:
        return str(digit)
    category = unicodedata.category(char)
    if category in {"Cf", "Cs", "Mn", "Me"} or char in _INVISIBLE:
        return ""
    if category == "Pd":
        return "-"
    if category in {"Zs", "Zl", "Zp"} or char in "\u2800\x85":
        return " "
    for first, last in _ENCLOSED:
        if first <= ord(char) <= last:
            return chr(ord("A") + ord(char) - first)
    plain = unicodedata.normalize("NFKC", char).translate(_LOOKALIKES)
    if len(plain) > _LONGEST_FOLD:
        # Whole phrases in one character, which would make a text many times as long.
        return " "
    return "".join(str(unicodedata.digit(part, part)) for part in plain)


# ASCII hidden in characters that nobody sees but a model reads: tags, and bytes as variation
# selectors; and the digits of Chinese, which are letters elsewhere.
SMUGGLED = re.compile(
    "[\U000e0020-\U000e007e]{3,}+"
    "|[\ufe00-\ufe0f\U000e0100-\U000e01ef]{4,}+"
    "|[零〇一二三四五六七八九](?:[-‐–— ]?[零〇一二三四五六七八九]){6,}+"
)
_CHINESE = str.maketrans("零〇一二三四五六七八九‐–—", "00123456789---")
_TAGS, _FIRST_TAG = 0xE0000, 0xE0020
_SELECTORS, _MORE_SELECTORS, _FEW = 0xFE00, 0xE0100, 16


def unhidden(hidden: str) -> str | None:
    """Give what a run that `SMUGGLED` found says, or None where it says nothing."""
    first = ord(hidden[0])
    if _FIRST_TAG <= first < _MORE_SELECTORS:
        return "".join(chr(ord(char) - _TAGS) for char in hidden)
    if first >= _MORE_SELECTORS or _SELECTORS <= first < _SELECTORS + _FEW:
        data = bytes(
            ord(char) - (_SELECTORS if ord(char) < _TAGS else _MORE_SELECTORS - _FEW)
            for char in hidden
        )
        text = data.decode("utf-8", "replace")
        return text if text.isprintable() else None
    return hidden.translate(_CHINESE)
