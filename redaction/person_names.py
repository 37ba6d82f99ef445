"""Names that are nobody's, given part by part: who is "Doe" in "Jane Doe" is it in "Ms. Doe"."""

from __future__ import annotations

import functools
import re
from typing import NamedTuple

from redaction.canonical import Stream, keyed, plain
from redaction.scope import Scope

_PIECE = re.compile(r"[^\W\d_](?:[^\W\d_]|['’-](?=[^\W\d_]))*")
_BETWEEN = re.compile(r"[ ,.]*")
_POSSESSIVE = re.compile(r"['’]s\Z")
_MAX_PIECES = 8
_DIGEST_DIGITS = 32
_KEPT = frozenset(
    {
        *("mr", "mrs", "ms", "miss", "mx", "dr", "prof", "professor", "doctor", "rev", "sir"),
        *("herr", "frau", "monsieur", "madame", "señor", "señora", "signor", "signora"),
        *("jr", "sr", "ii", "iii", "iv", "md", "phd", "rn", "do", "np", "pa", "esq"),
    }
)
"""Titles, which say nothing of who it is."""
_PARTICLES = frozenset(
    {"de", "del", "della", "di", "da", "dos", "du", "la", "le", "van", "von", "der", "den", "ter"}
    | {"zu", "bin", "ibn", "al", "el"}
)
_WORDS_TOO = frozenset(
    {
        *("April", "August", "Autumn", "Brown", "Church", "Cross", "Day", "Dawn", "Faith", "Ford"),
        *("Frank", "Glass", "Grace", "Grant", "Gray", "Green", "Heather", "Hill", "Hope", "House"),
        *("Hunt", "Joy", "June", "King", "Knight", "Lake", "Lane", "Little", "Long", "Mark", "May"),
        *("Mills", "Park", "Parks", "Price", "Rich", "Rose", "Sharp", "Short", "Stark", "Stone"),
        *("Strong", "Summer", "Summers", "Sunny", "Walls", "Waters", "Wells", "White", "Wise"),
        *("Wood", "Woods", "Young", "Black", "Bishop", "Best", "Banks", "Barber", "Baker", "Cook"),
        *("Farmer", "Fields", "Fox", "Fuller", "Guy", "Hardy", "Head", "Jean", "Jewel", "Love"),
        *("Marshall", "Mason", "Miles", "Moody", "Moon", "Noble", "Page", "Pope", "Porter"),
        *("Potter", "Power", "Powers", "Pratt", "Read", "Rice", "Rush", "Sellers", "Sexton"),
        *("Shepherd", "Singleton", "Small", "Steele", "Story", "Tanner", "Taylor", "Turner"),
        *("Walker", "Ward", "Warren", "Weaver", "Weeks", "Wolf", "Will", "Major", "Christian"),
        *("Destiny", "Crystal", "Amber", "Brandy", "Chase", "Cheyenne", "Dale", "Diamond"),
        *("Ruby", "Sierra", "Carol", "Joseph", "Chelsea", "Charity", "Angel", "Ray", "Drew"),
        *("Bond", "Bush", "Butler", "Carpenter", "Chambers", "Cherry", "Cline", "Cummings"),
        *("Duke", "English", "French", "Holland", "Ireland", "Jordan", "Israel", "Paris"),
    }
)
"""Names that are words or places as well: put back by their parts, they would change both."""


class Person(NamedTuple):
    """A name that stands for another."""

    text: str
    digest: str


def person(value: str, scope: Scope) -> Person | None:
    """Give a name in the place of a name, part by part; None where it is not read as one."""
    pieces = _pieces(value)
    if pieces is None or not any(kind == "name" for _, kind, _, _ in pieces):
        return None
    known = " ".join([word.casefold() for _, _, word, _ in pieces])
    digest = keyed(scope.key, "surrogate", scope.session, "PERSON", known).hex()[:_DIGEST_DIGITS]
    # Of a name whose surrogate is taken the first part changes; the others stay what they are.
    attempt = scope.bumps.get(digest, 0)
    written = ""
    for gap, kind, word, end in pieces:
        if kind == "name":
            word, attempt = _part(word, scope, attempt), 0
        written += f"{gap}{word}{end}"
    return Person(written.strip(" ,"), digest)


def _pieces(value: str) -> list[tuple[str, str, str, str]] | None:
    """Give what stands before each word of a name, its kind, the word, and what it ends in."""
    text = plain(value).strip()
    found: list[tuple[str, str, str, str]] = []
    position = 0
    for match in _PIECE.finditer(text):
        gap = text[position : match.start()]
        if _BETWEEN.fullmatch(gap) is None:
            return None
        position = match.end()
        # Whatever number of spaces, it is one name.
        gap = ("," if "," in gap else "." if "." in gap else "") + (" " if found else "")
        word = match[0]
        end = "'s" if _POSSESSIVE.search(word) else ""
        word = _POSSESSIVE.sub("", word)
        small = word.casefold()
        if small in _PARTICLES and len(found) < _MAX_PIECES:
            continue
        found.append((gap, "title" if small in _KEPT else "name", word, end))
    tail = text[position:]
    if not found or len(found) > _MAX_PIECES or _BETWEEN.fullmatch(tail) is None:
        return None
    if tail.startswith("."):
        gap, kind, word, end = found[-1]
        found[-1] = gap, kind, word, f"{end}."
    return found


def _part(word: str, scope: Scope, attempt: int) -> str:
    small = word.casefold()
    stream = Stream(scope.key, "surrogate", scope.session, "part", small, str(attempt))
    if len(word) == 1:
        return "ABCDEFGHJKLMNPQRSTVW"[stream.below(20)]
    first, last, known = _names()
    # The part decides whether it is a first or a last name, not its place: it may stand alone.
    names = first if small in known else last
    while True:
        name = names[stream.below(len(names))]
        if name.casefold() != small:
            return name


def a_name(stream: Stream) -> tuple[str, str]:
    """Give some first and last name."""
    first, last, _ = _names()
    return first[stream.below(len(first))], last[stream.below(len(last))]


@functools.cache
def _names() -> tuple[tuple[str, ...], tuple[str, ...], frozenset[str]]:
    """Give first names, last names, and which small words are first names and no last names."""
    # A moment of imports that only this style needs.
    from faker.providers.person.en_US import Provider

    lasts = {str(name) for name in Provider.last_names}
    firsts = {str(name) for name in Provider.first_names}
    both = {name.casefold() for name in firsts} - {name.casefold() for name in lasts}

    def chosen(names: set[str], others: set[str]) -> tuple[str, ...]:
        return tuple(
            sorted(name for name in names - others - _WORDS_TOO if name.isalpha() and len(name) > 2)
        )

    return chosen(firsts, lasts), chosen(lasts, firsts), frozenset(both)
