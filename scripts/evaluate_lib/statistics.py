"""Shares, and how far they can be trusted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

DRAWS = 1_000


def share(part: int, whole: int) -> float | None:
    """Divide, where there is something to divide."""
    return part / whole if whole else None


def interval(per_text: Sequence[tuple[int, int]], seed: int = 0) -> tuple[float, float] | None:
    """Give the 95 % interval of a share over texts, by drawing the texts anew (bootstrap)."""
    if not per_text:
        return None
    pairs = np.array(per_text, dtype=np.int64)
    draw = np.random.default_rng(seed)
    shares = []
    for _ in range(DRAWS):
        part, whole = pairs[draw.integers(0, len(pairs), len(pairs))].sum(axis=0)
        shares.append(part / whole)
    low, high = np.percentile(shares, [2.5, 97.5])
    return float(low), float(high)
