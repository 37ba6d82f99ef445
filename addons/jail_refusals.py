"""Names that were asked for in vain, written into the log without being led by them."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import Any

from addons import home
from addons.record import scrub
from addons.services import Services
from ledger import LedgerError

logger = logging.getLogger(__name__)

MINUTE = 60.0
NAMES_A_MINUTE = 100
"""How many names are written in a minute; further ones are counted."""


class JailRefusals:
    """Records each refused name once a minute, and many of them as a number."""

    def __init__(self, services: Services, agent: str = "", token_id: str = "") -> None:
        self._services, self._agent, self._token_id = services, agent, token_id
        self._since = time.monotonic()
        self._counts: dict[str, int] = {}
        self._more = 0
        self._timer: asyncio.TimerHandle | None = None
        self._writing: set[asyncio.Task[None]] = set()

    def add(self, name: str, kind: str) -> None:
        """Take down that a name was refused."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(MINUTE, self.flush)
        if name in self._counts:
            self._counts[name] += 1
        elif len(self._counts) < NAMES_A_MINUTE:
            self._counts[name] = 1
            self._write({"name": scrub(name), "type": kind, "count": 1})
        else:
            self._more += 1

    def flush(self) -> None:
        """Write what was only counted, and begin anew."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for name, count in self._counts.items():
            if count > 1:
                self._write({"name": scrub(name), "type": "", "count": count - 1})
        if self._more:
            self._write({"name": "", "type": "", "count": self._more})
        self._counts, self._more = {}, 0

    def _write(self, what: Mapping[str, Any]) -> None:
        agent = self._services.agents.live(self._agent)
        entry = {
            "kind": "name",
            "time": home.timestamp(),
            "what": "refused",
            "tenant": agent.tenant if agent is not None else None,
            "agent": agent.spiffe_id if agent is not None else None,
            "token_id": self._token_id,
            "revision": self._services.policy.revision,
            **what,
        }
        task = asyncio.get_running_loop().create_task(self._append(entry))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def _append(self, entry: Mapping[str, Any]) -> None:
        try:
            await self._services.log.append(dict(entry))
        except LedgerError as error:
            logger.warning("%s", error)

    async def close(self) -> None:
        """Write what is left."""
        self.flush()
        await asyncio.gather(*self._writing)
