"""Facilities of care, schools and the like, by the word that ends or begins their name."""

from __future__ import annotations

import re
from collections.abc import Iterator

from redaction import linear
from redaction.lexicon import STATE_CODES, cities, clinical, fold, word_set
from redaction.name_words import (
    CALENDAR,
    CAPITALISED,
    CITY,
    CLINICAL,
    DRUG,
    NAME,
    NOBODY,
    SURE_NAME,
    TITLE,
    WORD,
    kinds_of_words,
    words_in,
)
from redaction.recognizers.name_context import after_is_thing

Span = tuple[int, int, float]

_NAMED, _LIKELY, _COMMON, _DOUBTFUL = 0.7, 0.6, 0.45, 0.3
_SHORT_TOWNS = frozenset({"new york", "new york city", "nyc", "la", "dc", "washington", "sf"})

_HEADS = (
    "Hospitals?|HOSPITAL|hospital|Clinics?|CLINIC|clinic|Med(?:ical)?[ ]C(?:enter|entre|tr)"
    "|medical center|(?:Medical|Health|Healthcare|Cancer|Heart|Trauma|Surgery|Surgical|Care"
    "|Wellness"
    "|Rehabilitation|Rehab|Treatment|Nursing|Birth|Imaging|Dialysis|Counseling|Recovery|Community"
    "|Oncology|Eye"
    "|Dental|Research|Science)[ ]Cent(?:er|re)|MEDICAL CENTER|Infirmary|Hospice|Nursing Home"
    "|Health System"
    "|Healthcare|Health Care|Medical Group|Family Medicine|Family Practice|Primary Care|Urgent Care"
    "|Physicians"
    "|Pharmacy|Rehabilitation|Rehab|Sanatorium|Sanitarium|Convalescent Home|Care Home"
    "|Assisted Living|Manor"
    "|Elementary|High School|Middle School|School|University|College|Academy|Institute|Imaging"
    "|Radiology"
    "|Laborator(?:y|ies)|Orthopa?edics|Pediatrics|Dermatology|Cardiology Associates"
    "|Medical Associates"
    "|Surgical Associates|Medical Practice|NHS Trust|Shelter|Prison|Penitentiary|Jail"
    "|Correctional Facility"
    "|Med Ctr|MC|nursing home|Nursing Facility|rehab|pharmacy|urgent care|Retirement (?:Home"
    "|Community|Village)"
    "|Surgicenter|Polyclinic|Sanitorium|Blood Bank|Ambulatory|Dispensary|Birthing Center"
    "|Day Surgery"
)
_HEAD = linear.compile(rf"\b(?:{_HEADS})\b")
_CAPITAL_WORD = (
    r"(?:(?:van|von|de|del|la|dos|das|da|di|der|den|ten|bin|al)[ ]){0,3}"
    r"[A-Z\u00c0-\u00de0-9][\w\u00c0-\u024f'’.\-]{0,24}+"
)
_NAME_BEFORE = re.compile(
    rf"(?:{_CAPITAL_WORD}(?:[ ](?:&[ ]|and[ ]|of[ ](?:the[ ])?|for[ ]|at[ ])?(?=[A-Z0-9])"
    rf"|[ ]?-[ ]?))"
    rf"{{0,5}}{_CAPITAL_WORD}[ ]?\Z"
)
_NAME_CHARS = 72
_CARE_AT = linear.compile(
    r"(?i:\b(?:admitted|transferred|transported|went|referred|brought|moved)[ ]to"
    r"|\b(?:implanted|treated|operated|hospitalized|hospitalised|evaluated|followed|performed"
    r"|delivered)[ ]at"
    r"|\b(?:discharged|transferred|referral|records)[ ]from)[ ](?:the[ ])?"
)
_CARE_NAME = re.compile(rf"{_CAPITAL_WORD}(?:[ ]{_CAPITAL_WORD}){{0,3}}(?<!\.)")
_SHORT_HEAD = linear.compile(
    r"\b(?:at|to|from|in|of|by|@)[ ](?:the[ ])?((?:[A-Z][\w'’.-]{1,20}[ ]){1,3}"
    r"(?:General|Medical|Med|Health|Memorial|Regional|Presbyterian|Methodist|Baptist|Lutheran|Mercy"
    r"|Children['’]?s"
    r"|Community|Surgical|Ortho|Cardiology|Pediatrics|Neurology|Oncology|ER|ED|ICU|Physicians))\b"
)
_IN_TOWN = re.compile(
    r"(?:,?[ ](?:in|of|at)[ ]|,[ ]|[ ]-[ ]|[ ]\(?)(?:[A-Z\u00c0-\u00de][\w'’\-]{1,20}[ ]?"
    r"|St\.[ ]){1,3}(?:,[ ]?[A-Z]{2}\b)?"
)
_OF = re.compile(
    rf"[ ](?:of|for|at)[ ](?:the[ ])?{_CAPITAL_WORD}(?:[ ](?:of[ ]|and[ ]"
    rf"|the[ ])?{_CAPITAL_WORD}){{0,4}}"
)
_TAIL = re.compile(
    r"(?:[ ](?:Hospitals?|Medical Cent(?:er|re)|Health System|Clinic|Cent(?:er|re)|Campus|Trust"
    r"|Health|Foundation"
    r"|of Medicine|School of Medicine|Pavilion|Annex|Downtown|Institute|Associates|Group|Services"
    r"|Department))"
)

