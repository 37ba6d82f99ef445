"""A command in a jail, with a firewall of its own that is the only way out."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from control import data_plane
from control.environment import CA_CERTIFICATE, JAIL_FILES, jail_environment
from control.home import running_on
from control.jail import Jail, jail, user_of
from control.options import as_arguments
from ledger import CA_BUNDLE, WGETRC, Home, SqliteAgents, ensure_default_agent, split_token

VARIABLE = "AEGIS_JAIL"
"""Tells the firewall of a jail whose it is and which of its descriptors lead into it."""


@dataclass(frozen=True, slots=True)
class Jailed:
    """A jail and its firewall, ready for the command."""

    token_id: str
    begin: Callable[[list[str]], subprocess.Popen[bytes]]
    """Starts the command."""
    _jail: Jail
    _firewall: data_plane.Temporary

    @property
    def problem(self) -> str:
        """Say what went wrong beside the command, once that has ended."""
        return self._jail.problem or self._firewall.problem


@contextmanager
def jailed(
    home: Home,
    agents: SqliteAgents,
    agent: str,
    ttl: int,
    user: str,
    own: Mapping[str, object],
) -> Iterator[Jailed]:
    """Make a jail and its firewall; raises `JailError`, `StartError`, `OSError`.

    The firewall decides by what `own` names as `--policy`, else by the policy of the firewall that
    runs on the home folder, else by what was applied there.
    """
    whom = user_of(user)
    if not own["--policy"] and (running := running_on(home)) is not None:
        own = {**own, "--policy": running.policy or ""}
    policy = str(own["--policy"] or "")
    files = [Path(policy).expanduser().resolve()] if policy and "://" not in policy else []
    with jail(home, whom, files) as made:
        with data_plane.alone(home):
            ensure_default_agent(agents, home.default_token)
        token_id = split_token(agents.mint(agent, ttl, "aegis run --jail"))[0]
        try:
            with data_plane.temporary(
                home,
                as_arguments(own),
                descriptors=made.descriptors,
                environment={VARIABLE: _said(made, agent, token_id)},
            ) as firewall:
                made.hand_over()

                def begin(command: list[str]) -> subprocess.Popen[bytes]:
                    return made.start(command, jail_environment(os.environ, whom.entry), trust)

                trust = {
                    str(JAIL_FILES / CA_BUNDLE): home.ca_bundle.read_text("utf-8"),
                    str(JAIL_FILES / WGETRC): f"ca_certificate = {JAIL_FILES / CA_BUNDLE}\n",
                    str(JAIL_FILES / CA_CERTIFICATE): home.ca_certificate.read_text("utf-8"),
                }
                yield Jailed(token_id, begin, made, firewall)
        finally:
            agents.revoke(token_id)


def _said(made: Jail, agent: str, token_id: str) -> str:
    names = ("gates", "dns_udp", "dns_tcp")
    sockets = {name: [one.fileno() for one in getattr(made.sockets, name)] for name in names}
    return json.dumps({"agent": agent, "token_id": token_id, **sockets})
