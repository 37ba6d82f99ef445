"""Accounts at banks, hospitals and shops, and what leads money to them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar

from redaction import linear
from redaction.recognizers.base import Span
from redaction.recognizers.checks import aba_valid, clabe_valid
from redaction.recognizers.labelled import LabelledRecognizer, label_pattern

# Codes of banks: letters alone may make one, so the whole form stands behind the label.
_BANK_CODE = linear.compile(
    r"(?i:\b(?:swift|bic)(?:[ /-]?(?:bic|code|id|number|no\.?)){0,2}[\"']?[ ]?(?:is"
    r"|[:=#])?[ ]?[\"']?)"
    r"([A-Z]{4}[A-Z]{2}[A-Z0-9]{2}(?:[A-Z0-9]{3})?)\b"
)
_BANK_WORDS = linear.compile(
    r"(?i)\b(?:swift|bic|sort|routing|aba|transit|rtn|bank code)|\b[A-Z]{4}0[A-Z0-9]{6}\b"
    r"|\b[0-9]{18}\b"
)
_IFSC = linear.compile(r"\b[A-Z]{4}0[A-Z0-9]{6}\b")
_SORT_CODE = linear.compile(
    r"(?i:\bsort[ -]?code[ ]?(?:is|[:=#])?[ ]?)([0-9]{2}[- ]?[0-9]{2}[- ]?[0-9]{2})\b"
)
_ROUTING = linear.compile(
    r"(?i)\b(?:routing|aba|transit|rtn|bank code)[ /_-]?(?:transit|routing|aba)?[ /_-]?"
    r"(?:numbers?|nos?\b|num|code|id|#)?[ .]?[\"']?[ ]?(?:is|was"
    r"|[:=#-])?[ ]?[\"'(#]?([0-9]{4}[- ]?[0-9]{4}[- ]?[0-9])\b"
)
# Payment addresses of India's UPI.
_UPI = linear.compile(
    r"\b[A-Za-z0-9._-]{2,64}@(?:ok(?:sbi|icici|hdfcbank|axis)|upi|ybl|ibl|axl|paytm|apl|sbi|icici"
    r"|hdfc)\b"
)
_CLABE = linear.compile(r"\b[0-9]{18}\b")


class AccountRecognizer(LabelledRecognizer):
    """ACCOUNT_NUMBER: of banks, of patients and their guarantors, of customers."""

    entity: ClassVar[str] = "ACCOUNT_NUMBER"
    labels = label_pattern(
        r"(?:bank|checking|savings?|deposit|brokerage|investment|current|billing|patient|hospital"
        r"|guarantor|customer|loan|credit|debit|ira|401 ?\(?k\)?|hsa|utility|mortgage|payroll)?"
        r" ?(?:accounts?|accts?|acnt|a/c)|bank ?acc|iban|clabe|bsb|har ?(?:#|no\b|number|id)"
        r"|acc ?[:#]"
        r"|konto ?(?:nummer|nr)?|kto|blz|compte(?: bancaire| client)?|rib|cuenta(?: bancaria)?"
        r"|n[uú]mero de (?:cuenta|conta)|num[eé]ro de compte|conto(?: corrente)?"
        r"|conta(?: corrente)?",
        r"guarantor|billing|loan|mortgage|ach|acc|sort|bank|donor|payee|depositor|cuenta",
    )
    weak = re.compile(
        r"(?:credit|debit|current|customer|utility)?.?(?:accounts?|a/c)|konto|kto|compte|rib|cuenta"
        r"|conto|conta|acc.*|sort.*|iban",
        re.DOTALL,
    )

    def find(self, text: str) -> Iterator[Span]:
        """Give the spans of labelled numbers, and of codes of banks."""
        yield from super().find(text)
        if "@" in text:
            for match in _UPI.finditer(text):
                if text[match.end() : match.end() + 1] != ".":
                    yield *match.span(), 0.6
        if _BANK_WORDS.search(text) is None:
            return
        for pattern, score in ((_BANK_CODE, 0.8), (_SORT_CODE, 0.85)):
            for match in pattern.finditer(text):
                yield *match.span(1), score
        for match in _ROUTING.finditer(text):
            yield *match.span(1), 0.95 if aba_valid(match[1]) else 0.7
        for match in _IFSC.finditer(text):
            yield *match.span(), 0.6
        for match in _CLABE.finditer(text):
            if clabe_valid(match[0]):
                yield *match.span(), 0.5
