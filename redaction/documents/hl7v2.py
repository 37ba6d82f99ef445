"""HL7 v2 messages and batches in their usual notation: each value by its field."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import yaml

from redaction.documents.attachments import open_payload
from redaction.documents.contents import type_of_suffix
from redaction.documents.fhir_schema import FOLDER, schema
from redaction.documents.model import CODE_HINT, Reading
from redaction.documents.spliced import Part, SplicedText
from redaction.documents.text import codec_of
from redaction.errors import UnsupportedDocument

MAX_SEGMENTS = 200_000

_SEGMENT = re.compile(r"[^\r\n\x0b\x1c]++")
_HEADERS = frozenset({"MSH", "FHS", "BHS"})
_PLAIN = re.compile(r"[A-Za-z]{1,24}|[0-9]{1,3}|[A-Z]{1,3}[0-9]{1,3}|[0-9]\.[0-9](?:\.[0-9])?")
_DATE = re.compile(r"[0-9]{4}(?:[0-9]{2}){1,5}(?:\.[0-9]{1,4})?(?:[+-][0-9]{4})?")
_FACILITY = re.compile(
    r"(?i)hosp|clinic|medical|health|cent(?:er|re)|\bst[. ]|saint|surg|nursing|infirm|\bmed\b"
)
_AGE_UNITS = frozenset({"", "a", "yr", "yrs", "year", "years", "y"})


class Delimiters(NamedTuple):
    """What stands between the parts of a message, as its header says."""

    field: str
    component: str
    repetition: str
    escape: str
    sub: str

    @classmethod
    def of(cls, header: str) -> Delimiters:
        """Read them from a header segment; raises `UnsupportedDocument` where they are none."""
        field = header[3:4]
        signs = header[4:].partition(field)[0] if field else ""
        chars = field + signs[:4]
        usable = [
            not char.isalnum() and not char.isspace() and char.isprintable() and char not in "-."
            for char in chars
        ]
        if len(signs) < 1 or len(signs) > 5 or not all(usable) or len(set(chars)) < len(chars):
            raise UnsupportedDocument("The HL7 v2 message has delimiters that cannot be read.")
        # A message that never uses the later ones may leave them out.
        return cls(*(chars + "\0" * 5)[:5])


_delimiters = functools.lru_cache(maxsize=64)(Delimiters.of)


class Rules(NamedTuple):
    """What fields hold, from `redaction/formats/hl7v2.yaml`."""

    types: Mapping[str, Mapping[int, str]]
    segments: Mapping[str, Mapping[int, str]]
    identifiers: Mapping[str, str]
    observations: Mapping[str, str]


@functools.cache
def rules() -> Rules:
    """Give what fields of HL7 v2 hold."""
    return Rules(**yaml.safe_load((FOLDER / "hl7v2.yaml").read_text("utf-8")))


class Hl7Document:
    """A message or batch; every component that is not empty is a leaf."""

    def __init__(self, body: bytes, charset: str = "", reading: Reading | None = None) -> None:
        """Read the body; raises `UnsupportedDocument` where it does not begin with a header."""
        self._body, self._reading = body, reading
        self._codec = codec_of(charset)
        if self._codec == "utf-8" and not body.isascii():
            try:
                body.decode("utf-8")
            except UnicodeDecodeError:
                # MSH-18 names many charsets; in one byte each all of them keep the delimiters.
                self._codec = "latin-1"
        try:
            text = body.decode(self._codec)
        except UnicodeError:
            raise UnsupportedDocument("The HL7 v2 message is not in its charset.") from None
        if "\0" in text:
            raise UnsupportedDocument("The HL7 v2 message has NUL characters.")
        self._text = SplicedText(text)
        self._rules = rules()
        self._subject = ""
        # In a file of messages the same values stand in the same fields.
        self._columns: dict[tuple[Delimiters, str], dict[int | str, dict[str, list[Part]]]] = {}
        self._read(text)
        self._columns.clear()
        self.leaves = self._text.leaves

    def rebuild(self, replaced: Mapping[int, str]) -> bytes:
        """Put new texts in place of values; delimiters, empty fields and segments stay."""
        if not replaced:
            return self._body
        text = self._text.rebuild(replaced)
        try:
            return text.encode(self._codec)
        except UnicodeEncodeError:
            return text.encode(self._codec, "replace")

    def _read(self, text: str) -> None:
        signs: Delimiters | None = None
        segments = list(_SEGMENT.finditer(text))
        if len(segments) > MAX_SEGMENTS:
            raise UnsupportedDocument(f"The message has more than {MAX_SEGMENTS} segments.")
        subjects = _subjects([match[0] for match in segments])
        for match, subject in zip(segments, subjects, strict=True):
            line = match[0]
            if not line.strip():
                continue
            name = line[:3]
            if name in _HEADERS:
                signs = _delimiters(line[:10])
            if signs is None:
                raise UnsupportedDocument("The HL7 v2 message does not begin with a header.")
            self._subject = subject
            self._segment(line, match.start(), name, signs)

    def _segment(self, line: str, start: int, name: str, signs: Delimiters) -> None:
        if line[3:4] != signs.field and len(line) > 3:
            # A line that a text was broken into.
            self._add([(start, self._value(line, 0, name, 0, "text", signs, 1))], signs)
            return
        fields = line.split(signs.field)
        columns = self._columns.setdefault((signs, name), {})
        # In a header the first field is the delimiter itself.
        offset = 1 if name in _HEADERS else 0
        of_value = _VALUE if name == "OBX" else -1
        found: list[tuple[int, Sequence[Part]]] = []
        at = start
        for number, field in enumerate(fields):
            if field and number > offset:
                column: int | str = number
                if number == of_value:
                    column = self._observed(fields, signs)
                    if column == "ED":
                        self._add(found, signs)
                        found = []
                        self._encapsulated(field, at, signs)
                        at += len(field) + 1
                        continue
                known = columns.get(column)
                if known is None:
                    known = columns[column] = {}
                parts = known.get(field)
                if parts is None:
                    position = number + offset
                    kind = column if isinstance(column, str) else self._kind(name, position)
                    parts = known[field] = self._parts(field, name, position, kind, signs)
                if parts:
                    found.append((at, parts))
            at += len(field) + 1
        self._add(found, signs)

    def _add(self, found: Sequence[tuple[int, Sequence[Part]]], signs: Delimiters) -> None:
        self._text.add_parts(found, self._subject, _writer(signs))

    def _kind(self, name: str, position: int) -> str:
        known = self._rules.segments.get(name)
        return "TEXT" if known is None else known.get(position, "TEXT")

    def _observed(self, fields: list[str], signs: Delimiters) -> str:
        """Give what kind of value an observation has."""
        if fields[2] == "ED":
            return "ED"
        kind = self._rules.observations.get(fields[2], "TEXT")
        return "AGE" if kind == "CODE" and self._is_age(fields, signs) else kind

    def _parts(
        self, field: str, name: str, position: int, kind: str, signs: Delimiters
    ) -> list[Part]:
        """Give the values of a field, which are the same wherever it stands."""
        if kind == "AGE":
            return self._value(field, 0, name, position, "AGE", signs, 1)
        types = self._rules.types[kind]
        others = "text" if kind == "TEXT" else "code"
        found: list[Part] = []
        at = 0
        for repetition in field.split(signs.repetition):
            components = repetition.split(signs.component)
            for number, component in enumerate(components, 1):
                if not component:
                    at += 1
                    continue
                what = types.get(number, others)
                if what == "IDENTIFIER":
                    what = self._identifier(components, f"{name}-{position}")
                elif kind == "XTN" and number == 1 and "@" in component:
                    what = "EMAIL_ADDRESS"
                pieces = component.split(signs.sub) if signs.sub in component else (component,)
                for piece in pieces:
                    found += self._value(piece, at, name, position, what, signs, number)
                    at += len(piece) + 1
        return found

    def _value(
        self,
        raw: str,
        begin: int,
        name: str,
        position: int,
        what: str,
        signs: Delimiters,
        component: int,
    ) -> list[Part]:
        """Give a value as the one leaf that it is, or none."""
        # Two quotes say that there is no value.
        if not raw or raw == '""':
            return []
        text = unescape(raw, signs)
        hint = f"{name}-{position}" if position else name
        entity = form = ""
        if what == "code":
            if _PLAIN.fullmatch(text):
                return []
            hint = CODE_HINT
        elif what == "date":
            form = "compact-datetime"
            if _DATE.fullmatch(text):
                entity = "DATE_TIME"
            elif len(text) == 4 and text.isdigit():
                hint = CODE_HINT
        elif what == "FACILITY":
            if _FACILITY.search(text):
                entity = "LOCATION"
            else:
                hint = CODE_HINT
        elif what == "AGE":
            entity = "AGE" if text.isdigit() and int(text[:4]) >= 90 else ""
            form = "digits"
        elif what != "text":
            entity = what
        pointer = f"/{name}-{position}.{component}" if position else f"/{name[:3]}"
        return [Part(begin, begin + len(raw), (pointer, text, hint, entity, form))]

    def _identifier(self, components: list[str], place: str) -> str:
        if len(components) > 4:
            entity: str | None = schema().types.get(components[4])
            if entity is not None:
                return entity
        return self._rules.identifiers.get(place, "UNIQUE_ID")

    def _is_age(self, fields: list[str], signs: Delimiters) -> bool:
        code = _field(fields, 3).partition(signs.component)[0]
        unit = _field(fields, 6).partition(signs.component)[0]
        return code in schema().ages and unit.lower() in _AGE_UNITS

    def _encapsulated(self, field: str, at: int, signs: Delimiters) -> None:
        """Add the file that an observation carries (data type ED)."""
        parts = field.split(signs.component)
        if self._reading is not None and len(parts) >= 5:
            words = [unescape(part, signs) for part in parts[:4]]
            declared = type_of_suffix(words[2]) or _ED_TYPES.get(words[1].lower(), "")
            if words[3].lower() in ("base64", "64"):
                file = open_payload("data", parts[4], declared or "text/plain", self._reading)
                if file is not None:
                    start = at + sum(map(len, parts[:4])) + 4
                    end = start + len(parts[4])
                    self._text.add_document(
                        start, end, file.document, file.encode, "/OBX-5", self._subject
                    )
                    parts = parts[:4]
        for number, part in enumerate(parts, 1):
            what = "code" if number < 5 else "text"
            self._add([(at, self._value(part, 0, "OBX", 5, what, signs, number))], signs)
            at += len(part) + 1


_VALUE = 5
"""The field of OBX that holds what was observed."""

_ED_TYPES = {"text": "text/plain", "image": "image/unknown", "audio": "audio/unknown"}


def _field(fields: list[str], position: int) -> str:
    return fields[position] if len(fields) > position else ""


@functools.lru_cache(maxsize=64)
def _writer(signs: Delimiters) -> Callable[[str], str]:
    return lambda new: escape(new, signs)


def _subjects(lines: list[str]) -> list[str]:
    """Give whose message each segment stands in: the first identifier of its patient."""
    found = [""] * len(lines)
    pending: list[int] = []
    subject = ""
    separator, signs = "|", "^~"
    for index, line in enumerate(lines):
        name = line[:3]
        if name in _HEADERS:
            pending, subject = [], ""
            separator, signs = line[3:4] or "|", line[4:6]
        elif name == "PID":
            fields = line.split(separator, 5)
            number = fields[3] if len(fields) > 3 and fields[3] else "".join(fields[2:3])
            for sign in signs:
                number = number.partition(sign)[0]
            subject = f"Patient/{number}"[:200] if number else ""
            for earlier in pending:
                found[earlier] = subject
            pending = []
        found[index] = subject
        if not subject:
            pending.append(index)
    return found


@functools.lru_cache(maxsize=64)
def _escapes(signs: Delimiters) -> tuple[re.Pattern[str], dict[str, str]]:
    mark = re.escape(signs.escape)
    pattern = re.compile(rf"{mark}([^{mark}\r\n]{{1,200}}){mark}")
    return pattern, {
        "F": signs.field,
        "S": signs.component,
        "T": signs.sub,
        "R": signs.repetition,
        "E": signs.escape,
        "H": "",
        "N": "",
        ".br": "\n",
        ".sp": "\n",
        ".ce": "\n",
        ".fi": "",
        ".nf": "",
    }


def unescape(text: str, signs: Delimiters) -> str:
    """Undo the escape sequences of a value."""
    if signs.escape == "\0" or signs.escape not in text:
        return text
    pattern, known = _escapes(signs)

    def plain(match: re.Match[str]) -> str:
        word = match[1]
        if word in known:
            return known[word]
        if word[0] == "X" and re.fullmatch(r"X(?:[0-9A-Fa-f]{2})+", word):
            return bytes.fromhex(word[1:]).decode("utf-8", "replace")
        return "\n" if re.fullmatch(r"\.(?:sp|in|ti|sk)[+-]?[0-9]{0,3}", word) else match[0]

    return pattern.sub(plain, text)


@functools.lru_cache(maxsize=64)
def _signs_in(signs: Delimiters) -> Callable[[str], re.Match[str] | None]:
    return re.compile(rf"[\0-\x1f{re.escape(''.join(signs))}]").search


def escape(text: str, signs: Delimiters) -> str:
    """Write a text so that no sign of it is a delimiter and no line of it a segment."""
    if _signs_in(signs)(text) is None and text != '""':
        return text
    pieces: list[str] = []
    names = {
        signs.escape: "E",
        signs.field: "F",
        signs.component: "S",
        signs.repetition: "R",
        signs.sub: "T",
    }
    mark = signs.escape
    for char in text.replace("\r\n", "\n"):
        name = names.get(char)
        if char == "\0" or (char < " " and char not in "\t\r\n"):
            pieces.append(" ")
        elif name is not None:
            pieces.append(" " if mark == "\0" else f"{mark}{name}{mark}")
        elif char in "\r\n":
            pieces.append(" " if mark == "\0" else f"{mark}.br{mark}")
        else:
            pieces.append(char)
    # Two quotes alone would say that there is no value.
    written = "".join(pieces)
    return "''" if written == '""' else written
