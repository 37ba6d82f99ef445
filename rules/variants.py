"""A bundle made to answer as if every argument kept to the policy, or as if none did."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from rules.bundle import Bundle

_NEVER = {"kind": "required", "argument": "", "bound": True, "order": 0}
"""A check that no call keeps to: an argument without a name must be there."""


def without_checks(bundle: Bundle) -> Bundle:
    """Give a bundle that constrains no argument."""
    return _with_tools(bundle, lambda name, tool: [])


def with_broken_checks(bundle: Bundle) -> Bundle:
    """Give a bundle in which each call of a constrained tool breaks `tool:NAME`."""

    def broken(name: str, tool: Mapping[str, Any]) -> list[dict[str, Any]]:
        if not tool["checks"]:
            return []
        return [{**tool["checks"][0], **_NEVER, "id": f"tool:{name}"}]

    return _with_tools(bundle, broken)


def has_checks(bundle: Bundle) -> bool:
    """Say whether any tool of a bundle has constraints."""
    return any(tool["checks"] for tool in configuration(bundle)["tools"].values())


def configuration(bundle: Bundle) -> Mapping[str, Any]:
    """Give the tables that a bundle's decisions are made by."""
    tables: Mapping[str, Any] = bundle.data["aegis_cfg"]
    return tables


def _with_tools(
    bundle: Bundle, checks: Callable[[str, Mapping[str, Any]], list[dict[str, Any]]]
) -> Bundle:
    tables = configuration(bundle)
    tools = {name: {**tool, "checks": checks(name, tool)} for name, tool in tables["tools"].items()}
    return dataclasses.replace(
        bundle, data={**bundle.data, "aegis_cfg": {**tables, "tools": tools}}
    )
