"""Decisions kept for requests that look the same to the policy."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import orjson

from rules.decision import Decision, Effect, Facts, ToolCall

MAX_CACHED = 4096
MAX_CACHED_ARGUMENTS = 512
"""Bytes of arguments beyond which a decision is not kept."""


class DecisionCache:
    """A bounded memory of decisions by all that they depend on.

    What a person must approve, and what was decided on facts from elsewhere, is never kept.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[Any, ...], Decision] = OrderedDict()

    def key(
        self,
        question: Any,
        facts: Facts,
        call: ToolCall | None,
        arguments: Mapping[str, Any],
        instant: Mapping[str, Mapping[str, int]],
    ) -> tuple[Any, ...] | None:
        """Name all that a decision depends on, or None where that is too much to keep."""
        if facts.exceeded or facts.approved:
            return None
        common: tuple[Any, ...] = (
            question.stage,
            question.agent,
            question.scheme,
            question.host,
            question.port,
            tuple(question.on_behalf_of),
            tuple(question.data),
            tuple(question.asked_regions),
        )
        if instant:
            common += tuple((place["day"], place["minute"]) for place in instant.values())
        if call is None:
            return common
        if not arguments:
            return (*common, call.name, call.kind, call.readable, call.open)
        try:
            seen = orjson.dumps(arguments, option=orjson.OPT_SORT_KEYS)
        except (TypeError, ValueError):
            return None
        if len(seen) > MAX_CACHED_ARGUMENTS:
            return None
        return (*common, call.name, call.kind, call.readable, call.open, seen)

    def get(self, key: tuple[Any, ...]) -> Decision | None:
        """Give a decision that was kept."""
        return self._kept.get(key)

    def put(self, key: tuple[Any, ...], decision: Decision) -> None:
        """Keep a decision."""
        if decision.effect is Effect.REQUIRE_APPROVAL:
            return
        if len(self._kept) >= MAX_CACHED:
            self._kept.popitem(last=False)
        self._kept[key] = decision
