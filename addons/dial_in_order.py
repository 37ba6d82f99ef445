"""Server connections that try the judged addresses of a name in their order.

mitmproxy dials one address. Where the first of several does not answer, such as IPv6 without a
route, the next one is dialled; all of them were judged before the decision was recorded.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from weakref import WeakKeyDictionary

from mitmproxy import connection
from mitmproxy.proxy import commands, events, server, server_hooks
from mitmproxy.proxy.server import ConnectionIO

NEXT_SECONDS = 2.0
"""How long an address may take to answer while there is another one."""

LAST_SECONDS = 30.0
"""How long the last one may take."""

UNREACHABLE = "The destination cannot be reached"
"""What the error of a dial begins with."""

_addresses: WeakKeyDictionary[connection.Server, tuple[str, ...]] = WeakKeyDictionary()


def offer(target: connection.Server, addresses: Sequence[str]) -> None:
    """Say which addresses a server may be dialled at, in order."""
    _addresses[target] = tuple(addresses)


def install() -> None:
    """Have mitmproxy's connection handlers dial in order."""
    server.ConnectionHandler.open_connection = _open_connection  # type: ignore[method-assign]


async def _open_connection(
    self: server.ConnectionHandler, command: commands.OpenConnection
) -> None:
    """Do what mitmproxy does to open a connection, with more than one address."""
    target = command.connection
    data = server_hooks.ServerConnectionHookData(client=self.client, server=target)
    await self.handle_hook(server_hooks.ServerConnectHook(data))
    if not target.address or target.transport_protocol != "tcp":
        target.error = target.error or "refused by the firewall: no address"
    if target.error:
        await self.handle_hook(server_hooks.ServerConnectErrorHook(data))
        await self.server_event(
            events.OpenConnectionCompleted(command, f"Connection killed: {target.error}")
        )
        return
    assert target.address is not None
    async with self.max_conns[target.address]:
        target.timestamp_start = time.time()
        try:
            reader, writer = await _dial(target)
        except (OSError, asyncio.CancelledError) as error:
            # The text goes to the agent: no address in it.
            target.error = f"{UNREACHABLE} ({_cause(error)})."
            await self.handle_hook(server_hooks.ServerConnectErrorHook(data))
            await self.server_event(events.OpenConnectionCompleted(command, target.error))
            if isinstance(error, asyncio.CancelledError):
                raise
            return
        target.timestamp_tcp_setup = time.time()
        target.state = connection.ConnectionState.OPEN
        target.peername = writer.get_extra_info("peername")
        target.sockname = writer.get_extra_info("sockname")
        self.transports[target] = ConnectionIO(
            handler=asyncio.current_task(), reader=reader, writer=writer
        )
        await self.handle_hook(server_hooks.ServerConnectedHook(data))
        await self.server_event(events.OpenConnectionCompleted(command, None))
        try:
            await self.handle_connection(target)
        finally:
            target.timestamp_end = time.time()
            await self.handle_hook(server_hooks.ServerDisconnectedHook(data))


async def _dial(target: connection.Server) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to the first address that answers; raises the last one's `OSError`."""
    assert target.address is not None
    port = target.address[1]
    addresses = _addresses.get(target) or (target.address[0],)
    for address in addresses[:-1]:
        try:
            async with asyncio.timeout(NEXT_SECONDS):
                return await asyncio.open_connection(address, port)
        except OSError:
            continue
    async with asyncio.timeout(LAST_SECONDS):
        return await asyncio.open_connection(addresses[-1], port)


def _cause(error: BaseException) -> str:
    if isinstance(error, asyncio.CancelledError):
        return "the connection was given up"
    if isinstance(error, TimeoutError):
        return "it does not answer"
    if isinstance(error, ConnectionRefusedError):
        return "it refuses connections"
    return "there is no way to it"
