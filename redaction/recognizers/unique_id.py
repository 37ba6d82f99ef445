"""Other numbers that are one person's or one record's: of employees, visits, cases, studies."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar

from redaction import linear
from redaction.recognizers.base import Span, has_digit
from redaction.recognizers.labelled import LabelledRecognizer, label_pattern, value_after
from redaction.recognizers.words import set_of

# An "ID" with no word before it that says of what, or with one that no machine uses.
_PLAIN_ID = linear.compile(r"\b(?:ID|Id)(?:[ ]?(?:numbers?|nos?\b\.?|#|code))?")
_WORD_BEFORE = re.compile(r"([A-Za-z]+)['’]?s?[ _-]{1,2}\Z")
_OF_MACHINES = set_of(
    """
    order product session request transaction process thread event message build job task
    trace span model item sku video channel project issue bug ticket commit run test batch
    node pod container instance image app application bundle client tenant workspace team
    team's group org page post object resource type class category tool call toolu query
    response correlation parent child key row column table schema version release plugin
    package module game level asset file folder document doc drive sheet form layout
    template theme campaign ad ads store shop vendor supplier location region zone host
    server database db cluster queue topic stream partition tracking shipment invoice
    receipt payment charge price plan coupon cart listing property repo repository branch
    pipeline workflow action artifact chat conversation prompt completion assistant cve
    rfc pmid doi gene protein sequence snp rs nct trial device serial vin
    """
)
_WORD_CHARS = 24
# In trials, without a word that says "number": "participant S-11-204".
_OF_TRIAL = linear.compile(
    r"(?i)\b(?:participant|subject|respondent|volunteer|enrollee)s?[ ]#?"
    r"([A-Z]{1,3}-?[0-9]{2,4}(?:-[0-9]{2,5}){0,2}|[0-9]{2,4}(?:-[0-9]{2,5}){1,2})\b"
)


class UniqueIdRecognizer(LabelledRecognizer):
    """UNIQUE_ID."""

    entity: ClassVar[str] = "UNIQUE_ID"
    labels = label_pattern(
        r"csns?|encounter|national id(?:entity)?(?: card)?|identity card|id card|voter|dni|curp"
        r"|personalausweis(?: ?nummer)?|ausweis ?nummer|carte d['’ ]?identit[eé]|matricule"
        r"|c[eé]dula|legajo|fall ?nummer|akten ?zeichen|personal ?nummer|kunden ?nummer"
        r"|num[eé]ro de dossier|n[uú]mero de expediente|prior auth(?:orization)?|pre ?auth"
        r"|accession|(?:ref|reference)(?:(?:\. ?|[ ])(?:code|number|no\b|num\b|id))? ?[#:]"
        r"|study(?: [a-z0-9]+)?,? (?:subject|participant)|cases?|claim|referral|specimen|badge"
        r"|employee|student|frequent flyer|reg ?#|run report|escription document"
        r"|(?:dictation|transcription)(?: job)?",
        r"encounter|visit|fin|accession|specimen|requisition|appointment|admission|episode|case"
        r"|claim|referral|authori[sz]ation|auth|study|subject|participant|respondent|volunteer"
        r"|sample|employee|emp|staff|personnel|payroll|worker|badge|student|pupil|teacher|officer"
        r"|police|military|service member|dod|edipi|veteran|alien(?: registration)?|a ?number|uscis"
        r"|visa|green card|voter(?: registration)?|customer|cust|client|patron|person|personal"
        r"|user|reference|ref|confirmation|booking|reservation|docket|inmate|offender|prisoner"
        r"|donor|transplant|unos|registry|registrant|prescription|rx|script|npi|provider|physician"
        r"|doctor|dr|nurse|site|loyalty|frequent flyer|rewards|library card|ticket holder|report"
        r"|incident|file|dossier|lab|order requisition|resident|household|tenant|applicant"
        r"|candidate"
        r"|tax ?payer|identity|identification|social|kennitala|contact|caller|beneficiary",
    )
    least_digits = 3
    score = 0.8
    weak = re.compile(
        r"accession|encounter|claim|referral|specimen|badge|employee|student|matricule|voter"
        r"|(?:case|file|report|lab|site|rx|reference|ref"
        r"|sample|user|client|customer|study|auth|script|doctor|dr|contact|incident|booking).*",
        re.DOTALL,
    )

    def find(self, text: str) -> Iterator[Span]:
        """Give the spans of numbers behind their label, or behind a mere "ID"."""
        if not has_digit(text):
            return
        yield from super().find(text)
        for match in _OF_TRIAL.finditer(text):
            yield *match.span(1), 0.6
        for label in _PLAIN_ID.finditer(text):
            start, end = label.span()
            word = _WORD_BEFORE.search(text[max(0, start - _WORD_CHARS) : start])
            if word is not None and word[1].lower() in _OF_MACHINES:
                continue
            found = value_after(text, end, 4)
            if found is not None and self.believes(text[slice(*found)], weak=True):
                yield *found, 0.55
