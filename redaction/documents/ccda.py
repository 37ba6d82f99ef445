"""C-CDA and other documents of HL7 CDA R2: each value by the elements that it stands in."""

from __future__ import annotations

import re
from collections.abc import Mapping

from redaction.documents.fhir_schema import schema
from redaction.documents.model import CODE_HINT, words
from redaction.documents.xml_body import KNOWN_NAMESPACES, Mark, XmlRules

NAMESPACE = "urn:hl7-org:v3"

_PATIENT = re.compile(
    r"<(?:\w{1,20}:)?patientRole[\s>].{0,4000}?\sextension=[\"']([^\"']{1,100})", re.DOTALL
)
_NAME = re.compile(r"[A-Za-z:]{1,64}")
_OID = re.compile(r"[0-2](?:\.[0-9]{1,12}){2,24}")
_UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_PLAIN = re.compile(
    r"[A-Za-z/][A-Za-z_/.-]{0,39}|[0-9]{1,6}(?:\.[0-9]{1,6})?|[0-9]{1,7}-[0-9]"
    r"|[A-Z][0-9]{2}(?:\.[0-9A-Z]{1,4})?"
)
_CODE = re.compile(r"(?!\d{3}-\d\d-\d{4})[A-Za-z0-9._/\[\]{}%*^()'-]{1,24}")
_DATE = re.compile(r"[0-9]{4}(?:[0-9]{2}){1,5}(?:\.[0-9]{1,4})?(?:[+-][0-9]{4})?")
_TIMES = words(
    """
    effectiveTime birthTime deceasedTime time low high center signatureTime availabilityTime
    activityTime existenceTime expirationTime performTime
    """
)
_PERSONS = words(
    """
    patient guardianPerson assignedPerson associatedPerson relatedPerson informationRecipient
    person subject
    """
)
_PLACES = words(
    """
    representedOrganization providerOrganization guardianOrganization scopingOrganization
    serviceProviderOrganization manufacturerOrganization receivedOrganization
    representedCustodianOrganization asOrganizationPartOf wholeOrganization location place
    healthCareFacility
    """
)
_PARTIES = {
    "patientRole": "MEDICAL_RECORD_NUMBER",
    "recordTarget": "MEDICAL_RECORD_NUMBER",
    "assignedAuthor": "LICENSE_NUMBER",
    "assignedEntity": "LICENSE_NUMBER",
    "intendedRecipient": "LICENSE_NUMBER",
    "associatedEntity": "UNIQUE_ID",
    "relatedEntity": "UNIQUE_ID",
    "relatedSubject": "UNIQUE_ID",
    "guardian": "UNIQUE_ID",
    "participantRole": "UNIQUE_ID",
    "playingDevice": "DEVICE_ID",
    "encompassingEncounter": "UNIQUE_ID",
    "healthCareFacility": "UNIQUE_ID",
    "ClinicalDocument": "UNIQUE_ID",
}
_WORDS = frozenset({"state", "country", "prefix", "suffix", "delimiter"})
_AGE_CODES = frozenset({"445518008", "397659008", "424144002", "30525-0", "21612-7"})
_OLD = 90


