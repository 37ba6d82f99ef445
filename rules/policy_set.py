"""A policy in force: what the data plane asks, with the answers it need not ask twice."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Required, TypedDict, Unpack

from rules.bundle import Bundle
from rules.clock import clock
from rules.decision import (
    AgentRef,
    Approval,
    Cause,
    Decision,
    DestinationOptions,
    Effect,
    Explanation,
    Facts,
    HttpRequest,
    Limits,
    Reservation,
    ToolCall,
)
from rules.decision_cache import DecisionCache
from rules.engine import PolicyEngine
from rules.errors import EvaluationError, Problem, refused
from rules.own_rego import USER_PATH
from rules.places import Places
from rules.read_set import ReadSet
from rules.regions import UNKNOWN, asked_regions, asks_for_region, host_region, region_names
from rules.regorus_engine import RegorusEngine
from rules.tools import ToolIndex

NO_FACTS = Facts()

Document = Mapping[str, Any]
Asking = Generator[dict[str, Any], Document, Decision]
"""Yields input documents, wants the decision document on each sent back, returns the decision."""


class Asked(TypedDict, total=False):
    """What is asked: all that a decision may depend on, beside the calls.

    `stage` is `connect` for a tunnel or `request`, `data` are the labels of what was found in the
    request, `asked_regions` where it asks to be processed, `opaque` how many bytes of its body
    nobody can read, `now` is seconds since the epoch.
    """

    stage: Required[str]
    agent: Required[AgentRef]
    scheme: Required[str]
    host: Required[str]
    port: Required[int]
    method: str
    body_kind: str
    opaque: int
    on_behalf_of: Sequence[AgentRef]
    data: Sequence[str]
    asked_regions: Sequence[str]
    now: float
    facts: Facts


@dataclass(slots=True)
class _Question:
    """`Asked`, with what is not said filled in."""

    stage: str
    agent: AgentRef
    scheme: str
    host: str
    port: int
    method: str = ""
    body_kind: str = "none"
    opaque: int = 0
    on_behalf_of: Sequence[AgentRef] = ()
    data: Sequence[str] = ()
    asked_regions: Sequence[str] = ()
    now: float = 0.0
    facts: Facts = NO_FACTS


class _Seen(NamedTuple):
    """What a policy looks at in a question, and what it decided on it before."""

    arguments: Mapping[str, Any]
    instant: Mapping[str, Any]
    key: tuple[Any, ...] | None
    kept: Decision | None


class PolicySet:
    """Decides by one bundle; belongs to the thread that made it.

    `environment` are the labels of the place where the firewall runs. Raises `PolicyError` when the
    bundle does not compile.
    """

    def __init__(
        self,
        bundle: Bundle,
        engine: PolicyEngine | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._engine = engine if engine is not None else RegorusEngine(bundle)
        try:
            config: Mapping[str, Any] = bundle.data["aegis_cfg"]
            self.revision = bundle.revision
            self.name: str = config["name"]
            self.mode: str = config["mode"]
            self.on_error: str = config["on_error"]
            self.limits = Limits(**config["limits"])
            self._config = config
            self._agents: Mapping[str, Mapping[str, Any]] = config["agents"]
            self._sources: Mapping[str, str] = config["sources"]
            self.places = Places(self._agents)
            self._read = ReadSet(config)
            self._fenced: bool = config["uses"]["regions"]
            self._tools = ToolIndex(config["tools"])
            self._asks_opaque = config["uses"].get("opaque_bodies") is True
            self.reads_headers = any(
                tool.get("http", {}).get("headers") for tool in config["tools"].values()
            )
            self.destinations: Mapping[str, DestinationOptions] = {
                name: DestinationOptions(
                    item["region"],
                    item["tier"],
                    item["trace_context"],
                    item["tls"],
                    item["websocket"],
                    item.get("request_streams", "read"),
                    **{key: item[key] for key in _OPTIONAL if key in item},
                )
                for name, item in config["destinations"].items()
            }
            self.passes_through = any(
                options.tls == "passthrough" for options in self.destinations.values()
            )
        except (KeyError, TypeError):
            raise refused(
                "bundle",
                "the bundle was made by another version of Aegis",
                "Compile the policy again.",
            ) from None
        self.user_modules = {
            path: text for path, text in bundle.modules.items() if path.startswith(USER_PATH)
        }
        self._environment = dict(environment or {})
        self._cache = DecisionCache()

    def match_tools(self, request: HttpRequest) -> list[ToolCall]:
        """Give the tools that a request calls; raises `ToolError` for a call it cannot read."""
        destination = self._destination(request.host, f"{request.scheme}:{request.port}")
        return self._tools.match(destination, request) if destination else []

    def asked_regions(self, request: HttpRequest) -> tuple[str, ...]:
        """Give the regions that a request asks to be processed in, where the policy looks at it."""
        return asked_regions(request) if self._fenced else ()

    def unread_regions(self, host: str) -> tuple[str, ...]:
        """Give the regions that requests to a host may ask for which nobody reads."""
        return (UNKNOWN,) if self._fenced and asks_for_region(host) else ()

    def decide(self, *, calls: Sequence[ToolCall] = (), **asked: Unpack[Asked]) -> Decision:
        """Decide on a tunnel or a request; of several calls the strictest decision holds.

        Raises `EvaluationError` when the engine gives no decision.
        """
        question = _Question(**asked)
        decided = []
        for call in calls or (None,):
            seen = self._seen(question, call)
            decision = seen.kept
            if decision is None:
                decision = self._keep(seen, self.evaluate(self._document(question, call, seen)))
            decided.append(decision)
        return decided[0] if len(decided) == 1 else _together(decided)

    def tools_of_server(self, scheme: str, host: str, port: int) -> Mapping[str, str] | None:
        """Give the tools of an MCP server by their names there, None for what is no such server."""
        return self._tools.of_server(self._destination(host, f"{scheme}:{port}"))

    def may_call(self, tool: str, **asked: Unpack[Asked]) -> bool:
        """Say whether an MCP tool is not refused outright: some arguments might be allowed.

        Raises `EvaluationError` when the engine gives no decision.
        """
        return self.decide(calls=[open_call(tool)], **asked).effect is not Effect.DENY

    def asking(self, *, calls: Sequence[ToolCall] = (), **asked: Unpack[Asked]) -> Asking:
        """Decide as `decide` does, leaving it to the caller how each document is evaluated."""
        question = _Question(**asked)
        decided = []
        for call in calls or (None,):
            seen = self._seen(question, call)
            decision = seen.kept
            if decision is None:
                decision = self._keep(seen, (yield self._document(question, call, seen)))
            decided.append(decision)
        return decided[0] if len(decided) == 1 else _together(decided)

    def explain(
        self, *, calls: Sequence[ToolCall] = (), **asked: Unpack[Asked]
    ) -> list[Explanation]:
        """Explain what `decide` decides on the same arguments, one call at a time."""
        question = _Question(**asked)
        return [self._explained(question, call) for call in calls or (None,)]

    def evaluate(self, document: Document) -> dict[str, Any]:
        """Ask the engine; raises `EvaluationError`."""
        if self.user_modules and "user" not in document:
            raise EvaluationError("the policy's own rules were not asked")
        return self._engine.evaluate(document)

    def endpoints(self, host: str) -> list[tuple[str, int]]:
        """Give the schemes and ports at which policy names a destination of this name."""
        labels = host.split(".")
        tables = [self._config["hosts"].get(host, {})] + [
            self._config["suffixes"].get(".".join(labels[index:]), {})
            for index in range(1, len(labels))
        ]
        found = {endpoint.rpartition(":") for table in tables for endpoint in table}
        return sorted((scheme, int(port)) for scheme, _, port in found)

    def options_at(self, scheme: str, host: str, port: int) -> DestinationOptions:
        """Give what else the policy says of the destination that a request goes to."""
        return self.destination_options(self._destination(host, f"{scheme}:{port}"))

    def destination_options(self, destination: str) -> DestinationOptions:
        """Give what else the policy says of a destination, the defaults for an unknown one."""
        return self.destinations.get(destination) or DestinationOptions()

    @property
    def labelled_entities(self) -> Mapping[str, Sequence[str]]:
        """Which entities, found in a request, give it which data label that the policy looks at."""
        return self._read.labelled_entities

    @property
    def label_rules(self) -> list[Mapping[str, Any]]:
        """What has to be looked for to find the labels of a request, as redactions are written."""
        return [
            {"id": f"data:{label}", "entities": dict.fromkeys(entities, "replace")}
            for label, entities in self.labelled_entities.items()
        ]

    @property
    def all_redactions(self) -> list[Mapping[str, Any]]:
        """Everything that the policy looks for in requests, as plain data."""
        return [*self._config["redaction"].values(), *self.label_rules]

    def redaction_rules(self, ids: Sequence[str]) -> list[Mapping[str, Any]]:
        """Give redactions as plain data, as they were compiled.

        Each has an id, entities with their operators, tools and data labels, and what else it says:
        profile, operator, threshold, models, languages, direction, on_failure, images, ttl_seconds.
        """
        return [self._config["redaction"][name] for name in ids]

    def problem(
        self, section: str, item: str, path: Sequence[str | int], message: str, mend: str
    ) -> Problem:
        """Make a problem with an item, at the place in the policy's files that the bundle names."""
        name = f"recognizer:{item}" if section == "recognizers" else item
        file, _, line = self._sources.get(name, "").rpartition(":")
        where = ".".join(map(str, (section, item, *path)))
        return Problem(file or self.name, int(line or 1), 1, where, message, mend)

    @property
    def recognizers(self) -> list[Mapping[str, Any]]:
        """The recognisers of the policy's own, in Presidio's form, which its entities may need."""
        return [*self._config.get("recognizers", {}).values()]

    def _seen(self, question: _Question, call: ToolCall | None) -> _Seen:
        """Take what the policy looks at out of a question, and find what was decided on it."""
        arguments = self._read.arguments(call)
        instant = clock(question.now, self._read.zones) if self._read.zones else {}
        if self.user_modules or (self._asks_opaque and question.opaque):
            return _Seen(arguments, instant, None, None)
        key = self._cache.key(question, question.facts, call, arguments, instant)
        return _Seen(arguments, instant, key, self._cache.get(key) if key is not None else None)

    def _keep(self, seen: _Seen, document: Document) -> Decision:
        decision = self._decision(document)
        if seen.key is not None:
            self._cache.put(seen.key, decision)
        return decision

    def _explained(self, question: _Question, call: ToolCall | None) -> Explanation:
        document = self._document(question, call, self._seen(question, call))
        found = self._engine.explain(document)
        causes = [
            Cause(Effect(effect), rule, reason, self._sources.get(rule, ""), observed)
            for key, observed in (("causes", False), ("observed", True))
            for effect, rule, reason in found[key]
        ]
        return Explanation(call, self._decision(found["decision"]), tuple(causes))

    def _document(
        self,
        question: _Question,
        call: ToolCall | None,
        seen: _Seen,
    ) -> dict[str, Any]:
        agent = question.agent
        labels = self._agents.get(agent.id, {}).get("labels") or {}
        document: dict[str, Any] = {
            "stage": question.stage,
            "agent": {**self._agent(agent), "proof": agent.proof},
            "destination": {
                "scheme": question.scheme,
                "host": question.host,
                "port": question.port,
            },
            "request": self._request(question),
            "data": self._data(question, call),
            "environment": {**self._environment, **labels},
        }
        if seen.instant:
            document["clock"] = seen.instant
        if self._fenced:
            document["region"] = {
                "host": list(region_names(host_region(question.host))),
                "asked": [list(region_names(region)) for region in question.asked_regions],
                "later": asks_for_region(question.host),
            }
        if question.on_behalf_of:
            document["on_behalf_of"] = [self._agent(other) for other in question.on_behalf_of]
        if question.facts is not NO_FACTS:
            document["facts"] = {
                "exceeded": list(question.facts.exceeded),
                "approved": list(question.facts.approved),
            }
        if call is not None:
            document["tool"] = {
                "name": call.name,
                "kind": call.kind,
                "readable": call.readable,
                "arguments": seen.arguments,
            }
            if call.open:
                document["tool"]["open"] = True
        return document

    def _request(self, question: _Question) -> dict[str, Any]:
        said = {"method": question.method, "body": question.body_kind}
        return {**said, "opaque": question.opaque} if self._asks_opaque else said

    def _agent(self, agent: AgentRef) -> dict[str, Any]:
        known = self._agents.get(agent.id, {}).get("groups", ())
        return {
            "id": agent.id,
            "tenant": agent.tenant,
            "groups": sorted({*agent.groups, *known}),
        }

    def _data(self, question: _Question, call: ToolCall | None) -> list[str]:
        if question.stage == "connect":
            return []
        end = f"{question.scheme}:{question.port}"
        declared = self._read.declared(self._destination(question.host, end), call)
        return sorted({*question.data, *declared}) if declared else sorted(question.data)

    def _decision(self, document: Document) -> Decision:
        route, would = document["route"], document["would"]
        if not self._config["redaction"].keys() >= set(document["redact"]):
            raise EvaluationError("the policy's own rules name a redaction that there is not")
        return Decision(
            effect=Effect(document["effect"]),
            rule=document["rule"],
            reason=document["reason"],
            source=self._sources.get(document["rule"], ""),
            revision=self.revision,
            mode=document["mode"],
            destination=document["destination"],
            dial=tuple(document["dial"]),
            redact=(
                tuple(dict.fromkeys(document["redact"])) if document["effect"] == "sanitize" else ()
            ),
            route_host=route.get("host", ""),
            route_region=route.get("region", ""),
            approve=tuple(self._approval(item) for item in document["approve"]),
            reserve=tuple(self._reservation(item) for item in document["reserve"]),
            throttle=tuple(document["throttle"]),
            would=(Effect(would["effect"]), would["rule"]) if self._config["shadow"] else None,
        )

    def _approval(self, item: Mapping[str, str]) -> Approval:
        known = self._config["approvals"].get(item["id"]) or _ANYBODY
        return Approval(item["id"], item["rule"], **known)

    def _reservation(self, item: Mapping[str, str]) -> Reservation:
        budget = self._config["budgets"][item["id"]]
        return Reservation(
            item["id"], item["key"], budget["unit"], budget["limit"], budget["window_seconds"]
        )

    def _destination(self, host: str, endpoint: str) -> str:
        """Find the destination whose tools to look through; the decision is not made here."""
        found = self._config["hosts"].get(host, {}).get(endpoint)
        labels = host.split(".")
        for index in range(1, len(labels)):
            if found:
                break
            found = self._config["suffixes"].get(".".join(labels[index:]), {}).get(endpoint)
        return found or ""


