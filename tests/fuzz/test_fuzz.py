"""Each fuzz target for a moment; `scripts/fuzz` runs them for as long as one likes."""

from __future__ import annotations

import pytest

from tests.fuzz.head import HeadFuzz
from tests.fuzz.run import fuzz
from tests.fuzz.targets import TARGETS


@pytest.mark.parametrize("name", TARGETS)
def test_target(name: str) -> None:
    cases, how = fuzz(name, TARGETS[name], 0.3, 60)
    assert not how, how
    assert cases >= 10


def test_heads_through_a_firewall() -> None:
    with HeadFuzz() as head:
        cases, how = fuzz("head", head.target, 0.5, 20)
    assert not how, how
    assert cases >= 5