_GENERIC = word_set(
    """
    the a an our your this that any each every some local nearest same other another outside
    emergency outpatient inpatient ambulatory acute chronic day night walk-in public private
    primary secondary tertiary teaching pain sleep wound fertility memory anticoagulation
    coumadin travel referral specialty free mobile virtual telehealth follow-up followup new old
    first second general nursing medical surgical mental behavioral psychiatric high middle
    elementary graduate law business night home clinical intensive preoperative postoperative
    vascular hand foot spine breast stroke heart eye ear skin women's men's womens mens his her
    their my in at from to of by with for and or hospital clinic center centre health dr mr mrs
    ms patient admitted discharged visited seen during since when if after before while called
    contact please all both most many no not per via upon pre post former current previous next
    last
    """
)
_LEADING = word_set(
    """
    patient admitted discharged visited seen since contact called previous former nearest local
    same another outside current last next please old new pt
    """
)
_COMMON_NAMES = word_set(
    """
    community county city regional district state national memorial university children's
    childrens veterans va general municipal metropolitan rural area central north south east west
    northern southern eastern western central college royal mercy
    """
)
_KNOWN = linear.compile(
    r"\b(?:Mass(?:achusetts)? General|Brigham (?:and|&) Women['’]?s?|Beth Israel(?: Deaconess)?"
    r"|Mayo Clinic"
    r"|Cleveland Clinic|Johns Hopkins|Kaiser(?: Permanente)?|Cedars?[- ]Sinai|Mount Sinai"
    r"|Mt\.? Sinai|MD Anderson"
    r"|(?:Memorial )?Sloan[- ]Kettering|New York[- ]Presbyterian|NYU Langone|UCLA(?: Health"
    r"| Medical Center)?|UCSF(?: Health| Medical Center)?|UPMC"
    r"|Stanford (?:Health|Hospital)(?: Care)?|Duke (?:Health|University Hospital)|Bellevue"
    r"|Cook County|Walter Reed"
    r"|Great Ormond Street|Guy['’]s and St\.? Thomas['’]?|Addenbrooke['’]?s|Charité|Karolinska"
    r"|Dana[- ]Farber"
    r"|Scripps|Geisinger|Intermountain|Banner Health|Ascension|Tufts Medical|Emory|Vanderbilt"
    r"|Baylor|Ochsner"
    r"|Northwestern Memorial|Rush University|Yale[- ]New Haven|Mass Eye and Ear|Lahey|Montefiore"
    r"|Planned Parenthood"
    r"|VAMC|BIDMC|BWH|MGH|HCA|DFCI|NYP|CHOP|MSKCC|MDACC|SFGH|LAC\+USC|Walgreens|CVS|Rite Aid"
    r"|Quest Diagnostics"
    r"|LabCorp)\b"
)
_SAINT = linear.compile(
    r"\b(?:St\.?|Saint|Ste\.?)[ ][A-Z][a-z]{2,14}(?:['’]s)\b|\b(?:St\.|Saint)[ ](?:Jude|Luke"
    r"|Vincent|Joseph|Mary|John"
    r"|Francis|Anthony|Elizabeth|Thomas|Michael|Agnes|Barnabas|Bartholomew|Catherine|Clare|David"
    r"|George|James"
    r"|Mark|Peter|Paul|Rita|Raphael)\b"
)


def facilities(text: str) -> Iterator[Span]:
    """Give the spans of facilities that bear a name; one that is only of a kind scores low."""
    reached = 0
    for match in _HEAD.finditer(text):
        start, end = match.span()
        if start < reached:
            continue
        span = _facility(text, start, end, reached)
        if span is not None:
            reached = _with_town(text, span[1])
            yield span[0], reached, span[2]
    for match in _CARE_AT.finditer(text):
        name = _CARE_NAME.match(text, match.end())
        if name is not None and not all(_is_generic(word) for word in name[0].split()):
            words = list(words_in(text, *name.span()))
            if words and not any(word.has(CALENDAR | DRUG | TITLE | CLINICAL) for word in words):
                yield *name.span(), _COMMON
    for match in _SHORT_HEAD.finditer(text):
        if not all(_is_generic(word) for word in match[1].split()[:-1]):
            yield match.start(1), _with_town(text, match.end(1)), _LIKELY
    yield from _in_small_letters(text)
    for pattern in (_KNOWN, _SAINT):
        for match in pattern.finditer(text):
            if text[match.start() - 1 : match.start()] == "-":
                continue  # "R-CHOP" is a treatment.
            if text[match.end() : match.end() + 1] not in {"-", "_"} and not after_is_thing(
                text, match.end()
            ):
                yield match.start(), _with_town(text, match.end()), _NAMED


