"""FHIR in JSON: each value by its place in the resource (http://hl7.org/fhir/R4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from redaction.documents.attachments import open_payload
from redaction.documents.fhir_references import add_query, add_reference, add_target
from redaction.documents.fhir_schema import Act, Plan, Step, schema
from redaction.documents.fhir_values import (
    CODE_OF_SYSTEM,
    KNOWN_URI,
    LAST_WORD,
    OLD,
    PLAIN_CODE,
    REFERENCE,
    THING,
    YEAR,
    contact_entity,
    dicts,
    identifier_entity,
    in_years,
    is_age,
    is_plain_system,
)
from redaction.documents.model import CODE_HINT, Leaf
from redaction.documents.xhtml import read_xhtml
from redaction.errors import UnsupportedDocument
from redaction.field_names import NAME_HINT

if TYPE_CHECKING:
    from redaction.documents.json_walk import JsonWalk, Nested

_POINTER_CHARS = 200
_LONG = 1e6
"""From here on a number is long enough to be somebody's."""


class FhirWalk:
    """Adds the leaves of resources to a walk through JSON."""

    def __init__(self, walk: JsonWalk, subject: str = "") -> None:
        self._walk, self._schema = walk, schema()
        self._subject = subject
        self._resource = ""
        self._id_entity = ""
        self._knowledge = self._old = False
        self._file: tuple[Nested, bytes] | None = None
        self._known = walk.known
        concept = self._schema.plans["CodeableConcept"]
        self._coded_text = concept | {"text": concept["text"]._replace(act=Act.CODE)}
        self._handlers: dict[int, Callable[[dict[str, Any], Step, str], None]] = {
            Act.COMPLEX: self._complex,
            Act.ENTRY: self._entry,
            Act.ATTACHMENT: self._attachment,
            Act.RESOURCE: self._inner,
            Act.CODING: self._coding,
            Act.CONCEPT: self._concept,
            Act.REFERENCE: self._reference,
            Act.IDENTIFIER: self._identifier,
            Act.CONTACT: self._contact,
            Act.EXTENSION: self._extension,
            Act.AGE: self._quantity,
            Act.QUANTITY: self._quantity,
            Act.PHOTO: self._photo,
        }
        self._full_url = self._patient_like = ""

    def resource(self, value: dict[str, Any], pointer: str) -> None:
        """Add a resource; of one that is in none the walk begins here."""
        kind = value.get("resourceType")
        plan = self._schema.plans.get(kind) if type(kind) is str else None
        if plan is None:
            if type(kind) is not str or kind not in self._schema.resources:
                self._walk.walk(value, pointer, "", self._subject)
                return
            plan = self._schema.plans[kind]
        assert type(kind) is str
        before = self._subject, self._resource, self._id_entity, self._knowledge, self._old
        self._resource = kind
        self._id_entity = self._schema.ids.get(kind, "")
        self._knowledge = kind in self._schema.knowledge
        self._old = kind == "Observation" and is_age(value, self._schema.ages)
        self._name(value, kind)
        self._subject = self._subject_of(value, kind, pointer)
        self._fields(value, plan, pointer)
        self._subject, self._resource, self._id_entity, self._knowledge, self._old = before
        self._walk.check()

    # Whose record it is ------------------------------------------------------------------------

    def _name(self, value: dict[str, Any], kind: str) -> None:
        """Note what the references within a resource stand for."""
        names = self._walk.names
        if kind == "Bundle":
            for entry in dicts(value.get("entry")):
                inner, full = entry.get("resource"), entry.get("fullUrl")
                if type(inner) is dict and type(full) is str:
                    named = inner.get("id")
                    if type(named) is not str:
                        named = full.replace(":", "/").rpartition("/")[2]
                    names[full] = f"{inner.get('resourceType')}/{named}"
            self._walk.references.clear()
        for inner in dicts(value.get("contained")):
            names[f"#{inner.get('id')}"] = f"{inner.get('resourceType')}/{inner.get('id')}"
            self._walk.references.clear()

    def _canonical(self, reference: str) -> str:
        known = self._walk.names.get(reference)
        if known is not None:
            return known
        match = REFERENCE.fullmatch(reference)
        return f"{match['type']}/{match['id']}" if match is not None else reference[:200]

    def _subject_of(self, value: dict[str, Any], kind: str, pointer: str) -> str:
        if kind == "Patient":
            named = value.get("id")
            if type(named) is str:
                return f"Patient/{named}"
            number = next((item.get("value") for item in dicts(value.get("identifier"))), None)
            entry = self._walk.names.get(self._full_url)
            return entry or f"Patient/{number or pointer}"[:200]
        for key in self._schema.subjects:
            reference = value.get(key)
            if type(reference) is list and reference:
                reference = reference[0]
            if type(reference) is dict:
                text = reference.get("reference")
                if type(text) is str:
                    return self._canonical(text)
                named = reference.get("identifier")
                if type(named) is dict and type(named.get("value")) is str:
                    return f"Patient/{named['value']}"[:200]
        return self._subject

    # Elements ----------------------------------------------------------------------------------

    def _fields(self, value: dict[str, Any], plan: Plan, pointer: str) -> None:
        walk, subject = self._walk, self._subject
        leaves, tokens, known = walk.leaves, walk.tokens, self._known
        token = walk.token
        plans, handlers = self._schema.plans, self._handlers
        if len(pointer) > _POINTER_CHARS:
            pointer = pointer[:_POINTER_CHARS]
        for name, item in value.items():
            token += 1
            step = plan.get(name)
            if step is None:
                walk.token = token
                self._unknown(name, item, plan, pointer)
                token = walk.token
                continue
            act, hint, entity, form, _ = step
            if type(item) is str and act < 5:
                token += 1
                if act < 0:
                    continue
                if act == 0:
                    if PLAIN_CODE.fullmatch(item):
                        continue
                    hint, entity = CODE_HINT, ""
                elif act == 3:
                    if self._knowledge or len(item) == 4:
                        hint, entity = CODE_HINT, ""
                elif act == 2:
                    if item in known or self._is_known(item):
                        continue
                    hint = CODE_HINT
                elif act == 1:
                    walk.token = token
                    walk.text(item, f"{pointer}/{name}", hint, form, subject)
                    continue
                leaves.append(Leaf(f"{pointer}/{name}", item, hint, entity, form, subject))
                tokens.append(token)
                continue
            if act == 8 and type(item) is str:
                token += 1
                walk.token = token
                unresolved = entity or self._patient_like
                add_reference(walk, item, f"{pointer}/{name}", subject, unresolved)
                continue
            if act == 5 and type(item) is float and not self._old and -_LONG < item < _LONG:
                token += 1
                continue
            walk.token = token
            if type(item) is dict:
                place = f"{pointer}/{name}"
                handler = handlers.get(act)
                if act == 6:
                    self._fields(item, plans[step.type], place)
                elif handler is not None:
                    handler(item, step, place)
                else:
                    self._object(item, step, place, value)
            elif type(item) is list:
                handler = handlers.get(act)
                for index, one in enumerate(item):
                    place = f"{pointer}/{name}/{index}"
                    if handler is not None and type(one) is dict:
                        handler(one, step, place)
                    else:
                        self._element(one, step, place, value)
            else:
                self._element(item, step, f"{pointer}/{name}", value)
            token = walk.token
        walk.token = token

    def _is_known(self, uri: str) -> bool:
        """Tell whether a URI is one of a well-known vocabulary, of which a document has few."""
        if uri in self._known:
            return True
        if not is_plain_system(uri):
            return False
        self._known.add(uri)
        return True

    def _unknown(self, name: str, item: Any, plan: Plan, pointer: str) -> None:
        """Add an element that the specification does not have, or that of a primitive."""
        place = f"{pointer}/{name[:64]}"
        if name == "resourceType" and item in self._schema.resources:
            self._walk.token += 1
            return
        if name[:1] == "_" and name[1:] in plan:
            # Extensions of a text or date stand beside it under its name.
            step = Step(Act.COMPLEX, type="Element")
            for one in item if type(item) is list else [item]:
                self._element(one, step, place, {})
            return
        if name == "fhir_comments":
            self._walk.walk(item, place, "comment", self._subject)
            return
        self._walk.add(Leaf(place, name, NAME_HINT))
        hint = name if len(name) <= 64 else name[:64]
        self._walk.walk(item, place, hint, self._subject)

    def _element(self, item: Any, step: Step, pointer: str, holder: dict[str, Any]) -> None:
        kind = type(item)
        act = step.act
        if kind is dict:
            self._object(item, step, pointer, holder)
        elif kind is str:
            self._walk.token += 1
            self._text(item, step, pointer, holder)
        elif kind is int or kind is float:
            self._walk.token += 1
            if act == Act.WHOLE or (act == Act.NUMBER and self._old and item >= OLD):
                entity = step.entity or "AGE"
                self._walk.add(Leaf(pointer, str(item), step.hint, entity, "number", self._subject))
            else:
                self._walk.token -= 1
                self._walk.walk(item, pointer, CODE_HINT, self._subject)
        elif item is not None and kind is not bool:
            self._walk.walk(item, pointer, step.hint, self._subject)

    def _text(self, text: str, step: Step, pointer: str, holder: dict[str, Any]) -> None:
        """Add a text: one of a list, or one that is not simply a leaf."""
        walk, subject = self._walk, self._subject
        act, hint, entity, form, _ = step
        if act == Act.WHOLE:
            walk.add(Leaf(pointer, text, hint, entity, form, subject))
        elif act == Act.CODE:
            if not PLAIN_CODE.fullmatch(text):
                walk.add(Leaf(pointer, text, CODE_HINT, "", form, subject))
        elif act == Act.URI:
            if not self._is_known(text):
                walk.add(Leaf(pointer, text, CODE_HINT, "", form, subject))
        elif act == Act.LINK:
            if not KNOWN_URI.fullmatch(text):
                walk.add(Leaf(pointer, text, CODE_HINT, "", form, subject))
        elif act == Act.DATE:
            if self._knowledge or YEAR.fullmatch(text):
                hint, entity = CODE_HINT, ""
            walk.add(Leaf(pointer, text, hint, entity, form, subject))
        elif act == Act.ID:
            if self._id_entity:
                walk.add(Leaf(pointer, text, hint, self._id_entity, form, subject))
            elif not THING.fullmatch(text):
                walk.add(Leaf(pointer, text, CODE_HINT, "", form, subject))
        elif act == Act.REFERENCE_TEXT:
            add_reference(walk, text, pointer, subject, step.entity or self._patient_like)
        elif act == Act.TARGET:
            add_target(walk, text, pointer, subject)
        elif act == Act.QUERY:
            add_query(walk, text, pointer, subject)
        elif act == Act.DATA:
            self._data(text, step, pointer, holder)
        elif act == Act.XHTML:
            self._xhtml(text, pointer)
        else:
            # A number in quotes, or a text where an object should be.
            walk.text(text, pointer, hint, form, subject)

    def _object(
        self, item: dict[str, Any], step: Step, pointer: str, holder: dict[str, Any]
    ) -> None:
        handler = self._handlers.get(step.act)
        if handler is not None:
            handler(item, step, pointer)
        else:
            self._walk.walk(item, pointer, step.hint, self._subject)

    def _complex(self, item: dict[str, Any], step: Step, pointer: str) -> None:
        self._fields(item, self._schema.plans[step.type], pointer)

    def _entry(self, item: dict[str, Any], step: Step, pointer: str) -> None:
        full = item.get("fullUrl")
        self._full_url = full if type(full) is str else ""
        self._fields(item, self._schema.plans["BundleEntry"], pointer)

    def _inner(self, item: dict[str, Any], step: Step, pointer: str) -> None:
        if "resourceType" in item:
            self.resource(item, pointer)
        else:
            self._walk.walk(item, pointer, step.hint, self._subject)

    # Data types --------------------------------------------------------------------------------

    def _identifier(self, item: dict[str, Any], step: Step, pointer: str) -> None:
        entity = "" if self._knowledge else identifier_entity(item, self._resource, self._schema)
        name = f"Identifier/{entity}" if entity else "Identifier"
        self._fields(item, self._schema.plans[name], pointer)

    def _contact(self, item: dict[str, Any], step: Step, pointer: str) -> None:
        plan = self._schema.plans[f"ContactPoint/{contact_entity(item, self._schema)}"]
        self._fields(item, plan, pointer)

    def _extension(self, item: dict[str, Any], step: Step, pointer: str) -> None:
        url = item.get("url")
        match = LAST_WORD.search(url[-100:]) if type(url) is str else None
        entity = self._schema.extensions.get(match[0], "") if match is not None else ""
        name = f"Extension/{entity}" if entity else "Extension"
        self._fields(item, self._schema.plans[name], pointer)

    def _quantity(self, item: dict[str, Any], step: Step, pointer: str) -> None:
        number = item.get("value")
        old = (step.act == Act.AGE or self._old) and in_years(item)
        if old and isinstance(number, int | float) and number >= OLD:
            self._fields(item, self._schema.plans["Quantity/AGE"], pointer)
            return
        was, self._old = self._old, False
        self._fields(item, self._schema.plans["Quantity"], pointer)
        self._old = was

    def _photo(self, item: dict[str, Any], step: Step, pointer: str) -> None:
        self._fields(item, self._schema.plans["Attachment/BIOMETRIC_ID"], pointer)

    def _coding(self, item: dict[str, Any], step: Step, pointer: str) -> None:
        system, code = item.get("system"), item.get("code")
        plan = self._schema.plans["Coding"]
        if (
            type(system) is str
            and type(code) is str
            and self._is_known(system)
            and CODE_OF_SYSTEM.fullmatch(code)
        ):
            plan = _KNOWN_CODING or _known_coding(plan)
        self._fields(item, plan, pointer)

    def _concept(self, item: dict[str, Any], step: Step, pointer: str) -> None:
        plan = self._schema.plans["CodeableConcept"]
        text = item.get("text")
        if type(text) is str:
            folded = text.casefold()
            for coding in dicts(item.get("coding")):
                display = coding.get("display")
                if type(display) is str and display.casefold() == folded:
                    plan = self._coded_text
                    break
        self._fields(item, plan, pointer)

    def _reference(self, item: dict[str, Any], step: Step, pointer: str) -> None:
        text, kind = item.get("reference"), item.get("type")
        target = ""
        if type(text) is str:
            target = self._canonical(text).partition("/")[0]
        if target not in self._schema.resources and type(kind) is str:
            target = kind.rpartition("/")[2]
        if target in self._schema.resources:
            entity = self._schema.displays.get(target, "")
        else:
            entity = step.entity
        was = self._patient_like
        place = step.hint.rpartition("/")[2]
        if place in self._schema.subjects:
            self._patient_like = self._schema.ids["Patient"]
        self._fields(
            item, self._schema.plans[f"Reference/{entity}" if entity else "Reference"], pointer
        )
        self._patient_like = was

    # Files and narratives ----------------------------------------------------------------------

    def _attachment(self, item: dict[str, Any], step: Step, pointer: str) -> None:
        self._file = None
        start = self._walk.token
        self._fields(item, self._schema.plans["Attachment"], pointer)
        if self._file is not None:
            self._walk.link(*self._file, item, start)
            self._file = None

    def _data(self, text: str, step: Step, pointer: str, holder: dict[str, Any]) -> None:
        walk = self._walk
        declared = holder.get("contentType")
        file = None
        if walk.reading is not None:
            file = open_payload(
                "data", text, declared if type(declared) is str else "", walk.reading
            )
        if file is None:
            walk.add(Leaf(pointer, text, step.hint, "", step.form, self._subject))
            return
        nested = walk.nest(file.document, file.encode, pointer, step.hint, self._subject)
        self._file = nested, file.content

    def _xhtml(self, text: str, pointer: str) -> None:
        try:
            document = read_xhtml(text)
        except (UnsupportedDocument, UnicodeEncodeError):
            self._walk.add(Leaf(pointer, text, "narrative", "", "text1", self._subject))
            return
        self._walk.nest(document, bytes.decode, pointer, "", self._subject)


_KNOWN_CODING: Plan = {}


def _known_coding(plan: Plan) -> Plan:
    """Make the plan of a coding whose system is well known: its code is a word of that."""
    _KNOWN_CODING.update(plan)
    _KNOWN_CODING["code"] = Step(Act.SKIP)
    return _KNOWN_CODING
