"""XHTML within FHIR and other texts: its words are read, its elements are known."""

from __future__ import annotations

import html
import html.entities
import re
from collections.abc import Mapping
from xml.sax.saxutils import escape

from redaction.documents.model import CODE_HINT, Leaf, words
from redaction.documents.spread import spread_over
from redaction.documents.xml_body import KNOWN_NAMESPACES, Mark, XmlDocument, XmlRules, clean
from redaction.errors import UnsupportedDocument

_ENTITY = re.compile(r"&([A-Za-z][A-Za-z0-9]{1,30});")
_XML_ENTITIES = frozenset({"amp", "lt", "gt", "quot", "apos"})
_READ = frozenset({"title", "alt", "href", "src", "value", "summary", "content", "placeholder"})
_NAMES = words(
    """
    html head body title meta link style div span p br hr a b i u s em strong small big sub sup tt
    code pre samp kbd var cite abbr acronym address blockquote q del ins dfn bdo center font img
    map area ul ol li dl dt dd table caption thead tbody tfoot tr td th col colgroup h1 h2 h3 h4
    h5 h6 class style id lang xml:lang dir xmlns align valign width height border cellpadding
    cellspacing colspan rowspan scope abbr axis headers bgcolor color face size start type name
    href src alt title shape coords usemap ismap rel rev target nowrap frame rules summary char
    charoff span cite datetime compact clear noshade hspace vspace longdesc charset http-equiv
    """
)


class XhtmlRules(XmlRules):
    """What the elements and attributes of XHTML hold."""

    def knows(self, name: str) -> bool:
        """Tell whether a name is one of XHTML's."""
        return name in _NAMES

    def attribute(self, name: str, value: str, hint: str) -> Mark | None:
        """Say what an attribute is: what people see is read, how it looks is not."""
        if value in KNOWN_NAMESPACES:
            return None
        return Mark(hint if name in _READ else CODE_HINT)


# A tag without anything in it that a person could be found by.
_TAG = (
    r"<(?:/[a-z][a-z0-9]{0,12}\s*|[a-z][a-z0-9]{0,12}"
    r"(?:\s+[a-z:]{1,20}="
    r"(?:\"(?:http://www\.w3\.org/1999/xhtml|[A-Za-z;:#% -]{0,100}|[0-9]{1,4}%?)\"))*+"
    r"\s*/?)>"
)
_PLAIN = re.compile(rf"\s*<div(?:[^<&]|{_TAG}|&(?:amp|lt|gt|quot|apos|nbsp);)*+")
_PIECE = re.compile(r"<(/?)([a-z][a-z0-9]*)[^<>]*?(/?)>|[^<]+")
_INLINE = words("a b i u s em strong small big sub sup tt code span font abbr acronym cite q var")


class PlainXhtml:
    """A piece of XHTML whose tags hold nothing: what stands between them are leaves.

    Where a line is of several runs, such as `<b>Name</b> Doe`, it is a leaf once more: a value that
    is found only there is spread over the runs, and is cut out of each.
    """

    def __init__(self, text: str) -> None:
        """Take a text that `is_plain` tells to be one."""
        self._text = text
        self.leaves: list[Leaf] = []
        self._places: list[tuple[int, int]] = []
        self._lines: dict[int, list[int]] = {}
        self._line: list[int] = []
        self._space: tuple[int, int] | None = None
        open_tags: list[str] = []
        for match in _PIECE.finditer(text):
            name = match[2]
            if name is None:
                self._run(match)
                continue
            if name not in _INLINE:
                self._end_line()
            if match[1]:
                if not open_tags or open_tags.pop() != name:
                    raise UnsupportedDocument("The XHTML is not well-formed.")
            elif not match[3]:
                open_tags.append(name)
        self._end_line()
        if open_tags:
            raise UnsupportedDocument("The XHTML is not well-formed.")

    def _run(self, match: re.Match[str]) -> None:
        raw = match[0]
        if raw.isspace():
            if self._line:
                self._space = match.span()
            return
        if self._space is not None and self._line:
            # It parts the words of a line, as a reader sees it.
            start, end = self._space
            self._add(self._text[start:end], start, end)
        self._space = None
        self._add(html.unescape(raw) if "&" in raw else raw, *match.span())

    def _add(self, text: str, start: int, end: int) -> None:
        self._line.append(len(self.leaves))
        self.leaves.append(Leaf("", text, "narrative"))
        self._places.append((start, end))

    def _end_line(self) -> None:
        if len(self._line) > 1:
            whole = "".join([self.leaves[index].text for index in self._line])
            self._lines[len(self.leaves)] = self._line
            self.leaves.append(Leaf("", whole, "narrative"))
            self._places.append((0, 0))
        self._line, self._space = [], None

    def rebuild(self, replaced: Mapping[int, str]) -> bytes:
        """Put new texts in place of runs; all else stays."""
        texts = dict(replaced)
        for line, runs in self._lines.items():
            if line in texts:
                whole = texts.pop(line)
                old = [self.leaves[run].text for run in runs]
                new = [texts.get(run, was) for run, was in zip(runs, old, strict=True)]
                for run, text in zip(runs, spread_over(old, new, whole), strict=True):
                    texts[run] = text
        pieces: list[str] = []
        position = 0
        for index in sorted(texts):
            if texts[index] != self.leaves[index].text:
                start, end = self._places[index]
                pieces += [self._text[position:start], escape(clean(texts[index]))]
                position = end
        return "".join([*pieces, self._text[position:]]).encode("utf-8", "replace")


def read_xhtml(text: str) -> XmlDocument | PlainXhtml:
    """Read a piece of XHTML; raises `UnsupportedDocument` where it is not well-formed."""
    if _PLAIN.fullmatch(text):
        return PlainXhtml(text)
    return XmlDocument(_ENTITY.sub(_numeric, text).encode(), rules=XhtmlRules())


def _numeric(match: re.Match[str]) -> str:
    name = match[1]
    if name in _XML_ENTITIES:
        return match[0]
    code = html.entities.name2codepoint.get(name)
    # One that HTML does not have either leaves the text ill-formed.
    return match[0] if code is None else f"&#{code};"
