"""HL7 v2 messages and batches in their usual notation: each value by its field."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import yaml

from redaction.documents.attachments import open_payload
from redaction.documents.contents import type_of_suffix
from redaction.documents.fhir_schema import FOLDER, schema
from redaction.documents.model import CODE_HINT, Leaf, Reading
from redaction.documents.spliced import SplicedText
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
        self._read(text)
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
        fields = list(_cut(line, signs.field, 0, len(line)))
        known = self._rules.segments.get(name)
        # In a header the first field is the delimiter itself.
        offset = 1 if name in _HEADERS else 0
        if line[3:4] != signs.field and len(line) > 3:
            # A line that a text was broken into.
            self._value(line, start, 0, len(line), name, 0, "text", signs)
            return
        observed = _plain(line, fields, 2) if name == "OBX" else ""
        old = name == "OBX" and self._is_age(line, fields, signs)
        for number, (first, last) in enumerate(fields):
            position = number + offset
            if first == last or number == 0 or (offset and number == 1):
                continue
            if name == "OBX" and position == 5:
                if observed == "ED":
                    self._encapsulated(line, start, first, last, signs)
                    continue
                kind = self._rules.observations.get(observed, "TEXT")
            else:
                kind = "TEXT" if known is None else known.get(position, "TEXT")
            if old and position == 5 and kind == "CODE":
                self._value(line, start, first, last, name, position, "AGE", signs)
                continue
            for one, other in _cut(line, signs.repetition, first, last):
                self._repetition(line, start, one, other, name, position, kind, signs)

    def _repetition(
        self,
        line: str,
        start: int,
        first: int,
        last: int,
        name: str,
        position: int,
        kind: str,
        signs: Delimiters,
    ) -> None:
        parts = self._rules.types[kind]
        components = list(_cut(line, signs.component, first, last))
        entity = ""
        if kind == "CX":
            entity = self._identifier(line, components, f"{name}-{position}")
        for number, (one, other) in enumerate(components, 1):
            what = parts.get(number, "text" if kind == "TEXT" else "code")
            if what == "IDENTIFIER":
                what = entity
            if kind == "XTN" and number == 1 and "@" in line[one:other]:
                what = "EMAIL_ADDRESS"
            for begin, end in _cut(line, signs.sub, one, other):
                self._value(line, start, begin, end, name, position, what, signs, number)

    def _value(
        self,
        line: str,
        start: int,
        begin: int,
        end: int,
        name: str,
        position: int,
        what: str,
        signs: Delimiters,
        component: int = 1,
    ) -> None:
        raw = line[begin:end]
        # Two quotes say that there is no value.
        if not raw or raw == '""':
            return
        text = unescape(raw, signs)
        hint = f"{name}-{position}" if position else name
        entity = form = ""
        if what == "code":
            if _PLAIN.fullmatch(text):
                return
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
        leaf = Leaf(pointer, text, hint, entity, form, self._subject)
        self._text.add(start + begin, start + end, leaf, lambda new: escape(new, signs))

    def _identifier(self, line: str, components: list[tuple[int, int]], place: str) -> str:
        if len(components) > 4:
            first, last = components[4]
            entity: str | None = schema().types.get(line[first:last])
            if entity is not None:
                return entity
        return self._rules.identifiers.get(place, "UNIQUE_ID")

    def _is_age(self, line: str, fields: list[tuple[int, int]], signs: Delimiters) -> bool:
        code = _plain(line, fields, 3).partition(signs.component)[0]
        unit = _plain(line, fields, 6).partition(signs.component)[0]
        return code in schema().ages and unit.lower() in _AGE_UNITS

    def _encapsulated(
        self, line: str, start: int, first: int, last: int, signs: Delimiters
    ) -> None:
        """Add the file that an observation carries (data type ED)."""
        parts = list(_cut(line, signs.component, first, last))
        if self._reading is not None and len(parts) >= 5:
            words = [unescape(line[one:other], signs) for one, other in parts[:4]]
            data = line[parts[4][0] : parts[4][1]]
            declared = type_of_suffix(words[2]) or _ED_TYPES.get(words[1].lower(), "")
            if words[3].lower() in ("base64", "64"):
                file = open_payload("data", data, declared or "text/plain", self._reading)
                if file is not None:
                    one, other = start + parts[4][0], start + parts[4][1]
                    self._text.add_document(
                        one, other, file.document, file.encode, "/OBX-5", self._subject
                    )
                    parts = parts[:4]
        for number, (one, other) in enumerate(parts, 1):
            what = "code" if number < 5 else "text"
            self._value(line, start, one, other, "OBX", 5, what, signs, number)


_ED_TYPES = {"text": "text/plain", "image": "image/unknown", "audio": "audio/unknown"}


def _plain(line: str, fields: list[tuple[int, int]], position: int) -> str:
    return line[slice(*fields[position])] if len(fields) > position else ""


def _cut(text: str, sign: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Give start and end of what stands between signs."""
    while True:
        at = text.find(sign, start, end)
        if at < 0:
            yield start, end
            return
        yield start, at
        start = at + 1


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


def escape(text: str, signs: Delimiters) -> str:
    """Write a text so that no sign of it is a delimiter and no line of it a segment."""
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
