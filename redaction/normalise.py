"""A text without its disguises, and where each of its characters came from."""

from __future__ import annotations

import functools
import html
import re
import unicodedata
from array import array
from collections.abc import Callable
from dataclasses import dataclass

MAX_PASSES = 3
"""How many layers of escapes are undone."""

_SUSPECT = re.compile(r"[%&\\<]|[^\x00-\x7f]").search


@dataclass(slots=True)
class Normalised:
    """A plain text with a map back to the original."""

    text: str
    starts: array[int]
    ends: array[int]
    decoded: bool
    """Whether more than dashes, spaces and punctuation was rewritten."""

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Give the span of the original that a span of the plain text came from."""
        return self.starts[start], self.ends[end - 1]


def normalise(text: str) -> Normalised | None:
    """Undo escapes and fold look-alikes to ASCII; None where the text is plain already.

    Percent-encoding (RFC 3986), HTML character references and backslash escapes are undone up to
    `MAX_PASSES` deep; HTML comments, tags within a line and invisible characters fall away;
    dashes, spaces, digits of every script and compatibility forms (NFKC) become what they look
    like. Time is linear in the text.
    """
    if _SUSPECT(text) is None:
        return None
    length = len(text)
    current = Normalised(text, array("i", range(length)), array("i", range(1, length + 1)), False)
    result = _fold(current)
    for _ in range(MAX_PASSES):
        unescaped = _unescape(result or current)
        if unescaped is None:
            break
        result = _fold(unescaped) or unescaped
    return result


def _fold(source: Normalised) -> Normalised | None:
    if source.text.isascii():
        return None
    different = [char for char in set(source.text) if char > "\x7f" and folded(char) != char]
    if not different:
        return None
    pattern = re.compile(f"[{re.escape(''.join(different))}]")
    result = _rewrite(source, pattern, lambda match: folded(match[0]))
    if result is not None:
        result.decoded = source.decoded or not all(
            unicodedata.category(char) in _HARMLESS for char in different
        )
    return result


_HARMLESS = frozenset({"Pd", "Zs", "Pi", "Pf", "Po"})

# Letters that look like Latin ones, for the words beside a number and for addresses.
_LOOKALIKES = (
    str.maketrans("АВЕЅІЈКМНОРСТХ", "ABESIJKMHOPCTX")  # Cyrillic
    | str.maketrans("аеорсухѕіј", "aeopcyxsij")
    | str.maketrans("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧο", "ABEZHIKMNOPTYXo")  # Greek
    | str.maketrans("⁄∕․‧•∙⋅·−¯", "//......--")
)
_LONGEST_FOLD = 4
_INVISIBLE = frozenset("\u115f\u1160\u3164\uffa0\ufffd")


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
    plain = unicodedata.normalize("NFKC", char).translate(_LOOKALIKES)
    if len(plain) > _LONGEST_FOLD:
        # Whole phrases in one character, which would make a text many times as long.
        return " "
    return "".join(str(unicodedata.digit(part, part)) for part in plain)


_ESCAPE = re.compile(
    r"""
      %[0-7][0-9a-f] | %[cd][0-9a-f]%[89ab][0-9a-f]
    | %e[0-9a-f](?:%[89ab][0-9a-f]){2} | %f[0-7](?:%[89ab][0-9a-f]){3}
    | %u[0-9a-f]{4} | &\#0{0,6}[0-9]{1,7};? | &\#x0{0,6}[0-9a-f]{1,6};? | &[a-z][a-z0-9]{1,24};
    | \\u(?:d[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2} | [0-9a-f]{4} | \{0{0,6}[0-9a-f]{1,6}\})
    | \\x[0-9a-f]{2} | \\[nrtbf"'/\\]
    | </?(?:a|b|i|u|s|em|strong|span|font|mark|code|small|big|su[bp]|wbr|br|del|ins|tt|kbd)
      (?:\s[^<>]{0,200})?/?> | <!--[^<>]{0,200}-->
    """,
    re.VERBOSE | re.IGNORECASE,
)
_BACKSLASHED = {"n": "\n", "r": "\r", "t": "\t", "b": " ", "f": " "}


def _unescape(source: Normalised) -> Normalised | None:
    result = _rewrite(source, _ESCAPE, _plain)
    if result is not None:
        result.decoded = True
    return result


def _plain(match: re.Match[str]) -> str | None:
    escape = match[0]
    if escape[0] == "%" and escape[1] not in "uU":
        return bytes.fromhex(escape.replace("%", "")).decode("utf-8", "replace")
    if escape[0] == "<":
        return "\n" if escape[:3].lower() == "<br" else ""
    if escape[0] == "&":
        plain = html.unescape(escape)
        return None if plain == escape else plain
    kind = escape[1]
    if kind in "uUxX" and len(escape) > 2:
        digits = escape[2:].strip("{}")
        if len(digits) > 6:
            pair = bytes.fromhex(digits[:4] + digits[6:])
            return pair.decode("utf-16-be", "replace")
        number = int(digits, 16)
        return chr(number) if number < 0x110000 else None
    return _BACKSLASHED.get(kind, kind)


def _rewrite(
    source: Normalised,
    pattern: re.Pattern[str],
    replace: Callable[[re.Match[str]], str | None],
) -> Normalised | None:
    text, starts, ends = source.text, source.starts, source.ends
    pieces: list[str] = []
    new_starts, new_ends = array("i"), array("i")
    position = 0
    for match in pattern.finditer(text):
        new = replace(match)
        if new is None:
            continue
        start, end = match.span()
        pieces.append(text[position:start])
        new_starts.extend(starts[position:start])
        new_ends.extend(ends[position:start])
        pieces.append(new)
        new_starts.extend(array("i", [starts[start]]) * len(new))
        new_ends.extend(array("i", [ends[end - 1]]) * len(new))
        position = end
    if position == 0:
        return None
    pieces.append(text[position:])
    new_starts.extend(starts[position:])
    new_ends.extend(ends[position:])
    return Normalised("".join(pieces), new_starts, new_ends, source.decoded)
