"""The vectors of words that spaCy's small CNN pipelines go by, worked out by numpy.

A layer in place of the pipeline's own (`HashEmbedCNN` with static vectors). It gives the same
numbers but for their last bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from spacy.attrs import ORTH
from spacy.language import Language
from spacy.tokens import Doc
from thinc.api import Model

Floats = NDArray[np.float32]
Layer = Model[Any, Any]

FOLLOWS = "follows"
"""The user data of a document that goes on where the one before it ended."""

_REMEMBERED = 32_768
"""Words whose own vectors are kept, 12 MB of them."""

_TINY = 1e-8
_KNOWN_LAYERS = frozenset(
    {
        *("extract_features", "list2ragged", "ragged2list", "list2array", "ints-getitem"),
        *("hashembed", "static_vectors", "maxout", "layernorm", "dropout", "expand_window"),
        "linear",
    }
)
_COUNTS = {"extract_features": 1, "static_vectors": 1, "linear": 1}


class UnknownLayers(Exception):  # noqa: N818 - the caller goes on without
    """The pipeline's layers are not those that are known here."""


class WordVectors:
    """From documents to one vector for each word: by the word itself, then by those around it.

    A word's own vector is remembered where the word is one of the model's vocabulary. Words that
    are not, such as rare names, are kept nowhere.
    """

    def __init__(self, pipeline: Language, layer: Layer) -> None:
        """Read the weights of a pipeline's layer; raises `UnknownLayers`."""
        by_name: dict[str, list[Layer]] = {name: [] for name in _KNOWN_LAYERS}
        for node in layer.walk(order="dfs_pre"):
            if node.name in by_name:
                by_name[node.name].append(node)
            elif not node.layers:
                raise UnknownLayers(node.name)
        maxouts, norms = by_name["maxout"], by_name["layernorm"]
        windows = by_name["expand_window"]
        vectors = pipeline.vocab.vectors
        if (
            any(len(by_name[name]) != count for name, count in _COUNTS.items())
            or not len(maxouts) == len(norms) == len(windows) + 1
            or any(window.attrs["window_size"] != 1 for window in windows)
            or vectors.attr != ORTH
            or vectors.mode != "default"
        ):
            raise UnknownLayers("other than those of HashEmbedCNN")
        [static], [linear] = by_name["static_vectors"], by_name["linear"]
        self._hashed = by_name["hashembed"]
        self._columns = [ORTH, *by_name["extract_features"][0].attrs["columns"]]
        self._vectors = vectors
        self._static = _turned(static.get_param("W"))
        own, *around = [_Maxout(*pair) for pair in zip(maxouts, norms, strict=True)]
        self._own, self._around = own, around
        self._linear: Floats = _turned(linear.get_param("W"))
        self._bias: Any = linear.get_param("b")
        self._strings = pipeline.vocab.strings
        self.new_words: list[str] = []
        """Words of the vocabulary that were met for the first time; for the caller to empty."""
        self._known: dict[bytes, int] = {}
        self._kept: Floats = np.zeros((_REMEMBERED, own.width), np.float32)

    def layer(self) -> Layer:
        """Give it as a layer that can stand in the pipeline."""

        def forward(_: Layer, documents: Sequence[Doc], is_train: bool) -> tuple[Floats, Any]:
            if is_train:
                raise NotImplementedError("this model is not for training")
            return self(documents), None

        return Model("word_vectors", forward)

    def __call__(self, documents: Sequence[Doc]) -> Floats:
        """Give the vectors of all words of the documents, one after another."""
        vectors = self._of_words(documents)
        # Zeros keep apart what does not belong together.
        size = len(self._around)
        real = np.zeros(len(vectors) + size * (len(documents) + 1), bool)
        row = 0
        for document in documents:
            if not document.user_data.get(FOLLOWS):
                row += size
            real[row : row + len(document)] = True
            row += len(document)
        real = real[: row + size]
        padded: Floats = np.zeros((len(real), vectors.shape[1]), np.float32)
        padded[real] = vectors
        for layer in self._around:
            padded += layer(_with_neighbours(padded))
        result: Floats = padded[real] @ self._linear
        result += self._bias
        return result

    def _of_words(self, documents: Sequence[Doc]) -> Floats:
        features = np.concatenate([document.to_array(self._columns) for document in documents])
        features = np.ascontiguousarray(features, np.uint64)
        size = features.shape[1] * features.itemsize
        data = features.tobytes()
        keys = [data[start : start + size] for start in range(0, len(data), size)]
        known = self._known
        rows = np.array([known.get(key, -1) for key in keys])
        result: Floats = self._kept[rows]
        missing = np.flatnonzero(rows < 0)
        if len(missing):
            places: dict[bytes, int] = {}
            which = [places.setdefault(keys[index], len(places)) for index in missing.tolist()]
            first = {place: index for index, place in zip(missing.tolist(), which, strict=True)}
            chosen = features[[first[place] for place in range(len(places))]]
            found, in_vocabulary = self._work_out(chosen)
            result[missing] = found[which]
            self._remember(list(places), found, in_vocabulary)
            words = chosen[in_vocabulary, 0].tolist()
            self.new_words += [self._strings[word] for word in words]
        return result

    def _work_out(self, features: NDArray[np.uint64]) -> tuple[Floats, NDArray[np.bool_]]:
        rows = self._vectors.find(keys=features[:, 0])
        static = self._vectors.data[rows] @ self._static
        static[rows < 0] = 0
        parts = [
            layer.predict(np.ascontiguousarray(features[:, 1 + column]))
            for column, layer in enumerate(self._hashed)
        ]
        return self._own(np.hstack([*parts, static])), rows >= 0

    def _remember(
        self, keys: Sequence[bytes], vectors: Floats, in_vocabulary: NDArray[np.bool_]
    ) -> None:
        chosen = np.flatnonzero(in_vocabulary)[:_REMEMBERED]
        if len(self._known) + len(chosen) > _REMEMBERED:
            self._known.clear()
        start = len(self._known)
        self._kept[start : start + len(chosen)] = vectors[chosen]
        for row, index in enumerate(chosen.tolist(), start):
            self._known[keys[index]] = row


