"""Numbers of members of health plans, and of their policies and groups."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar

from redaction import linear
from redaction.recognizers.base import Span, has_digit
from redaction.recognizers.labelled import LabelledRecognizer, label_pattern

# Medicare Beneficiary Identifier: digits and letters in fixed places, without S, L, O, I, B, Z.
_L = "[AC-HJKMNP-RT-Y]"
_LD = "[0-9AC-HJKMNP-RT-Y]"
_MBI = linear.compile(rf"\b[1-9]{_L}{_LD}[0-9][ -]?{_L}{_LD}[0-9][ -]?{_L}{{2}}[0-9]{{2}}\b")
# Health Insurance Claim Number, Medicare's until 2018: an SSN with a letter.
_HICN = linear.compile(r"\b[0-9]{3}-[0-9]{2}-[0-9]{4}-?(?:[ABCDEFJKMTW][0-9]?)\b")
_BY_FORM = ((_MBI, 0.7), (_HICN, 0.6))


class HealthPlanRecognizer(LabelledRecognizer):
    """HEALTH_PLAN_NUMBER."""

    entity: ClassVar[str] = "HEALTH_PLAN_NUMBER"
    labels = label_pattern(
        r"insurance(?: (?:policy|plan|card|member|subscriber|group|claim|company|coverage))?"
        r"|insur|(?:health|medical) (?:insurance )?(?:plan|policy|insurance)(?: (?:member|policy))?"
        r"|ins|plan|hmo|ppo|subscriber|member|beneficiary|enrollee|polic(?:y|ies)|hicns?|mbi|hbn"
        r"|hpbn|medicare|medicaid|medi ?cal"
        r"|(?:kranken)?versicher(?:ten|ungs)? ?(?:nummer|nr)|p[oó]liza|carteirinha"
        r"|tessera sanitaria|(?:num[eé]ro|n[º°]) d ?['’]? ?assur[eé]|mutuelle",
        r"member(?:ship)?|mem|mbr|subscriber|sub|beneficiary|enrollee|insured(?:['’]?s)?|ins"
        r"|policy ?holder|group|grp|plan|health plan|hmo|ppo|epo|coverage|payer member|cardholder"
        r"|afiliad[oa]|afiliaci[oó]n|asegurad[oa]|benefici[aá]ri[oa]|rx ?gr(?:ou)?p",
    )
    least_digits = 3
    weak = re.compile(
        r"insur\w*|insurance (?:company|claim|coverage|plan|policy)|polic(?:y|ies)|medicare"
        r"|medicaid"
        r"|medi.?cal|mutuelle|ins|hmo|ppo|subscriber|member|beneficiary|enrollee|(?:group|grp"
        r"|plan|sub|cardholder).*"
        r"|(?:health|medical) (?:plan|policy|insurance)",
        re.DOTALL,
    )

    def find(self, text: str) -> Iterator[Span]:
        """Give the spans of labelled numbers and of Medicare's, which have a form."""
        yield from super().find(text)
        if has_digit(text):
            for pattern, score in _BY_FORM:
                for match in pattern.finditer(text):
                    yield *match.span(), score
