"""A command as an agent behind a firewall that runs, with the variables that `aegis run` sets."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from control.environment import agent_environment
from control.home import Running
from ledger import Home
from tests.support.firewall import Firewall

_STEERING = ("PIP_", "npm_config_", "NPM_CONFIG_", "NODE_")


def plain_environment() -> dict[str, str]:
    """Give our environment without what steers this machine's package tools and clients."""
    kept = {n: v for n, v in os.environ.items() if not n.startswith(_STEERING)}
    return {**kept, "PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


def environment(firewall: Firewall, agent: str = "default", **more: str) -> dict[str, str]:
    """Give what `aegis run` gives a command; settings of this machine's package tools stay out."""
    running = Running(firewall.host, firewall.port, firewall.pid)
    home, token = Home(firewall.home), firewall.token(agent)
    return {**agent_environment(plain_environment(), home, running, token), **more}


def run_as(
    firewall: Firewall, agent: str, *command: str | Path, cwd: Path | None = None, **more: str
) -> subprocess.CompletedProcess[str]:
    """Run a command as an agent to its end."""
    return subprocess.run(
        [str(part) for part in command],
        env=environment(firewall, agent, **more),
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
    )
