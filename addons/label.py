"""Label: which classes of data a request holds, where the policy decides by that."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass

from mitmproxy import http

from addons.exchange import Exchange, exchange_of
from addons.redactor import RedactionFailed
from addons.request_documents import parts_of
from addons.services import Services
from redaction import RedactionError, RuleSet, profile_from
from rules import PolicySet

Entities = Mapping[str, frozenset[str]]
"""The entities that give a request each label."""


class Label:
    """Finds the data labels of a request before it is decided on."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._sought = _Sought("", RuleSet.of([]), {}, {})

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Take a body that nobody reads for one that holds everything."""
        exchange = exchange_of(flow)
        if exchange.streamed:
            self._everything(exchange)

    def request(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Look for the entities that give a request a label."""
        exchange = exchange_of(flow)
        if exchange.streamed or not self._look_for().rules.profile.operators:
            return None
        return self._label(flow, exchange)

    async def _label(self, flow: http.HTTPFlow, exchange: Exchange) -> None:
        sought = self._look_for()
        try:
            parts, _ = parts_of(flow.request, exchange)
            found = await self._services.redactor.find(parts, sought.rules)
        except (RedactionError, RedactionFailed) as error:
            # What cannot be looked into may hold anything.
            self._everything(exchange)
            if exchange.data and self._services.policy.mode == "enforce":
                exchange.deny(
                    "label_failed",
                    "The request could not be searched for personal data, and the policy decides "
                    f"by that: {error}",
                    rule="label",
                    status=422 if isinstance(error, RedactionError) else 503,
                )
            return
        exchange.data = _labels(sought.active, found)
        exchange.candidate_data = _labels(sought.candidate, found)

    def _everything(self, exchange: Exchange) -> None:
        sought = self._look_for()
        exchange.data, exchange.candidate_data = tuple(sought.active), tuple(sought.candidate)

    def _look_for(self) -> _Sought:
        policy, candidate = self._services.policy, self._services.candidate
        both = [policy] if candidate is None else [policy, candidate]
        revisions = " ".join(one.revision for one in both)
        if self._sought.revisions != revisions:
            self._sought = _Sought(
                revisions,
                RuleSet.of(
                    [rule for one in both for rule in one.label_rules],
                    [item for one in both for item in one.recognizers],
                ),
                _entities(policy),
                _entities(candidate) if candidate is not None else {},
            )
        return self._sought


@dataclass(frozen=True, slots=True)
class _Sought:
    """What is looked for under the policy in force and the one in its shadow."""

    revisions: str
    rules: RuleSet
    active: Entities
    candidate: Entities


def _entities(policy: PolicySet) -> Entities:
    """Give entities by the names that finds are reported under, which may not be the policy's."""
    return {
        label: frozenset(profile_from([{"entities": names}], policy.recognizers).operators)
        for label, names in policy.labelled_entities.items()
    }


def _labels(wanted: Entities, found: set[str]) -> tuple[str, ...]:
    return tuple(label for label, entities in wanted.items() if not found.isdisjoint(entities))