class _Maxout:
    """The greatest of a few linear maps, brought to mean 0 and variance 1."""

    def __init__(self, maxout: Layer, norm: Layer) -> None:
        weights: Any = maxout.get_param("W")
        bias: Any = maxout.get_param("b")
        self.width, self._pieces, inputs = weights.shape
        # One piece beside the other, so that the greatest are found by whole rows.
        self._weights = _turned(weights.transpose(1, 0, 2).reshape(-1, inputs))
        self._bias = np.ascontiguousarray(bias.T).reshape(-1)
        self._scale: Any = norm.get_param("G")
        self._shift: Any = norm.get_param("b")

    def __call__(self, rows: Floats) -> Floats:
        """Give the results, a new array."""
        width = self.width
        products = rows @ self._weights
        products += self._bias
        best: Floats = np.maximum(products[:, :width], products[:, width : 2 * width])
        for piece in range(2, self._pieces):
            np.maximum(best, products[:, piece * width : (piece + 1) * width], out=best)
        best -= best.mean(axis=1, keepdims=True)
        variance = np.einsum("ij,ij->i", best, best) / width + _TINY
        best *= (variance**-0.5)[:, None].astype(np.float32)
        best *= self._scale
        best += self._shift
        return best


def _turned(weights: Any) -> Floats:
    return np.ascontiguousarray(weights.T, np.float32)


def _with_neighbours(rows: Floats) -> Floats:
    """Give each row between the one before it and the one after it."""
    count, width = rows.shape
    result: Floats = np.empty((count, 3 * width), np.float32)
    result[0, :width] = 0
    result[1:, :width] = rows[:-1]
    result[:, width : 2 * width] = rows
    result[:-1, 2 * width :] = rows[1:]
    result[-1, 2 * width :] = 0
    return result
