"""The one guard around every hook: a step that raises or does not come back ends in a denial."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from mitmproxy import http, tls
from mitmproxy.hooks import all_hooks
from mitmproxy.proxy import server_hooks

from addons.denial import render
from addons.exchange import Exchange, exchange_of

logger = logging.getLogger(__name__)

STEP_SECONDS = 30.0
"""How long a step may take before its exchange is refused."""

LIFECYCLE = frozenset({"load", "configure", "running", "done", "add_log"})
"""Hooks of an addon's own life: an error there must stop the start, not be swallowed."""

ANSWERED = frozenset({"responseheaders", "answer_piece", "response", "error", "http_connected"})
"""Hooks that come when it is too late for a denial: the connection is cut instead."""

Hook = Callable[[Any], Awaitable[None] | None]
Entry = tuple[str, Hook, bool]


class Guard:
    """Runs steps in their order, for each hook that one of them has.

    A step is skipped for an exchange that is refused already, unless it says
    `after_denial = True`. The time it takes is added to the exchange under the step's name. A hook
    may be a coroutine function, or a plain one that gives an awaitable only when it has to wait.
    """

    def __init__(self, steps: Sequence[Any]) -> None:
        for event in all_hooks:
            table: list[Entry] = [
                (type(step).__name__.lower(), hook, bool(getattr(step, "after_denial", False)))
                for step in steps
                if (hook := getattr(step, event, None)) is not None and event not in LIFECYCLE
            ]
            if table:
                setattr(self, event, _runner(event, table))

    def hook(self, event: str) -> Hook:
        """Give the function that runs the steps of one hook; raises `AttributeError` for none."""
        found: Hook = getattr(self, event)
        return found


def _runner(event: str, table: list[Entry]) -> Hook:
    """Make the function that runs the steps of one hook; it waits only when a step does."""

    def run_from(
        first: int, data: Any, exchange: Exchange | None, before: int
    ) -> Awaitable[None] | None:
        for index in range(first, len(table)):
            label, hook, after_denial = table[index]
            if exchange is not None and exchange.denial is not None and not after_denial:
                continue
            try:
                waiting = hook(data)
            except Exception as error:
                _refuse(label, event, data, error)
                waiting = None
            if waiting is not None:
                return finish(index, waiting, data, exchange, before)
            before = _count(exchange, label, before)
        return None

    async def finish(
        index: int, waiting: Awaitable[None], data: Any, exchange: Exchange | None, before: int
    ) -> None:
        label = table[index][0]
        try:
            async with asyncio.timeout(STEP_SECONDS):
                await waiting
        except Exception as error:
            _refuse(label, event, data, error)
        rest = run_from(index + 1, data, exchange, _count(exchange, label, before))
        if rest is not None:
            await rest

    def run(data: Any) -> Awaitable[None] | None:
        exchange = exchange_of(data) if isinstance(data, http.HTTPFlow) else None
        return run_from(0, data, exchange, time.perf_counter_ns())

    run.__name__ = event
    return run


def _count(exchange: Exchange | None, label: str, before: int) -> int:
    """Add the time since `before` to a step's, and give the time now, both in nanoseconds."""
    now = time.perf_counter_ns()
    if exchange is not None:
        exchange.timings[label] = exchange.timings.get(label, 0) + now - before
    return now


def _refuse(label: str, event: str, data: Any, error: Exception) -> None:
    """End what a failed hook was about: deny, refuse the dial or cut the connection."""
    # Only the type: the text of an exception may quote the request. A warning, because mitmproxy
    # ends when it sees an error while it starts.
    logger.warning("The step %s failed in %s (%s).", label, event, type(error).__name__)
    if isinstance(data, http.HTTPFlow):
        exchange = exchange_of(data)
        timed_out = isinstance(error, TimeoutError)
        exchange.deny(
            "step_timeout" if timed_out else "internal_error",
            f"The firewall's step '{label}' {'took too long' if timed_out else 'failed'}, "
            "so nothing was sent. Try again; if it stays, tell the firewall's operator.",
            rule=f"fail-closed:{label}",
            status=503,
        )
        if event in ANSWERED:
            if data.killable:
                data.kill()
        else:
            data.request.stream = False
            # Until the record is written nobody else may answer; this stands if nothing follows.
            data.response = render(exchange, data.request)
    elif isinstance(data, server_hooks.ServerConnectionHookData):
        data.server.error = f"refused: the firewall's step '{label}' failed"
    elif isinstance(data, tls.TlsData):
        data.ssl_conn = None
    elif getattr(data, "killable", False):
        data.kill()
