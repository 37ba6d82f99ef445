"""Words of a text that begin with a capital, and what the lists of names say of each."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from typing import NamedTuple

from redaction import lexicon
from redaction.lexicon import fold, word_set

GIVEN, SURE_GIVEN, USUAL_GIVEN = 1, 2, 4
SURNAME, SURE_SURNAME = 8, 16
WORD, CLINICAL, DRUG = 32, 64, 128
EPONYM, SURE_EPONYM = 256, 512
PLACE, CITY, CALENDAR = 1024, 2048, 4096
TITLE, CREDENTIAL, NOBODY = 8192, 16384, 32768
SHORTHAND, TERM = 65536, 131072

NAME = GIVEN | SURNAME
SURE_NAME = SURE_GIVEN | SURE_SURNAME

TITLES = word_set(
    """
    dr dr. mr mr. mrs mrs. ms ms. miss mx mx. prof prof. professor doctor nurse sister rev rev.
    reverend father fr. pastor rabbi imam sir dame madam capt capt. captain sgt sgt. sergeant lt
    lt. lieutenant col col. colonel maj. officer detective judge justice senator sen. gov.
    governor hon. sr. sra. srta. señor señora señorita herr frau monsieur madame mme mme. mlle
    dott. dott.ssa sig. sig.ra dra dra. drs. doc president ambassador minister sheriff deputy
    constable nurse coach chief agent
    """
)
CREDENTIALS = word_set(
    """
    md m.d m.d. do d.o d.o. rn r.n r.n. lpn lvn np n.p. fnp fnp-c fnp-bc dnp aprn arnp crna cnm
    pa pa-c p.a p.a. phd ph.d ph.d. psyd pharmd pharm.d rph dds d.d.s. dmd d.m.d dvm dpm d.p.m od
    o.d. pt dpt ot otr otr/l slp lcsw msw lmft lpc lmhc bcba mph mba ma ms msn bsn facs facc facp
    face facog frcs frcp mrcp mbbs mbchb esq esq. cpa rd rdn ldn rrt emt cna cma ccc-slp mha jd
    """
)
SUFFIXES = word_set("jr jr. sr sr. ii iii iv")
PARTICLES = word_set(
    """
    van von de del della der den di da dos das du la le los las el al bin bint ibn ben abu y ter
    ten af av zu zur vom dal dela st st. san santa mac mc o d' l' ap
    """
)

_NOBODY = word_set(
    """
    ace ai api app apple aws azure android chrome claude gemini gpt chatgpt copilot siri alexa
    google bing docker kubernetes postgres mysql redis mongo oracle linux unix windows mac macos
    ios ubuntu debian python ruby java kotlin swift rust go scala perl julia django flask rails
    react angular vue node json xml html css sql http https url uri jwt oauth github gitlab jira
    slack zoom teams outlook gmail christmas thanksgiving easter halloween god jesus christ
    allah bible koran quran internet english spanish french german chinese arabic hindi
    portuguese russian italian japanese korean vietnamese latin medicare medicaid hipaa fda who
    nih cms salesforce jupyter prometheus grafana terraform ansible airflow snowflake databricks
    figma trello asana hubspot shopify stripe photoshop powerpoint elasticsearch kibana datadog
    splunk mongodb postgresql tensorflow pytorch numpy pandas webpack nginx apollo mercury venus
    mars jupiter saturn neptune pluto the a an this that these those and or but if in on at to
    of for with from by as is was are be it he she we they you his her our their my your all any
    some no not so do does did has had have can could would should there here then than when
    while which who whom what how why where also more most very just only after before during
    since until about into over under per via upon each every both iban aadhaar aadhar pan swift
    bic vat scan sample example test name address phone number account mom dad mum mother father
    brother sister son daughter wife husband aunt uncle grandma grandpa baby hello hi hey dear
    thanks thank regards sincerely cheers best kind warm yours please sorry welcome monsieur
    madame note date subject re fwd cc bcc from to sent ok okay yes
    """
)

_LETTER = r"[^\W\d_]"
_CAPITAL = r"[A-Z\u00c0-\u00d6\u00d8-\u00de\u0100-\u0178\u0391-\u03a9\u0410-\u042f]"
CAPITALISED = re.compile(
    rf"(?<![\w@#\\$])(?:{_CAPITAL}\.(?![a-z])|{_CAPITAL}{_LETTER}*+(?:['’\-]{_LETTER}++){{0,3}}+)"
)
ANY_WORD = re.compile(
    rf"(?<![\w@#\\$])(?:[a-z]\.(?![a-z])|{_LETTER}++(?:['’\-]{_LETTER}++){{0,3}}+)"
)
_CAMEL = re.compile(r"[a-z][A-Z]")
_CAMEL_NAME = re.compile(r"(?:Mac|Mc|De|Di|La|Le|Van|Von|Del|Fitz|St|O|D)['’]?[A-Z]")


class Word(NamedTuple):
    """A word of a text; its possessive is left out."""

    start: int
    end: int
    folded: str
    kinds: int

    @property
    def initial(self) -> bool:
        """Whether it is one letter, with or without a dot."""
        return self.end - self.start <= 2 and len(self.folded.rstrip(".")) == 1

    def has(self, kinds: int) -> bool:
        """Tell whether it is of one of the kinds."""
        return bool(self.kinds & kinds)


@functools.cache
def kinds_of_words() -> dict[str, int]:
    """Give what the lists say of each word that they know."""
    kinds: dict[str, int] = {}
    for flag, names in (
        (GIVEN, lexicon.given_names()),
        (SURE_GIVEN, lexicon.sure_given_names()),
        (USUAL_GIVEN, lexicon.usual_given_names()),
        (SURNAME, lexicon.surnames()),
        (SURE_SURNAME, lexicon.sure_surnames()),
        (WORD, lexicon.words()),
        (TERM, lexicon.rare_words()),
        (CLINICAL, lexicon.clinical() - lexicon.shorthand()),
        (SHORTHAND, lexicon.shorthand()),
        (NOBODY, lexicon.peoples()),
        (DRUG, lexicon.drugs()),
        (EPONYM, lexicon.eponyms() | lexicon.sure_eponyms()),
        (SURE_EPONYM, lexicon.sure_eponyms()),
        (PLACE, lexicon.places()),
        (CITY, lexicon.cities()),
        (CALENDAR, lexicon.MONTHS | lexicon.WEEKDAYS),
        (TITLE, frozenset(title.rstrip(".") for title in TITLES)),
        (CREDENTIAL, CREDENTIALS),
        (NOBODY, _NOBODY),
    ):
        for name in names:
            kinds[name] = kinds.get(name, 0) | flag
    return kinds


def words_in(
    text: str, start: int = 0, end: int | None = None, any_case: bool = False
) -> Iterator[Word]:
    """Give the words of a text that begin with a capital, or all of them."""
    kinds = kinds_of_words()
    pattern = ANY_WORD if any_case else CAPITALISED
    for match in pattern.finditer(text, start, len(text) if end is None else end):
        value = match[0]
        first, last = match.span()
        if value[-2:] in {"'s", "’s", "'S", "’S"} and len(value) > 3:
            value = value[:-2]
            last -= 2
        folded = fold(value)
        known = kinds.get(folded)
        if known is None:
            known = _unlisted(value, folded, kinds)
        elif known & SHORTHAND and not (known & NAME and value.istitle()):
            known = known & (TITLE | CREDENTIAL) | CLINICAL | WORD
        yield Word(first, last, folded, known)


_SMALL_START = re.compile(r"\A\W{0,3}[a-z]|(?:^|[ \n])i[ '’]|\n[a-z]{2,12}:[ ]").search
_BEGINNING = 160


def is_casual(text: str) -> bool:
    """Tell whether a text is written with few capitals, so that names may have none."""
    if text.islower():
        return True
    return _SMALL_START(text) is not None or text[:_BEGINNING].islower()


# Syllables of Korean given names, of which two are often joined by a hyphen: "Min-ho".
_KOREAN = word_set(
    """
    ae ah bin bum byung chan cheol chul dae do dong eun gi gun gyu ha hae hak hee ho hong hoon
    hui hun hwa hwan hye hyo hyuk hyun il in ja jae jeong ji jin jong joo joon ju jun jung kang
    keun ki kuk kwang kyu kyung lim mi min moon myung na nam oh ok rae ran rim sang seo seok seon
    seong seung si so sol song soo sook su suk sun sung tae won woo yeol yeon yeong yong yoon you
    young yu yul yun
    """
)
_CONTRACTED = ("'m", "'re", "'ve", "'ll", "n't", "'d")


def _unlisted(value: str, folded: str, kinds: dict[str, int]) -> int:
    if value.islower() and folded.endswith(_CONTRACTED):
        return NOBODY
    if "'" in folded:
        known = kinds.get(folded.replace("'", ""), 0)
        if known or "-" not in folded:
            return known
    if "-" in folded:
        return _hyphenated(value, folded, kinds)
    if _CAMEL.search(value) is not None and _CAMEL_NAME.match(value) is None:
        return NOBODY
    if lexicon.is_drug(folded):
        return DRUG
    return TERM if lexicon.is_technical(folded) else 0


def _hyphenated(value: str, folded: str, kinds: dict[str, int]) -> int:
    parts = folded.split("-")
    each = [kinds.get(part, 0) for part in parts]
    if any(kind & SURE_EPONYM for kind in each) and not any(kind & SURE_GIVEN for kind in each):
        return SURE_EPONYM
    known = all(kind & NAME or not kind for kind in each) and each[-1] & SURE_NAME
    if value.islower() and known and not any(kind & (WORD | CLINICAL) for kind in each):
        return each[0] & (GIVEN | SURE_GIVEN | USUAL_GIVEN) | SURNAME | SURE_SURNAME
    if len(parts) == 2 and _KOREAN.issuperset(parts):
        return GIVEN | SURE_GIVEN | USUAL_GIVEN
    if not all(part[:1].isupper() for part in value.replace("’", "'").split("-")):
        # "Follow-up" and "X-ray"; a name has capitals on both sides, but for "Al-" and the like.
        particles = parts[0] in PARTICLES or len(parts) > 2
        return 0 if particles and not any(kind & WORD for kind in each[1:]) else WORD
    unfit = CLINICAL | DRUG | SHORTHAND | CALENDAR | PLACE
    if any(kind & unfit and not kind & NAME for kind in each) or (
        value.isupper() and any(kind & SHORTHAND for kind in each)
    ):
        return WORD
    if any(kind & SURE_NAME for kind in each):
        return (each[0] & (GIVEN | SURE_GIVEN)) | SURNAME | SURE_SURNAME
    return 0
