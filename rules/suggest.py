"""A least-privilege policy for an agent, out of what was recorded of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rules.addresses import judge_address, parse_address
from rules.bundle import Bundle
from rules.compiler import compile_policy
from rules.coverage import DEFAULTS
from rules.decision import Effect
from rules.judge import Judge
from rules.policy import Policy, parse_policy
from rules.recorded import (
    HOST_BLANKED,
    UNREADABLE,
    Recorded,
    parse_record,
    set_apart,
    short_name,
)
from rules.replay import Replay, replay
from rules.suggested_text import Place, items_of, write_policy

REFUSED = "refused"
FORBIDDEN = "forbidden"
ODD_METHOD = "odd_method"
HELD = "held"
DELEGATED = "delegated"

MAX_ID = 63


@dataclass(slots=True)
class Suggestion:
    """A policy to review, the replay that shows what it does, and what it leaves out."""

    text: str
    bundle: Bundle
    used: int
    """Records that the policy is made of."""
    left_out: Counter[str]
    """Records that it is not made of, by why."""
    replay: Replay

    @property
    def allowed(self) -> int:
        """How many of the used records the policy surely lets through."""
        return sum(
            cell.count
            for cell in self.replay.matrix
            if set(cell.after) <= {str(Effect.ALLOW), str(Effect.SANITIZE)}
        )


def suggest(
    agent: str,
    records: Iterable[Mapping[str, Any]],
    base: Policy | None = None,
    recorded: Sequence[Bundle] = (),
    groups: Mapping[str, Sequence[str]] | None = None,
) -> Suggestion | None:
    """Write a policy that allows an agent what it was recorded to do and nothing else.

    `recorded` are the policies that the records were made under, as far as they are known. Gives
    None when no record can be used. Raises `PolicyError` when the base does not compile.
    """
    left_out: Counter[str] = Counter()
    chooser = _Chooser(base, recorded, groups)
    used: list[Mapping[str, Any]] = []
    for record in records:
        if record.get("kind") != "decision" or short_name(str(record.get("agent"))) != agent:
            continue
        why = chooser.take(record)
        if why:
            left_out[why] += 1
        else:
            used.append(record)
    if not used:
        return None
    times = [str(record.get("time") or "") for record in used]
    text = write_policy(agent, chooser.places(), base, len(used), (min(times), max(times)))
    bundle = compile_policy(parse_policy(text, f"{agent}.yaml"))
    known = [*recorded, *([chooser.bundle] if chooser.bundle is not None else [])]
    return Suggestion(text, bundle, len(used), left_out, replay(used, Judge(bundle, known, groups)))


class _Chooser:
    """Sorts records into places."""

    def __init__(
        self,
        base: Policy | None,
        recorded: Sequence[Bundle],
        groups: Mapping[str, Sequence[str]] | None,
    ) -> None:
        self.bundle = compile_policy(base) if base is not None else None
        self._judge = Judge(self.bundle, recorded, groups) if self.bundle is not None else None
        sections = {name: _by_id(base, name) for name in ("destinations", "tools")}
        self._destinations, self._tools = sections["destinations"], sections["tools"]
        self._places: dict[tuple[str, ...], Place] = {}
        self._ids: set[str] = set(self._destinations)

    def places(self) -> list[Place]:
        """Give the places, the busiest first."""
        return sorted(self._places.values(), key=lambda place: (-place.calls, place.id))

    def take(self, record: Mapping[str, Any]) -> str:
        """Put a record where it belongs, or say why it is left out."""
        code = set_apart(record)
        if code:
            return code
        asked = parse_record(record)
        if asked is None:
            return UNREADABLE
        if asked.blanked:
            return HOST_BLANKED
        if asked.enforced and asked.effect == Effect.DENY:
            return REFUSED
        if asked.effect == Effect.REQUIRE_APPROVAL or asked.facts.approved:
            return HELD
        if asked.on_behalf_of:
            return DELEGATED
        if asked.effect == Effect.DENY and asked.rule not in DEFAULTS:
            return FORBIDDEN
        known = self._judge.destination(asked) if self._judge is not None else ""
        if not asked.connect and not asked.tools and not _usual(asked.method):
            return ODD_METHOD
        self._fill(self._place(asked, known), asked)
        return ""

    def _fill(self, place: Place, asked: Recorded) -> None:
        place.hosts[asked.host] += 1
        place.schemes.add(asked.scheme)
        place.ports.add(asked.port)
        address = parse_address(asked.address)
        allowed = (place.base or {}).get("addresses") or []
        if address is not None and judge_address(address, allowed) is not None:
            place.addresses.add(f"{address}/{address.max_prefixlen}")
        if asked.connect:
            return
        named = False
        for tool in asked.tools:
            if self._owner(tool) == place.id and place.base is not None:
                place.copied[tool] += 1
                named = True
            elif tool.startswith("mcp:") and tool.partition("/")[2]:
                place.messages[tool.partition("/")[2]] += 1
                named = True
        if not named:
            place.methods[asked.method] += 1

    def _owner(self, tool: str) -> str:
        found = self._tools.get(tool)
        if found is None:
            return ""
        if "mcp" in found:
            return str(found["mcp"]["server"])
        return str(found["a2a"]["agent"] if "a2a" in found else found.get("destination"))

    def _place(self, asked: Recorded, known: str) -> Place:
        key: tuple[str, ...] = (
            (known,) if known else ("", asked.scheme, asked.host, str(asked.port))
        )
        place = self._places.get(key)
        if place is None:
            base = self._destinations.get(known)
            place = self._places[key] = Place(known or self._new_id(asked), base)
        return place

    def _new_id(self, asked: Recorded) -> str:
        plain = "".join(c if c.isalnum() or c in "._-" else "-" for c in asked.host.lower())
        stem = plain.lstrip("._-")[: MAX_ID - 10] or "host"
        if stem in self._ids:
            stem = f"{stem}-{asked.port}"
        name, count = stem, 2
        while name in self._ids:
            name, count = f"{stem}-{count}", count + 1
        self._ids.add(name)
        return name


def _usual(method: str) -> bool:
    return method.isascii() and method.isalpha() and method.isupper()


def _by_id(policy: Policy | None, section: str) -> dict[str, dict[str, Any]]:
    return {item["id"]: item for item in items_of(policy, section)}
