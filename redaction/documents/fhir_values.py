"""What single values of FHIR say: references, codes of vocabularies, identifiers, units."""

from __future__ import annotations

import re
from typing import Any

from redaction.documents.fhir_schema import Schema

REFERENCE = re.compile(
    r"(?P<before>(?:[^?#|\s]{0,1000}/)?)(?P<type>[A-Z][A-Za-z]{1,40})/(?P<id>[A-Za-z0-9.-]{1,64})"
    r"(?P<after>(?:[/?#|].{0,1000})?)",
    re.DOTALL,
)
URN = re.compile(r"urn:(?:uuid|oid):(?P<id>[A-Za-z0-9.-]{1,64})")
# Words of a vocabulary: no pattern and no reader could take them for anybody's data.
PLAIN_CODE = re.compile(r"[A-Za-z]{1,24}(?:[-_/][A-Za-z]{1,24}){0,4}")
KNOWN_URI = re.compile(
    r"https?://(?:[a-z-]{1,20}\.)?(?:hl7\.org|loinc\.org|snomed\.info|unitsofmeasure\.org"
    r"|nlm\.nih\.gov|ama-assn\.org|nema\.org|who\.int|cdc\.gov|ihe\.net|w3\.org|ietf\.org"
    r"|iso\.org|fhir\.org|nubc\.org|cms\.gov|healthit\.gov|regenstrief\.org)"
    r"(?:[/#](?!\d{3}-?\d\d-?\d{4})[A-Za-z0-9._-]{0,80}){0,10}(?:\|[0-9A-Za-z.-]{1,20})?"
    r"|urn:(?:iso|ietf|oid)(?::[A-Za-z0-9.-]{1,80}){1,4}"
)
# A random number, by itself or as the end of a reference, that names a thing and no person.
THING = re.compile(
    r"(?:urn:uuid:|[A-Za-z]{1,40}/)?[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
)
# A URL of words alone, as those who number things name their systems.
PLAIN_URL = re.compile(
    r"https?://(?!\S*\d{5})(?!\S*\d{3}-\d\d)[A-Za-z0-9.-]{1,100}(?::[0-9]{1,5})?"
    r"(?:/[A-Za-z0-9._~-]{0,60}){0,10}(?:#[A-Za-z0-9._-]{1,60})?"
)
CODE_OF_SYSTEM = re.compile(r"(?!\d{3}-\d\d-\d{4})[A-Za-z0-9._/\[\]{}%*^()'-]{1,24}")
YEAR = re.compile(r"[0-9]{4}")
LAST_WORD = re.compile(r"[^/#:]{1,100}\Z")
_YEARS = frozenset({"a", "a_j", "yr", "yrs", "year", "years", "y"})
OLD = 90


def is_plain_code(text: str) -> bool:
    """Tell whether a text is a word of letters, as codes are, that no search finds anything in."""
    return PLAIN_CODE.fullmatch(text) is not None


def is_plain_uri(text: str) -> bool:
    """Tell whether a text is the URI of a well-known vocabulary."""
    return KNOWN_URI.fullmatch(text) is not None


def is_plain_system(text: str) -> bool:
    """Tell whether a text is the URI of a vocabulary or numbering that names nobody."""
    return (
        len(text) < 400
        and (KNOWN_URI.fullmatch(text) or PLAIN_URL.fullmatch(text) or PLAIN_CODE.fullmatch(text))
        is not None
    )


def reference_parts(text: str) -> tuple[str, str, str]:
    """Give what stands before the id of a reference, the type it names, and what follows the id."""
    match = REFERENCE.fullmatch(text)
    if match is None:
        return "", "", ""
    return text[: match.start("id")], match["type"], match["after"]


def dicts(value: Any) -> list[dict[str, Any]]:
    """Give the objects of a list; none for what is no list."""
    return [item for item in value if type(item) is dict] if type(value) is list else []


def in_years(quantity: dict[str, Any]) -> bool:
    """Tell whether a quantity counts years, or does not say what it counts."""
    units = [quantity[key] for key in ("code", "unit") if quantity.get(key) is not None]
    return not units or any(str(unit).lower() in _YEARS for unit in units)


def is_age(observation: dict[str, Any], codes: frozenset[str]) -> bool:
    """Tell whether what was observed is an age."""
    code = observation.get("code")
    codings = code.get("coding") if type(code) is dict else None
    return any(item.get("code") in codes for item in dicts(codings))


def identifier_entity(item: dict[str, Any], resource: str, rules: Schema) -> str:
    """Give what an identifier is, by its type, its system or the resource that it stands in."""
    kind = item.get("type")
    for coding in dicts(kind.get("coding") if type(kind) is dict else None):
        entity: str | None = rules.types.get(str(coding.get("code")))
        if entity is not None:
            return entity
    system = item.get("system")
    said = f"{system}/".lower() if type(system) is str else ""
    if type(kind) is dict and type(kind.get("text")) is str:
        said += kind["text"].lower().replace(" ", "-")
    for part, entity in rules.systems:
        if part in said:
            return entity
    return rules.holders.get(resource, "UNIQUE_ID")


def contact_entity(item: dict[str, Any], rules: Schema) -> str:
    """Give what a contact point is, by its system or its form."""
    entity = rules.contacts.get(str(item.get("system")))
    if entity is not None:
        return entity
    value = str(item.get("value"))
    if "@" in value:
        return "EMAIL_ADDRESS"
    return "URL" if "://" in value else "PHONE_NUMBER"
