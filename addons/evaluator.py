"""Who evaluates: the engine in this process, or what has to be asked outside of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from addons.user_rego_pool import UserRegoPool
from rules import EvaluationError, PolicySet


class RemoteEngine(Protocol):
    """Evaluates decisions somewhere else."""

    async def evaluate(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """Give the decision document on an input; raises `EvaluationError`."""
        ...


class Evaluator:
    """Answers what a decision asks, with the rules of the policy's own and a remote engine."""

    def __init__(self, remote: RemoteEngine | None = None) -> None:
        self._remote = remote
        self._own: dict[str, UserRegoPool] = {}

    async def start(self, policy: PolicySet) -> None:
        """Start what the rules of a policy's own run in; raises `EvaluationError`."""
        if policy.user_modules and policy.revision not in self._own:
            pool = UserRegoPool(policy.user_modules)
            await pool.start()
            self._own[policy.revision] = pool

    async def keep(self, *revisions: str) -> None:
        """End what ran for policies that are no longer asked."""
        for revision in set(self._own) - set(revisions):
            await self._own.pop(revision).close()

    def asks(self, policy: PolicySet) -> bool:
        """Say whether anything outside of this process has to be asked."""
        return self._remote is not None or bool(policy.user_modules)

    async def evaluate(self, policy: PolicySet, document: dict[str, Any]) -> Mapping[str, Any]:
        """Give the decision document on an input; raises `EvaluationError`."""
        if policy.user_modules:
            own = self._own.get(policy.revision)
            if own is None:
                raise EvaluationError("the rules of the policy's own do not run")
            document = {**document, "user": await own.evaluate(document)}
        if self._remote is not None:
            return await self._remote.evaluate(document)
        return policy.evaluate(document)
