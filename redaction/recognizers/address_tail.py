"""What follows a street: flat, town, state, country and code, over several lines too."""

from __future__ import annotations

import re

from redaction.lexicon import STATE_CODES, places

CAPITAL = "[A-Z\u00c0-\u00de\u0100-\u017d\u0391-\u03a9]"
PLACE_WORD = (
    rf"(?:{CAPITAL}[\w'’.\-]{{1,24}}+"
    r"|(?:de|del|la|do|da|dos|das|di|la|le|les|sur|am|an der|nad|u|of|and)\b)"
)
# What follows an address, over several lines too: town, state, country, code.
_BREAK = r"(?>[ ]{0,2},?[ ]{0,2}(?:\r?\n[ \t>|?*]{0,8})?,?[ ]{0,2})"
_TAIL = re.compile(
    rf"(?:{_BREAK}(?<=[\s,>?|*])(?:Apt|Suite|Unit|Flat|Floor)\b\.?[ ]?[0-9]{{1,5}}[A-Za-z]?){{0,2}}"
    rf"(?:{_BREAK}(?<=[\s,>?|*]){PLACE_WORD}(?:[ ]{PLACE_WORD}){{0,3}}+)?"
    rf"(?:{_BREAK}(?<=[\s,>?|*])(?:[A-Z]{{1,3}}|nan|[0-9]{{1,2}})\b)?"
    rf"(?:{_BREAK}(?<=[\s,>?|*]){CAPITAL}[\w'’()]{{2,20}}(?:[ ][A-Z(][\w'’()]{{1,20}}){{0,3}}+)?"
    rf"{_BREAK}(?<=[\s,>?|*])(?:[0-9]{{4,6}}(?:-[0-9]{{3,4}})?|[0-9]{{3}}[ ][0-9]{{2}})(?![0-9-]"
    rf"|[.,:/][0-9])"
)
_LAND = "|".join(
    sorted((re.escape(name.title()) for name in places() if len(name) > 3), key=len, reverse=True)
)
_TAIL_LAND = re.compile(
    rf"(?:{_BREAK}(?<=[\s,>?|*])(?:Apt|Suite|Unit|Flat|Floor)\b\.?[ ]?[0-9]{{1,5}}[A-Za-z]?){{0,2}}"
    rf"(?:{_BREAK}(?<=[\s,>?|*]){PLACE_WORD}(?:[ ]{PLACE_WORD}){{0,3}}?)?"
    rf"{_BREAK}(?<=[\s,>?|*])(?:{_LAND})\b"
)
_STATE = "|".join(sorted(STATE_CODES))
_TAIL_TOWN = re.compile(
    rf"[ ]?,?[ \n]{{1,4}}(?:{CAPITAL}[\w'’\-]{{1,20}}+[ ]?){{1,3}}?(?:,[ ]?|[ ])(?:{_STATE})\b"
)
_SURE_TAILS = (_TAIL, _TAIL_LAND)
_TAILS = (*_SURE_TAILS, _TAIL_TOWN)


def with_tail(text: str, end: int, sure: bool = False) -> int:
    """Give the end of the address whose street ends at `end`; if `sure`, by a code or a country."""
    tails = _SURE_TAILS if sure else _TAILS
    ends = [match.end() for pattern in tails if (match := pattern.match(text, end)) is not None]
    return max(ends, default=end)
