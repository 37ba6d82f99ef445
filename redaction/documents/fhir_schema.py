"""What each element of FHIR is, compiled from the tables in `redaction/formats`."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, NamedTuple

import yaml

FOLDER = Path(__file__).parents[1] / "formats"


class Act:
    """What is done with the value of an element: plain numbers, for speed."""

    SKIP = -1
    CODE = 0
    TEXT = 1
    URI = 2
    DATE = 3
    WHOLE = 4
    NUMBER = 5
    COMPLEX = 6
    ID = 7
    REFERENCE_TEXT = 8
    TARGET = 9
    DATA = 10
    XHTML = 11
    PHOTO = 12
    RESOURCE = 13
    REFERENCE = 14
    IDENTIFIER = 15
    CONTACT = 16
    EXTENSION = 17
    CONCEPT = 18
    CODING = 19
    AGE = 20
    QUANTITY = 21
    QUERY = 22
    ENTRY = 23
    ATTACHMENT = 24
    LINK = 25


class Step(NamedTuple):
    """What is done with an element, and with what."""

    act: int
    hint: str = ""
    entity: str = ""
    form: str = ""
    type: str = ""


Plan = dict[str, Step]
"""The steps of a type, by the names of its elements."""

_FORMS = {
    "string": "text1",
    "markdown": "text1",
    "code": "token",
    "id": "id",
    "uri": "uri",
    "url": "uri",
    "canonical": "uri",
    "oid": "uri",
    "uuid": "uri",
    "date": "date",
    "dateTime": "datetime",
    "instant": "instant",
    "time": "time",
    "base64Binary": "base64",
    "decimal": "number",
    "integer": "number",
    "positiveInt": "number",
    "unsignedInt": "number",
    "integer64": "text1",
    "boolean": "boolean",
}
_ACTS = {
    "string": Act.TEXT,
    "markdown": Act.TEXT,
    "code": Act.CODE,
    "id": Act.CODE,
    "time": Act.CODE,
    "integer64": Act.CODE,
    "uri": Act.LINK,
    "url": Act.LINK,
    "canonical": Act.URI,
    "oid": Act.URI,
    "uuid": Act.URI,
    "date": Act.DATE,
    "dateTime": Act.DATE,
    "instant": Act.DATE,
    "base64Binary": Act.DATA,
    "xhtml": Act.XHTML,
    "boolean": Act.NUMBER,
    "decimal": Act.NUMBER,
    "integer": Act.NUMBER,
    "positiveInt": Act.NUMBER,
    "unsignedInt": Act.NUMBER,
    "Reference": Act.REFERENCE,
    "Identifier": Act.IDENTIFIER,
    "ContactPoint": Act.CONTACT,
    "Extension": Act.EXTENSION,
    "CodeableConcept": Act.CONCEPT,
    "Coding": Act.CODING,
    "Age": Act.AGE,
    "Quantity": Act.QUANTITY,
    "Resource": Act.RESOURCE,
    "Attachment": Act.ATTACHMENT,
    "BundleEntry": Act.ENTRY,
}
_PLACES = {
    ("Resource", "id"): Act.ID,
    ("Extension", "url"): Act.URI,
    ("Reference", "type"): Act.URI,
    ("Reference", "reference"): Act.REFERENCE_TEXT,
    ("BundleEntry", "fullUrl"): Act.REFERENCE_TEXT,
    ("BundleEntryRequest", "url"): Act.TARGET,
    ("BundleEntryRequest", "ifNoneExist"): Act.QUERY,
    ("BundleEntryResponse", "location"): Act.TARGET,
    ("BundleLink", "url"): Act.TARGET,
    ("Patient", "photo"): Act.PHOTO,
    ("Person", "photo"): Act.PHOTO,
    ("RelatedPerson", "photo"): Act.PHOTO,
    ("Practitioner", "photo"): Act.PHOTO,
    ("Signature", "data"): Act.WHOLE,
}


class Schema:
    """The types of FHIR, and what their elements hold."""

    def __init__(self, lines: list[str], rules: dict[str, Any]) -> None:
        self._lines = lines_of(lines)
        self.resources = frozenset(
            name
            for name, (base, _) in self._lines.items()
            if base in ("Resource", "DomainResource")
        ) - {"DomainResource", "Resource"}
        self.knowledge = frozenset(rules["knowledge"].split())
        self.ids: dict[str, str] = rules["ids"]
        self.displays: dict[str, str] = rules["displays"]
        self.subjects: list[str] = rules["subjects"]
        self.systems: list[tuple[str, str]] = [
            (part, entity) for part, entity in rules["identifier_systems"]
        ]
        self.types: dict[str, str] = {
            code: entity for entity, codes in rules["identifier_types"].items() for code in codes
        }
        self.holders: dict[str, str] = rules["identifier_resources"]
        self.contacts: dict[str, str] = rules["contacts"]
        self.extensions: dict[str, str] = rules["extensions"]
        self.searches: dict[str, str] = rules["searches"]
        self.ages: frozenset[str] = frozenset(rules["ages"])
        self._whole: dict[str, dict[str, str]] = rules["whole"]
        self._coded: dict[str, list[str]] = rules["coded"]
        self.plans = _Plans(self)

    def compile(self, name: str) -> Plan:
        """Make the plan of a type; of `Type/ENTITY` the one in which its value is that."""
        name, _, variant = name.partition("/")
        plan: Plan = {}
        current = name
        chain: list[str] = []
        while current in self._lines:
            chain.append(current)
            current = self._lines[current][0]
        for owner in reversed(chain):
            for element, kind in self._lines[owner][1].items():
                plan[element] = self._step(owner, element, kind)
        if variant:
            for element in ("value", "display"):
                if element in plan:
                    plan[element] = plan[element]._replace(act=Act.WHOLE, entity=variant)
            if name == "Attachment":
                plan["data"] = plan["data"]._replace(act=Act.WHOLE, entity=variant)
            if name == "Extension":
                for element, step in plan.items():
                    if step.act in (Act.TEXT, Act.NUMBER) and step.form != "boolean":
                        plan[element] = step._replace(act=Act.WHOLE, entity=variant)
        return plan

    def _step(self, owner: str, element: str, kind: str) -> Step:
        kind, _, target = kind.partition(".")
        hint = f"{owner[:1].lower()}{owner[1:]}/{element}"
        act = _PLACES.get((owner, element), _ACTS.get(kind, Act.COMPLEX))
        form = _FORMS.get(kind, "")
        entity = self._whole.get(owner, {}).get(element, "")
        if element in self._coded.get(owner, ()):
            act = Act.CODE
        elif entity:
            act = Act.WHOLE
        elif act == Act.DATE:
            entity = "DATE_TIME"
        elif act == Act.REFERENCE:
            entity = {"person": "PERSON", "place": "LOCATION"}.get(target, "")
        elif (owner, element) == ("Signature", "data"):
            entity = "BIOMETRIC_ID"
        elif act == Act.LINK and element == "system":
            # It names a vocabulary or a numbering, not a person's page.
            act = Act.URI
        elif act == Act.COMPLEX and kind not in self._lines:
            act = Act.TEXT
        if owner == "ImagingStudySeries" or owner == "ImagingStudySeriesInstance":
            form = "uid" if element == "uid" else form
        return Step(act, hint, entity, form, kind)


class _Plans(dict[str, Plan]):
    """Plans, each compiled when it is first asked for."""

    def __init__(self, schema: Schema) -> None:
        super().__init__()
        self._schema = schema

    def __missing__(self, name: str) -> Plan:
        plan = self[name] = self._schema.compile(name)
        return plan


def lines_of(lines: list[str]) -> dict[str, tuple[str, dict[str, str]]]:
    """Read the table of types: of each the type that it extends, and its elements' types."""
    found: dict[str, tuple[str, dict[str, str]]] = {}
    for line in lines:
        if line.startswith("#") or not line:
            continue
        name, base, *groups = line.split(" ")
        elements: dict[str, str] = {}
        for group in groups:
            kind, _, names = group.partition(":")
            elements |= dict.fromkeys(names.split(","), kind)
        found[name] = base, elements
    return found


@functools.cache
def schema() -> Schema:
    """Give the types of FHIR."""
    lines = (FOLDER / "fhir_types.txt").read_text("utf-8").splitlines()
    return Schema(lines, yaml.safe_load((FOLDER / "fhir.yaml").read_text("utf-8")))
