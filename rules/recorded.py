"""A recorded decision asked again: what another policy says of it, as far as the record tells.

A record holds neither arguments nor path. Where the answer hangs on one of them, each answer that
is possible is given, with what it hangs on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rules.bundle import Bundle
from rules.decision import AgentRef, Decision, Effect, ToolCall
from rules.policy_set import PolicySet
from rules.variants import configuration, has_checks, with_broken_checks, without_checks

BY_POLICY = frozenset({"policy_denied", "approval_required"})
"""Codes of a refusal that policy itself decided on; each other one came before or after it."""

ARGUMENTS = "arguments"
PATH = "path"

UNREADABLE = "unreadable"
HOST_BLANKED = "host_blanked"
TIMES = "times"


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a decision record tells of a request and of its decision."""

    id: str
    agent: str
    tenant: str
    groups: tuple[str, ...] | None
    """None where the record does not hold them."""
    connect: bool
    scheme: str
    host: str
    port: int
    address: str
    destination: str
    method: str
    body: str
    tools: tuple[str, ...]
    effect: str
    rule: str
    revision: str
    mode: str
    enforced: bool
    time: str

    @property
    def blanked(self) -> bool:
        """True when numbers in the name of an unknown host were blanked out."""
        return "#" in self.host


def set_apart(record: Mapping[str, Any]) -> str:
    """Give the code of a refusal that was not decided by policy, empty for all other records."""
    code = str(record.get("code") or "")
    return "" if code in BY_POLICY else code


def parse_record(record: Mapping[str, Any]) -> Recorded | None:
    """Read a decision record, None when it does not say enough to ask again."""
    place, request = record.get("destination"), record.get("request")
    effect, agent = record.get("effect"), record.get("agent")
    if not isinstance(place, dict) or not isinstance(request, dict) or not agent:
        return None
    if effect not in set(Effect) or not isinstance(place.get("port"), int):
        return None
    groups = record.get("groups")
    method = str(request.get("method") or "")
    return Recorded(
        id=str(record.get("id") or ""),
        agent=short_name(str(agent)),
        tenant=str(record.get("tenant") or "default"),
        groups=tuple(map(str, groups)) if isinstance(groups, list) else None,
        connect=str(record.get("stage") or method) in ("connect", "CONNECT"),
        scheme=str(place.get("scheme") or "https"),
        host=str(place.get("host") or ""),
        port=place["port"],
        address=str(place.get("address") or ""),
        destination=str(place.get("id") or ""),
        method=method,
        body=str(request.get("body") or "none"),
        tools=tuple(str(name) for name in record.get("tools") or ()),
        effect=str(effect),
        rule=str(record.get("rule") or ""),
        revision=str(record.get("revision") or ""),
        mode=str(record.get("mode") or ""),
        enforced=record.get("enforced") is not False,
        time=str(record.get("time") or ""),
    )


