"""What policy wants taken out of answers: redactions whose direction is `response` or `both`."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from addons.exchange import Exchange
from addons.services import Services
from redaction import RuleSet, Scope, tenant_key
from rules import Decision


@dataclass(frozen=True, slots=True)
class AnswerRules:
    """The redactions that apply to one answer."""

    rules: RuleSet
    first: str
    """The id of the first of them, for a denial."""
    opaque: Literal["refuse", "pass"]
    """What becomes of what nobody can search in it."""
    passes: bool
    """Whether an answer goes on as it is where nothing can be taken out of it for certain."""


class AnswerPolicy:
    """Finds the redactions of answers that a decision asks for."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._known: dict[tuple[str, tuple[str, ...]], AnswerRules | None] = {}

    def rules(self, decision: Decision | None) -> AnswerRules | None:
        """Give what is to be taken out of an answer, None where that is nothing."""
        if decision is None or not decision.redact:
            return None
        key = (decision.revision, decision.redact)
        if key not in self._known:
            if len(self._known) > 256:
                self._known.clear()
            policy = self._services.policy
            self._known[key] = _rules(policy.redaction_rules(decision.redact), policy.recognizers)
        return self._known[key]

    def scope(self, exchange: Exchange, given: Collection[str]) -> Scope:
        """Give what the operators depend on: the same as for requests, so that hashes agree.

        `given` are surrogates of the conversation, which stay for what is made of them.
        """
        tenant = exchange.agent.tenant if exchange.agent is not None else ""
        return Scope(
            key=tenant_key(self._services.secret, tenant),
            session=exchange.vault_session,
            today=datetime.datetime.now(datetime.UTC).date(),
            given=given,
        )


def _rules(
    rules: Sequence[Mapping[str, Any]], recognizers: Sequence[Mapping[str, Any]]
) -> AnswerRules | None:
    mine = [rule for rule in rules if rule.get("direction", "request") in ("response", "both")]
    if not mine:
        return None
    return AnswerRules(
        RuleSet.of(mine, recognizers),
        str(mine[0].get("id", "?")),
        "pass" if all(rule.get("images") == "pass" for rule in mine) else "refuse",
        all(rule.get("on_failure", "deny") == "pass" for rule in mine),
    )
