"""Places by their form: addresses, post codes, cities with their state, counties, coordinates."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar

import re2

from redaction.lexicon import STATE_CODES, cities, fold, states
from redaction.name_words import CALENDAR, CITY, CLINICAL, NOBODY, SURE_GIVEN, WORD, words_in
from redaction.recognizers.base import Recognizer, Span, has_digit
from redaction.recognizers.facilities import facilities

_FORM, _LIKELY, _GUESS, _WIDE, _DOUBTFUL = 0.7, 0.6, 0.45, 0.35, 0.3

_TYPES = (
    "Street|St|Avenue|Ave|Av|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Place|Pl|Square|Sq|Terrace"
    "|Ter|Parkway|Pkwy|Circle|Cir|Highway|Hwy|Trail|Trl|Way|Crescent|Cres|Close|Mews|Gardens|Grove|Row|Walk"
    "|Alley|Plaza|Loop|Path|Pike|Turnpike|Tpke|Expressway|Expy|Freeway|Fwy|Route|Rte|Bypass|Crossing|Xing"
    "|Ridge|Run|Landing|Point|Hill|Heights|Hts|View|Vista|Park|Green|Quay|Wharf|Esplanade|Parade|Broadway"
    "|Bend|Cove|Creek|Glen|Hollow|Knoll|Meadow|Meadows|Oaks|Orchard|Overlook|Pass|Pines|Shore|Shores|Spur"
    "|Springs|Station|Summit|Trace|Track|Union|Valley|Village|Villages|Well|Wells"
)
_SURE_TYPES = (
    "street|st|avenue|ave|road|rd|boulevard|blvd|lane|ln|drive|dr|court|ct|parkway|pkwy|highway|hwy|terrace"
)
_UNIT = (
    r"(?:,?[ \t\n]{1,2}(?:(?:Apt|APT|Apartment|Suite|Ste|STE|Unit|UNIT|Flat|Floor|Fl|Room|Rm|Bldg|Building|Lot|Trlr|No)"
    r"\b\.?[ \t]{0,2}#?[ ]?[0-9A-Za-z-]{1,6}|#[ ]?[0-9A-Za-z-]{1,6}|[0-9]{1,2}(?:st|nd|rd|th)[ ]Floor)){0,2}"
)
_WORD = r"[A-Z0-9\u00c0-\u00de][\w'’.\-]{0,24}+"
_STREET = re.compile(
    r"(?<![0-9A-Za-z.,/$-])[0-9]{1,6}(?:[-/][0-9]{1,5})?[A-Za-z]?,?[ \t]{1,2}"
    rf"(?:(?:[NSEW]|N[EW]|S[EW]|North|South|East|West)\b\.?[ ]{{1,2}})?(?:{_WORD}[ \t]{{1,2}}){{0,4}}?"
    rf"(?:{_WORD}(?:[ \t]{{1,2}}|[ ]?\n[ \t]{{0,12}})(?:{_TYPES})\b(?![a-z'’])\.?|Broadway\b|(?:Highway|Hwy|Route|Rte|County Road|CR)"
    r"[ ][0-9]{1,4}[A-Z]?\b)(?:[ ](?:N|S|E|W|NE|NW|SE|SW|North|South|East|West)\b(?!['’]))?\.?"
    rf"{_UNIT}"
)
_LOWER_STREET = re.compile(
    rf"(?<![0-9A-Za-z.,/$-])[0-9]{{1,5}}[ ](?:[a-z0-9]{{2,16}}[ ]){{1,3}}(?:{_SURE_TYPES})\b(?![ ](?:of|to|a)\b)",
)
_BOX = re.compile(
    r"(?i)\b(?:P\.?[ ]?O\.?[ ]?Box|post office box|apartado(?: postal)?|postfach|boîte postale|HC[ ][0-9]{1,3}"
    r"[ ]Box|R\.?R\.?[ ]?[0-9]{1,3},?[ ]Box|rural route[ ][0-9]{1,3}(?:,?[ ]box)?)[ #:]{0,3}[0-9]{1,6}\b"
)
_UNIT_ALONE = re.compile(r"\b(?:Apt|Apartment|Suite|Ste|apartment|apt)\b\.?[ ]{0,2}#?[ ]?[0-9]{1,5}[A-Za-z]?\b")

# German, Dutch, Nordic: the kind of street is the end of its name, and the number follows.
_SUFFIXED = re.compile(
    r"(?<![\w])[A-Z\u00c0-\u00de][\w\u00c0-\u024f\-]{1,30}?(?:straße|strasse|str\.|weg|platz|allee|gasse|ring|damm|ufer"
    r"|graben|straat|laan|plein|gracht|kade|dijk|gatan|vägen|gata|veien|vej|gade|katu|tie|utca)[ ]{1,2}"
    r"[0-9]{1,4}[ ]?[a-zA-Z]?\b(?:[-/][0-9]{1,4})?"
)
_SEPARATE = re.compile(
    r"\b(?:[A-Z\u00c0-\u00de][\w\u00c0-\u024f-]{1,20}er[ -](?:Straße|Strasse|Str\.|Weg|Platz|Allee|Ring|Damm)"
    r"|(?:Am|An der|Auf dem|Im|Zum|Zur)[ ][A-Z\u00c0-\u00de][\w\u00c0-\u024f-]{2,20})[ ][0-9]{1,4}[a-z]?\b"
)
_NAME_WORDS = r"(?:[ ](?:(?:de|del|du|des|la|las|los|le|les|da|do|dos|das|di|della|dei|delle|y|e|i)\b|[A-Z\u00c0-\u00de0-9][\w\u00c0-\u024f.'’-]{0,20}+)){1,6}?"
_KIND_FIRST = re.compile(
    r"\b(?:Calle|C/|Avenida|Avda\.?|Av\.|Plaza|Paseo|Pso\.|Carrera|Cra\.?|Camino|Ronda|Via|Viale|Piazza|Corso|Largo"
    rf"|Vicolo|Rua|Travessa|Praça|Alameda|Estrada|Carrer){_NAME_WORDS},?[ ](?:n[.º°o]{{0,2}}[ ]?|#[ ]?)?[0-9]{{1,5}}"
    r"(?:[ ]?[-–][ ]?[0-9]{1,4})?[A-Za-z]?\b",
)
_FRENCH = re.compile(
    r"(?<![0-9A-Za-z.,/-])[0-9]{1,4}(?:[ ]?(?:bis|ter|quater))?,?[ ]{1,2}(?:rue|avenue|av\.|boulevard|bd\.?|place|chemin"
    r"|allée|impasse|quai|route|cours|square|passage|Rue|Avenue|Boulevard|Place|Chemin|Allée|Impasse|Quai)[ ]"
    r"(?:(?:de|du|des|la|le|les|l['’]|d['’])[ ]?){0,3}(?:[A-Z\u00c0-\u00de][\w\u00c0-\u024f'’-]{0,20}[ ]?){1,4}"
)

_STATE = "|".join(sorted(STATE_CODES))
_MILITARY = re.compile(
    r"\b(?:(?:PSC|CMR|Unit|UNIT)[ ][0-9]{1,5},?[ ]Box[ ][0-9]{1,5}|US(?:NS|S|CGC|NV)[ ][A-Z][\w'’. -]{1,24})[, \n]{1,3}"
    r"[ADF]PO,?[ ]A[AEP][ ][0-9]{5}(?:-[0-9]{4})?\b"
)
_BEFORE_UNIT = re.compile(
    rf"(?<![\w.,/$-])(?:[0-9]{{1,5}}[ ])?(?:{_WORD}[ ]){{1,4}}[0-9]{{1,5}}[A-Za-z]?,?[ \n]{{1,2}}(?:Apt|Suite|Unit|Flat)\b\.?[ ]"
    r"[0-9]{1,5}[A-Za-z]?\b"
)
_SLAVIC = re.compile(
    r"\b(?:ul|al|os|pl|ulica|ulice|utca|út|str|Str|nám)\b\.?[ ][A-Z\u00c0-\u017d][\w\u00c0-\u024f.-]{1,24}(?:[ ][\w\u00c0-\u024f.-]{2,24})?[ ]"
    r"[0-9]{1,4}(?:/[0-9]{1,4})?[a-z]?\b|[A-Z\u00c0-\u017d][\w\u00c0-\u024f-]{1,24}[ ](?:utca|út|útja|tér|körút)[ ][0-9]{1,4}\b"
)
# What follows an address, over several lines too: town, state, country, code.
_TAIL = re.compile(
    r"(?:[ ]?,?[ \n]{1,4}(?:[A-Z\u00c0-\u017d\u0391-\u03a9][\w\u00c0-\u024f\u0370-\u03ff'’.\-]{1,20}+[ ]?){1,4}+)?"
    r"(?:[ ]?\n?[ ]{0,4},[ ]?|[ \n]{1,5})(?:(?:[A-Z]{2}|nan)\b[ \n,]{0,5})?(?:(?:[A-Z][\w'’()]{2,20}[ ]?){1,3}+[ ])?"
    r"[0-9]{4,6}(?:-[0-9]{3,4})?(?![0-9-])"
)
_TAIL_TOWN = re.compile(
    rf"[ ]?,?[ \n]{{1,4}}(?:[A-Z\u00c0-\u017d][\w\u00c0-\u024f'’\-]{{1,20}}+[ ]?){{1,3}}?(?:,[ ]?|[ ])(?:{'|'.join(sorted(STATE_CODES))})\b"
)
_SAID_ADDRESS = re.compile(
    r"\b(?:address(?:[ ](?:is|was|to|with|of|on file)(?:[ ]is)?|[ ]?[:=])|li(?:ves|ved|ving)[ ]at|resid(?:es|ed|ing)[ ]at"
    r"|located[ ]at|delivered?[ ]to|office[ ]is[ ]at)[ \t]{0,4}((?:[0-9]{1,6}|[A-Z#])[^\n;:!?]{4,80})",
    re.IGNORECASE,
)
_SAID_WORD = re2.compile(r"(?i)\b(?:address|li(?:ves|ved|ving) at|resid(?:es|ed|ing) at|located at|delivered? to|office is at)\b")
_ADDRESS_END = re.compile(r"[.]\s|\s(?:and|for|in case|last|after|since|with|but|so|because|who|which|please)\b|\)|\Z")
_STATE_ZIP = re.compile(rf"\b(?:{_STATE})[,. ]{{1,3}}[0-9]{{5}}(?:-[0-9]{{4}})?(?![0-9-])")
_ZIP_LABELLED = re.compile(
    r"(?i)\b(?:zip|postal|post|postcode|plz|cap|cp)\b[ _-]?(?:code)?[ ]{0,2}(?:is|of|:|=|#)?[ ]{0,2}([0-9]{4,6}(?:-[0-9]{3,4})?)(?![0-9])"
)
_ZIP_WORD = re2.compile(r"(?i)\b(?:zip|postal|post ?code|plz)\b")
_UK_POSTCODE = re.compile(r"\b(?:[A-Z]{1,2}[0-9][0-9A-Z]?[ ]?[0-9][ABD-HJLNP-UW-Z]{2}|GIR[ ]?0AA)\b")
_CA_POSTCODE = re.compile(r"\b[ABCEGHJ-NPRSTVXY][0-9][A-Z][ -]?[0-9][A-Z][0-9]\b")
_CODE_CITY = re.compile(
    r"(?<=[,\n(])(?:(?<=,)[ ])?(?:[A-Z]{1,2}-)?[0-9]{4,5}(?:[ ][A-Z]{2})?[ ][A-Z\u00c0-\u00de][a-z\u00df-\u024f-]{2,24}(?:[ ]"
    r"(?:am|an der|sur|de|di)[ ][A-Z][a-z]{2,15})?"
)
_COORDINATES = re.compile(
    r"(?<![0-9A-Za-z.,-])([-+]?[0-9]{1,2}\.[0-9]{3,8})[ ]?°?[ ]?([NS])?[, ]{1,3}([-+]?[0-9]{1,3}\.[0-9]{3,8})[ ]?°?[ ]?([EW])?"
    r"(?![0-9.,])"
)
_DEGREES = re.compile(
    r"[0-9]{1,3}°[ ]?[0-9]{1,2}['′’](?:[ ]?[0-9]{1,2}(?:\.[0-9]{1,4})?(?:[\"″”]|''))?[ ]?[NSEW](?![A-Za-z])"
)
_LOCATED = re.compile(r"(?i)\b(?:lat|lon|lng|long|latitude|longitude|gps|coord\w{0,8}|located|location|geo\w{0,8})\b")
_LOCATED_CHARS = 40


class AddressRecognizer(Recognizer):
    """LOCATION: addresses and all that is below a state; facilities of care and schools too."""

    entity: ClassVar[str] = "LOCATION"

    def find(self, text: str) -> Iterator[Span]:
        """Give the spans of places."""
        yield from facilities(text)
        yield from _towns(text)
        if not has_digit(text):
            return
        for pattern, score in _WITH_DIGITS:
            for match in pattern.finditer(text):
                yield match.start(), _with_tail(text, match.end()), score
        yield from _said(text)
        if text.islower():
            for match in _LOWER_STREET.finditer(text):
                yield *match.span(), _LIKELY
        for word in _ZIP_WORD.finditer(text):
            code = _ZIP_LABELLED.match(text, word.start())
            if code is not None:
                yield *code.span(1), _FORM
        for match in _COORDINATES.finditer(text):
            if abs(float(match[1])) > 90 or abs(float(match[3])) > 180:
                continue
            said = match[2] or match[4] or _LOCATED.search(
                text, max(0, match.start() - _LOCATED_CHARS), match.start()
            )  # fmt: skip
            yield *match.span(), _FORM if said else _DOUBTFUL


def _with_tail(text: str, end: int) -> int:
    for pattern in (_TAIL, _TAIL_TOWN):
        match = pattern.match(text, end)
        if match is not None:
            return match.end()
    return end


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


_WITH_DIGITS = (
    (_MILITARY, _FORM),
    (_BEFORE_UNIT, _LIKELY),
    (_SLAVIC, _LIKELY),
    (_STREET, _FORM),
    (_BOX, _FORM),
    (_SUFFIXED, _FORM),
    (_SEPARATE, _LIKELY),
    (_KIND_FIRST, _LIKELY),
    (_FRENCH, _LIKELY),
    (_STATE_ZIP, _FORM),
    (_UK_POSTCODE, _LIKELY),
    (_CA_POSTCODE, _LIKELY),
    (_CODE_CITY, _GUESS),
    (_UNIT_ALONE, _GUESS),
    (_DEGREES, _FORM),
)

_TOWN = r"[A-Z\u00c0-\u00de][\w\u00c0-\u024f'’.\-]{1,20}+"
_COMMA_STATE = re2.compile(rf",\s{{0,2}}(?:{_STATE})\b")
_SPACE_STATE = re2.compile(rf"[a-z.][ ](?:{_STATE})\b")
_STATE_NAME = re2.compile(
    ",[ \n](?i:" + "|".join(sorted(name.replace(" ", "[ ]") for name in states())) + r")\b"
)
_BEFORE_COMMA = re.compile(rf"(?:{_TOWN}[ ]){{0,2}}{_TOWN}\Z")
_COUNTY = re2.compile(r"\b(?:County|Parish|Borough|Township|Twp|Shire|Municipality)\b")
_TOWN_CHARS = 48
_ZIP = re.compile(r"[ ,.]{1,3}[0-9]{5}(?:-[0-9]{4})?(?![0-9-])")
# Behind a name these are degrees as well.
_DEGREES_TOO = frozenset({"MD", "PA", "MA", "DO", "MS", "DE", "AL", "IN", "OR", "ME", "OK", "HI", "ID"})
_NOT_A_TOWN = frozenset(
    """
    the a an in at of from to and or for near by with is was his her their this that street st ave avenue
    road rd drive dr lane ln court ct blvd suite apt unit floor box department division office
    """.split()
)
_LIVING = re2.compile(
    r"(?i)\b(?:li(?:ves?|ved|ving)|resid(?:es?|ed|ing)|born|raised|moved|relocated|native|resident|located|based"
    r"|travel(?:l?ed)?|from|stays?|staying|grew up|visited|flew)(?: (?:back|here))?(?: (?:in|at|to|from|of|near))?[ ]"
)


def _towns(text: str) -> Iterator[Span]:
    for pattern in (_COMMA_STATE, _STATE_NAME):
        for match in pattern.finditer(text):
            yield from _town_before(text, match.start(), match.end())
    for match in _SPACE_STATE.finditer(text):
        yield from _town_before(text, match.start() + 1, match.end())
    for match in _COUNTY.finditer(text):
        start = max(0, match.start() - _TOWN_CHARS)
        before = _BEFORE_COMMA.search(text[start : match.start()].rstrip(" "))
        if before is not None and text[match.start() - 1 : match.start()] == " ":
            first = _without_small_words(before[0])
            if first:
                offset = match.start() - 1 - len(first)
                yield offset, match.end(), _LIKELY
    known = cities()
    for match in _LIVING.finditer(text):
        # What is said to be lived in is a place, whether it is known or not.
        town = _AFTER_LIVING.match(text, match.end())
        if town is None:
            continue
        words = list(words_in(text, town.start(), town.end()))
        if words and words[0].has(CALENDAR | CLINICAL):
            continue
        if fold(town[0]) in known or fold(town[0].split()[0]) in known:
            yield *town.span(), _LIKELY
        elif words and not any(word.has(WORD | NOBODY | SURE_GIVEN) for word in words):
            if match[0].rstrip().lower() not in {"from", "visited"}:
                yield *town.span(), _GUESS


_AFTER_LIVING = re.compile(rf"{_TOWN}(?:[ ]{_TOWN}){{0,2}}")


def _town_before(text: str, comma: int, end: int) -> Iterator[Span]:
    before = _BEFORE_COMMA.search(text[max(0, comma - _TOWN_CHARS) : comma])
    if before is None:
        return
    town = _without_small_words(before[0])
    if not town:
        return
    start = comma - len(town)
    code = text[comma + 1 : end].strip()
    words = list(words_in(text, start, comma))
    zipped = _ZIP.match(text, end)
    if zipped is not None:
        yield start, zipped.end(), _FORM
        return
    if (code in _DEGREES_TOO or text[comma] == " ") and fold(town) not in cities():
        return
    if not words or any(word.has(CLINICAL | CALENDAR | NOBODY) for word in words):
        return
    if all(word.has(WORD) and not word.has(CITY) for word in words) and fold(town) not in cities():
        return
    if fold(town) not in cities() and words and words[0].has(SURE_GIVEN) and code in STATE_CODES:
        return
    if any(word.has(WORD) for word in words) and len(words) > 2:
        return
    yield start, end, _LIKELY


def _without_small_words(town: str) -> str:
    words = town.split(" ")
    while words and words[0].lower().rstrip(".") in _NOT_A_TOWN:
        words = words[1:]
    if any(word.lower().rstrip(".") in _NOT_A_TOWN - {"st"} for word in words):
        return ""
    return " ".join(words)
