"""E-mail addresses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar

from redaction import linear
from redaction.recognizers.base import Recognizer, Span

_LOCAL = re.compile(r"[\w.%+\-'!#$&*/=?^`{|}~]{1,64}\Z")
_DOMAIN = re.compile(
    r"(?:[^\W_](?:[\w-]{0,62})\.){1,8}(?:xn--[\w-]{2,40}|[^\W\d_]{2,24})(?![\w-])"
    r"|\[[0-9a-fA-F.:]{3,45}\]"
)
_LOCAL_CHARS = 64
# What may stand in a local part, but rather parts it from what stands before.
_PARTED = re.compile(r".*[=/?&|{}`$*#~]", re.DOTALL)

_TLD = (
    r"(?:com|org|net|edu|gov|mil|int|info|biz|io|co|us|uk|de|fr|eu|es|it|nl|ch|at|be|pt|br|mx|in|au"
    r"|ca|jp|se|no|dk|fi|pl|app|dev|ai|me|tv|health|care|test|example)"
)
_DOT = (
    r"(?:\s{0,2}[\[({<]\s?(?:dot|\.|punkt|punto|point)\s?[\])}>]\s{0,2}"
    r"|\s{1,2}(?:dot|punkt|punto)\s{1,2}|\s?\.\s?)"
)
_AT = (
    r"(?:\s{0,2}[\[({<]\s?(?:at|@|arroba|arobase|ät)\s?[\])}>]\s{0,2}|\s{1,2}@\s{0,2}"
    r"|\s{0,2}@\s{1,2}"
    r"|[_-]at[_-])"
)
_WORD = r"[a-z0-9](?:[a-z0-9_%+-]*[a-z0-9])?"
# john.smith [at] example [dot] com; john @ example . com
_BRACKETED = linear.compile(
    rf"(?i)\b{_WORD}(?:{_DOT}{_WORD})*{_AT}{_WORD}(?:{_DOT}{_WORD})*{_DOT}{_TLD}\b"
)
# john dot smith at example dot com: only with a spoken dot in the domain
_SPOKEN = linear.compile(
    rf"(?i)\b{_WORD}(?:(?:\s{{1,2}}(?:dot|underscore|dash|punkt|punto)\s{{1,2}}|\.){_WORD})*"
    rf"\s{{1,2}}(?:at|arroba|ät)\s{{1,2}}{_WORD}(?:(?:\s{{1,2}}(?:dot|punkt|punto)\s{{1,2}}"
    rf"|\.){_WORD})*"
    rf"\s{{1,2}}(?:dot|punkt|punto)\s{{1,2}}{_TLD}\b"
)
_GATE = linear.compile(
    r"(?i)[\[({<]\s?(?:at|@|arroba|arobase|ät)\s?[\])}>]|\s@|@\s|[_-]at[_-]|\s(?:dot|punkt|punto)\s"
)


class EmailRecognizer(Recognizer):
    """EMAIL_ADDRESS."""

    entity: ClassVar[str] = "EMAIL_ADDRESS"

    def find(self, text: str) -> Iterator[Span]:
        """Give the spans around each at sign, and around what stands for one."""
        at = text.find("@")
        while at >= 0:
            beside = text[at + 1 : at + 2].isalnum() or text[at + 1 : at + 2] == "["
            local = _LOCAL.search(text[max(0, at - _LOCAL_CHARS) : at]) if beside else None
            domain = None if local is None else _DOMAIN.match(text, at + 1)
            if local is not None and domain is not None:
                name = _name(local[0])
                if name and not _is_repository(name, text, domain.end()):
                    yield at - len(name), domain.end(), 0.95
            at = text.find("@", at + 1)
        if _GATE.search(text) is not None:
            for pattern, score in ((_BRACKETED, 0.85), (_SPOKEN, 0.8)):
                for match in pattern.finditer(text):
                    yield *_without_words_before(text, *match.span()), score


def _name(local: str) -> str:
    parted = _PARTED.match(local[:-1])
    if parted is not None:
        local = local[parted.end() :]
    return local.lstrip(".'!%^-+")


_WORDS_BEFORE = re.compile(
    r"(?:(?:is|to|at|me|mail|email|e-mail|contact|write|via|from)\s*[.:]?\s+)+", re.I
)


def _without_words_before(text: str, start: int, end: int) -> tuple[int, int]:
    """Cut off words such as "email is." that a spaced dot joined to the name."""
    before = _WORDS_BEFORE.match(text, start, end)
    return (start if before is None else before.end()), end


def _is_repository(name: str, text: str, end: int) -> bool:
    return name in {"git", "hg"} and text[end : end + 1] in {":", "/"}
