"""A bundle made to answer as if every argument kept to the policy, or as if none did."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from rules.bundle import Bundle

NEVER = "never"
"""A kind of check that no argument keeps to."""


def without_checks(bundle: Bundle) -> Bundle:
    """Give a bundle that constrains no argument."""
    return _with_tools(bundle, lambda tool: {**tool, "checks": []})


def with_broken_checks(bundle: Bundle) -> Bundle:
    """Give a bundle whose every constraint on an argument is broken."""
    return _with_tools(
        bundle, lambda tool: {**tool, "checks": [{**c, "kind": NEVER} for c in tool["checks"]]}
    )


def has_checks(bundle: Bundle) -> bool:
    """Say whether any tool of a bundle has constraints."""
    return any(tool["checks"] for tool in configuration(bundle)["tools"].values())


def configuration(bundle: Bundle) -> Mapping[str, Any]:
    """Give the tables that a bundle's decisions are made by."""
    tables: Mapping[str, Any] = bundle.data["aegis_cfg"]
    return tables


def _with_tools(bundle: Bundle, change: Any) -> Bundle:
    tables = configuration(bundle)
    tools = {name: change(tool) for name, tool in tables["tools"].items()}
    return dataclasses.replace(
        bundle, data={**bundle.data, "aegis_cfg": {**tables, "tools": tools}}
    )
