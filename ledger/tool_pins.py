"""How the tools of MCP servers were described when they were first seen, to notice changes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class ToolPin:
    """One tool of one server, as one tenant knows it; times are seconds since 1970.

    `fingerprint` is of the description that holds, `changed_to` of the one that was seen last where
    that is another, else empty.
    """

    tenant: str
    destination: str
    tool: str
    fingerprint: str
    seen_at: int
    changed_to: str = ""
    changed_at: int | None = None


class ToolPins(Protocol):
    """Pinned descriptions; every method may raise StoreUnavailable."""

    def look(self, tenant: str, destination: str, tool: str) -> ToolPin | None:
        """Give what is known of a tool, from memory."""
        ...

    def changed(self, tenant: str, destination: str) -> bool:
        """Tell, from memory, whether a server has a tool with a change that is not accepted."""
        ...

    def see(self, tenant: str, destination: str, tool: str, fingerprint: str) -> ToolPin:
        """Write down how a tool is described now: the first time holds until one is accepted."""
        ...

    def accept(self, tenant: str, destination: str, tool: str) -> ToolPin:
        """Let the description that was seen last hold; raises UnknownTool."""
        ...

    def list(self) -> Sequence[ToolPin]:
        """Give all tools, by tenant, destination and name."""
        ...

    def close(self) -> None:
        """Let go of the storage; a second call does nothing."""
        ...


def fingerprint(tool: Mapping[str, Any]) -> str:
    """Give the fingerprint of a tool's entry in a list: all of it but `_meta`, in any order."""
    described = {key: value for key, value in tool.items() if key != "_meta"}
    text = json.dumps(described, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
