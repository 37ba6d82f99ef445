"""What changes in meaning between two policies: who may do what, asked of both."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from rules.bundle import Bundle
from rules.decision import AgentRef, Decision
from rules.diff_parts import (
    ConstraintChange,
    SettingChange,
    compare_constraints,
    compare_settings,
)
from rules.policy_set import PolicySet
from rules.sample_requests import Action, Endpoint, actions, calls_of, endpoints, sample_host
from rules.variants import configuration, without_checks

ANY_OTHER = "any other agent"
EVERY = "every agent"
_NOBODY = "(any)"
"""No agent can have this id."""


@dataclass(frozen=True, slots=True)
class EndpointChange:
    """An endpoint that is named from now on, no longer, or as another destination."""

    endpoint: str
    before: str
    after: str

    @property
    def change(self) -> str:
        """One of `added`, `removed` and `moved`."""
        return "moved" if self.before and self.after else "added" if self.after else "removed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """A decision as far as two policies are compared by it."""

    effect: str
    rule: str
    obligations: tuple[str, ...] = ()


@dataclass(slots=True)
class DecisionChange:
    """What agents may do otherwise than before."""

    agents: tuple[str, ...]
    destination: str
    actions: list[str]
    before: Outcome
    after: Outcome


@dataclass(slots=True)
class PolicyDiff:
    """All that changes; nothing where two policies mean the same."""

    old: str
    new: str
    """Revisions."""
    endpoints: list[EndpointChange] = field(default_factory=list)
    decisions: list[DecisionChange] = field(default_factory=list)
    constraints: list[ConstraintChange] = field(default_factory=list)
    settings: list[SettingChange] = field(default_factory=list)

    @property
    def same(self) -> bool:
        """True when nothing changes in meaning."""
        return not (self.endpoints or self.decisions or self.constraints or self.settings)


def diff(old: Bundle, new: Bundle) -> PolicyDiff:
    """Compare two policies; raises `PolicyError` when one does not compile."""
    result = PolicyDiff(old.revision, new.revision)
    pair = _Pair(old, new)
    result.endpoints = [
        EndpointChange(_text(place), before, after)
        for place, (before, after) in pair.places.items()
        if before != after
    ]
    result.decisions = list(pair.decisions())
    result.constraints = compare_constraints(configuration(old), configuration(new))
    result.settings = compare_settings(configuration(old), configuration(new))
    return result


class _Pair:
    """Two policies that are asked the same questions, their constraints taken out."""

    def __init__(self, old: Bundle, new: Bundle) -> None:
        self._bundles = (old, new)
        self._policies = (PolicySet(without_checks(old)), PolicySet(without_checks(new)))
        self._agents = _agents(old) | _agents(new)
        self.places: dict[Endpoint, tuple[str, str]] = {}
        for place in sorted(endpoints(old) | endpoints(new), key=lambda e: (e[1], e[2], e[0])):
            before, after = (self._destination(policy, place) for policy in self._policies)
            self.places[place] = (before, after)

    def decisions(self) -> Iterator[DecisionChange]:
        """Give what changes, agents and actions that change alike together."""
        standing: dict[tuple[str, str], Endpoint] = {}
        for place, names in self.places.items():
            standing.setdefault(names, place)
        for (before, after), place in standing.items():
            yield from self._at(place, before, after)

    def _at(self, place: Endpoint, before: str, after: str) -> Iterator[DecisionChange]:
        known: dict[str, Action] = {}
        for bundle, destination in zip(self._bundles, (before, after), strict=True):
            for action in actions(bundle, destination) if destination else ():
                known.setdefault(action.label, action)
        grouped: dict[tuple[Outcome, Outcome, tuple[str, ...]], list[str]] = {}
        for action in known.values():
            changed: dict[tuple[Outcome, Outcome], list[str]] = {}
            for label, agent in self._agents.items():
                was, becomes = (
                    self._outcome(policy, agent, action, place) for policy in self._policies
                )
                if self._differ(was, becomes):
                    changed.setdefault((was, becomes), []).append(label)
            for pair, names in changed.items():
                grouped.setdefault((*pair, self._together(names)), []).append(action.label)
        shown = after or before if before in ("", after) or not after else f"{before} -> {after}"
        for (was, becomes, agents), labels in grouped.items():
            yield DecisionChange(agents, shown, labels, was, becomes)

    def _together(self, agents: list[str]) -> tuple[str, ...]:
        return (EVERY,) if len(agents) == len(self._agents) else tuple(agents)

    def _differ(self, was: Outcome, becomes: Outcome) -> bool:
        if (was.effect, was.obligations) != (becomes.effect, becomes.obligations):
            return True
        if was.rule == becomes.rule:
            return False
        # Of several rules that say the same the first decides: that is order, not meaning.
        known = [configuration(bundle)["sources"] for bundle in self._bundles]
        return not all(rule in rules for rule in (was.rule, becomes.rule) for rules in known)

    def _outcome(
        self, policy: PolicySet, agent: AgentRef, action: Action, place: Endpoint
    ) -> Outcome:
        calls = calls_of(policy, action, place)
        if calls is None:
            return Outcome("deny", "tool-unreadable")
        scheme, host, port = place
        decision = policy.decide(
            stage="request",
            agent=agent,
            scheme=scheme,
            host=sample_host(host),
            port=port,
            method=action.method,
            body_kind="none" if action.body is None else "json",
            calls=calls,
        )
        return Outcome(str(decision.effect), decision.rule, _obligations(decision))

    def _destination(self, policy: PolicySet, place: Endpoint) -> str:
        scheme, host, port = place
        return policy.decide(
            stage="request",
            agent=AgentRef(_NOBODY),
            scheme=scheme,
            host=sample_host(host),
            port=port,
        ).destination


def _agents(bundle: Bundle) -> dict[str, AgentRef]:
    """Give those between whom a policy may tell a difference, by what people call them."""
    tables = configuration(bundle)
    keys = {f"agent:{name}" for name in tables["groups"]}
    keys |= {f"group:{name}" for groups in tables["groups"].values() for name in groups}
    for table in (tables["allow"], tables["deny"]):
        for by_tool in table.values():
            for by_agent in by_tool.values():
                keys |= by_agent.keys()
    found = {}
    for key in sorted(keys - {"*"}):
        kind, _, name = key.partition(":")
        if kind == "group":
            found[f"any other agent of group {name}"] = AgentRef(_NOBODY, groups=(name,))
        else:
            found[name] = AgentRef(name)
    return {**found, ANY_OTHER: AgentRef(_NOBODY)}


def _obligations(decision: Decision) -> tuple[str, ...]:
    return tuple(f"redact {name}" for name in sorted(decision.redact))


def _text(place: Endpoint) -> str:
    scheme, host, port = place
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"
