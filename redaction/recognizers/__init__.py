"""Recognisers: one class for each entity, bounded in time."""

from __future__ import annotations

from redaction.entities import STOCK_RECOGNIZERS
from redaction.recognizers.base import Recognizer, Span
from redaction.recognizers.contact import EmailRecognizer, PhoneRecognizer
from redaction.recognizers.finance import CreditCardRecognizer, IbanRecognizer
from redaction.recognizers.medical import MedicalRecordRecognizer
from redaction.recognizers.network import IpAddressRecognizer, UrlRecognizer
from redaction.recognizers.people import (
    AddressRecognizer,
    DateFormRecognizer,
    PersonFormRecognizer,
)
from redaction.recognizers.stock import StockRecognizer
from redaction.recognizers.us_ssn import UsSsnRecognizer

__all__ = ["OWN", "Recognizer", "Span", "finder"]

OWN: tuple[type[Recognizer], ...] = (
    UsSsnRecognizer,
    EmailRecognizer,
    PhoneRecognizer,
    CreditCardRecognizer,
    IpAddressRecognizer,
    UrlRecognizer,
    IbanRecognizer,
    MedicalRecordRecognizer,
    PersonFormRecognizer,
    AddressRecognizer,
    DateFormRecognizer,
)


def finder(entity: str) -> Recognizer | None:
    """Make what finds an entity by its form, or None for what only the language model finds."""
    for kind in OWN:
        if kind.entity == entity:
            return kind()
    return StockRecognizer(entity) if entity in STOCK_RECOGNIZERS else None
