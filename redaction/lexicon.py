"""Lists of names and words that tell a name from what only looks like one.

The lists stand in `redaction/data`, with their sources and licences in their first lines. They are
read once, when a search first needs them.
"""

from __future__ import annotations

import functools
import unicodedata
from importlib.resources import files

_UNDECOMPOSED = str.maketrans(
    {"ß": "ss", "ł": "l", "ø": "o", "đ": "d", "æ": "ae", "ı": "i", "œ": "oe", "’": "'"}
)


def word_set(text: str) -> frozenset[str]:
    """Give the words of a text."""
    return frozenset(text.split())


def fold(word: str) -> str:
    """Give a word as the lists have it: lower case, without accents."""
    word = word.lower()
    if word.isascii():
        return word
    parts = unicodedata.normalize("NFD", word)
    return "".join(c for c in parts if not unicodedata.combining(c)).translate(_UNDECOMPOSED)


@functools.cache
def words() -> frozenset[str]:
    """Common English words and shorthand of clinics, some of which are names too."""
    return _read("words") | frozenset(word for word in clinical() if len(word) > _SHORTHAND)


@functools.cache
def rare_words() -> frozenset[str]:
    """Rarer words, which are no names."""
    return _read("rare_words") - given_names()


@functools.cache
def given_names() -> frozenset[str]:
    """Given names of many cultures."""
    return _read("given_names") | _read("given_names_world") | _read("given_names_more")


@functools.cache
def sure_given_names() -> frozenset[str]:
    """Given names that are no common word, place or illness."""
    return given_names() - words() - _not_sure()


@functools.cache
def usual_given_names() -> frozenset[str]:
    """Those that are so usual that one alone is taken for a person."""
    usual = (_read("given_names") | _read("given_names_more")) & sure_given_names()
    return frozenset(name for name in usual if len(name) > _SHORT) - cities()


@functools.cache
def surnames() -> frozenset[str]:
    """Family names of many cultures."""
    return _read("surnames")


@functools.cache
def sure_surnames() -> frozenset[str]:
    """Family names that are no common word, place or illness."""
    return surnames() - words() - _not_sure()


def _not_sure() -> frozenset[str]:
    return places() | eponyms() | sure_eponyms() | drugs() | _read("peoples")


@functools.cache
def shorthand() -> frozenset[str]:
    """Abbreviations of clinics, some of which are names when they are not in capitals: ANA, Ana."""
    return frozenset(word for word in clinical() if len(word) <= _SHORTHAND)


@functools.cache
def clinical() -> frozenset[str]:
    """Words, shorthand and headings of clinical texts."""
    return _read("clinical")


@functools.cache
def abbreviations() -> frozenset[str]:
    """Abbreviations of single letters with dots."""
    return _read("abbreviations")


@functools.cache
def peoples() -> frozenset[str]:
    """Nations, languages and creeds."""
    return _read("peoples")


@functools.cache
def drugs() -> frozenset[str]:
    """Drugs and brands; see also `is_drug`."""
    return _read("drugs")


@functools.cache
def eponyms() -> frozenset[str]:
    """Names of illnesses, signs, scores and devices, which people bear as well."""
    return _read("eponyms")


@functools.cache
def sure_eponyms() -> frozenset[str]:
    """Eponyms that stand for no person where nothing says so."""
    return _read("sure_eponyms")


@functools.cache
def cities() -> frozenset[str]:
    """Cities; of several words too."""
    return _read("cities")


@functools.cache
def states() -> frozenset[str]:
    """States and provinces, which identify nobody (45 CFR 164.514(b)(2)(i)(B))."""
    return _read("states")


@functools.cache
def places() -> frozenset[str]:
    """States, countries and continents: all that is above a city and a county."""
    return states() | _read("countries")


STATE_CODES = word_set(
    """
    AL AK AZ AR CA CO CT DE DC FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ
    NM NY NC ND OH OK OR PA PR RI SC SD TN TX UT VT VA WA WV WI WY ON QC BC AB MB SK NS NB NL PE
    """
)
MONTHS = word_set(
    """
    january february march april may june july august september october november december jan feb
    mar apr jun jul aug sep sept oct nov dec
    """
)
WEEKDAYS = word_set(
    """
    monday tuesday wednesday thursday friday saturday sunday mon tue tues wed thu thurs fri sat
    sun
    """
)

_SHORT, _SHORTHAND = 3, 4
_DRUG_ENDINGS = tuple(
    word_set(
        """
    mab nib pril sartan statin olol dipine azole mycin cillin floxacin azepam zolam prazole
    gliptin gliflozin glutide caine oxetine triptan cycline tidine thiazide semide parin xaban
    grel setron codone morphone lukast terol sone solone profen coxib barbital bactam penem vir
    vudine platin taxel rubicin idone
    """
    )
)
_SHORTEST_DRUG = 7
# Endings of English and of medicine's Greek and Latin that names of people hardly ever have.
_TECHNICAL_ENDINGS = tuple(
    word_set(
        """
    ing ings ted sed ked ped zed ved ced ied ded led ned red fed ly tion tions sion sions ment
    ments ness ities ity able ible ous ive ives ical ically ular ectomy ectomies otomy ostomy
    oscopy oscopic scope scopes plasty itis osis oses iasis oma omas omata emia emic uria pathy
    gram grams graphy graphic algia rrhea rrhage lysis stasis trophy trophic plegia paresis ology
    ologic ologist genic graft cyte cytes philia penia rrhaphy desis pexy cele ectasis phagia
    phasia pnea cardia megaly sclerosis spasm tropin toxin zyme zymes amine oxide ization ized
    izing less ful ship ward wards wise tory tous ious eous ae ides ngeal eal enal
    """
    )
)
_SHORTEST_TERM = 6


def is_drug(word: str) -> bool:
    """Tell whether a folded word is the name of a drug: by list, or by an ending of such names."""
    if word in drugs():
        return True
    # Names of people end so too, and those are in the lists of names.
    return (
        len(word) >= _SHORTEST_DRUG
        and word.endswith(_DRUG_ENDINGS)
        and word not in given_names()
        and word not in surnames()
    )


def is_technical(word: str) -> bool:
    """Tell whether a folded word that no list has is built like a term, not like a name."""
    return len(word) >= _SHORTEST_TERM and word.endswith(_TECHNICAL_ENDINGS)


def _read(name: str) -> frozenset[str]:
    text = (files("redaction") / "data" / f"{name}.txt").read_text("utf-8")
    return frozenset(
        word.replace("_", " ")
        for line in text.splitlines()
        if line[:1] != "#"
        for word in line.split()
    )
