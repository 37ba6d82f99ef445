"""A bundle made to answer as if what nobody recorded were one way, or the other."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from rules.bundle import Bundle
from rules.decision import Effect
from rules.own_rego import OWN_PATH, USER_PATH, own_module

ARGUMENT, LABEL = "argument", "label"
"""Kinds of conditions that a record may leave open."""

_BROKEN = {"kind": "required", "family": "required", "argument": "", "bound": True, "each": 0}
"""A check that no call keeps to: an argument without a name must be there."""
_NEVER = {"kind": "time", "windows": []}
"""A condition that is proven not to hold: a time without a moment in it."""

_PERMITS = frozenset({Effect.ALLOW, Effect.SANITIZE})

Parts = list[dict[str, Any]]


def configuration(bundle: Bundle) -> Mapping[str, Any]:
    """Give the tables that a bundle's decisions are made by."""
    tables: Mapping[str, Any] = bundle.data["aegis_cfg"]
    return tables


def has_own_rules(bundle: Bundle) -> bool:
    """Say whether a bundle has Rego of the policy's own."""
    return any(path.startswith(USER_PATH) for path in bundle.files)


def without_own_rules(bundle: Bundle) -> Bundle:
    """Give a bundle that asks no Rego of the policy's own, which can only restrict."""
    if not has_own_rules(bundle):
        return bundle
    tables = configuration(bundle)
    files = {path: file for path, file in bundle.files.items() if not path.startswith(USER_PATH)}
    files[OWN_PATH] = own_module({}).encode()
    return dataclasses.replace(
        _with(bundle, own=False, uses={**tables["uses"], "own": False}), files=files
    )


def with_checks(bundle: Bundle, *, kept: bool) -> Bundle:
    """Give a bundle whose constraints all hold, or each call of whose tools breaks `tool:NAME`."""

    def checks(name: str, tool: Mapping[str, Any]) -> Parts:
        if kept or not tool["checks"]:
            return []
        return [{**_BROKEN, "id": f"tool:{name}", "order": 0}]

    tools = configuration(bundle)["tools"]
    return _with(
        bundle, tools={n: {**tool, "checks": checks(n, tool)} for n, tool in tools.items()}
    )


def with_open_conditions(bundle: Bundle, kinds: frozenset[str], *, lenient: bool) -> Bundle:
    """Give a bundle whose conditions of some kinds are settled one way.

    Leniently the rules that permit apply and those that restrict do not; strictly it is the other
    way round.
    """

    def settle(permits: bool, parts: Parts) -> Parts:
        rest = [part for part in parts if part["kind"] not in kinds]
        return rest if permits is lenient or len(rest) == len(parts) else [_NEVER]

    return _with_guards(bundle, settle)


def with_conditions(bundle: Bundle, *, hold: bool) -> Bundle:
    """Give a bundle in which the conditions of all rules hold, or none of them."""
    return _with_guards(bundle, lambda permits, parts: [] if hold else [_NEVER])


def _with_guards(bundle: Bundle, settle: Callable[[bool, Parts], Parts]) -> Bundle:
    tables = configuration(bundle)
    guards = {
        name: settle(tables["rules"][name]["effect"] in _PERMITS, parts)
        for name, parts in tables["guards"].items()
    }
    return _with(bundle, guards=guards)


def _with(bundle: Bundle, **changed: Any) -> Bundle:
    tables = configuration(bundle)
    return dataclasses.replace(bundle, data={**bundle.data, "aegis_cfg": {**tables, **changed}})
