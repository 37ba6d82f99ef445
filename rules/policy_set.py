"""A policy in force: what the data plane asks, with the answers it need not ask twice."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from rules.bundle import Bundle
from rules.decision import (
    AgentRef,
    Decision,
    DestinationOptions,
    Effect,
    HttpRequest,
    Limits,
    ToolCall,
)
from rules.engine import PolicyEngine
from rules.errors import refused
from rules.regorus_engine import RegorusEngine
from rules.tools import ToolIndex

MAX_CACHED = 4096
MAX_CACHED_ARGUMENTS = 512
"""Bytes of arguments beyond which a decision is not kept."""

_NOTHING: frozenset[str] = frozenset()


class PolicySet:
    """Decides by one bundle; belongs to the thread that made it.

    Raises `PolicyError` when the bundle does not compile.
    """

    def __init__(self, bundle: Bundle, engine: PolicyEngine | None = None) -> None:
        self._engine = engine if engine is not None else RegorusEngine(bundle)
        try:
            config: Mapping[str, Any] = bundle.data["aegis_cfg"]
            self.revision = bundle.revision
            self.name: str = config["name"]
            self.mode: str = config["mode"]
            self.limits = Limits(**config["limits"])
            self._groups: Mapping[str, Sequence[str]] = config["groups"]
            self._hosts: Mapping[str, Mapping[str, str]] = config["hosts"]
            self._suffixes: Mapping[str, Mapping[str, str]] = config["suffixes"]
            self._destinations: Mapping[str, Mapping[str, Any]] = config["destinations"]
            self._redaction: Mapping[str, Mapping[str, Any]] = config["redaction"]
            self._sources: Mapping[str, str] = config["sources"]
            # The arguments that the policy looks at; nothing else of a call goes to the engine.
            self._read: dict[str, frozenset[str]] = {
                name: frozenset(check["argument"] for check in tool["checks"])
                for name, tool in config["tools"].items()
                if tool["checks"]
            }
            self._tools = ToolIndex(config["tools"])
        except (KeyError, TypeError):
            raise refused(
                "bundle",
                "the bundle was made by another version of Aegis",
                "Compile the policy again.",
            ) from None
        self._options = {
            name: DestinationOptions(item["region"], item["tier"], item["trace_context"])
            for name, item in self._destinations.items()
        }
        self._cache: OrderedDict[tuple[Any, ...], Decision] = OrderedDict()

    def match_tools(self, request: HttpRequest) -> list[ToolCall]:
        """Give the tools that a request calls; raises `ToolError` for a call it cannot read."""
        destination = self._destination(request.host, f"{request.scheme}:{request.port}")
        return self._tools.match(destination, request) if destination else []

    def decide(
        self,
        *,
        stage: str,
        agent: AgentRef,
        scheme: str,
        host: str,
        port: int,
        method: str = "",
        body_kind: str = "none",
        calls: Sequence[ToolCall] = (),
    ) -> Decision:
        """Decide on a tunnel (`connect`) or a request; of several calls the strictest holds.

        Raises `EvaluationError` when the engine gives no decision.
        """
        common = (stage, agent, scheme, host, port)
        if not calls:
            return self._one(common, method, body_kind, None)
        decided = [self._one(common, method, body_kind, call) for call in calls]
        return max(decided, key=lambda decision: decision.effect.strictness)

    def destination_options(self, destination: str) -> DestinationOptions:
        """Give what else the policy says of a destination, the defaults for an unknown one."""
        return self._options.get(destination) or DestinationOptions()

    @property
    def all_redactions(self) -> list[Mapping[str, Any]]:
        """Every redaction of the policy as plain data."""
        return list(self._redaction.values())

    def redaction_rules(self, ids: Sequence[str]) -> list[Mapping[str, Any]]:
        """Give redactions as plain data: id, entities with their operators, threshold."""
        return [self._redaction[name] for name in ids]

    def _one(
        self,
        common: tuple[str, AgentRef, str, str, int],
        method: str,
        body_kind: str,
        call: ToolCall | None,
    ) -> Decision:
        stage, agent, scheme, host, port = common
        read = self._read.get(call.name, _NOTHING) if call is not None else _NOTHING
        arguments = {
            name: value for name, value in (call.arguments if call else {}).items() if name in read
        }
        key = _key(common, call, arguments)
        if key is not None:
            cached = self._cache.get(key)
            if cached is not None:
                return cached
        groups = sorted({*agent.groups, *self._groups.get(agent.id, ())})
        document: dict[str, Any] = {
            "stage": stage,
            "agent": {"id": agent.id, "tenant": agent.tenant, "groups": groups},
            "destination": {"scheme": scheme, "host": host, "port": port},
            "request": {"method": method, "body": body_kind},
        }
        if call is not None:
            document["tool"] = {
                "name": call.name,
                "kind": call.kind,
                "readable": call.readable,
                "arguments": arguments,
            }
        decision = self._decision(self._engine.evaluate(document))
        if key is not None:
            if len(self._cache) >= MAX_CACHED:
                self._cache.popitem(last=False)
            self._cache[key] = decision
        return decision

    def _decision(self, document: Mapping[str, Any]) -> Decision:
        return Decision(
            effect=Effect(document["effect"]),
            rule=document["rule"],
            reason=document["reason"],
            source=self._sources.get(document["rule"], ""),
            revision=self.revision,
            mode=document["mode"],
            destination=document["destination"],
            dial=tuple(document["dial"]),
            redact=tuple(document["redact"]) if document["effect"] == "sanitize" else (),
        )

    def _destination(self, host: str, endpoint: str) -> str:
        """Find the destination whose tools to look through; the decision is not made here."""
        found = self._hosts.get(host, {}).get(endpoint)
        labels = host.split(".")
        for index in range(1, len(labels)):
            if found:
                break
            found = self._suffixes.get(".".join(labels[index:]), {}).get(endpoint)
        return found or ""


def _key(
    common: tuple[Any, ...], call: ToolCall | None, arguments: Mapping[str, Any]
) -> tuple[Any, ...] | None:
    """Name all that a decision depends on, or None where that is too much to keep.

    The policy sees of a call only the arguments that it constrains, and gives the same decision for
    the same input.
    """
    if call is None:
        return common
    if not arguments:
        return (*common, call.name, call.kind, call.readable)
    try:
        seen = orjson.dumps(arguments, option=orjson.OPT_SORT_KEYS)
    except (TypeError, ValueError):
        return None
    if len(seen) > MAX_CACHED_ARGUMENTS:
        return None
    return (*common, call.name, call.kind, call.readable, seen)
