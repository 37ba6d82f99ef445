"""What a decision record tells of a request, for asking another policy about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rules.decision import AgentRef, Effect, Facts

BY_POLICY = frozenset({"policy_denied", "approval_required", "body_opaque"})
"""Codes of a refusal that policy itself decided on; each other one came before or after it."""


UNREADABLE, HOST_BLANKED = "unreadable", "host_blanked"
"""Why a record is not asked about."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a decision record tells of a request and of its decision."""

    id: str
    who: AgentRef
    """Its groups are those of the record, as is its proof."""
    groups_known: bool
    on_behalf_of: tuple[AgentRef, ...]
    connect: bool
    scheme: str
    host: str
    port: int
    address: str
    destination: str
    method: str
    body: str
    opaque: int
    """How many bytes of the body nobody could read."""
    tools: tuple[str, ...]
    data: tuple[str, ...] | None
    """Labels of what was found in it, None where the record does not hold them."""
    asked_regions: tuple[str, ...]
    """Where it asked to be processed."""
    environment: tuple[tuple[str, str], ...] | None
    facts: Facts
    now: float
    effect: str
    rule: str
    revision: str
    mode: str
    enforced: bool
    time: str

    @property
    def agent(self) -> str:
        """The agent's id."""
        return self.who.id

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
    method = str(request.get("method") or "")
    groups, data = _texts(record.get("groups")), _texts(record.get("data"))
    environment = record.get("environment")
    time = str(record.get("time") or "")
    return Recorded(
        id=str(record.get("id") or ""),
        who=AgentRef(
            short_name(str(agent)),
            str(record.get("tenant") or "default"),
            groups or (),
            str(record.get("proof") or "token"),
        ),
        groups_known=groups is not None,
        on_behalf_of=tuple(_principals(record.get("on_behalf_of"))),
        connect=str(record.get("stage") or method) in ("connect", "CONNECT"),
        scheme=str(place.get("scheme") or "https"),
        host=str(place.get("host") or ""),
        port=place["port"],
        address=str(place.get("address") or ""),
        destination=str(place.get("id") or ""),
        method=method,
        body=str(request.get("body") or "none"),
        opaque=_opaque(request),
        tools=_texts(record.get("tools")) or (),
        data=data,
        asked_regions=_texts(record.get("asked_regions")) or (),
        environment=(
            tuple(sorted((str(k), str(v)) for k, v in environment.items()))
            if isinstance(environment, dict)
            else None
        ),
        facts=Facts(_texts(record.get("exceeded")) or (), _texts(record.get("approved")) or ()),
        now=_moment(time),
        effect=str(effect),
        rule=str(record.get("rule") or ""),
        revision=str(record.get("revision") or ""),
        mode=str(record.get("mode") or ""),
        enforced=record.get("enforced") is not False,
        time=time,
    )


def _opaque(request: Mapping[str, Any]) -> int:
    told = request.get("opaque")
    if told is None and request.get("body") in ("opaque", "uninspected"):
        told = request.get("bytes")
    return told if isinstance(told, int) else 0


def _texts(value: Any) -> tuple[str, ...] | None:
    return tuple(map(str, value)) if isinstance(value, list) else None


def _principals(value: Any) -> Iterable[AgentRef]:
    for other in value if isinstance(value, list) else ():
        if isinstance(other, dict):
            yield AgentRef(
                str(other.get("id") or ""),
                str(other.get("tenant") or "default"),
                _texts(other.get("groups")) or (),
            )


def _moment(time: str) -> float:
    try:
        return datetime.fromisoformat(time).timestamp()
    except (ValueError, OverflowError):
        return 0.0


def short_name(agent: str) -> str:
    """Give an agent's id out of its SPIFFE id."""
    return agent.rpartition("/")[2]
