"""Hooks called from a table built once, instead of a walk over all addons at every event."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from mitmproxy import addonmanager, exceptions, hooks, master

logger = logging.getLogger(__name__)

Hook = Callable[..., Any]


class TableAddonManager(addonmanager.AddonManager):
    """Keeps mitmproxy's addons and calls their hooks from a table."""

    def __init__(self, owner: master.Master) -> None:
        super().__init__(owner)
        self._table: dict[str, tuple[Hook, ...]] = {}

    def add(self, *added: Any) -> None:
        """Add addons to the end of the chain; the table is built anew."""
        super().add(*added)
        self._table.clear()

    def hooks_of(self, name: str) -> tuple[Hook, ...]:
        """Give the functions that an event calls, in order."""
        found = self._table.get(name)
        if found is None:
            candidates = (getattr(a, name, None) for a in addonmanager.traverse(self.chain))
            found = self._table[name] = tuple(hook for hook in candidates if callable(hook))
        return found

    async def handle_lifecycle(self, event: hooks.Hook) -> None:
        """Call the hooks of an event about a flow or connection."""
        await self.trigger_event(event)

    async def trigger_event(self, event: hooks.Hook) -> None:
        """Call the hooks of an event."""
        waiting = self.call(event)
        if waiting is not None:
            await waiting

    def call(self, event: hooks.Hook) -> Awaitable[None] | None:
        """Call the hooks of an event; gives what is left to be awaited, or None at its end."""
        return self._call_from(0, event, arguments(event))

    def _call_from(self, first: int, event: hooks.Hook, args: list[Any]) -> Awaitable[None] | None:
        table = self.hooks_of(event.name)
        for index in range(first, len(table)):
            try:
                waiting = table[index](*args)
            except exceptions.OptionsError:
                raise
            except Exception as error:
                _log_failure(event, error)
                continue
            if waiting is not None:
                return self._rest(index, waiting, event, args)
        return None

    async def _rest(
        self, index: int, waiting: Awaitable[None], event: hooks.Hook, args: list[Any]
    ) -> None:
        try:
            await waiting
        except exceptions.OptionsError:
            raise
        except Exception as error:
            _log_failure(event, error)
        rest = self._call_from(index + 1, event, args)
        if rest is not None:
            await rest


def arguments(event: Any) -> list[Any]:
    """Give what an event hands to its hooks; its class is looked at only once."""
    kind = type(event)
    names = _names.get(kind)
    if names is None:
        names = _names[kind] = tuple(field.name for field in dataclasses.fields(event))
    return [getattr(event, name) for name in names]


_names: dict[type, tuple[str, ...]] = {}


def _log_failure(event: hooks.Hook, error: Exception) -> None:
    logger.warning("mitmproxy failed in %s (%s).", event.name, type(error).__name__)
