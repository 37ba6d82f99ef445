"""mitmproxy's transparent mode on the sockets of a jail."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from mitmproxy import ctx
from mitmproxy.proxy import layers, mode_servers, mode_specs
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layer import Layer

from addons import jail


class JailMode(mode_specs.TransparentMode):
    """Takes what a jail sends wherever it wants to go."""

    description = "Jail"


class JailInstance(mode_servers.AsyncioServerInstance[JailMode]):
    """Listens in the network of the jail, from which nothing else leads out."""

    def make_top_layer(self, context: Context) -> Layer:
        """Give the layer of transparent connections."""
        return layers.modes.TransparentProxy(context)

    async def listen(self, host: str, port: int) -> list[Any]:
        """Listen on the sockets of the jail, whatever address was asked for."""
        return [
            await asyncio.start_server(self.handle_stream, sock=socket.socket(fileno=gate))
            for gate in jail.parse(ctx.options.aegis_jail).gates
        ]
