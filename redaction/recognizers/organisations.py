"""Firms by the word that ends their name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar

from redaction import linear
from redaction.lexicon import word_set
from redaction.recognizers.base import Recognizer, Span

_FORM = 0.6
_HEAD = linear.compile(
    r"[ ,](?:Inc|LLC|L\.L\.C|Ltd|Limited|Corp|Corporation|GmbH|AG|PLC|plc|LLP|LP|S\.A|SA|BV|B\.V|NV"
    r"|Pty|SARL|SpA|KG|Group"
    r"|Holdings|Bank|Foundation|Insurance|Partners|Associates|Industries|Enterprises|Solutions"
    r"|Technologies)\b"
)
_NAME = re.compile(r"(?:[A-Z0-9][\w&'’.\-]{0,24}+(?:,?[ ](?:(?:and|&|of)[ ])?)){1,5}\Z")
_CHARS = 64
_NOT_FIRST = word_set("The A An Our Your This For At To From In Of By With And")


class OrganizationFormRecognizer(Recognizer):
    """ORGANIZATION: names with a legal form or the like behind them."""

    entity: ClassVar[str] = "ORGANIZATION"

    def find(self, text: str) -> Iterator[Span]:
        """Give the spans of firms."""
        for head in _HEAD.finditer(text):
            start, end = head.span()
            offset = max(0, start + 1 - _CHARS)
            name = _NAME.search(text[offset : start + 1].replace(",", " "))
            if name is None:
                continue
            begin = offset + name.start()
            first = name[0].split(" ", 1)[0]
            if first in _NOT_FIRST:
                begin += len(first) + 1
            if begin < start:
                yield begin, end + (text[end : end + 1] == "."), _FORM
