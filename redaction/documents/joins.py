"""Values split over texts that stand side by side: message parts, members, cells, array items.

No reader of one text sees `123-45-` in one message and `6789` in the next, but whoever gets both
does. Where digits go on over the border of two texts, and together have the form of an identifier,
they are searched once more as one text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from redaction.documents.model import CODE_HINT, JOINED_HINT, Leaf
from redaction.field_names import NAME_HINT, is_keyword_field
from redaction.tables import TABLE_HINT, table_rows

__all__ = ["JOINED_HINT", "JoinedView", "joined_views"]

MAX_VIEWS = 10_000
_CONTEXT = 40
"""Characters before the digits of the first text that are kept, for the words in them."""
_LONGEST_CHAIN = 20
_AHEAD = 4
"""Texts that may stand between two parts of a value, such as the answers to messages."""

_DIGITISH = frozenset("0123456789-./ ()\n\t")
_TAIL = re.compile(r"[0-9(][0-9()\-./ \n\t]{0,30}\Z")
_HEAD = re.compile(r"[-./ \n\t()]{0,3}[0-9][0-9()\-./ ]{0,30}")
_ALL = re.compile(r"[0-9()\-./ \n\t]{1,24}")
_SOCIAL = re.compile(r"(?i)ssn|social[\W_]{0,2}sec|\bsocial\b|tax[\W_]{0,2}id")
_PARTS = re.compile(r"(?i)(?:area|group|serial|first|middle|last|part|digits?|seg(?:ment)?|piece)")
_STEM = re.compile(r"(.*?)[\W_]?[0-9A-Ca-c]?\Z", re.DOTALL)
_SSN = re.compile(r"[0-9]{3}[-./ \n]{1,3}[0-9]{2}[-./ \n]{1,3}[0-9]{4}")
_DASHED_SSN = re.compile(r"[0-9]{3}[-.]?[0-9]{2}[-.]?[0-9]{4}")
_SURE_SSN = re.compile(r"[0-9]{3}-[0-9]{2}-[0-9]{4}")
_PHONE = re.compile(r"\(?[0-9]{3}\)?[-. ][0-9]{3}[-. ][0-9]{4}")
_CARD = re.compile(r"[0-9]{4}(?:[- ][0-9]{4}){3}")


@dataclass(frozen=True, slots=True)
class JoinedView:
    """A text made of parts of leaves that stand side by side."""

    text: str
    parts: list[tuple[int, int, int]]
    """Index of a leaf, and where its part starts and ends in the text."""
    offsets: list[int]
    """Of each part the character of its leaf at which it starts."""

    def parts_of(self, start: int, end: int) -> list[tuple[int, int, int]]:
        """Give what a span of the text is in each leaf: its index, start and end.

        Gives nothing for a span within one part: that is found in the leaf itself.
        """
        found: list[tuple[int, int, int]] = []
        for (index, first, last), offset in zip(self.parts, self.offsets, strict=True):
            one, other = max(start, first), min(end, last)
            if one < other:
                found.append((index, one - first + offset, other - first + offset))
        return found if len(found) > 1 else []


@dataclass(frozen=True, slots=True)
class _Piece:
    """A stretch of digits at the end, at the start, or that is the whole of a leaf."""

    index: int
    start: int
    text: str


def joined_views(leaves: Sequence[Leaf]) -> Iterator[JoinedView]:
    """Give the texts in which a value shows that is split over leaves; nearly always none."""
    yield from islice(_views(leaves), MAX_VIEWS)


def _views(leaves: Sequence[Leaf]) -> Iterator[JoinedView]:
    previous = -1
    index = 0
    total = len(leaves)
    while index < total:
        leaf = leaves[index]
        if leaf.hint == TABLE_HINT:
            yield from _in_table(index, leaf)
        if not _may_be_part(leaf):
            index += 1
            continue
        tail = _TAIL.search(leaf.text, max(0, len(leaf.text) - 32))
        if leaf.text[-1:] not in _DIGITISH or tail is None:
            previous, index = index, index + 1
            continue
        chain = [_Piece(index, tail.start(), tail[0])]
        following = index
        for _ in range(_LONGEST_CHAIN):
            following = _next(leaves, following, chain)
            if following < 0:
                break
            text = leaves[following].text
            head = _HEAD.match(text)
            assert head is not None
            whole = _ALL.fullmatch(text) is not None
            chain.append(_Piece(following, 0, text if whole else head[0].rstrip(" ./-(")))
            if not whole:
                break
        if len(chain) > 1:
            # A full stop ends a sentence, not a number.
            last = chain[-1]
            chain[-1] = _Piece(last.index, last.start, last.text.rstrip(" ./-(\n\t"))
            yield from _of_chain(leaves, chain, previous)
        # A column of numbers is one chain, not one from each of its cells on.
        previous, index = chain[-1].index, max(index + 1, chain[-1].index)
        if len(chain) > 1 and _ALL.fullmatch(leaves[chain[-1].index].text):
            index = chain[-1].index + 1


def _may_be_part(leaf: Leaf) -> bool:
    """Tell whether a leaf may hold a part of a value, and is not known for what it is."""
    return (
        not leaf.entity
        and bool(leaf.text)
        and leaf.hint not in (NAME_HINT, CODE_HINT)
        and (len(leaf.text) > 40 or not is_keyword_field(leaf.hint))
    )


def _next(leaves: Sequence[Leaf], index: int, chain: list[_Piece]) -> int:
    """Give the next leaf that goes on with digits; -1 where there is none."""
    dangling = chain[-1].text.rstrip(" ")[-1:] in "-./" or len(leaves[index].text) > 40
    passed = 0
    for following in range(index + 1, min(len(leaves), index + 25)):
        leaf = leaves[following]
        if leaf.hint == NAME_HINT:
            continue
        if leaf.entity or leaf.hint == CODE_HINT:
            return -1
        if leaf.text[:1] in _DIGITISH and _HEAD.match(leaf.text) and _may_be_part(leaf):
            return following
        if is_keyword_field(leaf.hint):
            continue
        passed += 1
        # What is said in between does not belong to it; fields in between end it.
        if not dangling or passed > _AHEAD:
            return -1
    return -1


def _of_chain(leaves: Sequence[Leaf], chain: list[_Piece], previous: int) -> Iterator[JoinedView]:
    texts = [piece.text for piece in chain]
    first = leaves[chain[0].index]
    before = first.text[max(0, chain[0].start - _CONTEXT) : chain[0].start]
    hints = [leaves[piece.index].hint for piece in chain]
    label = before
    if not before and previous >= 0 and len(leaves[previous].text) < 200:
        label = leaves[previous].text
    social = any(_SOCIAL.search(hint) for hint in hints) or _SOCIAL.search(label) is not None
    joined = "".join(texts)
    digits = re.sub(r"\D", "", joined)
    if not 7 <= len(digits) <= 19:
        return
    free = before != "" or any(len(leaves[piece.index].text) > 24 for piece in chain)
    siblings = free or _belong(hints)
    if (
        (social and len(digits) == 9)
        or _SURE_SSN.fullmatch(joined)
        or (siblings and _DASHED_SSN.fullmatch(joined.strip(" ./")))
    ):
        stripped = joined.strip()
        if social or "-" in stripped or "." in stripped:
            yield _view(leaves, chain, "", "ssn " if social else "")
            return
    if not siblings:
        return
    spaced = " ".join(text.strip(" ") for text in texts).strip(" ./")
    if _SSN.fullmatch(spaced) and len(chain) <= 3:
        yield _view(leaves, chain, "-" if _only_digits(texts) else " ", "ssn " if social else "")
    elif _PHONE.fullmatch(spaced) or _CARD.fullmatch(spaced):
        yield _view(leaves, chain, "-" if _only_digits(texts) else " ", "")
    elif _PHONE.fullmatch(joined.strip()) or _CARD.fullmatch(joined.strip()):
        yield _view(leaves, chain, "", "")


def _only_digits(texts: list[str]) -> bool:
    return all(text.isdigit() for text in texts)


def _belong(hints: list[str]) -> bool:
    """Tell whether names say that their values are parts of one: ssn1, ssn2 or area, group."""
    names = [hint.rpartition("/")[2] for hint in hints]
    if len(set(hints)) == 1:
        return True
    if all(_PARTS.search(name) for name in names):
        return True
    stems = {match[1] for name in names if (match := _STEM.fullmatch(name)) is not None}
    return len(stems) == 1 and "" not in stems


def _view(leaves: Sequence[Leaf], chain: list[_Piece], between: str, label: str) -> JoinedView:
    first = chain[0]
    start = max(0, first.start - _CONTEXT)
    pieces = [label]
    position = len(label)
    parts: list[tuple[int, int, int]] = []
    offsets: list[int] = []
    for number, piece in enumerate(chain):
        text, offset = piece.text, piece.start
        if number == 0:
            text, offset = leaves[first.index].text[start:], start
        elif between:
            pieces.append(between)
            position += len(between)
        pieces.append(text)
        parts.append((piece.index, position, position + len(text)))
        offsets.append(offset)
        position += len(text)
    return JoinedView("".join(pieces), parts, offsets)


def _in_table(index: int, leaf: Leaf) -> Iterator[JoinedView]:
    """Give the rows in which cells side by side are the parts of one number by their columns."""
    for cells in table_rows(leaf.text):
        for at in range(len(cells) - 1):
            for count in (3, 2):
                group = cells[at : at + count]
                texts = [leaf.text[start:end] for start, end, _ in group]
                if len(group) < count or not _only_digits(texts):
                    continue
                names = [name for _, _, name in group]
                if sum(map(len, texts)) != 9 or not _belong(names):
                    continue
                if not any(_SOCIAL.search(name) for name in names) and count == 2:
                    continue
                parts: list[tuple[int, int, int]] = []
                position = 4
                for text in texts:
                    parts.append((index, position, position + len(text)))
                    position += len(text)
                yield JoinedView("ssn " + "".join(texts), parts, [cell[0] for cell in group])
                break
