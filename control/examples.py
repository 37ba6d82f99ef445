"""One call that a policy allows and one that it refuses, to try by hand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rules import (
    AgentRef,
    Bundle,
    Effect,
    EvaluationError,
    HttpRequest,
    PolicyError,
    PolicySet,
    load_bundle,
)

_AGENT = AgentRef("default", "default", ())
_ANSWERS_ANYBODY = {"api.github.com": "/zen"}
"""Hosts that answer a plain GET without a key, and where; they come first."""
_UNLIKELY = ("example.com", "example.net", "example.org")
_USUAL_PORT = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class Examples:
    """URLs to try with GET; empty where the policy has none of the kind."""

    allowed: str = ""
    refused: str = ""
    refusal: str = "Refused"


def examples(policy: Path) -> Examples:
    """Find the examples of a policy file for the agent "default"; none when it cannot be read."""
    try:
        return examples_of(load_bundle(policy))
    except PolicyError:
        return Examples()


def examples_of(bundle: Bundle) -> Examples:
    """Find the examples of a compiled policy for the agent "default"."""
    try:
        decides = PolicySet(bundle)
        places = sorted(
            _places(bundle.data["aegis_cfg"]), key=lambda place: place[1] not in _ANSWERS_ANYBODY
        )
        unlikely = [("https", host, 443) for host in _UNLIKELY]
        return Examples(
            next((_url(*place) for place in places if _allows(decides, *place)), ""),
            next((_url(*place) for place in unlikely if not _allows(decides, *place)), ""),
            "Refused" if decides.mode == "enforce" else "Observed",
        )
    except (PolicyError, EvaluationError):
        return Examples()


def _places(config: Any) -> Iterator[tuple[str, str, int]]:
    for host, ends in config["hosts"].items():
        for end, destination in ends.items():
            scheme, _, port = end.partition(":")
            if scheme != "connect" and not _by_message(config["destinations"][destination]):
                yield scheme, host, int(port)


def _by_message(place: Any) -> bool:
    """Say whether a destination takes messages only, so that a plain GET shows nothing."""
    return bool(place["mcp"] or place.get("a2a"))


def _allows(policy: PolicySet, scheme: str, host: str, port: int) -> bool:
    path = _ANSWERS_ANYBODY.get(host, "/")
    calls = policy.match_tools(HttpRequest("GET", scheme, host, port, path, {}, None, "none"))
    decision = policy.decide(
        stage="request",
        agent=_AGENT,
        scheme=scheme,
        host=host,
        port=port,
        method="GET",
        calls=calls,
    )
    return decision.effect.strictness <= Effect.SANITIZE.strictness


def _url(scheme: str, host: str, port: int) -> str:
    shown = f"[{host}]" if ":" in host else host
    number = "" if port == _USUAL_PORT[scheme] else f":{port}"
    return f"{scheme}://{shown}{number}{_ANSWERS_ANYBODY.get(host, '/')}"
