"""The entities that a policy may name, by Presidio's names."""

from __future__ import annotations

NER_ENTITIES = frozenset({"PERSON", "LOCATION", "DATE_TIME", "NRP", "ORGANIZATION"})
"""Entities that need the language model."""

OWN_ENTITIES = frozenset(
    {
        "US_SSN",
        "EMAIL_ADDRESS",
        "PHONE_NUMBER",
        "CREDIT_CARD",
        "IP_ADDRESS",
        "URL",
        "IBAN_CODE",
        "MEDICAL_RECORD_NUMBER",
        "AGE",
        "HEALTH_PLAN_NUMBER",
        "ACCOUNT_NUMBER",
        "LICENSE_NUMBER",
        "VEHICLE_ID",
        "DEVICE_ID",
        "BIOMETRIC_ID",
        "UNIQUE_ID",
        "US_DRIVER_LICENSE",
        "PASSPORT",
        "NATIONAL_ID",
        "USERNAME",
        "PASSWORD",
    }
)
"""Entities with a recogniser of our own."""

STOCK_RECOGNIZERS = {
    "ABA_ROUTING_NUMBER": "AbaRoutingRecognizer",
    "AU_ABN": "AuAbnRecognizer",
    "AU_ACN": "AuAcnRecognizer",
    "AU_MEDICARE": "AuMedicareRecognizer",
    "AU_TFN": "AuTfnRecognizer",
    "CRYPTO": "CryptoRecognizer",
    "ES_NIE": "EsNieRecognizer",
    "ES_NIF": "EsNifRecognizer",
    "IN_AADHAAR": "InAadhaarRecognizer",
    "IT_FISCAL_CODE": "ItFiscalCodeRecognizer",
    "MAC_ADDRESS": "MacAddressRecognizer",
    "MEDICAL_LICENSE": "MedicalLicenseRecognizer",
    "PL_PESEL": "PlPeselRecognizer",
    "SG_NRIC_FIN": "SgFinRecognizer",
    "UK_NHS": "NhsRecognizer",
    "UK_NINO": "UkNinoRecognizer",
    "US_BANK_NUMBER": "UsBankRecognizer",
    "US_ITIN": "UsItinRecognizer",
    "US_MBI": "UsMbiRecognizer",
    "US_NPI": "UsNpiRecognizer",
    "US_PASSPORT": "UsPassportRecognizer",
}
"""Entities found by the patterns of one of Presidio's own recognisers (its class name)."""

DIGIT_OR_AT_ENTITIES = frozenset(
    {
        "US_SSN",
        "PHONE_NUMBER",
        "CREDIT_CARD",
        "IP_ADDRESS",
        "IBAN_CODE",
        "MEDICAL_RECORD_NUMBER",
        "HEALTH_PLAN_NUMBER",
        "LICENSE_NUMBER",
        "VEHICLE_ID",
        "DEVICE_ID",
        "BIOMETRIC_ID",
        "UNIQUE_ID",
        "NATIONAL_ID",
        "ABA_ROUTING_NUMBER",
        "AU_ABN",
        "AU_ACN",
        "AU_MEDICARE",
        "AU_TFN",
        "IN_AADHAAR",
        "MEDICAL_LICENSE",
        "PL_PESEL",
        "UK_NHS",
        "UK_NINO",
        "US_BANK_NUMBER",
        "US_DRIVER_LICENSE",
        "US_ITIN",
        "US_MBI",
        "US_NPI",
        "US_PASSPORT",
    }
)
"""Entities that no text can hold which has, once decoded, neither a digit nor an at sign."""

ENTITIES = NER_ENTITIES | OWN_ENTITIES | STOCK_RECOGNIZERS.keys()

ALIASES = {
    "SSN": "US_SSN",
    "MRN": "MEDICAL_RECORD_NUMBER",
    "EMAIL": "EMAIL_ADDRESS",
    "PHONE": "PHONE_NUMBER",
    "IBAN": "IBAN_CODE",
}
"""Short names, for people."""
