"""Who evaluates: the engine in this process, or what has to be asked outside of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from addons.user_rego_pool import UserRegoPool
from rules import Decision, EvaluationError, PolicySet

if TYPE_CHECKING:
    from addons.opa_engine import OpaServerEngine

KEPT = 3
"""Policies whose own rules stay ready: the one in force, the one before it and a candidate."""


class Evaluator:
    """Answers what a decision asks, with the rules of the policy's own and a remote engine."""

    def __init__(self, remote: OpaServerEngine | None = None) -> None:
        self._remote = remote
        self._own: dict[str, UserRegoPool] = {}

    async def start(self, policy: PolicySet) -> None:
        """Start what the rules of a policy's own run in; raises `EvaluationError`.

        What ran for the policy before the last one ends.
        """
        if not policy.user_modules or policy.revision in self._own:
            return
        pool = UserRegoPool(policy.user_modules)
        await pool.start()
        self._own[policy.revision] = pool
        while len(self._own) > KEPT:
            await self._own.pop(next(iter(self._own))).close()

    async def check(self) -> None:
        """See whether the remote engine, where there is one, decides; raises `EvaluationError`."""
        if self._remote is not None:
            await self._remote.check()

    async def close(self) -> None:
        """End everything."""
        while self._own:
            await self._own.popitem()[1].close()
        if self._remote is not None:
            await self._remote.close()

    def asks(self, policy: PolicySet) -> bool:
        """Say whether anything outside of this process has to be asked."""
        return self._remote is not None or bool(policy.user_modules)

    async def decide(
        self, policy: PolicySet, question: Mapping[str, Any], *, remote: bool = True
    ) -> Decision:
        """Decide as `PolicySet.decide` does; raises `EvaluationError`.

        A remote engine has the policy in force; without it this process is asked.
        """
        asking = policy.asking(**question)
        try:
            document = next(asking)
            while True:
                document = asking.send(await self._evaluate(policy, document, remote))
        except StopIteration as end:
            decision: Decision = end.value
            return decision

    async def _evaluate(
        self, policy: PolicySet, document: dict[str, Any], remote: bool
    ) -> Mapping[str, Any]:
        if policy.user_modules:
            document = {**document, "user": await self._found(policy, document)}
        if remote and self._remote is not None:
            # A server that has another policy is not believed.
            self._remote.revision = policy.revision
            return await self._remote.evaluate(document)
        return policy.evaluate(document)

    async def _found(self, policy: PolicySet, document: Mapping[str, Any]) -> Mapping[str, Any]:
        if document["stage"] == "connect":
            return {}  # they decide on calls, and a tunnel is none yet
        own = self._own.get(policy.revision)
        if own is None:
            raise EvaluationError("the rules of the policy's own do not run")
        return await own.evaluate(document)
