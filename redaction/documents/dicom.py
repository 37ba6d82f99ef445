"""DICOM in JSON (PS3.18 annex F): each value by its attribute and its representation."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any

import yaml

from redaction.documents.attachments import open_payload
from redaction.documents.contents import refuse
from redaction.documents.fhir_schema import FOLDER
from redaction.documents.model import CODE_HINT, Leaf
from redaction.field_names import NAME_HINT

if TYPE_CHECKING:
    from redaction.documents.json_walk import JsonWalk

_TAG = re.compile(r"[0-9A-Fa-f]{8}")
_VR = re.compile(r"[A-Z]{2}")
_AGE = re.compile(r"([0-9]{3})Y")
_PLAIN = re.compile(r"[A-Za-z0-9_ .-]{0,3}|[A-Z_ ]{1,24}")
_STANDARD_UID = "1.2.840.10008."
_OLD = 90
_BY_REPRESENTATION = {
    "PN": ("PERSON", ""),
    "DA": ("DATE_TIME", "compact-date"),
    "DT": ("DATE_TIME", "compact-datetime"),
    "UI": ("UNIQUE_ID", "uid"),
    "UR": ("URL", "uri"),
}
_FORMS = {"TM": "compact-time", "AS": "age", "CS": "token"}
_TEXTS = frozenset({"LO", "SH", "LT", "ST", "UT", "UC", "UN"})


@functools.cache
def _rules() -> tuple[dict[str, str], frozenset[str]]:
    read = yaml.safe_load((FOLDER / "dicom.yaml").read_text("utf-8"))
    tags = {tag: entity for entity, listed in read["tags"].items() for tag in listed}
    return tags, frozenset(read["coded"])


def looks_like_dicom(value: dict[str, Any]) -> bool:
    """Tell whether an object is a data set: attributes by their tags."""
    for name, item in value.items():
        if len(name) != 8 or type(item) is not dict or _TAG.fullmatch(name) is None:
            return False
        kind = item.get("vr")
        return type(kind) is str and _VR.fullmatch(kind) is not None
    return False


class DicomWalk:
    """Adds the leaves of data sets to a walk through JSON."""

    def __init__(self, walk: JsonWalk) -> None:
        self._walk = walk
        self._tags, self._coded = _rules()
        self._subject = ""

    def dataset(self, value: dict[str, Any], pointer: str) -> None:
        """Add a data set."""
        before = self._subject
        numbers = value.get("00100020")
        values = numbers.get("Value") if type(numbers) is dict else None
        if type(values) is list and values and type(values[0]) is str:
            self._subject = f"Patient/{values[0]}"[:200]
        for tag, item in value.items():
            place = f"{pointer}/{tag[:8]}"[:200]
            self._walk.token += 1
            if type(item) is not dict or _TAG.fullmatch(tag) is None:
                self._walk.add(Leaf(place, tag, NAME_HINT))
                self._walk.walk(item, place, tag[:64], self._subject)
                continue
            self._attribute(tag.upper(), item, place)
        self._subject = before
        self._walk.check()

    def _attribute(self, tag: str, item: dict[str, Any], pointer: str) -> None:
        kind = item.get("vr")
        for name, value in item.items():
            self._walk.token += 1
            if name == "vr" and type(value) is str and _VR.fullmatch(value):
                self._walk.token += 1
            elif name == "Value" and type(value) is list:
                for one in value:
                    self._value(tag, str(kind), one, pointer)
            elif name == "InlineBinary" and type(value) is str:
                self._walk.token += 1
                self._binary(tag, value, pointer)
            elif name == "BulkDataURI" and type(value) is str:
                self._walk.token += 1
                self._walk.add(Leaf(pointer, value, CODE_HINT, "", "uri", self._subject))
            else:
                self._walk.add(Leaf(pointer, name, NAME_HINT))
                self._walk.walk(value, pointer, name[:64], self._subject)

    def _value(self, tag: str, kind: str, value: Any, pointer: str) -> None:
        walk = self._walk
        if type(value) is dict:
            if kind == "PN":
                for group, name in value.items():
                    walk.token += 1
                    if group not in ("Alphabetic", "Ideographic", "Phonetic"):
                        walk.add(Leaf(pointer, group, NAME_HINT))
                    if type(name) is str:
                        walk.token += 1
                        self._text(tag, kind, name, pointer)
                    else:
                        walk.walk(name, pointer, tag, self._subject)
            else:
                self.dataset(value, pointer)
        elif type(value) is str:
            walk.token += 1
            self._text(tag, kind, value, pointer)
        else:
            walk.walk(value, pointer, CODE_HINT, self._subject)

    def _text(self, tag: str, kind: str, text: str, pointer: str) -> None:
        entity, form = _BY_REPRESENTATION.get(kind, ("", _FORMS.get(kind, "")))
        hint = tag
        entity = self._tags.get(tag, entity)
        if kind == "UI" and text.startswith(_STANDARD_UID):
            return
        if kind == "AS":
            match = _AGE.fullmatch(text)
            entity = "AGE" if match is not None and int(match[1]) >= _OLD else ""
        private = tag[3] in "13579BDF"
        if not entity and (tag in self._coded or (kind not in _TEXTS and not private)):
            if _PLAIN.fullmatch(text):
                return
            hint = CODE_HINT
        leaf = Leaf(pointer, text, hint, entity, form, self._subject)
        if kind == "PN" and re.search(r"[\^=]", text):
            self._walk.add_parts(
                tuple(
                    piece if piece in ("^", "=", "") else leaf._replace(text=piece)
                    for piece in re.split(r"([\^=])", text)
                )
            )
        else:
            self._walk.add(leaf)

    def _binary(self, tag: str, text: str, pointer: str) -> None:
        """Add bytes: the text or document that they are, or what policy makes of a picture."""
        walk = self._walk
        if walk.reading is None:
            walk.add(Leaf(pointer, text, CODE_HINT, "", "base64", self._subject))
            return
        pixels = tag in ("7FE00010", "7FE00008", "7FE00009") or tag.startswith("60")
        file = None
        if not pixels:
            file = open_payload("data", text, "application/octet-stream", walk.reading)
        if file is not None:
            walk.nest(file.document, file.encode, pointer, tag, self._subject)
        elif pixels and walk.reading.opaque == "refuse":
            raise refuse("an image")
        elif not pixels:
            walk.add(Leaf(pointer, text, CODE_HINT, "", "base64", self._subject))
