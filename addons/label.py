"""Label: which classes of data a request holds, where the policy decides by that."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass

from mitmproxy import http

from addons.exchange import Exchange, exchange_of
from addons.redactor import RedactionFailed
from addons.request_documents import documents_of
from addons.services import Services
from redaction import Profile, RedactionError, profile_from
from rules import PolicySet


class Label:
    """Finds the data labels of a request before it is decided on."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._sought = _Sought("", Profile({}), {})

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Take a body that nobody reads for one that holds everything."""
        exchange = exchange_of(flow)
        if exchange.streamed:
            exchange.data = tuple(self._services.policy.labelled_entities)

    def request(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Look for the entities that give a request a label."""
        exchange = exchange_of(flow)
        if exchange.streamed or not self._services.policy.labelled_entities:
            return None
        return self._label(flow, exchange)

    async def _label(self, flow: http.HTTPFlow, exchange: Exchange) -> None:
        policy = self._services.policy
        try:
            documents, _ = await documents_of(flow.request, exchange)
            sought = self._look_for(policy)
            found = await self._services.redactor.find(documents, sought.profile)
        except (RedactionError, RedactionFailed) as error:
            # What cannot be looked into may hold anything.
            exchange.data = tuple(policy.labelled_entities)
            exchange.deny(
                "label_failed",
                f"The request could not be searched for personal data, and the policy decides by "
                f"that: {error}",
                rule="label",
                status=422 if isinstance(error, RedactionError) else 503,
            )
            return
        exchange.data = tuple(
            label for label, entities in sought.entities.items() if not found.isdisjoint(entities)
        )

    def _look_for(self, policy: PolicySet) -> _Sought:
        if self._sought.revision != policy.revision:
            # By the names that finds are reported under, which may differ from the policy's.
            entities = {
                label: frozenset(profile_from([{"entities": names}]).operators)
                for label, names in policy.labelled_entities.items()
            }
            self._sought = _Sought(policy.revision, profile_from(policy.label_rules), entities)
        return self._sought


@dataclass(frozen=True, slots=True)
class _Sought:
    """What is looked for under one revision of the policy."""

    revision: str
    profile: Profile
    entities: Mapping[str, frozenset[str]]
