"""Escapes of protocols and programming languages, and what they stand for."""

from __future__ import annotations

import binascii
import html
import re
import unicodedata
from collections.abc import Iterator

from redaction.edits import Edit

_ESCAPE = re.compile(
    r"""
      %[0-7][0-9a-f] | %[cd][0-9a-f]%[89ab][0-9a-f]
    | %e[0-9a-f](?:%[89ab][0-9a-f]){2} | %f[0-7](?:%[89ab][0-9a-f]){3}
    | %u[0-9a-f]{4} | &\#0{0,6}[0-9]{1,7};? | &\#x0{0,6}[0-9a-f]{1,6};? | &[a-z][a-z0-9]{1,24};
    | (?-i:\\U0[01][0-9a-fA-F]{6})
    | \\u(?:d[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2} | [0-9a-f]{4} | \{0{0,6}[0-9a-f]{1,6}\})
    | (?-i:\\N\{[A-Z][A-Z0-9 -]{2,60}\})
    | \\x[0-9a-f]{2} | \\x\{0{0,6}[0-9a-f]{1,6}\} | \\[0-3][0-7]{2}(?![0-9]) | \\[nrtbf"'/\\]
    | U\+[0-9a-f]{4,5}(?:[ ,](?=U\+))?
    | </?(?:a|b|i|u|s|em|strong|span|font|mark|code|small|big|su[bp]|wbr|br|del|ins|tt|kbd)
      (?:\s[^<>]{0,2000})?/?> | <!--[^<>]{0,2000}-->
    | (?<=[0-9-])(?:<[a-z!/?][^<>]{0,2000}>\s{0,3}){1,6}+(?=[0-9-])
    | (?-i:(?:=[0-9A-F]{2}){2,400}+)
    | (?-i:(?<=[0-9])=(?:2[0-9DEF]|3[0-9]|5F|A0)(?=[0-9=])) | =\r?\n(?=.)
    | \+[A-Za-z0-9+/]{3,120}+-
    | (?<=[0-9-])[`*~]{1,3}(?=[0-9-])
    | (?<=[0-9A-Za-z+/-])["']\s{0,2}(?:[+.&]|\|\|)\s{0,2}["'](?=[0-9A-Za-z+/=-])
    """,
    re.VERBOSE | re.IGNORECASE,
)
# The first characters of all of them: only there the pattern is tried.
_FIRST = re.compile(r"[%&\\<=+`*~\"']|[uU](?=\+)")
_BACKSLASHED = {"n": "\n", "r": "\r", "t": "\t", "b": " ", "f": " "}
_BLOCK = re.compile(r"</?(?:td|th|tr|li|p|div|dd|dt|ul|ol|table|h[1-6]|section|article)\b", re.I)
_SHOWN = re.compile(r"[\x20-\x7e]+")


def escapes(text: str) -> Iterator[Edit]:
    """Give the edits that undo one layer of escapes."""
    position = 0
    for first in _FIRST.finditer(text):
        if first.start() < position:
            continue
        match = _ESCAPE.match(text, first.start())
        new = None if match is None else _plain(match)
        if match is not None and new is not None:
            position = match.end()
            yield match.start(), position, new


def _plain(match: re.Match[str]) -> str | None:
    """Give the text that an escape stands for, or None where it is none after all."""
    escape = match[0]
    first = escape[0]
    if first == "%" and escape[1] not in "uU":
        return bytes.fromhex(escape.replace("%", "")).decode("utf-8", "replace")
    if first == "<":
        return _tag(escape)
    if first == "&":
        read = html.unescape(escape)
        return None if read == escape else read
    if first == "=":
        return bytes.fromhex(escape.replace("=", "").strip("\r\n")).decode("utf-8", "replace")
    if first == "+":
        return _utf7(escape[1:-1])
    if first in "`*~\"'":
        return ""
    if first in "uU":
        return _character(escape[2:].rstrip(" ,"))
    return _backslashed(escape)


def _tag(tag: str) -> str:
    if tag[:3].lower() == "<br":
        return "\n"
    return " " if _BLOCK.match(tag) else ""


def _utf7(body: str) -> str | None:
    """Read what UTF-7 (RFC 2152) has between a plus and a dash."""
    if len(body) % 4 == 1:
        return None
    data = binascii.a2b_base64(body + "=" * (-len(body) % 4))
    text = data[: len(data) // 2 * 2].decode("utf-16-be", "replace")
    return text if _SHOWN.fullmatch(text) else None


def _character(digits: str) -> str | None:
    number = int(digits, 16)
    return chr(number) if number < 0x110000 else None


def _backslashed(escape: str) -> str | None:
    kind = escape[1]
    if kind == "N" and len(escape) > 2:
        try:
            return unicodedata.lookup(escape[3:-1])
        except KeyError:
            return None
    if kind in "01234567":
        return chr(int(escape[1:], 8))
    if kind in "uUxX" and len(escape) > 2:
        digits = escape[2:].strip("{}")
        if "\\" in digits:
            return bytes.fromhex(digits[:4] + digits[6:]).decode("utf-16-be", "replace")
        return _character(digits)
    return _BACKSLASHED.get(kind, kind)
