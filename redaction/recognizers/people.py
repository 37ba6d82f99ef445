"""Names of people by their form: titles, credentials, labels, and lists of names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar

from redaction.name_words import (
    CALENDAR,
    NAME,
    PARTICLES,
    SURE_GIVEN,
    TERM,
    TITLE,
    WORD,
    Word,
    is_casual,
)
from redaction.recognizers.base import Recognizer, Span
from redaction.recognizers.headers import headers
from redaction.recognizers.name_chains import (
    Chain,
    chains,
    initial_follows,
    is_title,
    last_first,
    may_be_name,
    named_next,
)
from redaction.recognizers.name_context import after_is_age, after_is_credential, context_before
from redaction.recognizers.name_scores import (
    LABELLED,
    LIKELY,
    TITLED,
    fits,
    of_a_thing,
    own_score,
    trimmed,
    with_suffix,
)
from redaction.recognizers.small_names import initials, introduced, speakers

_LONGEST, _PARTICLE_CHARS = 6, 16


class PersonFormRecognizer(Recognizer):
    """PERSON: what a title, a label, its neighbours or the lists of names show to be one."""

    entity: ClassVar[str] = "PERSON"

    def find(self, text: str) -> Iterator[Span]:
        """Give the spans of names."""
        small = text.islower()
        if not small:
            for chain in chains(text, any_case=False):
                yield from _names(text, chain, any_case=False)
        if small or is_casual(text):
            for chain in chains(text, any_case=True):
                yield from _names(text, chain, any_case=True)
        yield from introduced(text)
        yield from initials(text)
        yield from speakers(text)
        for header in headers(text):
            yield header.start, header.end, LIKELY


def _names(text: str, chain: Chain, any_case: bool) -> Iterator[Span]:
    index, count = 0, len(chain)
    title: Word | None = None
    while index < count:
        word, _ = chain[index]
        titled = title is not None
        if word.has(TITLE) and is_title(
            text, word, index + 1 < count and chain[index + 1][1] != ","
        ):
            if title is None or word.start - title.end > 2:
                title = word
            index += 1
            continue
        end = index
        while end < count and end - index < _LONGEST:
            following, gap = chain[end]
            if end > index and gap == ",":
                break
            begun = end > index and (chain[end - 1][0].has(SURE_GIVEN) or gap == "p")
            initialled = end > index + 1 and initial_follows(chain[end - 1][0], chain[end - 2][0])
            if not may_be_name(
                text,
                following,
                titled and end == index,
                any_case,
                begun or initialled,
                end == index and _needs_telling(following) and named_next(text, chain, end),
            ):
                break
            end += 1
        if end == index:
            title = None
            index += 1
            continue
        part = [item for item, _ in chain[index:end]]
        rest = chain[end:]
        swapped = last_first(text, part, rest, any_case)
        if swapped:
            part = part + swapped
            end += len(swapped)
            rest = chain[end:]
        span = _judge(text, part, bool(swapped), titled, rest, any_case)
        if span is not None:
            # A title is a part of a name, as many would mark it.
            yield (span if title is None else (title.start, *span[1:]))
        title = None
        index = end


def _needs_telling(word: Word) -> bool:
    """Tell whether a word is a name only where something beside it says so."""
    return word.has(CALENDAR) or (word.has(WORD | TERM) and not word.has(NAME))


def _with_particles(text: str, start: int) -> int:
    """Give the start of a name with "van der" or "d'" before it."""
    tail = text[max(0, start - _PARTICLE_CHARS) : start]
    last = tail.rstrip(" ").rsplit(" ", 1)[-1]
    if last not in PARTICLES and tail[-1:] not in {"-", "'", "’"}:
        return start
    particle = _PARTICLES_BEFORE.search(tail)
    return start if particle is None else start - len(particle[0])


def _judge(
    text: str,
    part: list[Word],
    swapped: bool,
    titled: bool,
    rest: Chain,
    any_case: bool,
) -> Span | None:
    part = trimmed(text, part, titled or swapped)
    if not part:
        return None
    start, end = part[0].start, part[-1].end
    start = _with_particles(text, start)
    before = context_before(text, start)
    any_word = before is not None and before.any_word
    if not titled and not any_word and of_a_thing(text, part, rest, before is not None):
        return None
    score = own_score(text, part, swapped, any_case)
    if titled:
        score = TITLED
    elif before is not None and fits(text, part, before.strict, before.any_word):
        score = max(score, before.score)
    if score < LABELLED and not all(word.initial for word in part):
        if after_is_credential(text, end) and fits(text, part, strict=False):
            score = LABELLED
        elif score < LIKELY and after_is_age(text, end) and fits(text, part, strict=False):
            score = LIKELY
    if not score:
        return None
    return start, with_suffix(text, end), score


_PARTICLES_BEFORE = re.compile(
    r"(?<![\w'’-])(?:(?:van|von|de|del|della|der|den|di|da|dos|das|du|la|le|el|al|bin|bint|ibn|ben"
    r"|abu|ter)[ ]"
    r"|(?:al|el)-|[dl]['’]){1,3}\Z"
)
