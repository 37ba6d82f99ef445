"""What the words beside a name say: labels, relatives, credentials, ages, and things named so."""

from __future__ import annotations

import re
from typing import NamedTuple

from redaction.lexicon import word_set


class Context(NamedTuple):
    """What stands before a name."""

    score: float
    strict: bool
    """Whether only what the lists know, or several words, is taken for a name."""
    any_word: bool = False
    """Whether a common word is a name here: "First name: River"."""


_LABEL = Context(0.8, False)
_NAMED = Context(0.8, False, True)
_KIN = Context(0.6, False)
_GREETING = Context(0.6, False)
_SAID = Context(0.5, True)
_TOLD = Context(0.5, False)
_TOLD_PAIRS = frozenset(
    {
        *(("f/u", "w/"), ("f/u", "with"), ("up", "with"), ("discussed", "with"), ("spoke", "with")),
        *(
            ("seen", "by"),
            ("signed", "by"),
            ("evaluated", "by"),
            ("spoke", "to"),
            ("spoken", "with"),
        ),
        *(("dictated", "by"), ("managed", "by"), ("reviewed", "by"), ("performed", "by")),
        *(("talked", "to"), ("told", "to"), ("d/w", "w/"), ("meeting", "with"), ("met", "with")),
    }
)

_LABELS = word_set(
    """
    patient pt name names member subscriber client customer employee applicant attending
    physician provider doctor surgeon assistant anesthesiologist anesthetist nurse therapist
    author signed by from to cc attn re pcp consultant resident referring guarantor insured
    beneficiary witness contact spouse guardian mother father proxy poa kin user owner manager
    reviewer interpreter caregiver radiologist pathologist cardiologist oncologist dictated
    transcribed reviewed approved requested prepared submitted verified assigned recipient sender
    buyer seller tenant landlord holder student teacher parent child son daughter wife husband
    attendees participants candidate plaintiff defendant claimant payee payer cardholder decedent
    deceased donor nombre paciente nom patient(e) vorname nachname apellido apellidos prénom
    cognome nome md surname lastname firstname
    """
)
_RELATIVES = word_set(
    """
    wife husband mother father son daughter brother sister spouse partner aunt uncle grandmother
    grandfather grandson granddaughter niece nephew cousin fiance fiancé fiancee fiancée
    boyfriend girlfriend neighbor neighbour roommate caregiver guardian mom dad mum stepmother
    stepfather stepson stepdaughter grandma grandpa sibling twin widow widower son-in-law
    daughter-in-law
    """
)
_GREETINGS = word_set(
    """
    aka attn birthday called cheers dear hello hey hi initials named nee nicknamed née regards
    sincerely thanks
    """
)
_SAYING = word_set(
    """
    by per with saw told asked contacted met emailed called phoned notified informed patient pt
    colleague friend from for attending surgeon doctor nurse physician therapist name client
    customer employee manager paged texted says said me him her w/
    """
)
_CLOSINGS = word_set(
    "best yours wishes respectfully cordially truly love thx faithfully grüße cordialement"
)
_TAIL_CHARS = 28
_TRIM = " \t\n\"'“”‘’(*-–—"


def context_before(text: str, start: int) -> Context | None:
    """Give what the word before a name says, or None."""
    tail = text[max(0, start - _TAIL_CHARS) : start]
    bare = tail.rstrip(_TRIM)
    if not bare:
        return None
    mark = bare[-1]
    words = bare.rstrip(":;,.=)| ").rsplit(None, 1)
    if not words:
        return None
    word = words[-1].lstrip("(\"'*").lower()
    if word in {"with", "w/", "by", "to"} and len(words) > 1:
        pair = words[0].rsplit(None, 1)[-1].lower().lstrip("(\"'*")
        if (pair, word) in _TOLD_PAIRS:
            return _TOLD
    if mark in ":=|":
        if word.endswith("name"):
            return _NAMED
        return _LABEL if word in _LABELS or word in _RELATIVES else None
    if "\n" in tail[len(bare) :]:
        # Only a greeting's name stands on the line below.
        return _GREETING if word in _GREETINGS or word in _CLOSINGS else None
    if word in _RELATIVES and mark != ".":
        return _KIN
    if mark == ".":
        return None
    if word in _GREETINGS:
        return _GREETING
    if word in {"is", "name"} and len(words) > 1 and words[0].lower().endswith("name"):
        return _LABEL
    return _SAID if word in _SAYING and mark != "," else None


