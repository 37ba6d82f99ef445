"""The recognisers that there are, each for one entity."""

from __future__ import annotations

from redaction.entities import STOCK_RECOGNIZERS
from redaction.recognizers.account import AccountRecognizer
from redaction.recognizers.ages import AgeRecognizer
from redaction.recognizers.base import Recognizer
from redaction.recognizers.biometric import BiometricRecognizer
from redaction.recognizers.contact import EmailRecognizer
from redaction.recognizers.credentials import PasswordRecognizer
from redaction.recognizers.dates import DateFormRecognizer
from redaction.recognizers.device import DeviceRecognizer
from redaction.recognizers.finance import CreditCardRecognizer, IbanRecognizer
from redaction.recognizers.health_plan import HealthPlanRecognizer
from redaction.recognizers.license import (
    DriverLicenseRecognizer,
    LicenseRecognizer,
    PassportRecognizer,
)
from redaction.recognizers.medical import MedicalRecordRecognizer
from redaction.recognizers.national_id import NationalIdRecognizer
from redaction.recognizers.network import IpAddressRecognizer, UrlRecognizer
from redaction.recognizers.organisations import OrganizationFormRecognizer
from redaction.recognizers.people import PersonFormRecognizer
from redaction.recognizers.phone import PhoneRecognizer
from redaction.recognizers.places import AddressRecognizer
from redaction.recognizers.stock import StockRecognizer
from redaction.recognizers.unique_id import UniqueIdRecognizer
from redaction.recognizers.us_ssn import UsSsnRecognizer
from redaction.recognizers.username import UsernameRecognizer
from redaction.recognizers.vehicle import VehicleRecognizer

__all__ = ["OWN", "finder"]

OWN: tuple[type[Recognizer], ...] = (
    UsSsnRecognizer,
    EmailRecognizer,
    PhoneRecognizer,
    CreditCardRecognizer,
    IpAddressRecognizer,
    UrlRecognizer,
    IbanRecognizer,
    MedicalRecordRecognizer,
    HealthPlanRecognizer,
    AccountRecognizer,
    LicenseRecognizer,
    DriverLicenseRecognizer,
    PassportRecognizer,
    VehicleRecognizer,
    DeviceRecognizer,
    BiometricRecognizer,
    UniqueIdRecognizer,
    NationalIdRecognizer,
    UsernameRecognizer,
    PasswordRecognizer,
    PersonFormRecognizer,
    AddressRecognizer,
    DateFormRecognizer,
    AgeRecognizer,
    OrganizationFormRecognizer,
)


def finder(entity: str) -> Recognizer | None:
    """Make what finds an entity by its form, or None for what only the language model finds."""
    for kind in OWN:
        if kind.entity == entity:
            return kind()
    return StockRecognizer(entity) if entity in STOCK_RECOGNIZERS else None
