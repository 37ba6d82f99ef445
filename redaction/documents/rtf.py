"""RTF: the runs of text between control words."""

from __future__ import annotations

import re
from collections.abc import Mapping

from redaction.documents.model import CODE_HINT, MAX_LEAVES, Leaf
from redaction.errors import UnsupportedDocument

# A control word with its number, an escaped byte or sign, a brace or a run of text.
_TOKEN = re.compile(
    r"\\'(?P<byte>[0-9a-fA-F]{2})|\\(?P<word>[a-zA-Z]{1,32})(?P<number>-?[0-9]{1,10})? ?"
    r"|\\(?P<sign>[^a-zA-Z])|(?P<brace>[{}])|(?P<text>[^\\{}\r\n]++)|[\r\n]|\\"
)
_BREAKS = frozenset({"par", "line", "page", "cell", "row", "sect", "tab", "column"})
_QUIET = frozenset({"fonttbl", "colortbl", "stylesheet", "listtable", "generator", "themedata"})
_APART = frozenset(
    {
        *("info", "title", "subject", "author", "manager", "company", "operator", "category"),
        *("keywords", "comment", "doccomm", "hlinkbase", "header", "footer", "footnote"),
        *("headerl", "headerr", "headerf", "footerl", "footerr", "footerf", "annotation"),
        *("atnauthor", "atnid", "field", "fldinst", "shptxt", "bkmkstart", "bkmkend"),
    }
)
"""Groups whose text is not part of the text around them."""
_SIGNS = {"~": "\xa0", "-": "", "_": "-", "\\": "\\", "{": "{", "}": "}"}
_DEEPEST = 500


class RtfDocument:
    """An RTF text; what stands between two breaks of a line is a leaf."""

    def __init__(self, body: bytes) -> None:
        """Read the body; raises `UnsupportedDocument` where it has binary data or is too deep."""
        self._body = body
        self._text = body.decode("latin-1")
        self.leaves: list[Leaf] = []
        self._places: list[list[tuple[int, int]]] = []
        """Of each leaf where the parts of its text stand, with control words between them."""
        self._read()

    def _read(self) -> None:
        quiet: list[bool] = [False]
        apart: list[bool] = [False]
        run: list[str] = []
        places: list[tuple[int, int]] = []
        # Runs that go on behind a group that is not part of them.
        waiting: list[tuple[list[str], list[tuple[int, int]]]] = []
        skip = 0
        unicode_skip = 1

        def close() -> None:
            nonlocal run, places
            text, found = "".join(run), places
            run, places = [], []
            if text.strip():
                if len(self.leaves) >= MAX_LEAVES:
                    raise UnsupportedDocument(f"The body has more than {MAX_LEAVES} texts.")
                hint = CODE_HINT if quiet[-1] else ""
                self.leaves.append(Leaf(f"/{len(self.leaves)}", text, hint))
                self._places.append(found)

        def add(text: str, first: int, last: int) -> None:
            run.append(text)
            if places and places[-1][1] == first:
                places[-1] = places[-1][0], last
            else:
                places.append((first, last))

        def set_apart(hush: bool) -> None:
            nonlocal run, places
            quiet[-1] = quiet[-1] or hush
            if apart[-1]:
                close()
            elif len(apart) > 1:
                apart[-1] = True
                waiting.append((run, places))
                run, places = [], []

        for match in _TOKEN.finditer(self._text):
            first, last = match.span()
            word = match["word"]
            if match["text"] is not None or match["byte"] is not None:
                text = match["text"]
                if text is None:
                    text = bytes.fromhex(match["byte"]).decode("cp1252", "replace")
                text, skip = text[skip:], max(0, skip - len(text))
                if text:
                    add(text, first, last)
                elif places and places[-1][1] == first:
                    # What older readers show in place of the character before it.
                    places[-1] = places[-1][0], last
            elif match["sign"] is not None:
                if match["sign"] == "*":
                    set_apart(True)
                elif match["sign"] in _SIGNS:
                    add(_SIGNS[match["sign"]], first, last)
            elif match["brace"] == "{":
                # Letters of one word may be set in several ways, each in a group of its own.
                if quiet[-1]:
                    close()
                if len(quiet) > _DEEPEST:
                    raise UnsupportedDocument("The RTF is nested too deep.")
                quiet.append(quiet[-1])
                apart.append(False)
            elif match["brace"] == "}":
                if quiet[-1] or apart[-1]:
                    close()
                if len(quiet) > 1:
                    quiet.pop()
                    if apart.pop():
                        run, places = waiting.pop()
            elif word is not None:
                if word == "bin":
                    raise UnsupportedDocument("The RTF has binary data in it.")
                if word == "pict" or word == "object":
                    raise UnsupportedDocument("The RTF has a picture or an object in it.")
                if word == "u" and match["number"]:
                    add(_character(int(match["number"])), first, last)
                    skip = unicode_skip
                elif word == "uc":
                    unicode_skip = min(8, abs(int(match["number"] or 1)))
                elif word in _BREAKS:
                    close()
                elif word in _QUIET or word in _APART:
                    set_apart(word in _QUIET)
        close()
        while waiting:
            run, places = waiting.pop()
            close()

    def rebuild(self, replaced: Mapping[int, str]) -> bytes:
        """Put new texts in place of runs; all else keeps its bytes."""
        edits: list[tuple[int, int, str]] = []
        for index, text in replaced.items():
            if text != self.leaves[index].text:
                first, *others = self._places[index]
                edits.append((*first, _written(text)))
                edits += [(start, end, "") for start, end in others]
        pieces: list[str] = []
        position = 0
        for start, end, new in sorted(edits):
            pieces += [self._text[position:start], new]
            position = end
        return "".join([*pieces, self._text[position:]]).encode("latin-1")


def _character(number: int) -> str:
    code = number % 0x10000
    return "\ufffd" if 0xD800 <= code < 0xE000 else chr(code)


def _written(text: str) -> str:
    pieces: list[str] = []
    for char in text:
        if char in "\\{}":
            pieces.append("\\" + char)
        elif " " <= char <= "~":
            pieces.append(char)
        elif char in "\r\n\t":
            pieces.append(" ")
        else:
            units = char.encode("utf-16-le", "replace")
            for at in range(0, len(units), 2):
                code = int.from_bytes(units[at : at + 2], "little")
                pieces.append(f"\\u{code - 0x10000 if code > 0x7FFF else code}?")
    return "".join(pieces)
