"""Words that stand side by side, and which of them can be parts of a name."""

from __future__ import annotations

import re
from collections.abc import Iterator

from redaction.lexicon import word_set
from redaction.name_words import (
    CALENDAR,
    CITY,
    CLINICAL,
    CREDENTIAL,
    CREDENTIALS,
    DRUG,
    GIVEN,
    NAME,
    NOBODY,
    PARTICLES,
    PLACE,
    SURE_EPONYM,
    SURE_GIVEN,
    SURE_NAME,
    SURE_SURNAME,
    SURNAME,
    TERM,
    TITLE,
    USUAL_GIVEN,
    WORD,
    Word,
    words_in,
)
from redaction.recognizers.name_context import context_before

Chain = list[tuple[Word, str]]
"""Words, each with what is between it and the one before: a space, a comma or a particle."""

_CHAIN, _WIDEST_GAP = 32, 16
_GAP = re.compile(
    r"[ \t]{0,2}(?:(?:(?:van|von|de|del|della|der|den|di|da|dos|das|du|la|le|los|las|el|al|bin|bint"
    r"|ibn"
    r"|ben|abu|y|ter|ten|af|av|zu)[ \t]{1,2}){1,3}|(?:al|el|d|l|da|ter)['’-])?\Z"
)
_SPACES = frozenset({" ", "  ", "\t", ""})
_COMMAS = frozenset({", ", ",", " , ", ",  "})
_LOWER_TITLES = word_set("dr dr. mr mr. mrs mrs. ms. prof prof. sr. sra. señor señora herr frau")
_GLUED = frozenset("@/\\=_<{[0123456789")
_NUMBER = re.compile(r"[ ,.]{0,3}[0-9]")


def chains(text: str, any_case: bool) -> Iterator[Chain]:
    """Give words that stand side by side, each with what is between it and the one before."""
    chain: Chain = []
    end = -1
    for word in words_in(text, any_case=any_case):
        gap = text[end : word.start] if end >= 0 and word.start - end <= _WIDEST_GAP else "\0"
        if gap[:1] == "." and chain and (chain[-1][0].has(TITLE) or chain[-1][0].initial):
            gap = gap[1:]
        if len(chain) >= _CHAIN:
            yield chain
            chain = []
        if gap in _SPACES or (
            chain and chain[-1][0].has(TITLE) and gap.isspace() and len(gap) < 14
        ):
            chain.append((word, " "))
        elif gap in _COMMAS:
            chain.append((word, ","))
        elif chain and len(gap) > 2 and _GAP.match(gap) is not None:
            chain.append((word, "p"))
        else:
            if chain:
                yield chain
            chain = [(word, "")]
        end = word.end
    if chain:
        yield chain


def may_be_name(
    text: str,
    word: Word,
    titled: bool,
    any_case: bool,
    begun: bool = False,
    named_next: bool = False,
) -> bool:
    """Tell whether a word can be part of a name; `begun` where a first name stands before it."""
    if text[word.end : word.end + 1] in _GLUED:
        return False
    if word.initial:
        return not any_case or begun or text[word.end - 1] == "."
    if word.has(CALENDAR | DRUG | NOBODY):
        month = named_next and not any_case and word.has(CALENDAR)
        return (titled or month) and word.has(NAME) and not word.has(DRUG)
    if word.folded in CREDENTIALS and text[word.start : word.end].isupper():
        return False
    if titled:
        return word.has(NAME) if any_case else not word.has(CLINICAL)
    if word.has(PLACE | CLINICAL | SURE_EPONYM):
        return False
    if named_next and not any_case:
        return True
    if any_case:
        if word.has(SURE_NAME):
            return True
        if word.has(GIVEN) and not word.has(WORD | TERM) and _is_of_kin(text, word.start):
            return True
        if not begun or word.has(TERM):
            return False
        return word.has(SURNAME) or not word.has(WORD | NAME)
    return word.has(NAME) or (begun and word.has(TERM)) or not word.has(WORD | TERM)


def _is_of_kin(text: str, start: int) -> bool:
    before = context_before(text, start)
    return before is not None and not before.strict


def named_next(text: str, chain: Chain, index: int) -> bool:
    """Tell whether what follows makes a name of a month or a like word: "August R. Patel"."""
    if index + 1 < len(chain) and chain[index + 1][1] in {" ", "p"}:
        following = chain[index + 1][0]
        told = context_before(text, chain[index][0].start)
        return chain[index][0].has(GIVEN) and (
            following.has(SURE_SURNAME)
            or (told is not None and not told.strict and not following.has(CLINICAL | NOBODY))
            or (following.initial and index + 2 < len(chain) and chain[index + 2][1] in {" ", "p"})
        )
    if not chain[index][0].has(CALENDAR):
        before = context_before(text, chain[index][0].start)
        return before is not None and before.any_word
    # "her sister April in ...", but not "in April" and "sister, April 5".
    word = chain[index][0]
    before = context_before(text, word.start)
    return (
        word.has(GIVEN)
        and before is not None
        and not before.strict
        and _NUMBER.match(text, word.end) is None
    )


def initial_follows(initial: Word, first: Word) -> bool:
    """Tell whether a first name and an initial stand before: "Daniela C"."""
    return initial.initial and first.has(SURE_GIVEN)


def is_title(text: str, word: Word, followed: bool) -> bool:
    """Tell whether a word is a title of the name that follows."""
    value = text[word.start : word.end]
    if value.islower() and word.folded not in _LOWER_TITLES:
        return False
    # "Father" and "Judge" are titles only before a name; "MS" in capitals may be an illness.
    if value == "DR" and followed:
        return True
    return followed and (
        text[word.end : word.end + 1] == "." or not value.isupper() or len(value) > 2
    )


def last_first(text: str, part: list[Word], rest: Chain, any_case: bool) -> list[Word]:
    """Give the words after the comma of "Last, First M."; none where it is no name."""
    if not rest or rest[0][1] != "," or len(part) > 2 or part[-1].initial:
        return []
    first = rest[0][0]
    before = context_before(text, part[0].start)
    told = before is not None and not before.strict and not any_case
    if told and not first.has(CREDENTIAL | CLINICAL | NOBODY | TITLE):
        return [first, *_more(text, rest, any_case)]
    if not first.has(GIVEN) or first.has(CREDENTIAL | PLACE | CLINICAL | DRUG | CALENDAR | NOBODY):
        return []
    if any(word.has(WORD | CITY | TERM) and not word.has(SURNAME) for word in part):
        return []
    if part[0].has(GIVEN) and len(part) > 1 and part[0].folded not in PARTICLES:
        return []  # A list of people.
    if not (part[0].has(SURNAME) or first.has(USUAL_GIVEN)):
        return []
    return [first, *_more(text, rest, any_case)]


def _more(text: str, rest: Chain, any_case: bool) -> list[Word]:
    """Give second names and initials behind "Last, First"."""
    swapped: list[Word] = []
    for word, gap in rest[1:3]:
        if (
            gap == ","
            or word.has(TITLE | CREDENTIAL)
            or not may_be_name(text, word, False, any_case)
        ):
            break
        if not word.initial and word.has(WORD) and not word.has(GIVEN):
            break
        swapped.append(word)
    return swapped
