"""Prose with documents in it: a prompt that quotes a resource of FHIR or a message of HL7 v2."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from redaction.documents.model import Document, Leaf

MAX_CUTS = 200
"""Documents in one text, at most; what follows is searched as text."""

_MARK = re.compile(
    r"""(?P<json>\{\s{0,200}"[A-Za-z]{1,60}"\s{0,20}:)"""
    r"|(?P<hl7>^\x0b?(?:MSH|FHS|BHS)[|^~!#$%*+;@][^\r\n]{3}[^\r\n]*+(?:[\r\n]{1,2}[A-Z][A-Z0-9]{2}[|^~!#$%*+;@][^\r\n]*+)*+)"
    r"|(?P<x12>^ISA(?P<sep>[^A-Za-z0-9\s])[0-9]{2}(?P=sep))"
    r"|(?P<xml><(?:\?xml\s[^<>]{0,200}\?>\s{0,20}<)?(?P<tag>(?:[A-Za-z0-9]{1,20}:)?ClinicalDocument)[\s>])",
    re.MULTILINE,
)
_X12_END = re.compile(r"IEA[^A-Za-z0-9\s][0-9]{1,5}[^A-Za-z0-9\s][0-9]{9}[^A-Za-z0-9\s]")
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str)


def cuts(text: str) -> list[tuple[str, str]]:
    """Cut a text into prose and documents, each with its content type (empty for prose)."""
    if "{" not in text and "MSH" not in text and "ISA" not in text and "ClinicalDoc" not in text:
        return [(text, "")]
    pieces: list[tuple[str, str]] = []
    position = start = 0
    # What only begins like a document is read in vain; all in all no more than the text twice.
    budget = 2 * len(text)
    while len(pieces) < MAX_CUTS and budget > 0:
        match = _MARK.search(text, start)
        if match is None:
            break
        kind, end, cost = _end(text, match)
        if end <= match.start():
            budget -= cost
            start = match.end()
            continue
        if position < match.start():
            pieces.append((text[position : match.start()], ""))
        pieces.append((text[match.start() : end], kind))
        position = start = end
    if position < len(text):
        pieces.append((text[position:], ""))
    return pieces if any(kind for _, kind in pieces) else [(text, "")]


def _end(text: str, match: re.Match[str]) -> tuple[str, int, int]:
    """Give type and end of the document that begins here, or -1, and what it cost to see that."""
    start, rest = match.start(), len(text) - match.start()
    if match["json"] is not None:
        try:
            value, end = _DECODER.raw_decode(text, start)
        except json.JSONDecodeError as error:
            return "", -1, error.pos - start + 100
        except RecursionError:
            return "", -1, rest
        return "application/json", end if isinstance(value, dict) else -1, end - start
    if match["hl7"] is not None:
        return "application/hl7-v2", match.end(), 0
    if match["x12"] is not None:
        found = _X12_END.search(text, match.end())
        return "application/edi-x12", found.end() if found is not None else -1, rest
    ending = f"</{match['tag']}>"
    at = text.find(ending, match.end())
    return "application/xml", at + len(ending) if at >= 0 else -1, rest


class MixedDocument:
    """A text of prose and documents, one after the other."""

    def __init__(self, text: str, pieces: Sequence[tuple[str, Document | None]]) -> None:
        """Take the pieces, each with the document that it is, or None for prose."""
        self._text = text
        self._pieces: list[tuple[str, Document | None, int]] = []
        self.leaves: list[Leaf] = []
        for number, (piece, document) in enumerate(pieces):
            self._pieces.append((piece, document, len(self.leaves)))
            if document is None:
                self.leaves.append(Leaf(f"/{number}", piece))
            else:
                self.leaves += [
                    leaf._replace(pointer=f"/{number}{leaf.pointer}"[:200])
                    for leaf in document.leaves
                ]

    def rebuild(self, replaced: Mapping[int, str]) -> bytes:
        """Put new texts in place of leaves; all else stays."""
        written: list[str] = []
        for piece, document, first in self._pieces:
            if document is None:
                written.append(replaced.get(first, piece))
                continue
            last = first + len(document.leaves)
            changes = {
                index - first: replaced[index] for index in replaced if first <= index < last
            }
            written.append(document.rebuild(changes).decode() if changes else piece)
        return "".join(written).encode("utf-8", "surrogatepass")