_CREDENTIAL = re.compile(
    r",?[ \t]{0,2}\(?(?:M\.?D\.?|D\.?O\.?|R\.?N\.?|LPN|LVN|NP|N\.P\.|FNP(?:-[A-Z]{1,2})?|DNP|APRN"
    r"|ARNP|CRNA|CNM"
    r"|PA(?:-C)?|P\.A\.|Ph\.?D\.?|PsyD|Psy\.D\.|PharmD|Pharm\.D\.|RPh|DDS|DMD|DPM|DPT|OTR(?:/L)?"
    r"|LCSW|LMFT"
    r"|LPC|LMHC|MSW|MSN|BSN|FACS|FACC|FACP|FACOG|MBBS|MBChB|FRCS|MRCP|Esq\.?|CNA|RRT|CCC-SLP|RDN?"
    r"|MPH)"
    r"(?![\w-])"
)
_AGE = re.compile(
    r"(?:,|[ \t]is|[ \t]was)?[ \t]{1,2}(?:\(|an?[ \t]|age[d]?[ \t])?[0-9]{1,3}(?:[ -]{0,2}(?:y\b"
    r"|y[./]?o|yrs?|years?)"
    r"|[ \t]?[MF]\b|\))"
)
_THING = re.compile(
    r"(?:['’]s)?[ \t-]{1,2}(?:and[ \t][A-Z]\w{1,15}[ \t])?(?:disease|syndrome|sign|tests?|scale"
    r"|score|scoring|criteria"
    r"|catheters?|lymphoma|sarcoma|tumou?r|law|risk|nets?|mouth gag|gag|fascia|gangrene|flaps?"
    r"|dilators?|evacuator"
    r"|osteotomy|valves?|microscope|laser|blades?|speculum|cannulas?|anastomosis|stapler|trocars?"
    r"|grafts?|stents?"
    r"|prosthesis|brace|splint|sheath|balloon|snare|closure|reflection|effect|arch|plexus|muscle"
    r"|nerve|artery"
    r"|vein|tubercle|ducts?|foramen|cartilage|glands|mechanical|boson|surfaces?|algebra|theorem|bag"
    r"|device"
    r"|system|guidelines?|rings?|pattern|class|negative|positive|clamps|forceps|boots?|collar|probe"
    r"|elevator|rongeur|hook|spatula"
    r"|man(?:o?eu|eu)ver|procedure|classification|position|reflex|palsy"
    r"|fractures?|hernia|o?esophagus|thyroiditis|forceps|stain|tube|drain|pouch|block|clamp"
    r"|retractor"
    r"|sutures?|index|pump|node|nodes|bodies|body|cells?|contracture|deformity|phenomenon|purpura"
    r"|needle"
    r"|technique|approach|incision|wires?|screws?|plates?|view|line|operation|repair|bandage"
    r"|staging|grade"
    r"|stage|formula|equation|questionnaire|inventory|chorea|dementia|monitor|infection|cyst"
    r"|neuroma|gland"
    r"|respirations?|agar|medium|virus|fever|anemia|angina|encephalopathy|ulcers?|rods?|knife"
    r"|method|model"
    r"|panel|study|trial|curve|test|exercises?|pneumonia|colitis|diverticulum|triangle|point"
    r"|point's|lines"
    r"|space|membrane|canal|ligament|tendon|angle|nodules?|lesion|spots?|ring|plaques?|syringe|dos(?:e|es|age)"
    r"|scissors)\b",
    re.IGNORECASE,
)

NOT_A_PERSON = word_set(
    """
    street avenue road boulevard lane drive court place square terrace parkway circle highway
    trail way st ave rd blvd ln ct pl sq ter pkwy cir hwy apt suite hospital hospitals clinic
    center centre medical health healthcare hospice infirmary pharmacy school university college
    academy institute elementary church library hotel inn park airport station bridge river lake
    mountain mount beach island county parish city town township borough village district state
    province republic inc llc ltd corp corporation company co gmbh plc group bank foundation
    trust associates partners holdings services systems solutions technologies laboratories labs
    industries enterprises insurance airlines motors times post journal magazine news press
    society association union party council committee department act award prize cup league team
    fc club theater theatre museum stadium arena disease syndrome sign test scale score criteria
    catheter lymphoma manor house hall building tower plaza mall gardens cancer memorial general
    regional rehabilitation family dental
    """
)
"""Words behind which a name is one of a street, a place, a firm or an illness."""


def after_is_credential(text: str, end: int) -> bool:
    """Tell whether a degree or a licence follows: ", MD"."""
    return _CREDENTIAL.match(text, end) is not None


def after_is_age(text: str, end: int) -> bool:
    """Tell whether an age follows: ", a 45-year-old"."""
    return _AGE.match(text, end) is not None


def after_is_thing(text: str, end: int) -> bool:
    """Tell whether it is the name of an illness, a sign, a score or a tool."""
    return _THING.match(text, end) is not None
