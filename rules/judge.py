"""A recorded decision asked again: what another policy says of it, as far as the record tells.

A record holds neither arguments nor path, and an old one not all that a policy may look at today.
Where the answer hangs on that, the weakest and the strictest that are possible are given, with what
they hang on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from rules.bundle import Bundle
from rules.decision import AgentRef, Decision, Effect, ToolCall
from rules.policy_set import PolicySet
from rules.read_set import ReadSet
from rules.recorded import Recorded
from rules.variants import (
    ARGUMENT,
    LABEL,
    configuration,
    has_own_rules,
    with_checks,
    with_open_conditions,
    without_own_rules,
)

ARGUMENTS, PATH, DATA, LABELS, OWN_RULES = "arguments", "path", "data", "labels", "own rules"
"""What an answer may depend on."""

MAX_KEPT = 10_000
"""Verdicts that are kept, for records alike."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a policy says of a record: one answer, or several and what it depends on."""

    answers: tuple[tuple[str, str], ...]
    """Pairs of effect and rule, the weakest first."""
    depends: frozenset[str] = frozenset()

    @property
    def effects(self) -> tuple[str, ...]:
        """The effects that are possible, each once."""
        return tuple(dict.fromkeys(effect for effect, _ in self.answers))


class Judge:
    """Asks one policy about records.

    `recorded` are policies that records were made under, as far as they are known: where a tool is
    matched the same way in both, a record that does not name it did not call it. `groups` are those
    of agents whose records do not hold them. Raises `PolicyError` when the bundle does not compile.
    """

    def __init__(
        self,
        bundle: Bundle,
        recorded: Iterable[Bundle] = (),
        groups: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.bundle = bundle
        self._groups = groups or {}
        self._own = has_own_rules(bundle)
        self._plain = without_own_rules(bundle)
        tables = configuration(bundle)
        self._tools: Mapping[str, Mapping[str, Any]] = tables["tools"]
        self._guards: Mapping[str, Sequence[Mapping[str, Any]]] = tables["guards"]
        self._timed = any(
            part["kind"] == "time" for parts in self._guards.values() for part in parts
        )
        self._looked_for = ReadSet(tables).labelled_entities
        known = {policy.revision: configuration(policy) for policy in (bundle, *recorded)}
        self._known: dict[str, Mapping[str, Mapping[str, Any]]] = {
            revision: then["tools"] for revision, then in known.items()
        }
        self._found = {name: ReadSet(then).labelled_entities for name, then in known.items()}
        self._policies: dict[tuple[Any, ...], PolicySet] = {}
        self._answers: dict[tuple[Any, ...], Verdict] = {}
        self._policy(kept=True, lenient=True, environment=None)

    def ask(self, record: Recorded) -> Verdict:
        """Give what the policy says of a record; raises `EvaluationError`."""
        if record.revision == self.bundle.revision:
            # It decided on all that the record does not hold.
            return Verdict(((record.effect, record.rule),))
        key = (
            *(record.who, record.groups_known, record.on_behalf_of, record.connect),
            *(record.scheme, record.host, record.port, record.method, record.body, record.opaque),
            record.tools,
            *(record.data, record.asked_regions, record.environment, record.facts),
            int(record.now // 60) if self._timed else 0,
            *(record.revision, record.effect, record.rule),
        )
        verdict = self._answers.get(key)
        if verdict is None:
            if len(self._answers) >= MAX_KEPT:
                self._answers.clear()
            verdict = self._answers[key] = self._ask(record)
        return verdict

    def destination(self, record: Recorded) -> str:
        """Give the destination that the policy finds a record's host in, empty for none."""
        policy = self._policy(kept=True, lenient=True, environment=None)
        return self._decide(policy, record, (), ()).destination

    def _ask(self, record: Recorded) -> Verdict:
        depends: set[str] = set()
        answers: set[tuple[str, str]] = set()
        datas = self._datas(record)
        by_calls: dict[tuple[bool, int], set[str]] = {}
        for (index, calls), data in product(enumerate(self._possible_calls(record)), datas):
            best, worst = (
                self._strictest(record, calls, data, lenient) for lenient in (True, False)
            )
            answers |= {best, worst}
            if best[0] != worst[0]:
                depends |= self._open(record, calls)
            by_calls.setdefault((True, index), set()).add(best[0])
            by_calls.setdefault((False, index), set()).add(worst[0])
        if any(len(effects) > 1 for effects in by_calls.values()):
            depends.add(DATA)
        if len({frozenset(e) for (lenient, _), e in by_calls.items() if lenient}) > 1:
            depends.add(PATH)
        if self._own and not record.connect and {effect for effect, _ in answers} != {Effect.DENY}:
            depends.add(OWN_RULES)
            answers.add((str(Effect.DENY), "user:*"))
        ordered = sorted(answers, key=lambda answer: (Effect(answer[0]).strictness, answer[1]))
        return Verdict(tuple(ordered), frozenset(depends))

    def _datas(self, record: Recorded) -> list[tuple[str, ...]]:
        """Give the data labels that a request may have had.

        A firewall looks only for those that its policy asks for.
        """
        found = self._found.get(record.revision, {}) if record.data is not None else {}
        data = record.data or ()
        unseen = [
            label
            for label, entities in self._looked_for.items()
            if label not in data and set(found.get(label, ())) != set(entities)
        ]
        return [data, (*data, *unseen)] if unseen else [data]

    def _strictest(
        self, record: Recorded, calls: Sequence[ToolCall], data: tuple[str, ...], lenient: bool
    ) -> tuple[str, str]:
        """Give effect and rule where all that is open is one way, or the other."""
        answers = []
        for call in calls or (None,):
            proven = self._proven(record, call.name) if call is not None else None
            kept = lenient if proven is None else proven
            policy = self._policy(kept, lenient, record.environment)
            decision = self._decide(policy, record, () if call is None else (call,), data)
            rule = decision.rule
            if call is not None and proven is False and rule == f"tool:{call.name}":
                rule = record.rule
            answers.append((decision.effect, rule))
        effect, rule = max(answers, key=lambda answer: answer[0].strictness)
        return str(effect), rule

    def _open(self, record: Recorded, calls: Sequence[ToolCall]) -> set[str]:
        """Give on what a policy depends that the record does not hold."""
        kinds = {part["kind"] for parts in self._guards.values() for part in parts}
        checked = any(self._tools.get(call.name, {}).get("checks") for call in calls)
        found = {ARGUMENTS} if calls and (checked or ARGUMENT in kinds) else set()
        return found | ({LABELS} if LABEL in kinds and record.environment is None else set())

    def _policy(
        self, kept: bool, lenient: bool, environment: tuple[tuple[str, str], ...] | None
    ) -> PolicySet:
        """Give the policy with what is open settled: constraints, then conditions."""
        key = (kept, lenient, environment)
        found = self._policies.get(key)
        if found is None:
            kinds = frozenset({ARGUMENT} if environment is not None else {ARGUMENT, LABEL})
            bundle = with_open_conditions(self._plain, kinds, lenient=lenient)
            found = PolicySet(with_checks(bundle, kept=kept), environment=dict(environment or ()))
            self._policies[key] = found
        return found

    def _proven(self, record: Recorded, name: str) -> bool | None:
        """Say whether a call's arguments keep to the policy, None where the record leaves it open.

        They do where the policy of the record had the same constraints and let the call through.
        """
        then = self._known.get(record.revision, {}).get(name)
        if then is None or _constraints(then) != _constraints(self._tools.get(name, {})):
            return None
        if record.rule.startswith(f"tool:{name}/"):
            return False
        return None if record.effect == Effect.DENY else True

    def _decide(
        self,
        policy: PolicySet,
        record: Recorded,
        calls: Sequence[ToolCall],
        data: tuple[str, ...],
    ) -> Decision:
        who = record.who
        if not record.groups_known and who.id in self._groups:
            who = AgentRef(who.id, who.tenant, tuple(self._groups[who.id]), who.proof)
        return policy.decide(
            stage="connect" if record.connect else "request",
            agent=who,
            scheme=record.scheme,
            host=record.host,
            port=record.port,
            method=record.method,
            body_kind=record.body,
            opaque=record.opaque,
            calls=calls,
            on_behalf_of=record.on_behalf_of,
            data=data,
            asked_regions=record.asked_regions,
            now=record.now,
            facts=record.facts,
        )

    def _possible_calls(self, record: Recorded) -> list[list[ToolCall]]:
        """Give each list of calls that this request may be under the policy."""
        if record.connect:
            return [[]]
        place = self.destination(record)
        sure = [call for name in record.tools if (call := self._call(name, place)) is not None]
        if any(call.kind == "http" for call in sure):
            return [sure]
        known = self._known.get(record.revision, {})
        open_to = []
        for name in self._candidates(place, record.method):
            tool = self._tools[name]
            if name not in known or match_of(known[name]) != match_of(tool):
                open_to.append([*sure, ToolCall(name, _kind(tool), {})])
                if _takes_all(tool):
                    # It takes every path, so that nothing is left for no tool or for later ones.
                    return open_to
        return [*open_to, sure]

    def _call(self, name: str, place: str) -> ToolCall | None:
        """Name a recorded tool as the policy does, None for a request that it does not name."""
        tool = self._tools.get(name)
        if tool is not None:
            return ToolCall(name, _kind(tool), {}) if owner_of(tool) == place else None
        kind, _, rest = name.partition(":")
        if kind not in ("mcp", "a2a", "graphql"):
            return None
        called = rest.partition("/")[2]
        for own, tool in self._tools.items():
            if "mcp" in tool and (tool["mcp"]["server"], tool["mcp"]["tool"]) == (place, called):
                return ToolCall(own, "mcp", {})
            if "a2a" in tool and owner_of(tool) == place and called in tool["a2a"]["methods"]:
                return ToolCall(own, "a2a", {})
        return ToolCall(f"{kind}:{place}/{called}", kind, {})

    def _candidates(self, place: str, method: str) -> list[str]:
        """Give the tools that a request may call without naming them, catch-alls last."""
        found = [
            name
            for name, tool in self._tools.items()
            if not tool.keys() & {"mcp", "a2a"}
            and owner_of(tool) == place
            and method in _methods(tool, method)
        ]
        return sorted(found, key=lambda name: _takes_all(self._tools[name]))


def match_of(tool: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give by what requests are matched to a tool."""
    return {key: tool[key] for key in ("http", "mcp", "a2a", "graphql") if key in tool}


def owner_of(tool: Mapping[str, Any]) -> str:
    """Give the destination that a compiled tool is called at."""
    match: Mapping[str, Any] = next(iter(match_of(tool).values()), {})
    return str(match.get("server") or match.get("destination") or "")


def _kind(tool: Mapping[str, Any]) -> str:
    return next(iter(match_of(tool)), "http")


def _methods(tool: Mapping[str, Any], method: str) -> Sequence[str]:
    """Give the methods of a tool, the one that is asked about where it takes all."""
    if "graphql" in tool:
        return ("GET", "POST")
    return tool["http"]["methods"] or (method,)


def _takes_all(tool: Mapping[str, Any]) -> bool:
    """Say whether a tool takes every request by its methods."""
    http = tool.get("http")
    if http is None or any(http.get(key) for key in ("query", "headers", "body")):
        return False
    path = str(http["path"])
    return path.count("/") == 1 and path.endswith("*}")


def _constraints(tool: Mapping[str, Any]) -> tuple[Any, ...]:
    """Give what the arguments of a tool must keep to, in no order."""
    checks = [
        {key: value for key, value in check.items() if key != "order"}
        for check in tool.get("checks", ())
    ]
    return (match_of(tool), tool.get("from"), sorted(checks, key=lambda check: str(check["id"])))
