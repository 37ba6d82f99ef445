"""What is wrong with the places by which a policy knows its agents."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence

from rules.errors import Problem
from rules.marked_yaml import Marked, Path


def check_agents(layers: Mapping[str, Sequence[Marked]]) -> Iterator[Problem]:
    """Give the mistakes in `users` and `sources`; each of them means one agent."""
    taken: dict[tuple[str, str], str] = {}
    for tenant, documents in layers.items():
        for marked in documents:
            for index, agent in enumerate(marked.data.get("agents") or []):
                for key in ("users", "sources"):
                    if tenant and key in agent:
                        yield marked.problem(
                            ("agents", index, key),
                            f"'{key}' is not a tenant's to say",
                            "Move it to the organisation's policy.",
                            at_key=True,
                        )
                    for at, text in enumerate(agent.get(key) or []):
                        place: Path = ("agents", index, key, at)
                        yield from _check_place(marked, place, key, text, agent["id"], taken)


def _check_place(
    marked: Marked, place: Path, key: str, text: str, agent: str, taken: dict[tuple[str, str], str]
) -> Iterator[Problem]:
    if key == "sources":
        try:
            text = str(ipaddress.ip_network(text))
        except ValueError as error:
            yield marked.problem(
                place,
                f"'{text}' is no network: {error}",
                "Write it like 10.20.0.0/16 or 192.168.1.5/32.",
            )
            return
    other = taken.setdefault((key, text), agent)
    if other != agent:
        yield marked.problem(
            place, f"'{text}' is the agent '{other}' already", "Say it of one agent."
        )
