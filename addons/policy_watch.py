"""Hot reload: a changed policy is built beside the old one and swapped in between requests."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

from addons import home
from addons.policy_source import WRONG, CandidateSource, PolicySource
from addons.redactor import RedactionFailed
from ledger import GroupCommit, LedgerError
from redaction import RedactionError
from rules import Bundle, EvaluationError, PolicySet

logger = logging.getLogger(__name__)

PAUSE_SECONDS = 1.0
"""How long to wait after a failure that nobody foresaw."""

Build = Callable[[Bundle], PolicySet]
"""Makes a bundle ready to decide, warmed up; raises `PolicyError`."""


Prepare = Callable[[PolicySet], Awaitable[None]]
"""Starts what a policy needs to decide."""

_WRONG = (*WRONG, EvaluationError, RedactionError, RedactionFailed, TimeoutError)


class _Watch:
    """A task that goes on until it is stopped, and a way to write into the log."""

    def __init__(self, log: GroupCommit) -> None:
        self._log = log
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
            try:
                await self._step()
            except Exception as error:  # the watch must outlive whatever one step does
                logger.error("The policy was not reloaded (%s).", type(error).__name__)
                await asyncio.sleep(PAUSE_SECONDS)

    async def _step(self) -> None:
        raise NotImplementedError

    async def _note(self, what: str, revision: str, problem: str = "") -> None:
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


class PolicyWatch(_Watch):
    """Puts in force what a source gives; something wrong leaves the last good one in force."""

    def __init__(
        self,
        source: PolicySource,
        active: PolicySet,
        adopt: Callable[[PolicySet], None],
        log: GroupCommit,
        prepare: Prepare,
        build: Build = PolicySet,
    ) -> None:
        super().__init__(log)
        self._source = source
        self._active = active
        self._adopt = adopt
        self._prepare = prepare
        self._build = build
        self._refused = False

    async def _step(self) -> None:
        try:
            bundle = await self._source.changed()
            if bundle.revision == self._active.revision:
                await self._stay(bundle)
                return
            # The engine belongs to the thread that asks it, which is this one.
            policy = self._build(bundle)
            await self._prepare(policy)
        except _WRONG as error:
            await self._refuse(str(error) or type(error).__name__)
            return
        self._refused = False
        await self._note("activated", policy.revision)
        self._active = policy
        self._adopt(policy)
        logger.info("Policy '%s' revision %s is in force.", policy.name, policy.revision)
        await self._source.accepted()

    async def _stay(self, bundle: Bundle) -> None:
        if self._refused:
            self._refused = False
            await self._note("restored", bundle.revision)
        await self._source.accepted()

    async def _refuse(self, problem: str) -> None:
        self._refused = True
        logger.error(
            "The changed policy is not used; revision %s stays in force.\n%s",
            self._active.revision,
            problem,
        )
        await self._note("refused", self._active.revision, problem)


class CandidateWatch(_Watch):
    """Hands on the policy that runs in the shadow, and None when there is none any more."""

    def __init__(
        self,
        source: CandidateSource,
        adopt: Callable[[PolicySet | None], None],
        log: GroupCommit,
        prepare: Prepare,
        build: Build = PolicySet,
    ) -> None:
        super().__init__(log)
        self._source = source
        self._adopt = adopt
        self._prepare = prepare
        self._build = build
        self._revision = ""
        self._problem = ""

    async def _step(self) -> None:
        try:
            bundle = await self._source.changed()
            candidate = self._build(bundle) if bundle is not None else None
            if candidate is not None:
                await self._prepare(candidate)
        except _WRONG as error:
            # Better none than one that nobody asks for any more.
            self._adopt(None)
            await self._refuse(str(error))
            return
        self._problem = ""
        self._adopt(candidate)
        if candidate is None:
            await self._note("shadow stopped", self._revision)
            logger.info("No policy runs in the shadow any more.")
        else:
            self._revision = candidate.revision
            await self._note("shadow started", candidate.revision)
            logger.info(
                "Policy '%s' revision %s runs in the shadow.", candidate.name, candidate.revision
            )

    async def _refuse(self, problem: str) -> None:
        if problem != self._problem:
            self._problem = problem
            logger.error("The policy in the shadow is not used.\n%s", problem)
            await self._note("shadow refused", "", problem)
        await asyncio.sleep(PAUSE_SECONDS)
