"""Payment cards and international bank accounts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar

from redaction import linear
from redaction.recognizers.base import Recognizer, Span, has_digit, near, word_pattern
from redaction.recognizers.checks import digits_of, luhn, mod_97

_CARD = re.compile(r"[2-6](?:[ .\-_/]?[0-9]){12,18}")
_LONG_RUN = linear.compile(r"[2-6](?:[ ._/-]?[0-9]){12}")
_ISSUERS = re.compile(
    r"4[0-9]{12}(?:[0-9]{3}){0,2}|5[1-5][0-9]{14}|3[47][0-9]{13}|6(?:011|4|5|2)[0-9]*"
    r"|35[0-9]{14}|3(?:0[0-5]|[689])[0-9]*|(?:50|5[6-9]|6)[0-9]*"
    r"|2(?:22[1-9]|2[3-9][0-9]|[3-6][0-9]{2}|7[01][0-9]|720)[0-9]{12}"
)
_SHORTEST, _MOST_GAPS = 13, 5
# Maestro's and old cards', whose forms are too many to be believed without a word.
_OTHER_CARD = linear.compile(r"\b[0-9]{4}[ -]?[0-9]{4}[ -]?[0-9]{4}(?:[ -]?[0-9]{1,7})?\b")
_MASKED = linear.compile(r"\b[0-9]{4,6}[ -]?[*xX•#]{4,8}[*xX•# -]{0,8}[0-9]{2,4}\b")
_WORDS = word_pattern(
    [
        *("card", "cards", "credit", "debit", "visa", "mastercard", "master card", "amex", "cc"),
        *("american express", "discover", "diners", "maestro", "jcb", "tarjeta", "carte", "karte"),
        *("kreditkarte", "cartão", "carta", "pan", "unionpay", "payment method"),
    ]
)
_WORD_GATE = linear.compile(
    r"(?i)card|credit|debit|visa|amex|express|\bcc|discover|diners|maestro|jcb|tarjeta|cart|karte"
    r"|\bpan\b"
    r"|unionpay|payment|cv[vcn]|security code|\bexp|valid|thru"
)
_SAID = re.compile(
    r"(?<![a-z])(?:cards?|cc|visa|mastercard|amex|maestro|discover|tarjeta|carte|kreditkarte)"
    r"(?:[ ]{0,2}(?:numbers?|no|num|is|was|ending|has|with|of|the|[#:=.(\"'-])){0,4}[ ]{0,2}\Z",
    re.IGNORECASE,
)
_SAID_CHARS = 40
_GROUPED = re.compile(
    r"[0-9]{4}([ -])[0-9]{4}\1[0-9]{4}\1[0-9]{1,7}|[0-9]{4}([ -])[0-9]{6}\2[0-9]{5}"
)
# Masked but for the last four, or said to end in them.
_LAST_FOUR = linear.compile(
    r"(?:(?:[*xX•#]{2,6}[ -]?){1,5}|(?i:\bend(?:s|ing|ed)?[ ](?:in|with)[ :#]{0,2}"
    r"|\blast[ ](?:four|4)"
    r"(?:[ ]digits)?(?:[ ](?:are|is|of))?[ :#]{0,3}|\bendet[ ]auf[ ]|\bterminada?[ ]en[ ]))"
    r"([0-9]{4})\b"
)
_SECURITY_CODE = linear.compile(
    r"(?i)\b(?:cvv2?|cvc2?|cid|csc|cvn|card (?:verification|security) (?:code|value|number)"
    r"|security code)(?:[ ]?(?:code|number|no\.?|#))?[\"']?[ ]?(?:is|was"
    r"|[:=#-])?[ ]{0,2}[\"'(]?([0-9]{3,4})\b"
)
_EXPIRY = linear.compile(
    r"(?i)\b(?:exp(?:\.|iry|iration|ires)?(?:[ ]?(?:date|on|month/year))?|valid (?:thru|through"
    r"|until)"
    r"|good thru|mm/yy)[\"']?[ ]?(?:is|[:=#-])?[ ]{0,2}[\"'(]?((?:0?[1-9]"
    r"|1[0-2])[ ]?[/-][ ]?(?:20)?[0-9]{2})\b"
)
_CARD_CHARS = 80


class CreditCardRecognizer(Recognizer):
    """CREDIT_CARD: an issuer's prefix (ISO/IEC 7812) and a right check digit (Luhn).

    Beside words for a card also numbers that fail the check, the last four digits, the security
    code and the month in which it expires.
    """

    entity: ClassVar[str] = "CREDIT_CARD"

    def find(self, text: str) -> Iterator[Span]:
        """Give the spans of card numbers, with or without separators, and of what is on cards."""
        if not has_digit(text):
            return
        cards: list[tuple[int, int]] = []
        worded = _WORD_GATE.search(text) is not None
        if _LONG_RUN.search(text) is not None:
            for start, end, score in _numbers(text, worded):
                cards.append((start, end))
                yield start, end, score
        if not worded and not cards:
            return
        for match in _OTHER_CARD.finditer(text):
            if _SAID.search(text[max(0, match.start() - _SAID_CHARS) : match.start()]):
                yield *match.span(), 0.6
        for match in _MASKED.finditer(text):
            yield *match.span(), 0.8 if near(_WORDS, text, *match.span()) else 0.5
        for match in _SECURITY_CODE.finditer(text):
            if match[0][:3].lower() in {"cvv", "cvc", "cvn"} or _about_a_card(text, match, cards):
                yield *match.span(1), 0.7
        for match in _LAST_FOUR.finditer(text):
            if near(_WORDS, text, *match.span()):
                yield *match.span(), 0.7
        for match in _EXPIRY.finditer(text):
            if _about_a_card(text, match, cards):
                yield *match.span(1), 0.7


def _about_a_card(text: str, match: re.Match[str], cards: list[tuple[int, int]]) -> bool:
    start, end = match.span()
    return near(_WORDS, text, start, end) or any(
        abs(first - end) < _CARD_CHARS or abs(start - last) < _CARD_CHARS for first, last in cards
    )


def _numbers(text: str, worded: bool) -> Iterator[Span]:
    position = 0
    while (match := _CARD.search(text, position)) is not None:
        start = match.start()
        if text[start - 1 : start].isalnum() and start:
            # Not the begin of a number: the next group of digits may be.
            run = _REST.match(text, start)
            position = max(start + 1, run.end() if run else 0)
            continue
        end = _card_end(text, match) if worded or _few_groups(match[0]) else None
        if end is not None:
            yield start, end, 1.0
            position = end
            continue
        grouped = _GROUPED.match(text, start)
        if (
            worded
            and near(_WORDS, text, start, match.end())
            and _ISSUERS.fullmatch(digits_of(match[0]))
        ):
            yield start, match.end(), 0.6
        elif grouped is not None and grouped[1] and _ISSUERS.match(digits_of(grouped[0])):
            yield start, grouped.end(), 0.35
        # A card may start at the next group of digits.
        gap = _BREAKS.search(match[0])
        position = start + gap.start() + 1 if gap else match.end()


_REST = re.compile("[0-9]*+[^0-9]?")
_BREAKS = re.compile("[^0-9]")


def _few_groups(number: str) -> bool:
    """Tell whether a number is grouped as cards are, or stands digit by digit."""
    gaps = len(_BREAKS.findall(number))
    return gaps <= _MOST_GAPS or gaps * 2 + 1 >= len(number)


def _card_end(text: str, match: re.Match[str]) -> int | None:
    ends = [index + 1 for index in range(match.start(), match.end()) if text[index].isdigit()]
    digits = "".join(text[end - 1] for end in ends)
    for length in range(len(digits), _SHORTEST - 1, -1):
        end = ends[length - 1]
        if text[end : end + 1].isalnum():
            continue
        number = digits[:length]
        if _ISSUERS.fullmatch(number) and luhn(number) and len(set(number)) > 1:
            return end
    return None


_IBAN = re.compile(
    r"(?<![0-9A-Za-z])[A-Z]{2}[0-9]{2}(?:[ -]?[0-9A-Z]{4}){2,7}(?:[ -]?[0-9A-Z]{1,3})?"
    r"(?![0-9A-Za-z])",
    re.IGNORECASE,
)
_IBAN_GATE = linear.compile(r"(?i)\b[a-z]{2}[0-9]{2}[ -]?[0-9a-z]{4}[ -]?[0-9a-z]{4}")
_IBAN_WORDS = word_pattern(["iban", "bank", "account", "konto", "cuenta", "compte", "conto"])
_SPELLED = re.compile(r"[A-Za-z]{5}")


class IbanRecognizer(Recognizer):
    """IBAN_CODE: ISO 13616 with a right checksum, or called an IBAN."""

    entity: ClassVar[str] = "IBAN_CODE"

    def find(self, text: str) -> Iterator[Span]:
        """Give the spans of account numbers; a word that follows may not be part of one."""
        if not has_digit(text) or _IBAN_GATE.search(text) is None:
            return
        for match in _IBAN.finditer(text):
            start, end = match.span()
            while end - start >= 15:
                if mod_97(text[start:end]):
                    yield start, end, 1.0
                    break
                cut = max(text.rfind(" ", start, end), text.rfind("-", start, end))
                if cut < 0 or end - cut > 5:
                    cut = -1
                if cut < 0:
                    break
                end = cut
            else:
                end = start
            if end > start and not mod_97(text[start:end]):
                end = start
            if end == start and near(_IBAN_WORDS, text, *match.span()):
                yield from _called(text, match)


def _called(text: str, match: re.Match[str]) -> Iterator[Span]:
    """Give the span of what fails the check and yet is called an IBAN, without words behind it."""
    words = re.finditer(r"[0-9A-Za-z]+", match[0])
    end = 0
    for word in words:
        if _SPELLED.fullmatch(word[0]) or (end and word[0].isalpha() and word[0].islower()):
            break
        end = word.end()
    if end >= 15 and has_digit(match[0][4:end]):
        yield match.start(), match.start() + end, 0.6
