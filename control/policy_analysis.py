"""The commands of `aegis policy` that compare policies with one another and with the log."""

from __future__ import annotations

import typer

from control import (
    policy_coverage,
    policy_diff,
    policy_drift,
    policy_replay,
    policy_shadow,
    policy_suggest,
)


def register(app: typer.Typer) -> None:
    """Add the commands to `aegis policy`."""
    for module in (policy_replay, policy_diff, policy_coverage, policy_suggest, policy_drift):
        module.register(app)
    policy_shadow.register(app)
