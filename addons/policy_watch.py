"""Hot reload: a changed policy is built beside the old one and swapped in between requests."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from pathlib import Path

from addons import home
from addons.redactor import Redactor
from ledger import GroupCommit, LedgerError
from rules import PolicyError, PolicySet, load_bundle

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.5

Stamp = tuple[int, int, int]


class PolicyWatch:
    """Watches the policy file and reloads it; a wrong one leaves the last good one in force."""

    def __init__(
        self,
        path: Path,
        active: PolicySet,
        adopt: Callable[[PolicySet], None],
        log: GroupCommit,
        redactor: Redactor,
    ) -> None:
        self._path = path
        self._active = active
        self._adopt = adopt
        self._log = log
        self._redactor = redactor
        self._seen = _stamp(path)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start to watch."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Stop watching."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(POLL_SECONDS)
            stamp = _stamp(self._path)
            if stamp == self._seen:
                continue
            self._seen = stamp
            try:
                await self._reload()
            except Exception as error:  # the watch must outlive whatever one reload does
                logger.error("The policy was not reloaded (%s).", type(error).__name__)

    async def _reload(self) -> None:
        try:
            bundle = await asyncio.to_thread(load_bundle, self._path)
            # The engine belongs to the thread that asks it, which is this one.
            policy = PolicySet(bundle)
        except (PolicyError, OSError) as error:
            logger.error(
                "The changed policy is not used; revision %s stays in force.\n%s",
                self._active.revision,
                error,
            )
            await self._note("refused", self._active.revision, str(error))
            return
        if policy.revision == self._active.revision:
            return
        await self._redactor.start(policy.all_redactions)
        await self._note("activated", policy.revision, "")
        self._active = policy
        self._adopt(policy)
        logger.info("Policy '%s' revision %s is in force.", policy.name, policy.revision)

    async def _note(self, what: str, revision: str, problem: str) -> None:
        try:
            await self._log.append(
                {
                    "kind": "policy",
                    "time": home.timestamp(),
                    "what": what,
                    "revision": revision,
                    "problem": problem[:2000],
                }
            )
        except LedgerError as error:
            logger.error("%s", error)


def _stamp(path: Path) -> Stamp | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