def short_name(agent: str) -> str:
    """Give an agent's id out of its SPIFFE id."""
    return agent.rpartition("/")[2]


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
        self._tools: Mapping[str, Mapping[str, Any]] = configuration(bundle)["tools"]
        self._kept = PolicySet(without_checks(bundle))
        self._broken = PolicySet(with_broken_checks(bundle)) if has_checks(bundle) else self._kept
        self._known: dict[str, Mapping[str, Mapping[str, Any]]] = {
            known.revision: configuration(known)["tools"] for known in (bundle, *recorded)
        }
        self._answers: dict[tuple[Any, ...], Verdict] = {}

    def ask(self, record: Recorded) -> Verdict:
        """Give what the policy says of a record; raises `EvaluationError`."""
        key = (
            *(record.agent, record.tenant, record.groups, record.connect, record.scheme),
            *(record.host, record.port, record.method, record.body, record.tools),
            *(record.revision, record.effect, record.rule),
        )
        verdict = self._answers.get(key)
        if verdict is None:
            if len(self._answers) >= 10_000:
                self._answers.clear()
            verdict = self._answers[key] = self._ask(record)
        return verdict

    def destination(self, record: Recorded) -> str:
        """Give the destination that the policy finds a record's host in, empty for none."""
        return self._decide(self._kept, record, ()).destination

    def _ask(self, record: Recorded) -> Verdict:
        depends: set[str] = set()
        answers: set[tuple[str, str]] = set()
        possible = self._possible_calls(record)
        seen = []
        for calls in possible:
            best, worst = (self._strictest(record, calls, kept) for kept in (True, False))
            seen.append(best[0])
            answers |= {best, worst}
            if best[0] != worst[0]:
                depends.add(ARGUMENTS)
        if len(set(seen)) > 1:
            depends.add(PATH)
        ordered = sorted(answers, key=lambda answer: (Effect(answer[0]).strictness, answer[1]))
        return Verdict(tuple(ordered), frozenset(depends))

    def _strictest(
        self, record: Recorded, calls: Sequence[ToolCall], kept: bool
    ) -> tuple[str, str]:
        """Give effect and rule, with arguments that keep to the policy or do not."""
        answers = []
        for call in calls or (None,):
            proven = self._proven(record, call.name) if call is not None else None
            policy = self._kept if (kept if proven is None else proven) else self._broken
            decision = self._decide(policy, record, () if call is None else (call,))
            rule = decision.rule
            if call is not None and proven is False and rule == f"tool:{call.name}":
                rule = record.rule
            answers.append((decision.effect, rule))
        effect, rule = max(answers, key=lambda answer: answer[0].strictness)
        return str(effect), rule

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

    def _decide(self, policy: PolicySet, record: Recorded, calls: Sequence[ToolCall]) -> Decision:
        groups = record.groups
        if groups is None:
            groups = tuple(self._groups.get(record.agent, ()))
        return policy.decide(
            stage="connect" if record.connect else "request",
            agent=AgentRef(record.agent, record.tenant, groups),
            scheme=record.scheme,
            host=record.host,
            port=record.port,
            method=record.method,
            body_kind=record.body,
            calls=calls,
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
        for name in self._templates(place, record.method):
            tool = self._tools[name]
            if name not in known or match_of(known[name]) != match_of(tool):
                open_to.append([*sure, ToolCall(name, "http", {})])
                if tool["http"]["path"].count("/") == 1 and tool["http"]["path"].endswith("*}"):
                    # It takes every path, so that nothing is left for no tool or for later ones.
                    return open_to
        return [*open_to, sure]

    def _call(self, name: str, place: str) -> ToolCall | None:
        """Name a recorded tool as the policy does, None for a request that it does not name."""
        tool = self._tools.get(name)
        if tool is not None:
            kind = "mcp" if "mcp" in tool else "http"
            owner = tool["mcp"]["server"] if kind == "mcp" else tool["http"]["destination"]
            return ToolCall(name, kind, {}) if owner == place else None
        if not name.startswith("mcp:"):
            return None
        called = name.partition("/")[2]
        for own, tool in self._tools.items():
            if "mcp" in tool and (tool["mcp"]["server"], tool["mcp"]["tool"]) == (place, called):
                return ToolCall(own, "mcp", {})
        return ToolCall(f"mcp:{place}/{called}", "mcp", {})

    def _templates(self, place: str, method: str) -> list[str]:
        """Give the HTTP tools of a destination that take a method, the catch-alls last."""
        found = [
            name
            for name, tool in self._tools.items()
            if "http" in tool
            and tool["http"]["destination"] == place
            and (not tool["http"]["methods"] or method in tool["http"]["methods"])
        ]
        return sorted(found, key=lambda name: -self._tools[name]["http"]["path"].count("/"))


def match_of(tool: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give by what requests are matched to a tool."""
    return {key: tool[key] for key in ("http", "mcp", "graphql") if key in tool}


def _constraints(tool: Mapping[str, Any]) -> tuple[Any, ...]:
    """Give what the arguments of a tool must keep to, in no order."""
    checks = [
        {key: value for key, value in check.items() if key != "order"}
        for check in tool.get("checks", ())
    ]
    return (match_of(tool), tool.get("from"), sorted(checks, key=lambda check: str(check["id"])))
