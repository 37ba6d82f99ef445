"""X12 interchanges (270, 271, 278, 834, 835, 837 and kin): each value by its element."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import yaml

from redaction.documents.fhir_schema import FOLDER
from redaction.documents.model import CODE_HINT, Leaf
from redaction.documents.spliced import SplicedText
from redaction.documents.text import codec_of
from redaction.errors import UnsupportedDocument

MAX_SEGMENTS = 300_000

_HEADER_CHARS = 106
# Where the separators stand in the header, whose elements have fixed widths.
_STOPS = (3, 6, 17, 20, 31, 34, 50, 53, 69, 76, 81, 83, 89, 99, 101, 103)
_PLAIN = re.compile(r"[A-Za-z]{1,24}|[0-9]{1,6}(?:\.[0-9]{1,4})?|[A-Z0-9]{1,6}")
_CODES = re.compile(r"(?!\d{3}-\d\d-\d{4})[A-Z0-9.-]{1,15}")
_ENVELOPE = frozenset({"GS", "GE", "ST", "SE", "IEA", "HL"})
_DATE = re.compile(r"[0-9]{8}(?:[0-9]{4}){0,2}|[0-9]{6}")
_PARTIES = frozenset({"IL", "QC", "74"})
_LOOPS = frozenset({"ST", "HL", "INS", "CLP"})
_FORMS = {"D8": "compact-date", "DT": "compact-datetime", "RD8": "compact-date"}


class Rules(NamedTuple):
    """What elements hold, from `redaction/formats/x12.yaml`."""

    segments: Mapping[str, Mapping[int, str]]
    numbers: Mapping[str, str]
    public: frozenset[str]
    payers: frozenset[str]
    contacts: Mapping[str, str]


@functools.cache
def rules() -> Rules:
    """Give what elements of X12 hold."""
    read: dict[str, Any] = yaml.safe_load((FOLDER / "x12.yaml").read_text("utf-8"))
    numbers = {str(q): entity for entity, codes in read["numbers"].items() for q in codes}
    return Rules(
        read["segments"],
        numbers,
        frozenset(map(str, read["public"])),
        frozenset(map(str, read["payers"])),
        read["contacts"],
    )


class _Segment(NamedTuple):
    start: int
    parts: list[str]
    signs: str
    """What separates elements, repetitions and components, and what ends segments."""


class X12Document:
    """An interchange; every element that is not a plain code is a leaf."""

    def __init__(self, body: bytes, charset: str = "") -> None:
        """Read the body; raises `UnsupportedDocument` where its header is not of fixed width."""
        self._body = body
        self._codec = codec_of(charset)
        try:
            text = body.decode(self._codec)
        except UnicodeError:
            self._codec = "latin-1"
            text = body.decode(self._codec)
        self._text = SplicedText(text)
        self._rules = rules()
        self._subject = ""
        segments = list(_segments(text))
        for segment, subject in zip(segments, _subjects(segments), strict=True):
            self._subject = subject
            self._add(segment)
        self.leaves = self._text.leaves

    def rebuild(self, replaced: Mapping[int, str]) -> bytes:
        """Put new texts in place of elements; separators, counts and the header's widths stay."""
        if not replaced:
            return self._body
        return self._text.rebuild(replaced).encode(self._codec, "replace")

    def _add(self, segment: _Segment) -> None:
        parts = segment.parts
        name = parts[0].strip()
        known = self._rules.segments.get(name)
        position = segment.start + len(parts[0]) + 1
        for number, part in enumerate(parts[1:], 1):
            what = "text" if known is None else known.get(number, "code")
            if part.strip():
                self._element(segment, name, number, part, position, what)
            position += len(part) + 1

    def _element(
        self, segment: _Segment, name: str, number: int, part: str, start: int, what: str
    ) -> None:
        parts = segment.parts
        before = parts[number - 1].strip() if number > 1 else ""
        if name == "ISA":
            if not _CODES.fullmatch(part.strip()) and number not in (11, 16):
                leaf = Leaf(f"/ISA{number:02}", part, CODE_HINT)
                self._text.add(start, start + len(part), leaf, _in_width(len(part), segment.signs))
            return
        if name in _ENVELOPE and _CODES.fullmatch(part):
            return
        if what == "code" and _PLAIN.fullmatch(part):
            return
        hint, entity, form = f"{name}{number:02}", "", ""
        if what == "name":
            entity = self._name(name, parts)
        elif what == "date":
            entity, form = "DATE_TIME", "compact-date"
        elif what == "dated":
            self._dated(segment, name, number, part, start, before)
            return
        elif what == "number":
            entity = self._number(before)
        elif what == "contact":
            entity = self._rules.contacts.get(before, "PHONE_NUMBER")
        elif what not in ("text", "code"):
            entity = what
        if form and _DATE.fullmatch(part) is None:
            entity = form = ""
        self._pieces(segment, Leaf(f"/{name}{number:02}", part, hint, entity, form), start, what)

    def _pieces(self, segment: _Segment, whole: Leaf, start: int, what: str) -> None:
        """Add an element, or each of its components and repetitions."""
        signs = segment.signs
        splits = signs[1:3].replace("\0", "")
        pieces = _splitter(splits).split(whole.text) if splits else [whole.text]
        before = ""
        for piece in pieces:
            if piece.strip():
                leaf = whole._replace(text=piece, subject=self._subject)
                if before in _FORMS and _DATE.fullmatch(piece):
                    # A date within a code: HI*BF:4019:D8:19950106.
                    leaf = leaf._replace(entity="DATE_TIME", form=_FORMS[before])
                elif what == "code" or (what == "number" and not leaf.entity):
                    leaf = leaf._replace(hint=CODE_HINT)
                if leaf.entity or leaf.hint != CODE_HINT or not _PLAIN.fullmatch(piece):
                    self._text.add(start, start + len(piece), leaf, _written(signs))
            before = piece
            start += len(piece) + 1

    def _dated(
        self, segment: _Segment, name: str, number: int, part: str, start: int, before: str
    ) -> None:
        """Add a date, or both ends of a range."""
        pieces = part.split("-") if before in ("RD8", "RDT") else [part]
        for piece in pieces:
            form = _FORMS.get(before, "compact-datetime")
            entity = "DATE_TIME" if _DATE.fullmatch(piece) else ""
            hint = f"{name}{number:02}" if entity or before != "TM" else CODE_HINT
            leaf = Leaf(
                f"/{name}{number:02}", piece, hint, entity, form if entity else "", self._subject
            )
            self._text.add(start, start + len(piece), leaf, _written(segment.signs))
            start += len(piece) + 1

    def _name(self, name: str, parts: list[str]) -> str:
        code = parts[1] if len(parts) > 1 else ""
        if name == "NM1" and len(parts) > 2 and parts[2] == "1":
            return "PERSON"
        if name in ("NM1", "N1", "RDM"):
            return "ORGANIZATION" if code in self._rules.payers else "LOCATION"
        return "LOCATION"

    def _number(self, qualifier: str) -> str:
        if qualifier in self._rules.public:
            return ""
        return self._rules.numbers.get(qualifier, "UNIQUE_ID")


