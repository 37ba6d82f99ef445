"""One analyzer for all tests of the room: its language model takes seconds to load."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from redaction import Profile, profile_from
from redaction.analyzer import Analyzer
from redaction.entities import NER_ENTITIES, OWN_ENTITIES
from redaction.search import Search

Find = Callable[..., list[tuple[str, str]]]


@pytest.fixture(scope="session")
def analyzer() -> Analyzer:
    return Analyzer()


@pytest.fixture(scope="session")
def find(analyzer: Analyzer) -> Find:
    """Find (text, entity) pairs at the default threshold, by form alone unless entities say."""

    def search(
        text: str, *entities: str, hint: str = "", threshold: float = 0.4
    ) -> list[tuple[str, str]]:
        [found] = analyzer.analyze(
            [text], Search(frozenset(entities or OWN_ENTITIES), threshold), [hint]
        )
        return list(dict.fromkeys((text[item.start : item.end], item.entity) for item in found))

    return search


@pytest.fixture
def forms() -> Profile:
    return _profile(OWN_ENTITIES)


@pytest.fixture
def everything() -> Profile:
    return _profile(OWN_ENTITIES | NER_ENTITIES)


def _profile(entities: frozenset[str]) -> Profile:
    return profile_from(
        [{"id": "all", "entities": {name: {"operator": "replace"} for name in entities}}]
    )
