"""E-mail addresses and telephone numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar

import phonenumbers

from redaction.recognizers.base import Recognizer, Span, near, word_pattern

_LOCAL = re.compile(r"[\w.%+\-'!#$&*/=?^`{|}~]{1,64}\Z")
_DOMAIN = re.compile(
    r"(?:[^\W_](?:[\w-]{0,62})\.){1,8}[^\W\d_]{2,24}(?![\w-])|\[[0-9a-fA-F.:]{3,45}\]"
)
_LOCAL_CHARS = 64


class EmailRecognizer(Recognizer):
    """EMAIL_ADDRESS."""

    entity: ClassVar[str] = "EMAIL_ADDRESS"

    def find(self, text: str) -> Iterator[Span]:
        """Give the spans around each at sign."""
        at = text.find("@")
        while at >= 0:
            local = _LOCAL.search(text[max(0, at - _LOCAL_CHARS) : at])
            domain = _DOMAIN.match(text, at + 1)
            if local is not None and domain is not None:
                name = local[0].lstrip(".'/=?&")
                if name and not _is_repository(name, text, domain.end()):
                    yield at - len(name), domain.end(), 0.95
            at = text.find("@", at + 1)


def _is_repository(name: str, text: str, end: int) -> bool:
    return name in {"git", "hg"} and text[end : end + 1] in {":", "/"}


_WORDS = word_pattern(
    [
        *("phone", "telephone", "tel", "cell", "cellphone", "mobile", "fax", "call", "called"),
        *("dial", "number", "text", "sms", "whatsapp", "contact", "reach"),
    ]
)
_CANDIDATE = re.compile(r"[+(0-9][+0-9 ().\-/]{6,}+")
_EXTENSION_CHARS = 20
_BOUNDARY = r"(?<![0-9A-Za-z.])"
_EXTENSION = r"(?:\s{0,2}(?:x|ext\.?|extension)\s{0,2}[0-9]{1,6})?(?![0-9A-Za-z])"
_AMERICAN = re.compile(
    rf"{_BOUNDARY}(?:\+?1[-. /]{{0,2}})?"
    rf"(?:\([2-9][0-9]{{2}}\)[-. /]{{0,2}}|[2-9][0-9]{{2}}[-. /]{{1,2}})"
    rf"[0-9]{{3}}[-. ]{{1,2}}[0-9]{{4}}{_EXTENSION}",
    re.IGNORECASE,
)
_INTERNATIONAL = re.compile(
    rf"(?<![0-9A-Za-z+])\+[1-9](?:[ ().\-/]{{0,2}}[0-9]){{6,14}}{_EXTENSION}", re.IGNORECASE
)
_LOCAL_NUMBER = re.compile(r"(?<![0-9A-Za-z.\-])[0-9]{3}[-. ][0-9]{4}(?![0-9A-Za-z\-])")
_RUN = re.compile(
    r"(?<![0-9A-Za-z.,/\-])(?<![0-9]:)\(?[0-9](?:[ ().\-/]{0,2}[0-9]){6,13}"
    r"(?![0-9A-Za-z:,/\-]|\.[0-9])"
)
_NOT_A_PHONE = re.compile(
    r"(?:[0-9][ ().\-/]{1,2}){5,}[0-9]+|[0-9]+\.[0-9]+|[0-9]{1,3}(?:\.[0-9]{1,3}){3}"
    r"|(?:19|20)[0-9]{2}[-./ ][0-9]{1,2}[-./ ].*|[0-9]{3}[-. ][0-9]{2}[-. ][0-9]{4}"
    r"|[0-9]{1,2}[-./][0-9]{1,2}[-./](?:19|20)?[0-9]{2}.*"
)
_WITH_TRUNK_ZERO = ("GB", "DE", "FR", "IN", "AU", "IL", "BR")


class PhoneRecognizer(Recognizer):
    """PHONE_NUMBER, by form, and by the libphonenumber metadata where the form is not enough."""

    entity: ClassVar[str] = "PHONE_NUMBER"

    def find(self, text: str) -> Iterator[Span]:
        """Give the spans of numbers with country code, of North America and of other regions."""
        # Most text has no run of digits: only those are given to the patterns.
        for run in _CANDIDATE.finditer(text):
            yield from _phones(text, run.start(), run.end() + _EXTENSION_CHARS)


def _phones(text: str, first: int, last: int) -> Iterator[Span]:
    for pattern in (_AMERICAN, _INTERNATIONAL):
        for match in pattern.finditer(text, first, last):
            yield *match.span(), 0.75 if near(_WORDS, text, *match.span()) else 0.6
    for match in _LOCAL_NUMBER.finditer(text, first, last):
        if near(_WORDS, text, *match.span()):
            yield *match.span(), 0.45
    for match in _RUN.finditer(text, first, last):
        if _NOT_A_PHONE.fullmatch(match[0]) is None and _valid(match[0]):
            yield *match.span(), 0.75 if near(_WORDS, text, *match.span()) else 0.4


_GROUP = re.compile("[0-9]+")
_AMERICAN_GROUPS = frozenset({(10,), (11,), (3, 7), (6, 4), (3, 3, 4), (1, 10), (1, 3, 3, 4)})


def _valid(number: str) -> bool:
    groups = _GROUP.findall(number)
    trunk_zero = groups[0][0] == "0"
    if not trunk_zero and tuple(map(len, groups)) not in _AMERICAN_GROUPS:
        return False
    for region in _WITH_TRUNK_ZERO if trunk_zero else ("US",):
        try:
            if phonenumbers.is_valid_number(phonenumbers.parse(number, region)):
                return True
        except phonenumbers.NumberParseException:
            continue
    return False