@functools.lru_cache(maxsize=64)
def _splitter(signs: str) -> re.Pattern[str]:
    return re.compile(f"[{re.escape(signs)}]")


def _segments(text: str) -> list[_Segment]:
    """Cut a text into segments; raises `UnsupportedDocument`."""
    found: list[_Segment] = []
    position = len(text) - len(text.lstrip("\ufeff \t\r\n"))
    signs = ""
    while position < len(text):
        if text.startswith("ISA", position):
            signs = _signs(text[position : position + _HEADER_CHARS])
        if not signs:
            raise UnsupportedDocument("The X12 interchange does not begin with a header.")
        end = text.find(signs[3], position)
        if end < 0:
            if text[position:].strip():
                raise UnsupportedDocument("The X12 interchange ends within a segment.")
            break
        found.append(_Segment(position, text[position:end].split(signs[0]), signs))
        if len(found) > MAX_SEGMENTS:
            raise UnsupportedDocument(f"The interchange has more than {MAX_SEGMENTS} segments.")
        position = end + 1
        while position < len(text) and text[position] in "\r\n":
            position += 1
    return found


def _signs(header: str) -> str:
    element = header[3:4]
    sound = len(header) == _HEADER_CHARS and all(header[at] == element for at in _STOPS)
    if not sound or header.count(element) != len(_STOPS):
        raise UnsupportedDocument("The X12 header (ISA) does not have its fixed width.")
    component, end, repetition = header[104], header[105], header[82]
    if repetition.isalnum() or repetition == " ":
        repetition = "\0"
    signs = element + repetition + component + end
    if len(set(signs)) < 4 or any(sign.isalnum() or sign in " -." for sign in signs):
        raise UnsupportedDocument("The X12 header (ISA) has separators that cannot be read.")
    return signs


def _subjects(segments: list[_Segment]) -> list[str]:
    """Give whose record each segment stands in: the member or patient of its loop."""
    found: list[str] = []
    first, subject = 0, ""
    for index, segment in enumerate(segments):
        parts = segment.parts
        name = parts[0].strip()
        if name in _LOOPS:
            # A patient's loop stands within a subscriber's, and names the patient itself.
            first = index
            if name != "HL" or (len(parts) > 3 and parts[3] in ("20", "21")):
                subject = ""
        elif name == "NM1" and len(parts) > 3 and parts[1] in _PARTIES and parts[1] != "74":
            number = parts[9] if len(parts) > 9 and parts[9] else " ".join(parts[3:6])
            subject = f"Patient/{number.strip()}"[:200]
            found[first:index] = [subject] * (index - first)
            first = index
        found.append(subject)
    return found


@functools.lru_cache(maxsize=64)
def _written(signs: str) -> Callable[[str], str]:
    def write(text: str) -> str:
        # X12 has no way to write a separator within an element.
        clean = "".join(" " if char in signs or char < " " else char for char in text).strip()
        return clean or "X"

    return write


def _in_width(width: int, signs: str) -> Callable[[str], str]:
    write = _written(signs)
    return lambda text: write(text)[:width].ljust(width)
