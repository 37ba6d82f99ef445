"""Scores as plain data, for JSON."""

from __future__ import annotations

from typing import Any

from scripts.evaluate_lib.scoring import Score, Tally
from scripts.evaluate_lib.statistics import interval, share
from scripts.evaluate_lib.structured import StructuredScore


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _tally(tally: Tally) -> dict[str, Any]:
    return {
        "spans": tally.gold,
        "cover": _rounded(tally.cover),
        "recall": _rounded(tally.recall),
        "precision": _rounded(tally.precision),
        "f1": _rounded(tally.f(1)),
        "f2": _rounded(tally.f(2)),
    }


def of_texts(score: Score, seconds: float) -> dict[str, Any]:
    """Give a score of texts."""
    return {
        "kind": "texts",
        **_tally(score.total),
        "cover_interval": interval(score.per_text),
        "span_precision": _rounded(share(score.spans_right, score.spans_found)),
        "char_precision": _rounded(share(score.chars_right, score.chars_found)),
        "texts_with_spans": score.with_gold,
        "texts_that_leak": score.leaking,
        "clean_texts": score.clean,
        "clean_texts_touched": score.clean_touched,
        "families": {name: _tally(tally) for name, tally in sorted(score.families.items())},
        "seconds": round(seconds, 2),
    }


def of_bodies(score: StructuredScore, seconds: float) -> dict[str, Any]:
    """Give a score of structured bodies."""
    return {
        "kind": "bodies",
        "values": score.total.values,
        "cover": _rounded(score.total.cover),
        "cover_interval": interval(score.per_body),
        "bodies": score.bodies,
        "bodies_that_leak": score.leaking,
        "bodies_refused": score.refused,
        "harmless": score.keep,
        "harmless_lost": score.lost,
        "families": {
            name: {"values": count.values, "cover": _rounded(count.cover)}
            for name, count in sorted(score.families.items())
        },
        "seconds": round(seconds, 2),
    }
