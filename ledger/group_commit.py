"""Many waiters, one commit: entries that arrive while a commit is under way share the next one."""

import asyncio
import contextlib
import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import Self

from ledger.errors import LedgerError, LogUnavailable, RecordError
from ledger.log import DecisionLog, Entry, Receipt

logger = logging.getLogger(__name__)

LATE_SECONDS = 0.05
"""How long an entry that nobody waits for may wait for company."""

LINGER_SECONDS = 0.001
"""How long the writer gathers entries while commits follow each other closely."""

BUSY_SECONDS = 0.005
"""Commits closer together than this mean load."""

PUBLISH_SECONDS = 0.05
"""How soon after a commit its checkpoint is seen outside; under load not more often than this."""

RETRY_SECONDS = 1.0
"""How long to wait after a checkpoint could not be published."""

_NEVER = float("inf")

type _Waiter = tuple[Entry, asyncio.Future[Receipt] | None]

_LATE: _Waiter = ({}, None)


class GroupCommit:
    """An event loop's door to a DecisionLog, with one writer thread behind it.

    An idle log commits at once, and so does one with a single caller; only while many callers
    wait does the writer gather for a millisecond. `append` raises LogUnavailable when
    `max_waiting` entries wait already, or when `deadline` seconds have passed; in the second case
    the entry may still land in the log afterwards, so the log can hold a decision whose call was
    then refused, never the other way round. The checkpoint is published within 50 ms of a commit;
    while that fails, nothing more is taken.
    """

    def __init__(
        self,
        log: DecisionLog,
        *,
        max_waiting: int = 2000,
        max_batch: int = 256,
        deadline: float = 5.0,
    ) -> None:
        self._log = log
        self._max_waiting = max_waiting
        self._max_batch = max_batch
        self._deadline = deadline
        self._queue: queue.SimpleQueue[_Waiter | None] = queue.SimpleQueue()
        self._waiting: deque[tuple[float, asyncio.Future[Receipt]]] = deque()
        self._watch: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._late: deque[Entry] = deque()
        self._ride: asyncio.TimerHandle | None = None
        self._unpublished: LedgerError | None = None

    def start(self) -> None:
        """Start the writer thread; call it from the event loop that will append."""
        if self._thread is None:
            self._loop = asyncio.get_running_loop()
            self._thread = threading.Thread(target=self._write, name="aegis-log", daemon=True)
            self._thread.start()

    async def append(self, entry: Entry) -> Receipt:
        """Wait until the entry is durable; raises RecordError, LogUnavailable, LogCorrupt."""
        loop = self._loop
        if loop is None:
            raise LogUnavailable("The decision log's writer is not running; start it first.")
        if self._queue.qsize() >= self._max_waiting:
            raise LogUnavailable(
                f"{self._max_waiting} records wait for the decision log already; "
                "check the disk it is on, then try again."
            )
        future: asyncio.Future[Receipt] = loop.create_future()
        self._waiting.append((loop.time() + self._deadline, future))
        if self._watch is None:
            self._watch = loop.call_later(self._deadline, self._expire)
        self._queue.put((entry, future))
        return await future

    def submit(self, entry: Entry) -> None:
        """Hand an entry over without waiting; it rides with the next commit, within 50 ms.

        A failure to write it is logged, and so is an entry that finds no room.
        """
        if self._loop is None or len(self._late) >= self._max_waiting:
            logger.error("A record was lost: the decision log's writer takes no more.")
            return
        self._late.append(entry)
        if self._ride is None:
            self._ride = self._loop.call_later(LATE_SECONDS, self._send_late)

    def _send_late(self) -> None:
        self._ride = None
        if self._late:
            self._queue.put(_LATE)

    async def close(self) -> None:
        """Write what waits, then end the thread; the log itself stays open."""
        thread, self._thread, self._loop = self._thread, None, None
        if thread is None:
            return
        self._queue.put(None)
        await asyncio.to_thread(thread.join)
        for timer in (self._watch, self._ride):
            if timer is not None:
                timer.cancel()
        self._watch = self._ride = None

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _expire(self) -> None:
        """Fail those who have waited too long; one timer serves all, in order of arrival."""
        self._watch = None
        loop = asyncio.get_running_loop()
        now = loop.time()
        while self._waiting:
            deadline, future = self._waiting[0]
            if future.done():
                self._waiting.popleft()
            elif deadline <= now:
                self._waiting.popleft()
                future.set_exception(
                    LogUnavailable(
                        f"The decision log did not answer within {self._deadline:g} seconds; "
                        "check the disk it is on."
                    )
                )
            else:
                self._watch = loop.call_at(deadline, self._expire)
                return

    def _settle(self, results: list[tuple[asyncio.Future[Receipt], Receipt | LedgerError]]) -> None:
        for future, result in results:
            if future.done():  # cancelled by its caller, or past its deadline
                continue
            if isinstance(result, Receipt):
                future.set_result(result)
            else:
                future.set_exception(result)
        while self._waiting and self._waiting[0][1].done():
            self._waiting.popleft()

    def _write(self) -> None:
        last, crowded, committed, due = False, False, 0.0, _NEVER
        while not last:
            try:
                wait = None if due == _NEVER else max(0.0, due - time.monotonic())
                item = self._queue.get(timeout=wait)
            except queue.Empty:
                due = self._publish()
                continue
            if crowded and time.monotonic() - committed < BUSY_SECONDS:
                # Among many callers a commit that waits a moment serves more of them; an idle log
                # and one with a single caller never wait.
                time.sleep(LINGER_SECONDS)
            batch: list[_Waiter] = []
            while True:
                if item is None:
                    last = True
                    break
                if item is not _LATE:
                    batch.append(item)
                if len(batch) >= self._max_batch:
                    break
                try:
                    item = self._queue.get_nowait()
                except queue.Empty:
                    break
            late: list[_Waiter] = []
            while self._late and (last or len(late) < self._max_batch):
                late.append((self._late.popleft(), None))
            batch = late + batch
            if not batch:
                continue
            results = self._commit(batch)
            crowded, committed = len(results) > 1, time.monotonic()
            if results:
                with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
                    results[0][0].get_loop().call_soon_threadsafe(self._settle, results)
            due = min(due, committed + PUBLISH_SECONDS)
            if due <= time.monotonic():
                due = self._publish()
        if due != _NEVER:
            self._publish()

    def _publish(self) -> float:
        """Let the newest checkpoint be seen; give the time of the next try, if one is due."""
        try:
            self._log.publish()
        except Exception as exc:
            self._unpublished = _copy(exc)
            return time.monotonic() + RETRY_SECONDS
        self._unpublished = None
        return _NEVER

    def _commit(
        self, batch: Sequence[_Waiter]
    ) -> list[tuple[asyncio.Future[Receipt], Receipt | LedgerError]]:
        if self._unpublished is not None:
            # Evidence that nobody outside can see may be cut off unnoticed: take no more of it.
            return _failed(batch, self._unpublished)
        try:
            receipts = self._log.append([entry for entry, _ in batch])
            return [(future, r) for (_, future), r in zip(batch, receipts, strict=True) if future]
        except RecordError as exc:
            if len(batch) > 1:  # one unfit entry must not take the others down with it
                return [result for waiter in batch for result in self._commit([waiter])]
            return _failed(batch, exc)
        except Exception as exc:
            return _failed(batch, exc)


def _failed(
    batch: Sequence[_Waiter], exc: Exception
) -> list[tuple[asyncio.Future[Receipt], Receipt | LedgerError]]:
    unheard = sum(1 for _, future in batch if future is None)
    if unheard:
        logger.error("%d records were lost: %s", unheard, _copy(exc))
    # Each waiter gets its own error: a shared one would gather every waiter's traceback.
    return [(future, _copy(exc)) for _, future in batch if future]


def _copy(exc: Exception) -> LedgerError:
    if isinstance(exc, LedgerError):
        return type(exc)(exc.message)
    return LogUnavailable(f"The decision log failed unexpectedly ({type(exc).__name__}).")