class CdaRules(XmlRules):
    """What the places of a clinical document hold."""

    def __init__(self, text: str) -> None:
        """Take the document's text, to know its patient before its first value."""
        match = _PATIENT.search(text)
        self._subject = f"Patient/{match[1]}" if match is not None else ""
        self._path: list[str] = []
        self._attributes: list[Mapping[str, str]] = []
        self._code = ""

    def opened(self, name: str, attributes: Mapping[str, str]) -> None:
        """Note that an element begins."""
        self._path.append(name)
        self._attributes.append(attributes)
        if name == "code" and self._path[-2:-1] == ["observation"]:
            self._code = attributes.get("code", "")

    def closed(self) -> None:
        """Note that an element ends."""
        self._path.pop()
        self._attributes.pop()

    def knows(self, name: str) -> bool:
        """Tell whether a name is one of the vocabulary: one of letters alone."""
        return _NAME.fullmatch(name) is not None

    def declared(self) -> str:
        """Give the type of the file that the element's text is in base64; else empty."""
        attributes = self._attributes[-1]
        if attributes.get("representation") != "B64":
            return ""
        return attributes.get("mediaType") or "application/octet-stream"

    def prefix(self, name: str, value: str) -> str:
        """Give what begins a value and is no part of it: the scheme of a telephone number."""
        if name == "value" and self._path[-1] == "telecom":
            scheme, colon, _ = value.partition(":")
            if colon and scheme.lower() in ("tel", "mailto", "fax", "sms"):
                return scheme + colon
        return ""

    def attribute(self, name: str, value: str, hint: str) -> Mark | None:
        """Say what an attribute is."""
        element = self._path[-1]
        subject = self._subject
        if value in KNOWN_NAMESPACES:
            return None
        if element in ("id", "setId") and name in ("root", "extension"):
            return self._identifier(name, value, hint)
        if name == "value":
            if element == "telecom":
                return self._telecom(value, hint)
            if element in _TIMES:
                if _DATE.fullmatch(value):
                    return Mark(hint, "DATE_TIME", "compact-datetime", subject)
                return Mark(CODE_HINT, subject=subject)
            if element == "value" and self._code in _AGE_CODES and self._is_old(value):
                return Mark(hint, "AGE", "digits", subject)
        if name == "code" and "codeSystem" in self._attributes[-1] and _CODE.fullmatch(value):
            return None
        if _PLAIN.fullmatch(value) or _OID.fullmatch(value):
            return None
        if name in ("displayName", "codeSystemName") or name != "value":
            return Mark(CODE_HINT, subject=subject)
        return Mark(hint, subject=subject)

    def text(self, hint: str) -> Mark:
        """Say what a text within the open element is."""
        path, subject = self._path, self._subject
        element = path[-1]
        # A name or an address has parts, and may have none: <name>Good Health Clinic</name>.
        above = path[-2] if len(path) > 1 else ""
        holder = path[-3] if len(path) > 2 else ""
        if element in _WORDS and above in ("addr", "name"):
            return Mark(CODE_HINT, subject=subject)
        if element == "addr" or above == "addr":
            return Mark(hint, "LOCATION", "", subject)
        if element == "name":
            return Mark(hint, self._named(above), "", subject)
        if above == "name":
            return Mark(hint, self._named(holder) or "PERSON", "", subject)
        return Mark(hint, subject=subject)

    def _named(self, holder: str) -> str:
        if holder in _PLACES:
            return "LOCATION"
        return "PERSON" if holder in _PERSONS else ""

    def _identifier(self, name: str, value: str, hint: str) -> Mark | None:
        subject = self._subject
        holder = self._path[-2] if len(self._path) > 1 else ""
        root = self._attributes[-1].get("root", "")
        if name == "root":
            if _OID.fullmatch(value):
                return None
            lone = "extension" not in self._attributes[-1] and _UUID.fullmatch(value)
            entity = _PARTIES.get(holder, "") if lone else ""
            return Mark(hint if entity else CODE_HINT, entity, "id", subject)
        for part, entity in schema().systems:
            if part in f"{root}/":
                return Mark(hint, entity, "", subject)
        entity = _PARTIES.get(holder, "LICENSE_NUMBER" if holder in _PLACES else "UNIQUE_ID")
        return Mark(hint, entity, "", subject)

    def _telecom(self, value: str, hint: str) -> Mark:
        scheme = value.partition(":")[0].lower()
        if scheme == "mailto" or "@" in value:
            return Mark(hint, "EMAIL_ADDRESS", "", self._subject)
        if scheme in ("http", "https", "ftp"):
            return Mark(hint, "URL", "uri", self._subject)
        return Mark(hint, "PHONE_NUMBER", "", self._subject)

    def _is_old(self, value: str) -> bool:
        unit = self._attributes[-1].get("unit", "a")
        return unit in ("a", "year", "years", "yr") and value.isdigit() and int(value[:4]) >= _OLD