def open_call(tool: str) -> ToolCall:
    """Make the call by which is asked whether an MCP tool may be called at all."""
    return ToolCall(tool, "mcp", {}, open=True)


def drive(asking: Asking, evaluate: Callable[[Document], Document]) -> Decision:
    """Answer what a decision asks by a function, and give the decision."""
    try:
        document = next(asking)
        while True:
            document = asking.send(evaluate(document))
    except StopIteration as end:
        decision: Decision = end.value
        return decision


def _together(decided: Sequence[Decision]) -> Decision:
    """Give the strictest of several decisions, with the obligations of all."""
    strictest = max(decided, key=lambda decision: decision.effect.strictness)
    would = [decision.would for decision in decided if decision.would is not None]
    return Decision(
        strictest.effect,
        strictest.rule,
        strictest.reason,
        strictest.source,
        strictest.revision,
        strictest.mode,
        strictest.destination,
        strictest.dial,
        redact=_all(decision.redact for decision in decided),
        # One request goes to one place: what must be routed takes the others along.
        route_host=next((d.route_host for d in decided if d.route_host), ""),
        route_region=next((d.route_region for d in decided if d.route_host), ""),
        approve=_all(decision.approve for decision in decided),
        reserve=tuple(item for decision in decided for item in decision.reserve),
        throttle=_all(decision.throttle for decision in decided),
        would=max(would, key=lambda pair: pair[0].strictness) if would else None,
    )


def _all(parts: Any) -> tuple[Any, ...]:
    return tuple(dict.fromkeys(item for part in parts for item in part))


_OPTIONAL = ("via", "trust", "client_certificate", "tool_changes")

_ANYBODY = {"channel": "", "approvers": 1, "expires_seconds": 900}
