"""What the name of a field says about the value in it."""

from __future__ import annotations

import functools
import re

_WORDS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+")

# The last words of a name, joined; longer ones first.
_NAMES = {
    "US_SSN": "ssn ssns socsec socialsecurity socialsecuritynumber socialsecurityno taxid"
    " taxidnumber taxidentifier socialinsurancenumber ssnumber ssnno ssnlastfour ussn usssn tin",
    "MEDICAL_RECORD_NUMBER": "mrn mrnumber medicalrecord medicalrecordnumber medicalrecordid"
    " medicalrecordno medrecno patientid patientidentifier patientnumber chartnumber chartid",
    "EMAIL_ADDRESS": "email emailaddress mail useremail",
    "PHONE_NUMBER": "phone phonenumber telephone telephonenumber tel mobile mobilenumber"
    " mobilephone cell cellphone homephone workphone fax faxnumber msisdn",
    "CREDIT_CARD": "cardnumber creditcard creditcardnumber ccnumber pan cardno",
    "IBAN_CODE": "iban",
    "IP_ADDRESS": "ip ipaddress ipaddr clientip remoteaddr xforwardedfor xrealip",
    "DATE_TIME": "dob birthdate dateofbirth birthday deathdate dateofdeath deceaseddate"
    " admissiondate dischargedate admitdate dateofservice servicedate",
    "PERSON": "firstname lastname middlename maidenname surname givenname familyname fullname"
    " patientname membername customername contactname personname givennames nameofpatient"
    " beneficiaryname subscribername guarantorname cardholdername cardholder accountholder"
    " doctorname physicianname mothersmaidenname nextofkin",
    "LOCATION": "address streetaddress addressline street homeaddress mailingaddress billingaddress"
    " shippingaddress postaladdress city zip zipcode postalcode postcode county",
}
_BY_NAME = {name: entity for entity, names in _NAMES.items() for name in names.split()}


def _set_of(words: str) -> frozenset[str]:
    return frozenset(words.split())


# Names that mean a person only inside an object for one, as in FHIR's Patient.name.given.
_PARENTS = _set_of(
    """
    patient patients member subscriber person customer contact guarantor employee beneficiary
    insured nextofkin doctor physician practitioner name applicant
    """
)
_INSIDE = {"name": "PERSON", "given": "PERSON", "family": "PERSON", "first": "PERSON",
           "last": "PERSON", "middle": "PERSON"}  # fmt: skip

# A number in such a field counts or measures something.
_QUANTITIES = _set_of(
    """
    size bytes length offset timestamp ts seed duration elapsed ms ns us count total population
    width height filesize created updated expires epoch
    """
)

NAME_HINT = "#name"
"""The hint of a name itself: of a JSON member or a form's field."""

# Fields of APIs and headers whose values are keywords, which a language model takes for names.
_KEYWORD_FIELDS = _set_of(
    """
    role type model object finish_reason stop_reason tool_choice method jsonrpc protocolversion
    format encoding_format mime_type mimetype id media_type $schema service_tier reasoning_effort
    tool_use_id call_id tool_call_id user-agent date accept-language cache-control pragma origin
    if-none-match if-modified-since traceparent tracestate x-request-id anthropic-version
    anthropic-beta mcp-protocol-version mcp-session-id openai-beta openai-organization
    x-stainless-lang x-stainless-os x-stainless-arch x-stainless-runtime x-stainless-async
    x-stainless-package-version x-stainless-runtime-version sec-ch-ua sec-ch-ua-platform
    sec-fetch-mode sec-fetch-site
    """
)

# Objects of APIs whose name is a tool's: chat completions, messages, MCP.
_NAMED_TOOLS = _set_of("tool tools function functions tool_calls content params prompts resources")

# What a value must look like for its field's name to be believed.
_FORMS = {
    "US_SSN": re.compile(
        r"[^A-Za-z]*(?:[0-9][^0-9A-Za-z]*){4,9}|[*#xX•.]{3}\W?[*#xX•.]{2}\W?[0-9]{4}"
    ),
    "MEDICAL_RECORD_NUMBER": re.compile(r"(?:[^0-9]*[0-9]){3}.{0,40}"),
    "EMAIL_ADDRESS": re.compile(r"[^\s@]{1,80}@[^\s@]{1,255}"),
    "PHONE_NUMBER": re.compile(
        r"[+(]*(?:[0-9][^0-9A-Za-z]{0,3}){7,15}(?:(?:x|ext)\W{0,2}[0-9]{1,6})?"
    ),
    "CREDIT_CARD": re.compile(r"(?:[0-9][^0-9A-Za-z]{0,3}){12,19}"),
    "IBAN_CODE": re.compile(r"[A-Za-z]{2}[0-9]{2}[0-9A-Za-z -]{8,40}"),
    "IP_ADDRESS": re.compile(r"[0-9a-fA-F:.]{3,45}"),
    "DATE_TIME": re.compile(r"(?=.*[0-9]).{4,40}"),
    "PERSON": re.compile(r"(?=.*[^\W\d_].*[^\W\d_])[^\d{}<>\[\]\n]{2,100}"),
    "LOCATION": re.compile(r"(?=.*[^\W_])[^{}<>\[\]]{2,160}", re.DOTALL),
}
_LONGEST = 200


def entity_of_field(hint: str, text: str) -> str | None:
    """Give the entity that a whole value is, by the names of its fields and by its form.

    `hint` is one or two names of fields, outer first, with a slash between them.
    """
    if not hint or len(text) > _LONGEST:
        return None
    entity = _entity_of_name(hint)
    if entity is None or _FORMS[entity].fullmatch(text.strip()) is None:
        return None
    return entity


def is_quantity(hint: str) -> bool:
    """Tell whether a field's name says that its number counts or measures something."""
    words = _words(hint.rpartition("/")[2])
    return bool(words) and words[-1] in _QUANTITIES


def is_keyword_field(hint: str) -> bool:
    """Tell whether a field of this name holds a keyword of a protocol, or is a name itself."""
    outer, _, inner = hint.rpartition("/")
    if inner == "name" and outer in _NAMED_TOOLS:
        return True
    return hint == NAME_HINT or inner.lower() in _KEYWORD_FIELDS


def _words(name: str) -> list[str]:
    return [word.lower() for word in _WORDS.findall(name)]


@functools.lru_cache(maxsize=8192)
def _entity_of_name(hint: str) -> str | None:
    outer, _, inner = hint.rpartition("/")
    for name in (inner, outer):
        words = _words(name)
        for count in range(min(4, len(words)), 0, -1):
            entity = _BY_NAME.get("".join(words[-count:]))
            if entity is not None and (name == inner or entity == "US_SSN"):
                return entity
        if "ssn" in words and not {"id", "ref", "hash"} & set(words):
            return "US_SSN"
    words, parents = _words(inner), _words(outer)
    if parents and words and parents[-1] in _PARENTS:
        return _INSIDE.get(words[-1])
    return None
