"""Payment cards and bank accounts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar

from redaction.recognizers.base import Recognizer, Span, has_digit

_CARD = re.compile(r"(?<![0-9A-Za-z])[2-6](?:[ .\-_/]?[0-9]){12,18}")
_ISSUERS = re.compile(
    r"4[0-9]{12}(?:[0-9]{3}){0,2}|5[1-5][0-9]{14}|3[47][0-9]{13}|6(?:011|4|5|2)[0-9]*"
    r"|35[0-9]{14}|3(?:0[0-5]|[689])[0-9]*|(?:50|5[6-9]|6)[0-9]*"
    r"|2(?:22[1-9]|2[3-9][0-9]|[3-6][0-9]{2}|7[01][0-9]|720)[0-9]{12}"
)
_SHORTEST = 13


class CreditCardRecognizer(Recognizer):
    """CREDIT_CARD: an issuer's prefix (ISO/IEC 7812) and a right check digit (Luhn)."""

    entity: ClassVar[str] = "CREDIT_CARD"

    def find(self, text: str) -> Iterator[Span]:
        """Give the spans of card numbers, with or without separators."""
        if not has_digit(text):
            return
        position = 0
        while (match := _CARD.search(text, position)) is not None:
            end = _card_end(text, match)
            if end is None:
                # A card may start at the next group of digits.
                gap = re.search("[^0-9]", match[0])
                position = match.start() + gap.start() + 1 if gap else match.end()
            else:
                yield match.start(), end, 1.0
                position = end


def _card_end(text: str, match: re.Match[str]) -> int | None:
    ends = [index + 1 for index in range(match.start(), match.end()) if text[index].isdigit()]
    digits = "".join(text[end - 1] for end in ends)
    for length in range(len(digits), _SHORTEST - 1, -1):
        end = ends[length - 1]
        if text[end : end + 1].isalnum():
            continue
        number = digits[:length]
        if _ISSUERS.fullmatch(number) and luhn(number):
            return end
    return None


def luhn(number: str) -> bool:
    """Tell whether the last digit is the right check digit (ISO/IEC 7812-1 annex B)."""
    odd = sum(int(digit) for digit in number[-1::-2])
    even = sum(sum(divmod(2 * int(digit), 10)) for digit in number[-2::-2])
    return (odd + even) % 10 == 0


_IBAN = re.compile(
    r"(?<![0-9A-Za-z])[A-Z]{2}[0-9]{2}(?:[ -]?[0-9A-Z]{4}){2,7}(?:[ -]?[0-9A-Z]{1,3})?"
    r"(?![0-9A-Za-z])",
    re.IGNORECASE,
)


class IbanRecognizer(Recognizer):
    """IBAN_CODE: ISO 13616 with a right checksum (ISO 7064 MOD 97-10)."""

    entity: ClassVar[str] = "IBAN_CODE"

    def find(self, text: str) -> Iterator[Span]:
        """Give the spans of account numbers; a word that follows may not be part of one."""
        if not has_digit(text):
            return
        for match in _IBAN.finditer(text):
            start, end = match.span()
            while end - start >= 15:
                if mod_97(text[start:end]):
                    yield start, end, 1.0
                    break
                cut = max(text.rfind(" ", start, end), text.rfind("-", start, end))
                if cut < 0:
                    break
                end = cut


def mod_97(account: str) -> bool:
    """Tell whether an IBAN's checksum is right."""
    plain = account.replace(" ", "").replace("-", "").upper()
    return int("".join(str(int(char, 36)) for char in plain[4:] + plain[:4])) % 97 == 1
