"""Descriptions of MCP tools, compared with those that were seen first."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from ledger import LedgerError, ToolPin, ToolPins

logger = logging.getLogger(__name__)

Key = tuple[str, str, str]
"""Tenant, destination and the tool's name there."""


class ToolWatch:
    """Knows the tools that were seen; what it learns is written beside the exchanges."""

    def __init__(self, pins: ToolPins) -> None:
        self._pins = pins
        self._unwritten: dict[Key, ToolPin] = {}
        # One thread, so that what is written of a tool is written in its order.
        self._thread = ThreadPoolExecutor(1, "tool-pins")
        self._writing: set[asyncio.Future[None]] = set()

    def pinned(self, key: Key) -> ToolPin | None:
        """Give what is known of a tool; raises `LedgerError`."""
        return self._unwritten.get(key) or self._pins.look(*key)

    def server_changed(self, tenant: str, destination: str) -> bool:
        """Tell whether any tool of a server has a change that is not accepted."""
        return self._pins.changed(tenant, destination) or any(
            pin.changed_to
            for key, pin in self._unwritten.items()
            if key[:2] == (tenant, destination)
        )

    def see(self, key: Key, fingerprint: str, now: float) -> tuple[bool, bool]:
        """Take note of a tool's description.

        Tells whether it is another than the one that holds, and whether that is news.
        Raises `LedgerError`.
        """
        pin = self.pinned(key)
        if pin is None:
            self._write(ToolPin(*key, fingerprint, int(now)), fingerprint)
            return False, False
        if pin.fingerprint == fingerprint:
            if pin.changed_to:
                self._write(replace(pin, changed_to="", changed_at=None), fingerprint)
            return False, False
        if pin.changed_to == fingerprint:
            return True, False
        self._write(replace(pin, changed_to=fingerprint, changed_at=int(now)), fingerprint)
        return True, True

    def _write(self, pin: ToolPin, fingerprint: str) -> None:
        key = (pin.tenant, pin.destination, pin.tool)
        self._unwritten[key] = pin

        def write() -> None:
            try:
                self._pins.see(*key, fingerprint)
            except LedgerError as error:
                logger.warning("A tool's description was not kept. %s", error)

        def written(done: asyncio.Future[None]) -> None:
            self._writing.discard(done)
            if self._unwritten.get(key) is pin:
                del self._unwritten[key]

        done = asyncio.get_running_loop().run_in_executor(self._thread, write)
        self._writing.add(done)
        done.add_done_callback(written)

    async def close(self) -> None:
        """Wait for what is not yet written, and let go of the storage."""
        while self._writing:
            await asyncio.wait(self._writing)
        self._thread.shutdown()
        self._pins.close()