_SMALL_HEAD = linear.compile(
    r"[ ](?:hospital|clinic|medical center|health center|cancer center|med ctr"
    r"|urgent care|hospice|pharmacy|nursing home"
    r"|rehab(?:ilitation)?"
    r"|elementary|high school|university)\b"
)
_TO_PLACE = re.compile(r"\b(?:to|at|from|in)[ ]\Z")
_SMALL_UNIVERSITY = re.compile(r"\buniversity of [^\W\d_]{3,20}(?:[ '’-][^\W\d_]{1,20}){0,2}\Z")
_SMALL_NAME = re.compile(
    r"(?<![^\W\d_])(?:[^\W\d_]++(?:['’][^\W\d_]++)?[ ]){0,2}[^\W\d_]++(?:['’][^\W\d_]++)?\Z"
)


def _in_small_letters(text: str) -> Iterator[Span]:
    """Give facilities in small letters, where a known name or city stands before the head."""
    for head in _SMALL_HEAD.finditer(text):
        offset = max(0, head.start() - 40)
        near = text[offset : head.start()]
        university = _SMALL_UNIVERSITY.search(near) if "university of" in near else None
        if university is not None:
            yield offset + university.start(), head.end(), _COMMON
            continue
        before = _SMALL_NAME.search(near) if near[-1:].isalpha() else None
        if before is None or not before[0].islower():
            continue
        words = list(words_in(text, offset + before.start(), head.start(), any_case=True))
        known = [word for word in words if word.has(SURE_NAME | CITY) and not word.has(WORD)]
        if not known:
            known = [
                word
                for word in words
                if _TO_PLACE.search(text[max(0, word.start - 8) : word.start])
                and (word.has(NAME | CITY) or not word.kinds)
            ]
        if known and not words[-1].has(CLINICAL | NOBODY):
            yield known[0].start, head.end(), _COMMON


def _with_town(text: str, end: int) -> int:
    """Give the end of the town, where a facility is said to be in one that is known."""
    match = _IN_TOWN.match(text, end)
    if match is None:
        return end
    words = [word for word in CAPITALISED.finditer(text, end, match.end()) if len(word[0]) > 1]
    known = cities()
    for count in range(len(words), 0, -1):
        last = words[count - 1].end()
        code = words[count - 1][0]
        town = fold(
            text[words[0].start() : words[count - 2 if code in STATE_CODES else count - 1].end()]
        )
        if town in known or town in _SHORT_TOWNS:
            return last
    return end


_SENTENCE_END = re.compile(r".*(?<!St)(?<!Mt)(?<!Dr)(?<![ ][A-Z])(?<!^[A-Z])\.[ ]")
_NO_PLACE_BEHIND = re.compile(
    r"[ ](?:day|course|stay|bed|admission|discharge|based|visit|staff|policy)\b"
)


def _facility(text: str, start: int, end: int, reached: int) -> Span | None:
    begin, score = start, 0.0
    if text[start - 1 : start] in {" ", "-"}:
        offset = max(0, start - _NAME_CHARS, reached)
        before = _NAME_BEFORE.search(text[offset:start])
        if before is not None:
            first = offset + before.start()
            stop = _SENTENCE_END.search(text[first:start])
            first = first if stop is None else first + stop.end()
            begin, score = _name_start(text, first, start)
    if text[start].isupper() and not text[start:end].isupper():
        behind = _OF.match(text, end)
        if behind is not None:
            words = behind[0].split()[1:]
            if any(not _is_generic(word) for word in words if word[:1].isupper()):
                end = behind.end()
                score = max(score, _NAMED)
        tail = _TAIL.match(text, end)
        while tail is not None:
            end = tail.end()
            tail = _TAIL.match(text, end)
    if not score or (text[start].islower() and _NO_PLACE_BEHIND.match(text, end) is not None):
        return None
    return begin, end, score


def _name_start(text: str, begin: int, start: int) -> tuple[int, float]:
    """Leave out what stands before the name, and tell how much of a name it is."""
    words = text[begin:start].split(" ")
    position = begin
    while words and _is_leading(words[0]):
        position += len(words[0]) + 1
        words = words[1:]
    words = [word for word in words if word and word not in {"and", "of", "for", "the", "&", "at"}]
    if any(not _is_generic(word) and fold(word) not in _COMMON_NAMES for word in words):
        return position, _NAMED
    if any(fold(word) in _COMMON_NAMES for word in words):
        return position, _COMMON
    return position, _DOUBTFUL if words else 0.0


def _is_leading(word: str) -> bool:
    """Tell whether a word before a facility is rather of the sentence than of the name."""
    kinds = kinds_of_words().get(fold(word.strip(".,-")), 0)
    return bool(kinds & (NOBODY | TITLE)) or fold(word) in _LEADING


def _is_generic(word: str) -> bool:
    if word.isupper() and len(word) > 1:
        kinds = kinds_of_words().get(fold(word.strip(".,-")), 0)
        if kinds & WORD and not kinds & SURE_NAME:
            return True
    folded = fold(word.strip(".,-"))
    return folded in _GENERIC or folded in clinical() or folded.isdigit()
