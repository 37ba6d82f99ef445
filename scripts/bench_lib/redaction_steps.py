"""What each recogniser and each step of a redaction costs, in microseconds per KB."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from scripts.bench_lib.prose import DENSE, SPARSE, prose
from scripts.bench_lib.redactors import SAFE_HARBOR, rules_of

CHARS = 1_000


def steps(quick: bool) -> list[dict[str, Any]]:
    """Measure recognisers and steps on texts of 1 KB, the dearest first."""
    count = 10 if quick else 60
    texts = {
        kind: [prose(random.Random(f"steps/{number}"), CHARS, personal) for number in range(count)]
        for kind, personal in (("dense", DENSE), ("sparse", SPARSE))
    }
    rows = [*_recognisers(texts), *_steps(texts)]
    return sorted(rows, key=lambda row: (row["what"] != "step", -row["dense"]))


def _recognisers(texts: dict[str, list[str]]) -> Iterable[dict[str, Any]]:
    from redaction.entities import ENTITIES
    from redaction.recognizers.registry import OWN, finder

    own = {kind.entity for kind in OWN}
    for entity in sorted(ENTITIES):
        found = finder(entity)
        if found is not None:
            yield {
                "what": "own" if entity in own else "stock's",
                "name": f"{entity} ({type(found).__name__})" if entity in own else entity,
                **_each(texts, lambda text, found=found: list(found.find(text))),
            }


def _steps(texts: dict[str, list[str]]) -> Iterable[dict[str, Any]]:
    from redaction import Analyzer, Job, Scope, parse_document, profile_from
    from redaction.documents.joins import joined_views
    from redaction.encoded import decoded_words
    from redaction.ner import NameFinder
    from redaction.normalise import normalise

    profile = profile_from(rules_of(SAFE_HARBOR))
    analyzer = Analyzer()
    names = NameFinder()
    scope = Scope(key=b"bench" * 8, session="bench")
    # A sign that must be undone, so that there is a second text to search.
    odd = {kind: [text.replace(",", "\u201a") for text in some] for kind, some in texts.items()}
    jobs = {
        text: (job := Job([parse_document("text/plain", text.encode())], profile),
               analyzer.analyze(job.texts, profile.search, job.hints))
        for some in texts.values()
        for text in some
    }  # fmt: skip

    def step(name: str, on: dict[str, list[str]], work: Callable[[str], object]) -> dict[str, Any]:
        return {"what": "step", "name": name, **_each(on, work)}

    yield step("normalise, ASCII", texts, normalise)
    yield step("normalise, one foreign sign", odd, normalise)
    yield step("encoded words", texts, lambda text: list(decoded_words(text)))
    yield step("parse a text", texts, lambda text: parse_document("text/plain", text.encode()))
    yield step("joined views", texts, lambda text: list(joined_views(jobs[text][0].leaves)))
    yield step("names by the model, one text", texts, lambda text: list(names.find([text])))
    yield {
        "what": "step",
        "name": "names by the model, all at once",
        **_whole(texts, lambda some: list(names.find(some))),
    }
    yield step(
        "whole search, safe-harbor", texts, lambda text: analyzer.analyze([text], profile.search)
    )
    yield step(
        "take out and rebuild, safe-harbor",
        texts,
        lambda text: jobs[text][0].finish(jobs[text][1], scope),
    )


def _each(texts: dict[str, list[str]], work: Callable[[str], object]) -> dict[str, float]:
    def all_of(some: Sequence[str]) -> None:
        for text in some:
            work(text)

    return _whole(texts, all_of)


def _whole(
    texts: dict[str, list[str]], work: Callable[[Sequence[str]], object]
) -> dict[str, float]:
    """Give microseconds per KB: the better of two times, for caches of patterns fill at first."""
    spent: dict[str, float] = {}
    for kind, some in texts.items():
        best = float("inf")
        for _ in range(2):
            begun = time.perf_counter()
            work(some)
            best = min(best, time.perf_counter() - begun)
        spent[kind] = best * 1e6 / len(some)
    return spent
