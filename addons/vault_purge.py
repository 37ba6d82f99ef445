"""What has expired in the vault, deleted while the firewall runs."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time

from ledger import LedgerError, Vault

logger = logging.getLogger(__name__)

EVERY_SECONDS = 60.0


class VaultPurge:
    """Looks once a minute; what is read meanwhile is judged by its own end."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, with what expired while no firewall ran."""
        self._task = asyncio.create_task(self._run(), name="vault purge")

    async def stop(self) -> None:
        """End."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while True:
            try:
                await asyncio.to_thread(self._vault.purge, time.time())
            except LedgerError as error:
                logger.warning("The vault is not purged: %s", error)
            await asyncio.sleep(EVERY_SECONDS)
