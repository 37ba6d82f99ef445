"""Where the policy comes from: a file, a folder, what was applied, or a bundle server.

A source gives the policy as it is at the start, and then each change of it.
"""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from pathlib import Path
from typing import Protocol

from ledger import LedgerError, SqlitePolicies, StoredPolicy
from rules import DEFAULT_POLICY, Bundle, PolicyError, Problem, load_bundle, policy_stamp
from rules.own_rego import USER_PATH
from rules.policy_bench import PolicyBench
from rules.policy_tests import run_tests

POLL_SECONDS = 0.25


class SourceError(Exception):
    """A place gives no policy; the message is for people."""


WRONG = (PolicyError, SourceError, LedgerError, OSError)
"""What a source raises for a policy that cannot be used."""


class PolicySource(Protocol):
    """Gives policies; `name` is what people call the place."""

    name: str

    def load(self) -> Bundle:
        """Give the policy for the start; waits for it. Raises one of `WRONG`."""
        ...

    async def changed(self) -> Bundle:
        """Wait for a change, without holding the event loop up, and give the policy then.

        Raises one of `WRONG` once for each change to something that cannot be used.
        """
        ...

    async def accepted(self) -> None:
        """Learn that the policy that was given last is in force."""
        ...

    async def close(self) -> None:
        """Let go of what is open."""
        ...


class _Polled:
    """What the sources share that are looked at again and again, on a thread."""

    settles = True
    """Whether a change may be seen half done, and must have come to rest before it is read."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._seen: object = None
        self._before: object = None

    def load(self) -> Bundle:
        self._seen = self._stamp()
        return self._read()

    async def changed(self) -> Bundle:
        while True:
            await asyncio.sleep(POLL_SECONDS)
            if bundle := await asyncio.to_thread(self._look):
                return bundle

    async def accepted(self) -> None:
        pass

    async def close(self) -> None:
        pass

    def _look(self) -> Bundle | None:
        try:
            stamp: object = self._stamp()
        except WRONG as error:
            # Looked at again and again, told once.
            if self._seen == str(error):
                return None
            self._seen = str(error)
            raise
        before, self._before = self._before, stamp
        # Half a policy may be right in itself and allow more than the whole.
        if stamp == self._seen or (self.settles and stamp != before):
            return None
        # Taken before it is read: what changes meanwhile is seen the next time.
        self._seen = stamp
        return self._read()

    def _stamp(self) -> object:
        raise NotImplementedError

    def _read(self) -> Bundle:
        raise NotImplementedError


class FileSource(_Polled):
    """A policy file or a compiled bundle on disk."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self._path = path

    def _stamp(self) -> object:
        return policy_stamp(self._path)

    def _read(self) -> Bundle:
        bundle = load_bundle(self._path)
        _run_own_tests(self._path, bundle)
        return bundle


class FolderSource(FileSource):
    """A folder of policies; it has changed when any of its files has, or their number."""


class StoreSource(_Polled):
    """The policy that was applied on the home folder, else the default one."""

    settles = False

    def __init__(self, path: Path, default: Path = DEFAULT_POLICY) -> None:
        super().__init__(str(path))
        self._store = SqlitePolicies(path)
        self._default = default

    async def close(self) -> None:
        """Close the store."""
        self._store.close()

    def _stamp(self) -> object:
        return self._store.state().active

    def _read(self) -> Bundle:
        applied = self._store.active()
        return load_bundle(self._default) if applied is None else read_stored(applied)


class CandidateSource:
    """The policy that runs in the shadow of the one in force."""

    def __init__(self, path: Path) -> None:
        self._store = SqlitePolicies(path)
        self._seen: str | None = None

    async def changed(self) -> Bundle | None:
        """Wait until a candidate starts or stops; None for none. Raises like `PolicySource`."""
        while True:
            await asyncio.sleep(POLL_SECONDS)
            revision = (await asyncio.to_thread(self._store.state)).candidate
            if revision != self._seen:
                self._seen = revision
                found = await asyncio.to_thread(self._store.candidate)
                return read_stored(found[1]) if found is not None else None

    async def close(self) -> None:
        """Close the store."""
        self._store.close()


def read_stored(policy: StoredPolicy) -> Bundle:
    """Read the bundle of an applied policy; raises `PolicyError`."""
    return Bundle.from_bytes(policy.bundle, f"applied policy {policy.revision}")


def _run_own_tests(path: Path, bundle: Bundle) -> None:
    """Raise `PolicyError` for a policy that does not pass the tests it brings along.

    Those of a policy with Rego of its own are run by `aegis policy test` and `apply`: here nothing
    could stop a rule that runs away.
    """
    compiled = path.name.endswith((".tar.gz", ".tgz"))
    if compiled or any(module.startswith(USER_PATH) for module in bundle.modules):
        return
    failures = run_tests(path, lambda made: nullcontext(PolicyBench(made))).failures
    if failures:
        mend = "Mend the policy or its tests."
        raise PolicyError(
            [
                Problem(*_place(failure.case.source), failure.case.name, str(difference), mend)
                for failure in failures
                for difference in failure.differences
            ]
        )


def _place(source: str) -> tuple[str, int, int]:
    file, _, line = source.rpartition(":")
    return file, int(line), 1
