"""Rego of a policy's own."""

from collections.abc import Mapping

from rules.errors import Problem


def check_modules(modules: Mapping[str, str]) -> list[Problem]:
    """Check the modules of a policy's own."""
    return []
