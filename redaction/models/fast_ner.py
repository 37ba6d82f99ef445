"""The entities of spaCy's small CNN pipelines, the same ones in less than half the time.

Three things make the difference, and none changes what is found:

* Products of matrices are numpy's, not BLIS's, which takes twice as long for matrices of this size.
  Numpy would spread over all cores and wait there busily, so a process that recognises should be
  started with OPENBLAS_NUM_THREADS=1 in its environment.
* A word's own vector, before the model looks at its neighbours, is remembered for words of the
  model's vocabulary (`WordVectors`).
* The transitions over a text are made for its sentences side by side, while each still sees its
  neighbours' words. They depend on nothing before the entity at hand, so only an entity across
  the end of a sentence would be lost.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from spacy.attrs import IS_SPACE, LANG, LOWER, NORM, PREFIX, SHAPE, SUFFIX
from spacy.language import Language
from spacy.tokens import Doc
from thinc.api import NumpyOps

from redaction.models.word_vectors import FOLLOWS, UnknownLayers, WordVectors

_BATCH_CHARS = 16_384
_BATCH_TEXTS = 32
_KEPT_WORDS = 32_768

_NEEDED = frozenset({IS_SPACE, LANG, LOWER, NORM, PREFIX, SHAPE, SUFFIX})
"""What is worked out of each new word; whether it is like a URL or a number nobody asks here."""

# Sure ends of sentences alone: neither "Dr. Smith" nor "John F. Kennedy" must be cut.
_END = re.compile(
    r"(?<=[a-z]{4}[.!?])\s+(?=[A-Z][a-z]*[ ,'])|(?<=[.!?:])[ \t]*\n\s*(?=\S)|\n[ \t]*\n\s*"
)
_SHORTEST = 40


class Named(NamedTuple):
    """An entity in a text, under the model's own label."""

    start: int
    end: int
    label: str


class FastNer:
    """The `ner` component of a pipeline, and its tokenizer."""

    def __init__(self, pipeline: Language) -> None:
        """Take over a pipeline; one of another make than expected runs as it is."""
        self._pipeline = pipeline
        self._kept_words = 0
        component: Any = pipeline.get_pipe("ner")
        self._ner = component
        component.model._to_ops(NumpyOps(use_blis=False))
        layers: list[Any] = component.model.layers
        vocabulary: Any = pipeline.vocab
        tokenizer: Any = pipeline.tokenizer
        try:
            self._vectors = WordVectors(pipeline, layers[0])
            self._fast = pipeline.pipe_names == ["ner"]
        except UnknownLayers:
            self._fast = False
        if self._fast:
            layers[0] = self._vectors.layer()
            getters = vocabulary.lex_attr_getters
            for attribute in getters.keys() - _NEEDED:
                del getters[attribute]
            tokenizer.max_cache_size = _KEPT_WORDS

    def find(self, texts: Sequence[str]) -> Iterator[list[Named]]:
        """Give the entities of each text."""
        # Without it spaCy keeps every new word it reads for ever.
        with self._pipeline.memory_zone():
            if not self._fast:
                for document in self._pipeline.pipe(texts, batch_size=_BATCH_TEXTS):
                    yield _named(document, 0)
                return
            batch: list[str] = []
            length = 0
            for text in texts:
                batch.append(text)
                length += len(text)
                if length >= _BATCH_CHARS:
                    yield from self._batch(batch)
                    batch, length = [], 0
            yield from self._batch(batch)
        self._keep_words()

    def _keep_words(self) -> None:
        """Keep common words, which would be made anew for every text."""
        words = self._vectors.new_words
        room = _KEPT_WORDS - self._kept_words
        for word in words[:room]:
            # It remembers too how the word is cut.
            self._pipeline.tokenizer(word)
        self._kept_words += min(room, len(words))
        words.clear()

    def _batch(self, texts: Sequence[str]) -> Iterator[list[Named]]:
        documents: list[Doc] = []
        places: list[tuple[int, int]] = []
        for number, text in enumerate(texts):
            for first, (start, end) in enumerate(pairwise(_cuts(text))):
                document = self._pipeline.make_doc(text[start:end])
                document.user_data[FOLLOWS] = first > 0
                documents.append(document)
                places.append((number, start))
        found: list[list[Named]] = [[] for _ in texts]
        if documents:
            self._ner.set_annotations(documents, self._ner.predict(documents))
            for document, (number, start) in zip(documents, places, strict=True):
                found[number] += _named(document, start)
        yield from found


def _named(document: Doc, offset: int) -> list[Named]:
    return [
        Named(span.start_char + offset, span.end_char + offset, span.label_)
        for span in document.ents
    ]


def _cuts(text: str) -> list[int]:
    """Give the places between which sentences, or several short ones, stand."""
    cuts = [0]
    for match in _END.finditer(text):
        if match.end() - cuts[-1] >= _SHORTEST and match.end() < len(text):
            cuts.append(match.end())
    return [*cuts, len(text)] if text else cuts
