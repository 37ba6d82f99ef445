"""Streets and whole addresses, in the order of several countries."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from redaction import linear
from redaction.name_words import CALENDAR, CLINICAL, DRUG, is_casual, words_in
from redaction.recognizers.address_tail import PLACE_WORD, with_tail
from redaction.recognizers.base import Span, has_digit

_FORM, _LIKELY, _GUESS = 0.7, 0.6, 0.45

_TYPES = (
    "Street|St|Avenue|Ave|Av|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Place|Pl|Square|Sq"
    "|Terrace"
    "|Ter|Parkway|Pkwy|Circle|Cir|Highway|Hwy|Trail|Trl|Way|Crescent|Cres|Close|Mews|Gardens|Grove"
    "|Row|Walk"
    "|Alley|Plaza|Loop|Path|Pike|Turnpike|Tpke|Expressway|Expy|Freeway|Fwy|Route|Rte|Bypass"
    "|Crossing|Xing"
    "|Ridge|Run|Landing|Point|Hill|Heights|Hts|View|Vista|Park|Green|Quay|Wharf|Esplanade|Parade"
    "|Broadway"
    "|Bend|Cove|Creek|Glen|Hollow|Knoll|Meadow|Meadows|Oaks|Orchard|Overlook|Pass|Pines|Shore"
    "|Shores|Spur"
    "|Springs|Station|Summit|Trace|Track|Union|Valley|Village|Villages|Well|Wells"
)
_SURE_TYPES = (
    "street|st|avenue|ave|road|rd|boulevard|blvd|lane|ln|drive|dr|court|ct"
    "|parkway|pkwy|highway|hwy|terrace|loop|pike|way|place|square"
)
_UNIT = (
    r"(?:,?[ \t\n]{1,2}(?:(?:Apt|APT|Apartment|Suite|Ste|STE|Unit|UNIT|Flat|Floor|Fl|Room|Rm|Bldg"
    r"|Building|Lot|Trlr|No)"
    r"\b\.?[ \t]{0,2}#?[ ]?[0-9A-Za-z-]{1,6}|#[ ]?[0-9A-Za-z-]{1,6}|[0-9]{1,2}(?:st|nd|rd"
    r"|th)[ ]Floor)){0,2}"
)
_WORD = (
    r"(?:(?:van|von|de|del|la|bin|der|den)[ ]){0,2}(?:[dl]['’])?"
    r"[A-Z0-9\u00c0-\u00de][\w'’.\-]{0,24}+"
)
_STREET = re.compile(
    r"(?<![0-9A-Za-z.,/$-])[0-9]{1,6}(?:[-/][0-9]{1,5})?[A-Za-z]?,?[ \t]{1,2}"
    rf"(?:(?:[NSEW]|N[EW]|S[EW]|North|South|East"
    rf"|West)\b\.?[ ]{{1,2}})?(?:{_WORD}[ \t]{{1,2}}){{0,4}}?"
    rf"(?:{_WORD}(?:[ \t]{{1,2}}|[ ]?\n[ \t]{{0,12}})(?:{_TYPES}|{_TYPES.upper()})\b(?![a-z'’])\.?"
    rf"|Broadway\b"
    rf"|(?:Highway|Hwy|Route|Rte|County Road|CR)"
    r"[ ][0-9]{1,4}[A-Z]?\b)(?:[ ](?:N|S|E|W|NE|NW|SE|SW|North|South|East|West)\b(?!['’]))?\.?"
    rf"{_UNIT}"
)
_LOWER_STREET = re.compile(
    r"(?<![0-9A-Za-z.,/$-])[0-9]{1,5}[ ](?:(?!(?:to|the|an?|of|in|for|miles?|days?|and|at"
    r"|or)\b)(?:[nsew]|[a-z0-9]{2,16})\.?[ ]){1,3}"
    rf"(?:{_SURE_TYPES})\b(?![ ](?:of|to|a)\b)(?:,?[ ](?:apt|unit|suite)\.?[ ][0-9]{{1,4}}[a-z]?)?",
)
_BOX = re.compile(
    r"(?i)\b(?:P\.?[ ]?O\.?[ ]?Box|post office box|apartado(?: postal)?|postfach|boîte postale"
    r"|HC[ ][0-9]{1,3}"
    r"[ ]Box|R\.?R\.?[ ]?[0-9]{1,3},?[ ]Box"
    r"|rural route[ ][0-9]{1,3}(?:,?[ ]box)?)[ #:]{0,3}[0-9]{1,6}\b"
)
# German, Dutch, Nordic: the kind of street is the end of its name, and the number follows.
_SUFFIXED = re.compile(
    r"(?<![\w])[A-Z\u00c0-\u00de][\w\u00c0-\u024f\-]{1,30}?(?:straße|strasse|str\.|weg|platz|allee"
    r"|gasse|ring|damm|ufer"
    r"|graben|straat|laan|plein|gracht|kade|dijk|gatan|vägen|gata|veien|vej|gade|katu|tie"
    r"|utca)[ ]{1,2}"
    r"[0-9]{1,4}[ ]?[a-zA-Z]?\b(?:[-/][0-9]{1,4})?"
)
_SEPARATE = re.compile(
    r"\b(?:[A-Z\u00c0-\u00de][\w\u00c0-\u024f-]{1,20}er[ -](?:Straße|Strasse|Str\.|Weg|Platz|Allee"
    r"|Ring|Damm)"
    r"|(?:Am|An der|Auf dem|Im|Zum"
    r"|Zur)[ ][A-Z\u00c0-\u00de][\w\u00c0-\u024f-]{2,20})[ ][0-9]{1,4}[a-z]?\b"
)
_NAME_WORDS = (
    r"(?:[ ](?:(?:de|del|du|des|la|las|los|le|les|da|do|dos|das|di|della|dei|delle|y|e|i)\b"
    r"|[A-Z\u00c0-\u00de0-9][\w\u00c0-\u024f.'’-]{0,20}+)){1,6}?"
)
_KIND_FIRST = re.compile(
    r"\b(?:Calle|C/|Avenida|Avda\.?|Av\.|Plaza|Paseo|Pso\.|Carrera|Cra\.?|Camino|Ronda|Via|Viale"
    r"|Piazza|Corso|Largo"
    rf"|Vicolo|Rua|Travessa|Praça|Alameda|Estrada|Carrer){_NAME_WORDS},?[ ](?:n[.º°o]{{0,2}}[ ]?"
    rf"|#[ ]?)?[0-9]{{1,5}}"
    r"(?:[ ]?[-–][ ]?[0-9]{1,4})?[A-Za-z]?\b",
)
_FRENCH = re.compile(
    r"(?<![0-9A-Za-z.,/-])[0-9]{1,4}(?:[ ]?(?:bis|ter|quater))?,?[ ]{1,2}(?:rue|avenue|av\."
    r"|boulevard|bd\.?|place|chemin"
    r"|allée|impasse|quai|route|cours|square|passage|Rue|Avenue|Boulevard|Place|Chemin|Allée"
    r"|Impasse|Quai)[ ]"
    r"(?:(?:de|du|des|la|le|les|l['’]"
    r"|d['’])[ ]?){0,3}(?:[A-Z\u00c0-\u00de][\w\u00c0-\u024f'’-]{0,20}[ ]?){1,4}"
)

_MILITARY = re.compile(
    r"\b(?:(?:PSC|CMR|Unit|UNIT)[ ][0-9]{1,5},?[ ]Box[ ][0-9]{1,5}|US(?:NS|S|CGC"
    r"|NV)[ ][A-Z][\w'’. -]{1,24})[, \n]{1,3}"
    r"[ADF]PO,?[ ]A[AEP][ ][0-9]{5}(?:-[0-9]{4})?\b"
)
_BEFORE_UNIT = re.compile(
    rf"(?<![\w.,/$-])(?:[0-9]{{1,5}}[ ])?(?:{_WORD}[ ]){{1,4}}[0-9]{{1,5}}[A-Za-z]?,?[ \n]{{1,2}}"
    rf"(?:Apt|Suite|Unit|Flat)\b\.?[ ]"
    r"[0-9]{1,5}[A-Za-z]?\b"
)
_SLAVIC = re.compile(
    r"\b(?:ul|al|os|pl|ulica|ulice|utca|út|str|Str"
    r"|nám)\b\.?[ ][A-Z\u00c0-\u017d][\w\u00c0-\u024f.-]{1,24}(?:[ ][\w\u00c0-\u024f.-]{2,24})?[ ]"
    r"[0-9]{1,4}(?:/[0-9]{1,4})?[a-z]?\b|[A-Z\u00c0-\u017d][\w\u00c0-\u024f-]{1,24}[ ](?:utca|út"
    r"|útja|tér|körút)[ ][0-9]{1,4}\b"
)
# A number, a name and a number again: an address where a town, a land or a code follows.
_BARE_STREET = re.compile(
    rf"(?<![\w.,/$:-])(?:[0-9]{{1,6}}[ ]){{0,2}}{PLACE_WORD}"
    rf"(?:[ ]{PLACE_WORD}){{0,4}}[ ][0-9]{{1,4}}[a-zA-Z]?\.?\Z"
)
_BARE_CHARS = 90
_FEWEST_TRIES, _CHARS_A_TRY = 16, 40
_NUMBER_AND_BREAK = linear.compile(
    r"[^\W\d_.][.]?[ ][0-9]{1,4}[a-zA-Z]?\.?(?:[ ]?[,\n]|[ ](?:Apt|Suite|Unit|[A-Z]))"
)
_BREAK_CHARS = re.compile(r"[a-zA-Z.]?[ ]?[,\n]\Z|[ ](?:Apt|Suite|Unit|[A-Z])\Z")
_CORNER = re.compile(
    rf"\b[Cc]orner of ((?:[0-9]{{1,6}}(?:st|nd|rd"
    rf"|th)?[ ]?)?(?:{PLACE_WORD}[ ]){{0,4}}(?:[0-9]{{1,5}}[ ])?and[ ](?:[0-9]{{1,6}}(?:st|nd|rd"
    rf"|th)?[ ]?)?"
    rf"(?:{PLACE_WORD}[ ]?){{0,4}}(?:[0-9]{{1,5}})?)"
)
_SAID_ADDRESS = re.compile(
    r"\b(?:address(?:[ ](?:is|was|to|with|of|on file)(?:[ ]is)?|[ ]?[:=])|li(?:ves|ved|ving)[ ]at"
    r"|resid(?:es|ed|ing)[ ]at"
    r"|located[ ]at|delivered?[ ]to|office[ ]is[ ]at)[ \t]{0,4}((?:[0-9]{1,6}"
    r"|[A-Z#])[^\n;:!?]{4,80})",
    re.IGNORECASE,
)
_SAID_WORD = linear.compile(
    r"(?i)\b(?:address|li(?:ves|ved|ving) at|resid(?:es|ed|ing) at|located at|delivered? to"
    r"|office is at)\b"
)
_ADDRESS_END = re.compile(
    r"[.]\s|\s(?:and|for|in case|last|after|since|with|but|so|because|who|which|please)\b|\)|\Z"
)


class _Kind(NamedTuple):
    gate: Any
    """A quick pattern without which the exact one, which backtracks, need not run."""
    pattern: re.Pattern[str]
    score: float


_KINDS = (
    _Kind(linear.compile(r"[ADF]PO,?[ ]A[AEP][ ]"), _MILITARY, _FORM),
    _Kind(
        linear.compile(r"[0-9][A-Za-z]?,?[ \n]{1,2}(?:Apt|Suite|Unit|Flat)\b"),
        _BEFORE_UNIT,
        _LIKELY,
    ),
    _Kind(
        linear.compile(
            r"\b(?:ul|al|os|pl|ulica|ulice|utca|str|Str|nám|u)\b\.?[ ]|(?:utca|út|útja|tér"
            r"|körút)[ ][0-9]"
        ),
        _SLAVIC,
        _LIKELY,
    ),
    _Kind(
        linear.compile(
            rf"(?:{_TYPES}|{_TYPES.upper()})\b|[ ](?:Highway|Hwy|Route|Rte|County Road|CR)[ ]"
        ),
        _STREET,
        _FORM,
    ),
    _Kind(linear.compile(r"(?i)\bbox\b|apartado|postfach|postale|rural route"), _BOX, _FORM),
    _Kind(
        linear.compile(
            r"(?:stra(?:ß|ss)e|str\.|weg|platz|allee|gasse|ring|damm|ufer|graben|straat|laan|plein"
            r"|gracht|kade|dijk"
            r"|gatan|vägen|gata|veien|vej|gade|katu|tie|utca)[ ]{1,2}[0-9]"
        ),
        _SUFFIXED,
        _FORM,
    ),
    _Kind(
        linear.compile(
            r"\b(?:Stra(?:ß|ss)e|Str\.|Weg|Platz|Allee|Ring|Damm|Am|An der|Auf dem|Im|Zum|Zur)[ ]"
        ),
        _SEPARATE,
        _LIKELY,
    ),
    _Kind(
        linear.compile(
            r"\b(?:Calle|C/|Avda|Av|Avenida|Plaza|Paseo|Pso|Carrera|Cra|Camino|Ronda|Via|Viale"
            r"|Piazza|Corso|Largo"
            r"|Vicolo|Rua|Travessa|Praça|Alameda|Estrada|Carrer)\b"
        ),
        _KIND_FIRST,
        _LIKELY,
    ),
    _Kind(
        linear.compile(
            r"[ ](?i:rue|avenue|av\.|boulevard|bd|place|chemin|allée|impasse|quai|route|cours"
            r"|square|passage)[ .]"
        ),
        _FRENCH,
        _LIKELY,
    ),
)


def streets(text: str) -> Iterator[Span]:
    """Give the spans of addresses in a text that has a digit in it."""
    for kind in _KINDS:
        if kind.gate.search(text) is not None:
            for match in kind.pattern.finditer(text):
                yield match.start(), with_tail(text, match.end()), kind.score
    yield from _bare(text)
    yield from _said(text)
    if "orner of" in text:
        for match in _CORNER.finditer(text):
            yield *match.span(1), _LIKELY
    if is_casual(text):
        for match in _LOWER_STREET.finditer(text):
            yield match.start(), _small_tail(text, match.end()), _LIKELY


_SMALL_TAIL = re.compile(
    r"(?:,?[ ][a-z][a-z .'-]{2,24}){1,2},?[ ][a-z]{2,14}(?:[ ][a-z]{4,12})?[ ][0-9]{5}"
    r"(?:-[0-9]{4})?\b"
)


def _small_tail(text: str, end: int) -> int:
    match = _SMALL_TAIL.match(text, end)
    return end if match is None else match.end()


def _is_date(street: str) -> bool:
    """Tell "Feb 21, 2023" from a street with a post code."""
    return any(word.has(CALENDAR | CLINICAL | DRUG) for word in words_in(street))


def _bare(text: str) -> Iterator[Span]:
    # Each try costs some time, and a text of addresses has one in some ten words.
    tries = _FEWEST_TRIES + len(text) // _CHARS_A_TRY
    for anchor in _NUMBER_AND_BREAK.finditer(text):
        tries -= 1
        if not tries:
            return
        separator = _BREAK_CHARS.search(text[anchor.start() : anchor.end()])
        if separator is None:
            continue
        number_end = anchor.start() + separator.start()
        number_end += (
            text[number_end : number_end + 1].isalpha() or text[number_end : number_end + 1] == "."
        )
        tail = with_tail(text, number_end, sure=True)
        if tail == number_end:
            continue
        offset = max(0, anchor.start() - _BARE_CHARS)
        street = _BARE_STREET.search(text[offset:number_end])
        if street is not None and not _is_date(street[0]):
            yield offset + street.start(), tail, _LIKELY


def _said(text: str) -> Iterator[Span]:
    """Give what is said to be an address, up to where the sentence goes on."""
    for word in _SAID_WORD.finditer(text):
        said = _SAID_ADDRESS.match(text, word.start())
        if said is None:
            continue
        stop = _ADDRESS_END.search(said[1])
        value = said[1][: stop.start()] if stop is not None else said[1]
        if has_digit(value) and "@" not in value and "://" not in value:
            yield said.start(1), said.start(1) + len(value.rstrip(" ,")), _LIKELY
