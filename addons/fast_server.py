"""mitmproxy's connection handler with hooks that do not wait called in place.

mitmproxy starts a task for each hook and comes back to it through the event loop. Most hooks of the
firewall do not wait for anything; they are called where they stand.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import Any

from mitmproxy import connection, flow
from mitmproxy.proxy import commands, events, mode_servers
from mitmproxy.proxy.server import ConnectionIO
from mitmproxy.utils import asyncio_utils

from addons.table import TableAddonManager, arguments


class FastConnectionHandler(mode_servers.ProxyConnectionHandler):
    """Handles the events of one client connection and of the server connections behind it."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._unsent: dict[connection.Connection, list[bytes]] = {}

    async def server_event(self, event: events.Event) -> None:
        """Feed an event to the layers and carry out what they command."""
        async with self._server_event_lock:
            # Nothing in here awaits, so that the layers see one event after the other.
            self.timeout_watchdog.register_activity()
            waiting = deque([event])
            try:
                while waiting:
                    for command in self.layer.handle_event(waiting.popleft()):
                        if isinstance(command, commands.SendData):
                            self._unsent.setdefault(command.connection, []).append(command.data)
                        else:
                            self._carry_out(command, waiting)
            except Exception as error:
                self.log(f"mitmproxy failed ({type(error).__name__})", logging.ERROR)
                # The layers are in no known state; nothing more may go through them.
                self._unsent.clear()
                if self.client in self.transports:
                    self.close_connection(self.client)
            finally:
                self._send()

    def _send(self) -> None:
        """Write what was said for each connection in one piece."""
        for target, pieces in self._unsent.items():
            transport = self.transports.get(target)
            writer = transport.writer if transport is not None else None
            if writer is not None and not writer.is_closing():
                writer.write(pieces[0] if len(pieces) == 1 else b"".join(pieces))
        self._unsent.clear()

    async def drain_writers(self) -> None:
        """Wait until what was written has left, where any of it is still waiting."""
        for io in self.transports.values():
            writer = io.writer
            if isinstance(writer, asyncio.StreamWriter):
                if not writer.transport.get_write_buffer_size() and not writer.is_closing():
                    continue
            elif writer is None:
                continue
            await super().drain_writers()
            return

    def _carry_out(self, command: commands.Command, waiting: deque[events.Event]) -> None:
        if isinstance(command, commands.StartHook):
            self._call_hook(command, waiting)
        elif isinstance(command, commands.OpenConnection):
            handler = asyncio_utils.create_task(
                self.open_connection(command),
                name="server connection handler",
                keep_ref=False,
                client=self.client.peername,
            )
            self.transports[command.connection] = ConnectionIO(handler=handler)
        elif isinstance(command, commands.RequestWakeup):
            task = asyncio_utils.create_task(
                self.wakeup(command),
                name="wakeup timer",
                keep_ref=False,
                client=self.client.peername,
            )
            self.wakeup_timer.add(task)
        elif isinstance(command, commands.Log):
            self.log(command.message, command.level)
        elif isinstance(command, commands.ConnectionCommand):
            if command.connection not in self.transports:
                return  # it is closed already
            self._send()  # what was said before the close still goes out
            if isinstance(command, commands.CloseTcpConnection):
                self.close_connection(command.connection, command.half_close)
            elif isinstance(command, commands.CloseConnection):
                self.close_connection(command.connection, False)
            else:
                raise RuntimeError(f"unexpected command {type(command).__name__}")
        else:
            raise RuntimeError(f"unexpected command {type(command).__name__}")

    def _call_hook(self, hook: commands.StartHook, waiting: deque[events.Event]) -> None:
        addons = self.master.addons
        assert isinstance(addons, TableAddonManager)
        rest = addons.call(hook)
        (data,) = arguments(hook)
        held = isinstance(data, flow.Flow) and data.intercepted
        if rest is None and not held:
            if hook.blocking:
                waiting.append(events.HookCompleted(hook))
            return

        async def finish() -> None:
            with self.timeout_watchdog.disarm():
                if rest is not None:
                    await rest
                if held and isinstance(data, flow.Flow):
                    await data.wait_for_resume()
            if hook.blocking:
                await self.server_event(events.HookCompleted(hook))

        asyncio_utils.create_task(
            finish(), name=f"hook {hook.name}", keep_ref=True, client=self.client.peername
        )


def install() -> None:
    """Have mitmproxy's servers use this handler."""
    mode_servers.ProxyConnectionHandler = FastConnectionHandler  # type: ignore[misc]
