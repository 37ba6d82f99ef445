"""What changes in meaning between two policies: who may do what, asked of both."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from rules.bundle import Bundle
from rules.decision import AgentRef, Decision, Effect
from rules.diff_parts import (
    ConstraintChange,
    SettingChange,
    compare_constraints,
    compare_settings,
)
from rules.policy_set import PolicySet
from rules.sample_requests import Action, Endpoint, actions, calls_of, endpoints, sample_host
from rules.variants import configuration, with_checks, with_conditions, without_own_rules

ALWAYS, MET, UNMET = "", "where all conditions hold", "where no condition holds"
"""When a decision changes."""

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
    when: str = ALWAYS
    """One of `ALWAYS`, `MET` and `UNMET`."""


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
    result.settings = compare_settings(old, new)
    return result


class _Pair:
    """Two policies that are asked the same questions, their constraints taken out.

    They are asked twice: with the conditions of all rules met and all data labels in the request,
    and with neither.
    """

    def __init__(self, old: Bundle, new: Bundle) -> None:
        self._bundles = (old, new)
        plain = [with_checks(without_own_rules(bundle), kept=True) for bundle in (old, new)]
        self._policies = {
            hold: [PolicySet(with_conditions(bundle, hold=hold)) for bundle in plain]
            for hold in (True, False)
        }
        self._labels = sorted({*configuration(old)["labels"], *configuration(new)["labels"]})
        self._agents = _agents(old) | _agents(new)
        conditional = any(
            configuration(b)["guards"] or configuration(b)["labels"] for b in (old, new)
        )
        self._cases = (True, False) if conditional else (True,)
        self.places: dict[Endpoint, tuple[str, str]] = {}
        for place in sorted(endpoints(old) | endpoints(new), key=lambda e: (e[1], e[2], e[0])):
            before, after = (self._destination(policy, place) for policy in self._policies[True])
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
        alike = _alike(self._agents, zip(self._bundles, (before, after), strict=True))
        grouped: dict[tuple[Outcome, Outcome, str, tuple[str, ...]], list[str]] = {}
        for action in known.values():
            changed: dict[tuple[Outcome, Outcome, str], list[str]] = {}
            for labels in alike:
                for change in self._changes(self._agents[labels[0]], action, place):
                    changed.setdefault(change, []).extend(labels)
            for change, names in changed.items():
                grouped.setdefault((*change, self._together(names)), []).append(action.label)
        shown = after or before if before in ("", after) or not after else f"{before} -> {after}"
        for (was, becomes, when, agents), called in grouped.items():
            yield DecisionChange(agents, shown, called, was, becomes, when)

    def _changes(
        self, agent: AgentRef, action: Action, place: Endpoint
    ) -> list[tuple[Outcome, Outcome, str]]:
        met, *others = (self._outcomes(agent, action, place, hold) for hold in self._cases)
        unmet = others[0] if others else met
        if met == unmet:
            return [(*met, ALWAYS)] if self._differ(*met) else []
        return [(*pair, when) for pair, when in ((met, MET), (unmet, UNMET)) if self._differ(*pair)]

    def _outcomes(
        self, agent: AgentRef, action: Action, place: Endpoint, hold: bool
    ) -> tuple[Outcome, Outcome]:
        old, new = self._policies[hold]
        return (
            self._outcome(old, agent, action, place, hold),
            self._outcome(new, agent, action, place, hold),
        )

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
        self, policy: PolicySet, agent: AgentRef, action: Action, place: Endpoint, hold: bool
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
            data=tuple(self._labels) if hold else (),
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
    declared = tables["agents"]
    keys = _named(bundle) | set(tables["sets"]) | {f"agent:{name}" for name in declared}
    keys |= {f"group:{name}" for agent in declared.values() for name in agent["groups"]}
    found = {}
    for key in sorted(keys):
        kind, _, name = key.partition(":")
        if kind == "group":
            found[f"any other agent of group {name}"] = AgentRef(_NOBODY, groups=(name,))
        elif kind == "agent":
            known = declared.get(name, {"tenant": "", "proof": []})
            proof = (*known["proof"], "token")[0]
            found[name] = AgentRef(name, known["tenant"] or "default", proof=proof)
    for tenant in sorted(filter(None, tables["layers"])):
        found[f"any other agent of tenant {tenant}"] = AgentRef(_NOBODY, tenant)
    return {**found, ANY_OTHER: AgentRef(_NOBODY)}


def _named(bundle: Bundle, destination: str | None = None) -> set[str]:
    """Give the keys under which a policy names agents and groups, at one destination or at all."""
    tables = configuration(bundle)
    keys = set(tables["delegation"]) if destination is None else set()
    for layer in tables["layers"].values():
        for table in (layer[name] for name in layer if name.endswith(("restrict", "permit"))):
            for place, tools in table.items():
                if destination in (None, place):
                    keys |= {key for cell in tools.values() for key in cell}
    for budget in tables["budgets"].values():
        keys |= set(budget["agents"])
    return keys


def _alike(
    agents: Mapping[str, AgentRef], places: Iterable[tuple[Bundle, str]]
) -> Iterable[list[str]]:
    """Put agents together that no policy can tell apart at its destination."""
    known = [(configuration(bundle), _named(bundle, place)) for bundle, place in places]
    found: dict[Any, list[str]] = {}
    for label, agent in agents.items():
        key = f"agent:{agent.id}"
        marks: list[Any] = [agent.tenant, agent.proof]
        for tables, named in known:
            declared = tables["agents"].get(agent.id, {})
            groups = {f"group:{name}" for name in (*agent.groups, *declared.get("groups", ()))}
            marks.append(frozenset(({key} | groups | set(tables["sets"].get(key, ()))) & named))
            marks += [tuple(declared.get("proof", ())), declared.get("tenant", "")]
        found.setdefault(tuple(marks), []).append(label)
    return found.values()


def _obligations(decision: Decision) -> tuple[str, ...]:
    """Give what an effect demands beside it, in words."""
    found = [f"redact {name}" for name in decision.redact]
    found += [f"approval {approval.id or 'of anybody'}" for approval in decision.approve]
    if decision.effect is not Effect.DENY:
        found += [f"counted by {account.id}" for account in decision.reserve]
        found += [f"routed to {decision.route_host}"] if decision.route_host else []
    if decision.would is not None and decision.would[0] is not decision.effect:
        found.append(f"observed: {decision.would[0]}")
    return tuple(sorted(dict.fromkeys(found)))


def _text(place: Endpoint) -> str:
    scheme, host, port = place
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"
