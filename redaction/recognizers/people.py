"""Names of people by their form: titles, credentials, labels, and lists of names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar

from redaction import linear
from redaction.lexicon import abbreviations, word_set
from redaction.name_words import (
    CALENDAR,
    CITY,
    CLINICAL,
    CREDENTIAL,
    CREDENTIALS,
    DRUG,
    EPONYM,
    GIVEN,
    NAME,
    NOBODY,
    PARTICLES,
    PLACE,
    SUFFIXES,
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
    is_casual,
    words_in,
)
from redaction.recognizers.base import Recognizer, Span
from redaction.recognizers.name_context import (
    NOT_A_PERSON,
    after_is_age,
    after_is_credential,
    after_is_thing,
    context_before,
)

_TITLED, _LABELLED, _FULL, _LIKELY, _SINGLE, _GUESS = 0.85, 0.8, 0.65, 0.55, 0.45, 0.4
_LONGEST, _CHAIN = 6, 32
_GAP = re.compile(
    r"[ \t]{0,2}(?:(?:(?:van|von|de|del|della|der|den|di|da|dos|das|du|la|le|los|las|el|al|bin|bint"
    r"|ibn"
    r"|ben|abu|y|ter|ten|af|av|zu)[ \t]{1,2}){1,3}|(?:al|el|d|l|da|ter)['’-])?\Z"
)
_SPACES = frozenset({" ", "  ", "\t", ""})
_ENDS = frozenset(".,;:!?)\n") | {""}
_POSSESSIVE = frozenset({"'s", "’s"})
_COMMAS = frozenset({", ", ",", " , ", ",  "})
_LOWER_TITLES = word_set("dr dr. mr mr. mrs mrs. ms. prof prof. sr. sra. señor señora herr frau")
_GLUED = frozenset("@/\\=_<{[0123456789")
_BACTERIA = word_set("coli diff difficile aureus pneumoniae faecalis pylori albicans flu")


class PersonFormRecognizer(Recognizer):
    """PERSON: what a title, a label, its neighbours or the lists of names show to be one."""

    entity: ClassVar[str] = "PERSON"

    def find(self, text: str) -> Iterator[Span]:
        """Give the spans of names."""
        small = text.islower()
        if not small:
            for chain in _chains(text, any_case=False):
                yield from _names(text, chain, any_case=False)
        if small or is_casual(text):
            for chain in _chains(text, any_case=True):
                yield from _names(text, chain, any_case=True)
        yield from _introduced(text)
        yield from _initials(text)


def _chains(text: str, any_case: bool) -> Iterator[list[tuple[Word, str]]]:
    """Give words that stand side by side, each with what is between it and the one before."""
    chain: list[tuple[Word, str]] = []
    end = -1
    for word in words_in(text, any_case=any_case):
        gap = text[end : word.start] if end >= 0 and word.start - end <= 16 else "\0"
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


def _names(text: str, chain: list[tuple[Word, str]], any_case: bool) -> Iterator[Span]:
    index, count = 0, len(chain)
    title: Word | None = None
    while index < count:
        word, _ = chain[index]
        titled = title is not None
        if word.has(TITLE) and _is_title(
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
            initialled = end > index + 1 and following_initial(chain[end - 1][0], chain[end - 2][0])
            if not _may_be_name(
                text,
                following,
                titled and end == index,
                any_case,
                begun or initialled,
                end == index and _named_next(text, chain, end),
            ):
                break
            end += 1
        if end == index:
            title = None
            index += 1
            continue
        part = [item for item, _ in chain[index:end]]
        rest = chain[end:]
        swapped = _last_first(text, part, rest, any_case)
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


def _named_next(text: str, chain: list[tuple[Word, str]], index: int) -> bool:
    """Tell whether what follows makes a name of a month or a like word: "August R. Patel"."""
    if index + 1 < len(chain) and chain[index + 1][1] in {" ", "p"}:
        following = chain[index + 1][0]
        told = context_before(text, chain[index][0].start)
        return chain[index][0].has(GIVEN) and (
            following.has(SURNAME if told is not None and not told.strict else SURE_SURNAME)
            or (following.initial and index + 2 < len(chain) and chain[index + 2][1] in {" ", "p"})
        )
    # "her sister April in ...", but not "in April" and "sister, April 5".
    word = chain[index][0]
    before = context_before(text, word.start)
    return (
        word.has(GIVEN)
        and before is not None
        and not before.strict
        and _NUMBER.match(text, word.end) is None
    )


_NUMBER = re.compile(r"[ ,.]{0,3}[0-9]")


def following_initial(initial: Word, first: Word) -> bool:
    """Tell whether a first name and an initial stand before: "Daniela C"."""
    return initial.initial and first.has(SURE_GIVEN)


def _is_title(text: str, word: Word, followed: bool) -> bool:
    value = text[word.start : word.end]
    if value.islower() and word.folded not in _LOWER_TITLES:
        return False
    # "Father" and "Judge" are titles only before a name; "MS" in capitals may be an illness.
    if value == "DR" and followed:
        return True
    return followed and (
        text[word.end : word.end + 1] == "." or not value.isupper() or len(value) > 2
    )


def _may_be_name(
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
    if any_case:
        if word.has(SURE_NAME):
            return True
        if not begun or word.has(TERM):
            return False
        # In lower case "farmer" is a name rather where the sentence ends than where it goes on.
        ends = (
            text[word.end : word.end + 1] in _ENDS or text[word.end : word.end + 2] in _POSSESSIVE
        )
        return (word.has(SURNAME) and ends) or not word.has(WORD | NAME)
    return word.has(NAME) or (begun and word.has(TERM)) or not word.has(WORD | TERM)


def _last_first(
    text: str, part: list[Word], rest: list[tuple[Word, str]], any_case: bool
) -> list[Word]:
    """Give the words after the comma of "Last, First M."; none where it is no name."""
    if not rest or rest[0][1] != "," or len(part) > 2 or part[-1].initial:
        return []
    first = rest[0][0]
    if not first.has(GIVEN) or first.has(CREDENTIAL | PLACE | CLINICAL | DRUG | CALENDAR | NOBODY):
        return []
    if any(word.has(WORD | CITY | TERM) and not word.has(SURNAME) for word in part):
        return []
    if part[0].has(GIVEN) and len(part) > 1 and part[0].folded not in PARTICLES:
        return []  # A list of people.
    if not (part[0].has(SURNAME) or first.has(USUAL_GIVEN)):
        return []
    swapped = [first]
    for word, gap in rest[1:3]:
        if (
            gap == ","
            or word.has(TITLE | CREDENTIAL)
            or not _may_be_name(text, word, False, any_case)
        ):
            break
        if not word.initial and word.has(WORD) and not word.has(GIVEN):
            break
        swapped.append(word)
    return swapped


def _judge(
    text: str,
    part: list[Word],
    swapped: bool,
    titled: bool,
    rest: list[tuple[Word, str]],
    any_case: bool,
) -> Span | None:
    part = _trimmed(part, titled)
    if not part:
        return None
    start, end = part[0].start, part[-1].end
    particle = _PARTICLES_BEFORE.search(text, max(0, start - 16), start)
    start = start if particle is None else particle.start()
    if not titled and _of_a_thing(text, part, rest):
        return None
    score = _own_score(text, part, swapped, any_case)
    before = context_before(text, start)
    if titled:
        score = _TITLED
    elif before is not None and _fits(text, part, before.strict):
        score = max(score, before.score)
    if score < _LABELLED and not all(word.initial for word in part):
        if after_is_credential(text, end) and _fits(text, part, strict=False):
            score = _LABELLED
        elif score < _LIKELY and after_is_age(text, end) and _fits(text, part, strict=False):
            score = _LIKELY
    if not score:
        return None
    end = _with_suffix(text, end)
    degree = _DEGREE.match(text, end)
    end = end if degree is None else degree.end()
    return start, end, score


_PARTICLES_BEFORE = re.compile(
    r"(?<![\w'’-])(?:(?:van|von|de|del|della|der|den|di|da|dos|das|du|la|le|el|al|bin|bint|ibn|ben"
    r"|abu|ter)[ ]"
    r"|(?:al|el)-|[dl]['’]){1,3}\Z"
)


def _trimmed(part: list[Word], titled: bool) -> list[Word]:
    if not titled:
        # A sentence may begin with a word that is a name as well: "Will", "Mark".
        while len(part) > 2 and part[0].has(WORD) and not part[0].has(GIVEN):
            part = part[1:]
    while len(part) > 1 and (
        (part[-1].has(WORD) and not part[-1].has(NAME))
        or (part[-1].initial and part[-1].folded in {"a", "i"})
    ):
        part = part[:-1]
    return part


def _of_a_thing(text: str, part: list[Word], rest: list[tuple[Word, str]]) -> bool:
    """Tell whether it names a street, a hospital, a firm or an illness."""
    if rest and rest[0][1] in {" ", "p"} and rest[0][0].folded in NOT_A_PERSON:
        return True
    if part[-1].folded in NOT_A_PERSON:
        return True
    return after_is_thing(text, part[-1].end) and (
        len(part) == 1 or any(word.has(EPONYM) for word in part)
    )


def _own_score(text: str, part: list[Word], swapped: bool, any_case: bool) -> float:
    full = [word for word in part if not word.initial]
    if not full:
        return 0.0
    first, last = full[0], full[-1]
    if swapped:
        return _FULL if first.has(SURE_SURNAME) or last.has(SURE_GIVEN) else _LIKELY
    if len(full) == 1:
        return _one_word_score(text, part, full[0], any_case)
    shouted = not any_case and text[first.start : last.end].isupper()
    if first.has(SURE_GIVEN):
        if last.has(SURE_SURNAME | SURE_GIVEN):
            return _FULL
        if last.has(SURNAME):
            return _LIKELY
        return _GUESS if shouted or any_case or last.has(CITY) else _LIKELY
    if first.has(GIVEN) and last.has(SURE_SURNAME):
        return _LIKELY
    joined = part[1].initial or text[part[-2].end : part[-1].start].strip()
    if first.has(GIVEN) and joined and not last.has(WORD):
        return _LIKELY
    if last.has(SURE_GIVEN) and first.has(SURE_SURNAME):
        return _LIKELY
    if shouted or any_case or last.has(CITY) or not last.has(SURE_SURNAME):
        return 0.0
    return _GUESS if first.has(SURE_SURNAME) or not first.kinds else 0.0


def _one_word_score(text: str, part: list[Word], word: Word, any_case: bool) -> float:
    if len(part) == 1:
        return _SINGLE if word.has(USUAL_GIVEN) else 0.0
    if word.folded in _BACTERIA:
        return 0.0
    dotted = any(text[item.end - 1] == "." or text[item.end : item.end + 1] == "." for item in part
                 if item.initial)  # fmt: skip
    if part[0].initial:
        if not dotted:
            return 0.0
        shouted = text[word.start : word.end].isupper()
        if word.has(SURE_NAME):
            return _LIKELY
        return _GUESS if word.has(NAME) and not shouted and not any_case else 0.0
    if word.has(SURE_GIVEN):
        return _LIKELY if dotted else _SINGLE
    return _GUESS if dotted and word.has(NAME) and not word.has(WORD) else 0.0


def _fits(text: str, part: list[Word], strict: bool) -> bool:
    """Tell whether words can be a name where something beside them says that one stands there."""
    full = [word for word in part if not word.initial and word.folded not in SUFFIXES]
    if not full or any(word.has(PLACE) for word in full):
        return False
    value = text[full[0].start : full[-1].end]
    if len(full) == 1 and value.isupper() and len(value) < 5 and not text.isupper():
        return not strict and full[0].has(NAME)
    if strict:
        return (
            any(word.has(SURE_NAME) for word in full)
            or (len(full) == 2 and full[0].has(GIVEN) and full[1].has(SURNAME))
            or (len(full) > 1 and not any(word.has(WORD | TERM) for word in full))
        )
    return not all(word.has(WORD | TERM) and not word.has(NAME) for word in full)


# Without a comma it is written as a part of the name.
_DEGREE = re.compile(r"[ ](?:MD|DDS|DVM|PhD|RN|DO|NP|PA|JD|CPA)\b(?![-/])")
_SUFFIX = re.compile(r",?[ \t]{1,2}(Jr|Sr|JR|SR|II|III|IV)\b\.?")


def _with_suffix(text: str, end: int) -> int:
    match = _SUFFIX.match(text, end)
    return end if match is None else match.end()


_INTRODUCED = linear.compile(
    r"\b(?i:name(?:['’]?s| is|d)|i am|i['’]?m|this is|call me|dear|hi|hey|hello|regards,?|thanks,?"
    r"|spoke (?:with|to)"
    r"|name:|patient:|pt:|patient)[ \t]{1,2}\n?[a-z]|\b(?:[Dd]r|[Mm]r|[Mm]rs"
    r"|[Mm]s)\.?[ \t]{1,2}[a-z]"
)
_SIGNED = re.compile(r"(?:[-–—~][ ]?|\n)([^\W\d_]{3,20}(?:[ ][^\W\d_]{2,20})?)\s{0,3}\Z")
_SIGNED_CHARS = 48
_GREETED = word_set("hi hey hello dear")
_LOWER_NAME = re.compile(r"[a-z]++(?:['’-][a-z]++)?(?:[ \t][a-z]++(?:['’-][a-z]++)?){0,2}")
_TITLE_END = re.compile(r"\b(?:[Dd]r|[Mm]r|[Mm]rs|[Mm]s)\.?\s*\Z")


_INITIALS = re.compile(
    r"(?<![\w.@-])(?:[A-Z\u00c0-\u00de]\.[ ]?){2,3}(?![A-Za-z0-9])"
    r"|(?<![\w.@-])(?:[a-z]\.){2}(?![a-z0-9])"
)
_AGED = re.compile(r",[ ](?:an?[ ])?[0-9]{1,3}(?:,|[ ]|y|-)|[ ]is[ ]an?[ ][0-9]{1,3}\b")


def _initials(text: str) -> Iterator[Span]:
    """Give initials that stand for a person: where an age follows, or at the end of a note."""
    for match in _INITIALS.finditer(text):
        value = match[0].rstrip()
        if value.lower().replace(" ", "") in abbreviations():
            continue
        end = match.start() + len(value)
        last = not text[end:].strip() and text[: match.start()].rstrip()[-1:] in {".", "", "-"}
        if last or _AGED.match(text, end) is not None or (
            (before := context_before(text, match.start())) is not None and not before.strict
        ):  # fmt: skip
            yield match.start(), end, _SINGLE


def _introduced(text: str) -> Iterator[Span]:
    """Give names in lower case behind words that introduce one, and one that signs a text."""
    signed = _SIGNED.search(text[-_SIGNED_CHARS:])
    if signed is not None:
        offset = max(0, len(text) - _SIGNED_CHARS)
        [*words] = words_in(text, offset + signed.start(1), offset + signed.end(1), any_case=True)
        if words and words[0].has(SURE_GIVEN):
            yield words[0].start, words[-1].end, _SINGLE
    for match in _INTRODUCED.finditer(text):
        first = match.end() - 1
        name = _LOWER_NAME.match(text, first)
        if name is None:
            continue
        titled = _TITLE_END.search(match[0][:-1]) is not None
        words: list[Word] = []
        for word in words_in(text, name.start(), name.end(), any_case=True):
            known = word.has(SURE_NAME) or (
                titled and not words and word.has(SURNAME) and not word.has(NOBODY | CLINICAL)
            )
            if not known or word.folded in PARTICLES | SUFFIXES:
                break
            words.append(word)
        greeted = match[0][:-1].strip().lower() in _GREETED
        if words and (
            titled or words[0].has(SURE_GIVEN if greeted else USUAL_GIVEN) or len(words) > 1
        ):
            yield match.start() if titled else words[0].start, words[-1].end, _LIKELY
