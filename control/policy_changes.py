"""What would change a decision, in words: the constraint, the approval, the rules there are."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from rules import Cause, Effect
from rules.policy_bench import UNREADABLE, Answer
from rules.policy_test_request import AskedRequest

MAX_NAMED = 10


def changes(config: Mapping[str, Any], request: AskedRequest, answer: Answer) -> list[str]:
    """Say what would let a request through, or what must be done for it to go."""
    effect = Effect(answer.effect)
    if answer.rule == UNREADABLE and answer.decision is None:
        return ["Send the request in a form that can be read."]
    lines: list[str] = []
    if effect.strictness >= Effect.REQUIRE_APPROVAL.strictness:
        for each in answer.explanations:
            for cause in each.causes:
                if cause.effect is effect and not cause.observed:
                    tool = each.call.name if each.call is not None else ""
                    lines += _for(cause, config, request, answer, tool)
    decision = answer.decision
    if decision is not None:
        if decision.redact:
            lines.append(f"It goes only with these redactions applied: {_list(decision.redact)}.")
        if decision.route_host:
            lines.append(f"It is sent to {decision.route_host} instead.")
        if decision.throttle:
            lines.append(f"It waits for the rates: {_list(decision.throttle)}.")
        if decision.mode == "observe" and effect.strictness > Effect.SANITIZE.strictness:
            lines.append("The policy only observes: the firewall records this and lets it pass.")
    return list(dict.fromkeys(lines))


def _for(
    cause: Cause, config: Mapping[str, Any], request: AskedRequest, answer: Answer, tool: str
) -> Iterator[str]:
    rule, place = cause.rule, f" ({cause.source})" if cause.source else ""
    if rule == "destination-unknown":
        yield from _unknown(config, request)
    elif rule in ("default-deny", "tool-unknown"):
        yield from _permits(config, request, answer, tool)
    elif rule.startswith("tool:"):
        yield f"The constraint {rule.removeprefix('tool:')}{place} must hold: {cause.reason}"
    elif cause.effect is Effect.REQUIRE_APPROVAL:
        yield from _approvals(cause, answer, place)
    elif rule in config["budgets"]:
        yield f"'{rule}'{place} is used up: wait for its next window, or raise its limit."
    elif rule in config["rules"]:
        conditions = " or its conditions must not hold" if _guarded(config, rule) else ""
        yield f"The rule '{rule}'{place} must not name this agent and call{conditions}."
    else:
        yield f"{cause.reason}{place}"


def _approvals(cause: Cause, answer: Answer, place: str) -> Iterator[str]:
    asked = [a for a in answer.decision.approve if a.rule == cause.rule] if answer.decision else []
    for approval in asked:
        people = "one person" if approval.approvers == 1 else f"{approval.approvers} people"
        named = f" of '{approval.id}'" if approval.id else ""
        where = f" in {approval.channel}" if approval.channel else ""
        yield (
            f"The approval{named} for '{cause.rule}'{place}: {people}{where}, "
            f"within {approval.expires_seconds} seconds (--approved {cause.rule})."
        )
    if not asked:
        yield f"An approval for '{cause.rule}'{place}."


def _unknown(config: Mapping[str, Any], request: AskedRequest) -> Iterator[str]:
    host, scheme, port = request.http.host, request.http.scheme, request.http.port
    ends = list(config["hosts"].get(host, ()))
    labels = host.split(".")
    for index in range(1, len(labels)):
        ends += config["suffixes"].get(".".join(labels[index:]), ())
    known = sorted({end for end in ends if not end.startswith("connect:")})
    if known:
        yield f"'{host}' is known, but not with {scheme} and port {port}: {', '.join(known)}."
        return
    hosts = [*config["hosts"], *(f"*.{suffix}" for suffix in config["suffixes"])]
    near = difflib.get_close_matches(host, hosts, n=3, cutoff=0.6)
    if near:
        yield f"No destination has the host '{host}'. The nearest: {', '.join(near)}."
    else:
        yield f"No destination has the host '{host}'. Add it under `destinations`."


def _permits(
    config: Mapping[str, Any], request: AskedRequest, answer: Answer, tool: str
) -> Iterator[str]:
    place = answer.decision.destination if answer.decision else ""
    found: dict[str, tuple[set[str], set[str]]] = {}
    for layer in config["layers"].values():
        for name, cells in layer["permit"].get(place, {}).items():
            for key, entries in cells.items():
                for entry in entries:
                    who, what = found.setdefault(entry[2], (set(), set()))
                    who.update(_agents(config, key))
                    what.add(name)
    for rule, (who, what) in sorted(found.items())[:MAX_NAMED]:
        source = config["sources"].get(rule, "")
        tools = "" if "*" in what else f", for {_list(sorted(what))}"
        guarded = ", when its conditions hold" if _guarded(config, rule) else ""
        yield (
            f"The rule '{rule}' ({source}) allows '{place}' to {_list(sorted(who))}"
            f"{tools}{guarded}."
        )
    about = f"tools: [{tool}]" if tool in config["tools"] else f"destinations: [{place}]"
    start = "A rule of its own" if found else f"No rule allows anything at '{place}'. One that does"
    yield (f"{start}: {{id: NAME, agents: [{request.agent.id}], {about}, effect: allow}}")


def _agents(config: Mapping[str, Any], key: str) -> list[str]:
    if key.startswith("set:"):
        return [
            other.removeprefix("agent:") for other, sets in config["sets"].items() if key in sets
        ]
    return ["every agent" if key == "*" else key.removeprefix("agent:")]


def _guarded(config: Mapping[str, Any], rule: str) -> bool:
    return rule in config["guards"]


def _list(names: Any) -> str:
    return ", ".join(names)
