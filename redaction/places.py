"""Where something was found, told without telling a value: a member's name may be one too."""

from __future__ import annotations

import functools
import re

MAX_CHARS = 120
"""Characters of a place, at most."""

UNKNOWN = "*"
"""What stands for a name that is not made of common words of formats and fields."""

_SEGMENT = re.compile(
    r"[0-9]{1,5}"  # an index
    r"|[A-Z][A-Z0-9]{2}-[0-9]{1,2}(?:\.[0-9]{1,2}){0,2}"  # HL7 v2: PID-5.1
    r"|[A-Z][A-Z0-9]{1,2}[0-9]{2}(?:\.[0-9]{1,2})?"  # X12: NM103
    r"|[?#@-]?"
)
_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]{1,2}(?![0-9])|[_.:#@ -]+")


def place_of(pointer: str) -> str:
    """Give a pointer with all in it blanked out that is not the vocabulary of formats.

    A name that an agent made up, such as one of a person, becomes `*`.
    """
    outer, slash, inner = pointer[:400].rpartition("/")
    return (_all_told(outer) + slash + _told(inner))[:MAX_CHARS]


@functools.lru_cache(maxsize=256)
def _all_told(pointer: str) -> str:
    """Tell what many pointers that follow one another begin with."""
    return "/".join([_told(part) for part in pointer.split("/")])


@functools.lru_cache(maxsize=4096)
def _told(part: str) -> str:
    if _SEGMENT.fullmatch(part):
        return part
    position = 0
    for match in _WORD.finditer(part):
        word = match[0]
        if match.start() != position or (word[0].isalpha() and word.lower() not in _VOCABULARY):
            return UNKNOWN
        position = match.end()
    return part if position == len(part) else UNKNOWN


def _set_of(words: str) -> frozenset[str]:
    return frozenset(words.split())


_VOCABULARY = _set_of(
    """
    a abstract accept access accession account act action active actual addr address admission
    admit adjudication administrative age agent alias allergy amount an and annotation answer api
    applied app appointment area argument arguments array as asserter assertion assigned at
    attachment attachments attending attribute audio author authored authorization author bank
    base based batch bearer beneficiary billing birth birthday block board body boolean boundary
    bundle business by call calls candidate candidates card care careteam case category cause cell
    chart chat choice choices choices city claim class client clinical cms code coded coding column
    comment comments communication company completion component composition conclusion condition
    contact contained contain content contents context contributor conversation cookie copy cost
    count country county coverage created creator criteria culture custodian custom customer data
    date day de deceased default definition delivery delta dependent derived description
    destination detail details device diagnosis diagnostic discharge disposition display district
    div dob doc doctor document documents domain dosage drug due duration e effective element email
    employee employer encounter end entered entity entry environment episode error event evidence
    ext extension external family fax field fields file filename files finding first fixed focus
    for form format forwarded from full fulfillment function functions gender generation given
    global goal group guarantor guardian guid head header headers health height history home
    hospital host html http id identification identified identifier identity image images
    immunization implicit in index info information initial inline input inputs instance
    instruction insurance insured insurer intent interpretation invoice ip is issued issuer item
    items job json key keys kin kind label lang language last lat latitude length line lines link
    links list location log login long longitude lot mail maiden maintenance manager managing map
    marital match media medical medication member message messages meta metadata method middle mime
    minor mobile model modified mother mrn multiple name names narrative national nationality new
    next no note notes number object observation observer occurrence of office old on onset option
    order ordering org organization origin other output outputs owner page pan parameter parameters
    params parent part participant participants partner parts party password path patient patients
    payee payer payload payment performed performer period person personal phone phones photo
    physician place plan policy position post postal practitioner prefix prefixes preferred
    prescriber prescription previous primary prior private problem procedure profile progress
    prompt prompts property provider provenance province public published purpose qualification
    quantity query question questionnaire race range reason receiver recipient recorded recorder
    reference referral referrer region related relation relationship relative remark report request
    requester requests resource resources response responses result results role room root route
    row rows rule safe sample schedule schema search secondary section security segment sender
    sent sequence serial series server service services session set sex shipping short signature
    signed site size social source specialty specimen ssn staff start state statement status stop
    street string structured study subject subscriber suffix summary supporting surname system
    table tag target task tax tel telecom telephone temperature test tests text thread ticket time
    title to token tool tools top transaction transcript treatment type types unit updated uri url
    urn usage use user username users uuid v valid value values vehicle version video vin visit
    vital void web website when where who witness work x xhtml xml year zip zipcode
    resourcetype fullurl medicationrequest allergyintolerance servicerequest
    """
)
