"""Telephone, fax and pager numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar

import phonenumbers

from redaction import linear
from redaction.recognizers.base import Recognizer, Span, has_digit, near, word_pattern
from redaction.recognizers.headers import telephones
from redaction.recognizers.nearby import label_of

_WORDS = word_pattern(
    [
        *("phone", "phones", "telephone", "tel", "cell", "cellphone", "mobile", "fax", "faxed"),
        *(
            "call",
            "called",
            "calls",
            "dial",
            "number",
            "text",
            "sms",
            "whatsapp",
            "contact",
            "reach",
        ),
        *("pager", "beeper", "hotline", "landline", "voicemail", "ring", "ph", "mob", "callback"),
        *("teléfono", "telefono", "tlf", "móvil", "movil", "celular", "llamar", "fijo"),
        *("téléphone", "tél", "portable", "appeler", "télécopie", "telefon", "tel.-nr", "handy"),
        *("rufnummer", "mobil", "anrufen", "festnetz", "cellulare", "telefone", "telemóvel"),
        *("hospital phone", "home", "work", "office", "emergency"),
    ]
)
_SAID = re.compile(
    r"(?<![^\W_])(?:(?:tele)?phone|tel|cell(?:phone)?|mobile|fax|call(?:ed|ing)?|dial|text|sms"
    r"|whatsapp|contact|reach|pager|beeper|hotline|landline|ph|mob|t[eé]l[eé]phone|t[eé]l"
    r"|tel[eé]fono|m[oó]vil|celular|telefon|handy|rufnummer|cellulare|telefone|telem[oó]vel"
    r"|portable|office|desk|home|reachable|answer(?:ing)?|messages?|ring(?:ing)?|phon(?:e|ing)"
    r"|calls?|line|(?:my|your|his|her|their|our)[ ](?:new[ ])?number)"
    r"(?:\s{0,2}(?:number|no|num|nr|line|contact|is|at|on|was|me|us|him|her|them|now|back|please"
    r"|to|are|home|work|office|cell|mobile|phone|the|my|his|office's|directly|nummer|n[º°]"
    r"|[#:=.(\"',-])){0,6}\s{0,2}\Z",
    re.IGNORECASE,
)
_SAID_CHARS = 60
_SAID_AFTER = re.compile(
    r"[ ]?[-–(,]?[ ]?(?:office|fax|cell|mobile|home|work|desk|phone|tel)(?![^\W_])", re.IGNORECASE
)
_GATE = linear.compile(
    r"[+(0-9](?:[^0-9A-Za-z]{0,3}[0-9]){6}|(?i:8(?:00|33|44|55|66|77|88)[-. ]{1,3}[0-9-]*[a-z])"
)
_CANDIDATE = re.compile(r"[+(0-9][+0-9 ().\-/\[\]\u2022·]{6,}+")
_EXTENSION_CHARS = 24
_BOUNDARY = r"(?<![0-9A-Za-z.])(?<![0-9]-)"
_EXTENSION = (
    r"(?:[,;]?\s{0,2}(?:x|ext\.?|extn\.?|extension|\#|durchwahl|poste"
    r"|ramal)[:.]?\s{0,2}[0-9]{1,6})?"
    r"(?![0-9A-Za-z])"
)
_AMERICAN = re.compile(
    rf"{_BOUNDARY}(?:(?:\+?1|001)[-. /]{{0,3}})?"
    rf"(?:\(\s?([0-9]{{3}})\s?\)[-. /]{{0,3}}|([0-9]{{3}})[-. /]{{1,3}})"
    rf"([0-9]{{3}})[-. /]{{1,3}}[0-9]{{4}}(?!-[0-9]){_EXTENSION}",
    re.IGNORECASE,
)
_INTERNATIONAL = re.compile(
    rf"(?<![0-9A-Za-z+])(?:\+"
    rf"|00(?=[ -]?[1-9][0-9]))\s?[1-9](?:[ ().\-/]{{0,3}}[0-9]){{6,14}}{_EXTENSION}",
    re.IGNORECASE,
)
_LOCAL_NUMBER = re.compile(
    rf"(?<![0-9A-Za-z.\-/])[0-9]{{3}}[-. ][0-9]{{4}}(?![-.][0-9]){_EXTENSION}", re.IGNORECASE
)
_RUN = re.compile(
    r"(?<![0-9A-Za-z.,/\-$€£])(?<![0-9]:)\(?[0-9](?:[ ().\-/]{0,3}[0-9]){6,13}"
    r"(?![0-9A-Za-z:/\-%]|[.,][0-9])"
)
_NOT_A_PHONE = re.compile(
    r"(?:[0-9][ ().\-/]{1,3}){5,}[0-9]+|[0-9]+\.[0-9]+|[0-9]{1,3}(?:\.[0-9]{1,3}){3}"
    r"|(?:19|20)[0-9]{2}[-./ ][0-9]{1,2}[-./ ].*|[0-9]{3}[-. ][0-9]{2}[-. ][0-9]{4}"
    r"|[0-9]{1,2}([-./])[0-9]{1,2}\1(?:19|20)?[0-9]{2}(?:[ ].*)?|[0-9]{5}-[0-9]{4}"
    r"|[0-2][0-9][0-5][0-9][ ]?-[ ]?[0-2][0-9][0-5][0-9]"
    r"|(?:19|20)[0-9]{2}[ ]?[-/][ ]?(?:19|20)[0-9]{2}|[0-9]{4}([ -])[0-9]{4}\2[0-9]{4}.*"
    r"|[0-9]{4,5}-[0-9]{3,4}-[0-9]{2}|(?:19|20)[0-9]{2}[01][0-9][0-3][0-9]"
)
_LETTERS = re.compile(
    r"(?<![0-9A-Za-z.])(?:\+?1[-. ]{1,2})?\(?(?:800|833|844|855|866|877|888|900)\)?[-. ]{1,2}"
    r"(?=[0-9A-Z-]{0,12}[A-Z]{2})[0-9A-Z]{2,8}(?:-[0-9A-Z]{2,8}){0,2}(?![0-9a-zA-Z])"
)
_SHORT = re.compile(
    r"(?i:(?<![A-Za-z])(?:pager|beeper|pgr|bleep|ext(?:ension|n)?|phone ext)(?:[ ]?(?:number|no"
    r"|num|id))?)"
    r"[.:#]{0,2}[ ]?(?:is|was|:)?[ ]?\#?((?:[0-9]{2,3}-)?[0-9]{3,7})(?![0-9A-Za-z\-]|\.[0-9]"
    r"|[ ]?(?:mg|ml|cm|%))"
)
_SHORT_GATE = linear.compile(r"(?i)pager|beeper|pgr|bleep|\bext")
_WITH_TRUNK_ZERO = ("GB", "DE", "FR", "IN", "AU", "IT", "NL", "BR", "CH", "SE", "ZA", "JP")
_WITHOUT_TRUNK = ("US", "ES", "MX", "IN", "BR", "PT", "IT", "PL", "DK", "NO", "FR", "CZ")
_AMONG_NUMBERS = re.compile(r"[0-9][0-9A-Za-z]*[ ,]{1,2}\Z")
# What often stands before a number to call, and seldom before another of ten digits.
_LED_TO = re.compile(r"(?:\bat|\bph|[\s|]\b[ofcmtp])[.:]?\s{1,2}\Z|\?\s\Z", re.IGNORECASE)
_GROUP = re.compile("[0-9]+")
_AMERICAN_GROUPS = frozenset({(10,), (11,), (3, 7), (6, 4), (3, 3, 4), (1, 10), (1, 3, 3, 4)})
_FEWEST_DIGITS, _MOST_GROUPS = 7, 6
_SURE, _LIKELY, _POSSIBLE, _DOUBTFUL = 0.75, 0.6, 0.45, 0.3


class PhoneRecognizer(Recognizer):
    """PHONE_NUMBER, by form, and by the libphonenumber metadata where the form is not enough."""

    entity: ClassVar[str] = "PHONE_NUMBER"

    def find(self, text: str) -> Iterator[Span]:
        """Give the spans of numbers with country code, of North America and of other regions."""
        if not has_digit(text):
            return
        if _GATE.search(text) is not None:
            # Most text has no run of digits: only those are given to the patterns.
            for run in _CANDIDATE.finditer(text):
                if sum(map(str.isdecimal, run[0])) < _FEWEST_DIGITS:
                    continue
                yield from _phones(text, run.start(), run.end() + _EXTENSION_CHARS)
            for start, end in telephones(text):
                yield start, end, _LIKELY
            for match in _LETTERS.finditer(text):
                yield *match.span(), _LIKELY
        if _SHORT_GATE.search(text) is not None:
            for match in _SHORT.finditer(text):
                yield *match.span(1), _POSSIBLE


def _phones(text: str, first: int, last: int) -> Iterator[Span]:
    american: set[int] = set()
    for match in _AMERICAN.finditer(text, first, last):
        american.update((match.start(), match.start(3)))
        yield *match.span(), _american_score(text, match)
    for match in _INTERNATIONAL.finditer(text, first, last):
        yield *match.span(), _SURE if near(_WORDS, text, *match.span()) else _LIKELY
    for match in _LOCAL_NUMBER.finditer(text, first, last):
        if match.start() in american:
            continue
        if _said(text, *match.span()) or (
            "-" in match[0]
            and near(_WORDS, text, *match.span())
            and not label_of(text, match.start())
        ):
            yield *match.span(), _POSSIBLE
    for match in _RUN.finditer(text, first, last):
        if match.start() not in american and _NOT_A_PHONE.fullmatch(match[0]) is None:
            score = _run_score(text, match)
            if score:
                yield *match.span(), score


def _american_score(text: str, match: re.Match[str]) -> float:
    start, end = match.span()
    kind = label_of(text, start)
    if kind and kind != "phone":
        return _DOUBTFUL
    if kind or near(_WORDS, text, start, end) or _said(text, start, end):
        return _SURE
    area = match[1] or match[2]
    if area[0] in "01" or match[3][0] in "01":
        # Given to nobody, but people who make a number up write these.
        return _POSSIBLE if match[1] or "-" in match[0] else _DOUBTFUL
    return _LIKELY


def _said(text: str, start: int, end: int) -> bool:
    """Tell whether the words right beside it say that something is a telephone number."""
    return (
        _SAID.search(text[max(0, start - _SAID_CHARS) : start]) is not None
        or _SAID_AFTER.match(text, end) is not None
    )


def _run_score(text: str, match: re.Match[str]) -> float:
    start, end = match.span()
    kind = label_of(text, start)
    if kind and kind != "phone":
        return 0.0
    said = kind == "phone" or _said(text, start, end)
    beside = said or near(_WORDS, text, start, end)
    groups = _GROUP.findall(match[0])
    if len(groups) > _MOST_GROUPS or match[0].count("(") > 1:
        return 0.0
    sizes = tuple(map(len, groups))
    plain = len(groups) == 1
    us = 0.0
    if groups[0][0] == "0" and not match[0].startswith("00"):
        if _valid("".join(groups), _WITH_TRUNK_ZERO):
            unsure = plain or _AMONG_NUMBERS.search(text[max(0, start - 8) : start]) is not None
            return _SURE if beside else (_DOUBTFUL if unsure else 0.5)
    elif sizes in _AMERICAN_GROUPS and _valid("".join(groups), ("US",)):
        if beside:
            return _SURE
        us = 0.35 if plain else 0.4
    if not said:
        before = text[max(0, start - 8) : start]
        return _POSSIBLE if sizes == (10,) and us and _LED_TO.search(before) else us
    if _valid("".join(groups), _WITHOUT_TRUNK):
        return _LIKELY
    # What is called a telephone number and is grouped like one, in a plan that we do not know.
    return _POSSIBLE if sum(sizes) >= 7 and (not plain or sum(sizes) >= 8) else 0.0


def _valid(number: str, regions: tuple[str, ...]) -> bool:
    for region in regions:
        try:
            if phonenumbers.is_valid_number(phonenumbers.parse(number, region)):
                return True
        except phonenumbers.NumberParseException:
            continue
    return False
