"""Regular expressions that mean the same in Go's RE2 and in Rust's regex."""

from __future__ import annotations

import re

import re2

_CLASSES = {
    "d": "0-9",
    "w": "0-9A-Za-z_",
    "s": "\\t\\n\\f\\r ",
}
_DIFFERENT = "bBpPCQEXzGR"
_TOKEN = re.compile(r"\\(.)|(\[)|(\])|(\(\?[^:)]*)", re.DOTALL)


class PatternError(ValueError):
    """A pattern is wrong, or engines would read it differently."""

    def __init__(self, message: str, mend: str) -> None:
        super().__init__(message)
        self.mend = mend


def portable_pattern(pattern: str) -> str:
    r"""Give a pattern anchored at both ends, with \d, \w and \s written out as ASCII.

    Raises `PatternError` for what is no RE2 expression and for what engines differ in.
    """
    try:
        options = re2.Options()
        options.log_errors = False
        options.max_mem = 1 << 20
        re2.compile(pattern, options)
    except re2.error as error:
        text = error.args[0] if error.args else "not valid"
        detail = text.decode() if isinstance(text, bytes) else str(text)
        raise PatternError(
            f"the pattern is not valid: {detail}", "Patterns are written in RE2's syntax."
        ) from None
    inside = False
    out: list[str] = []
    position = 0
    for match in _TOKEN.finditer(pattern):
        out.append(pattern[position : match.start()])
        position = match.end()
        escaped, opened, closed, group = match.groups()
        if escaped is not None:
            out.append(_escape(escaped, inside))
            continue
        if opened and not inside:
            inside = True
        elif closed and inside:
            inside = False
        elif group is not None and not inside and not group.startswith("(?P<"):
            raise PatternError(
                f"engines differ in '{group})'", "Leave flags out and write the cases as [Aa]."
            )
        out.append(match.group())
    out.append(pattern[position:])
    return f"^(?:{''.join(out)})$"


def _escape(letter: str, inside: bool) -> str:
    lower = letter.lower()
    if letter in _DIFFERENT:
        raise PatternError(
            f"engines differ in '\\{letter}'", "Write the characters out, such as [A-Za-z]."
        )
    if lower in _CLASSES and letter.isalpha():
        if letter.isupper():
            if inside:
                raise PatternError(
                    f"engines differ in '\\{letter}' within brackets", "Write the characters out."
                )
            return f"[^{_CLASSES[lower]}]"
        return _CLASSES[lower] if inside else f"[{_CLASSES[lower]}]"
    return "\\" + letter
