"""FHIR in XML: each value by its place in the resource."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from redaction.documents.fhir_schema import Act, Plan, schema
from redaction.documents.fhir_values import (
    is_plain_code,
    is_plain_system,
    is_plain_uri,
    reference_parts,
)
from redaction.documents.model import CODE_HINT
from redaction.documents.xhtml import XhtmlRules
from redaction.documents.xml_body import KNOWN_NAMESPACES, Mark, XmlRules

NAMESPACE = "http://hl7.org/fhir"

_PATIENT = re.compile(
    r"<Patient[\s>].{0,2000}?<id\s{1,20}value=[\"']([A-Za-z0-9.-]{1,64})", re.DOTALL
)
_SUBJECT = re.compile(
    r"<reference\s{1,20}value=[\"'](?:[^\"'<>]{0,500}/)?(Patient/[A-Za-z0-9.-]{1,64})"
)
_PLAIN_NUMBER = re.compile(r"-?[0-9]{1,6}(?:\.[0-9]{1,6})?|true|false")
_KNOWN: dict[int, Callable[[str], object]] = {
    Act.URI: is_plain_system,
    Act.LINK: is_plain_uri,
    Act.NUMBER: _PLAIN_NUMBER.fullmatch,
}


@dataclass(slots=True)
class _Frame:
    """An element that is open: its plan, and what its elements said so far."""

    act: int
    plan: Plan
    entity: str = ""
    form: str = ""
    hint: str = ""
    type: str = ""
    resource: str = ""
    said: dict[str, str] = field(default_factory=dict)


class FhirXmlRules(XmlRules):
    """What the places of a resource hold; XHTML in it is read as such."""

    def __init__(self, text: str) -> None:
        """Take the document's text, to know its patient before its first value."""
        self._schema = schema()
        match = _PATIENT.search(text)
        if match is not None:
            self._subject = f"Patient/{match[1]}"
        else:
            match = _SUBJECT.search(text)
            self._subject = match[1] if match is not None else ""
        self._frames: list[_Frame] = []
        self._xhtml = XhtmlRules()
        self._inside = 0

    def opened(self, name: str, attributes: Mapping[str, str]) -> None:
        """Note that an element begins."""
        above = self._frames[-1] if self._frames else None
        if self._inside or (name == "div" and above is not None and above.type == "Narrative"):
            self._inside += 1
            return
        plans, resources = self._schema.plans, self._schema.resources
        if name in resources and (above is None or above.act == Act.RESOURCE):
            self._frames.append(_Frame(Act.COMPLEX, plans[name], type=name, resource=name))
            return
        step = above.plan.get(name) if above is not None else None
        if above is None or step is None:
            self._frames.append(_Frame(Act.TEXT, {}, hint=name[:64]))
            return
        plan = plans[step.type] if step.type[:1].isupper() else {}
        value = attributes.get("value", "")
        entity = step.entity
        if step.act == Act.REFERENCE:
            pass
        elif above.type == "Identifier" and name == "value":
            entity = self._identifier(above)
        elif above.type == "ContactPoint" and name == "value":
            entity = self._schema.contacts.get(above.said.get("system", ""), "")
            entity = entity or ("EMAIL_ADDRESS" if "@" in value else "PHONE_NUMBER")
        elif above.type == "Reference" and name == "display":
            target = above.said.get("target", "")
            entity = self._schema.displays.get(target, "" if target else above.entity)
        elif above.type == "Extension" and step.act in (Act.TEXT, Act.NUMBER):
            word = re.split("[/#]", above.said.get("url", ""))[-1]
            entity = self._schema.extensions.get(word, "")
        elif above.type in ("Age", "Quantity") and name == "value" and above.act == Act.AGE:
            entity = "AGE" if re.fullmatch(r"9[0-9]|1[0-9]{2}", value) else ""
        if above.type in ("Identifier", "ContactPoint", "Reference"):
            above.said[name] = value
            if name == "reference":
                above.said["target"] = reference_parts(value)[1]
        if above.type == "Coding" and name == "code" and len(self._frames) > 2:
            self._frames[-3].said.setdefault("kind", value)
        frame = _Frame(step.act, plan, entity, step.form, step.hint, step.type, above.resource)
        frame.said["url"] = attributes.get("url", "")
        self._frames.append(frame)

    def closed(self) -> None:
        """Note that an element ends."""
        if self._inside:
            self._inside -= 1
        else:
            self._frames.pop()

    def knows(self, name: str) -> bool:
        """Tell whether a name is one of FHIR or XHTML: one of letters alone."""
        return re.fullmatch(r"[A-Za-z:]{1,64}", name) is not None or self._xhtml.knows(name)

    def attribute(self, name: str, value: str, hint: str) -> Mark | None:
        """Say what an attribute is."""
        if value in KNOWN_NAMESPACES:
            return None
        if self._inside:
            return self._xhtml.attribute(name, value, hint)
        frame = self._frames[-1]
        subject = self._subject
        if name != "value":
            if is_plain_code(value) or is_plain_uri(value):
                return None
            return Mark(CODE_HINT, subject=subject)
        hint = frame.hint or hint
        act, form = frame.act, frame.form
        if act == Act.CODE:
            return None if is_plain_code(value) else Mark(CODE_HINT, "", form, subject)
        known = _KNOWN.get(act)
        if known is not None and not frame.entity:
            return None if known(value) else Mark(CODE_HINT, "", form, subject)
        if act == Act.DATE and len(value) == 4:
            return Mark(CODE_HINT, "", form, subject)
        if act == Act.ID:
            entity = self._schema.ids.get(frame.resource, "")
            return Mark(hint if entity else CODE_HINT, entity, form, subject)
        if act in (Act.REFERENCE_TEXT, Act.TARGET):
            entity = self._schema.ids.get(reference_parts(value)[1], "")
            return Mark("id" if entity else CODE_HINT, entity, "id" if entity else form, subject)
        return Mark(hint, frame.entity, form, subject)

    def prefix(self, name: str, value: str) -> str:
        """Give what stands before the id in a reference to a person."""
        if name != "value" or self._inside:
            return ""
        if self._frames[-1].act in (Act.REFERENCE_TEXT, Act.TARGET):
            before, kind, after = reference_parts(value)
            if kind in self._schema.ids and not after:
                return before
        return ""

    def text(self, hint: str) -> Mark:
        """Say what a text is: FHIR has texts in narratives alone."""
        return Mark("narrative" if self._inside else hint, subject=self._subject)

    def _identifier(self, frame: _Frame) -> str:
        entity: str | None = self._schema.types.get(frame.said.get("kind", ""))
        if entity is not None:
            return entity
        system = frame.said.get("system", "").lower() + "/"
        for part, found in self._schema.systems:
            if part in system:
                return found
        holders: Mapping[str, str] = self._schema.holders
        return holders.get(frame.resource, "UNIQUE_ID")
