"""JailDns: names answered by policy, in a jail or on a port, and none of them looked up."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Iterator, Sequence
from contextlib import suppress

from mitmproxy import ctx
from mitmproxy.dns import DNSMessage, Question, ResourceRecord
from mitmproxy.net.dns import classes, op_codes, response_codes, types

from addons.jail_refusals import JailRefusals
from addons.services import Services
from rules import AgentRef, Effect, EvaluationError, HostError, canonical_host, parse_address

logger = logging.getLogger(__name__)

TTL = 60
MAX_STREAMS = 64
MAX_ASKED = 256
"""Questions on one connection over TCP."""
STREAM_SECONDS = 10.0
_LARGEST = 4096


class JailDns:
    """Gives the names that policy names for the agent an address that stands for them.

    Nobody else has the others: a question that is refused goes nowhere, and so does one that is
    answered. Only addresses are told, so that no client is led to encrypt the name it calls by.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._transports: list[asyncio.DatagramTransport] = []
        self._servers: list[asyncio.Server] = []
        self._streams = 0
        self._has_ipv6 = True
        self._refusals: JailRefusals | None = None

    async def running(self) -> None:
        """Answer on the sockets of the jail, or on a port of this machine, when there is one."""
        if not self._services.ready:
            return
        jail, port = self._services.settings.jail, self._services.settings.dns_port
        if jail is not None:
            self._has_ipv6 = len(jail.gates) > 1
            self._refusals = JailRefusals(self._services, jail.agent, jail.token_id)
            datagrams = [_opened(one) for one in jail.dns_udp]
            streams = [_opened(one) for one in jail.dns_tcp]
        elif port:
            # The machine may have no way to made-up addresses of IPv6; to those of IPv4 it has.
            self._has_ipv6 = False
            self._refusals = JailRefusals(self._services)
            try:
                datagrams, streams = ([_at(kind, *p) for p in _places(port)] for kind in _KINDS)
            except OSError as error:
                logger.error("aegis_dns_port: nobody can listen on %d: %s.", port, error.strerror)
                ctx.master.shutdown()
                return
        else:
            return
        self._services.before_end.append(self._refusals.close)
        loop = asyncio.get_running_loop()
        for opened in datagrams:
            transport, _ = await loop.create_datagram_endpoint(
                lambda: _Datagrams(self), sock=opened
            )
            self._transports.append(transport)
        for opened in streams:
            self._servers.append(await asyncio.start_server(self._stream, sock=opened))

    async def done(self) -> None:
        """Stop answering."""
        for transport in self._transports:
            transport.close()
        for server in self._servers:
            server.close()

    def answer(self, packet: bytes) -> bytes | None:
        """Answer one question; None for what is none."""
        try:
            asked = DNSMessage.unpack(packet)
            if not asked.query:
                return None
            return self._reply(asked).packed
        except Exception:
            # A parser that fails on what an agent sends must not end more than this question.
            return None

    def _reply(self, asked: DNSMessage) -> DNSMessage:
        question = asked.question
        if asked.op_code != op_codes.QUERY or question is None:
            return asked.fail(response_codes.NOTIMP)
        name = _name_in(question)
        if not name or question.class_ != classes.IN or not self._is_named(name):
            self._refuse(name, question)
            return asked.fail(response_codes.NXDOMAIN)
        ipv4, ipv6 = self._services.jail_names.addresses(name)
        answers = []
        if question.type == types.A:
            answers.append(ResourceRecord.A(question.name, ipv4, ttl=TTL))
        elif question.type == types.AAAA and self._has_ipv6:
            answers.append(ResourceRecord.AAAA(question.name, ipv6, ttl=TTL))
        return asked.succeed(answers)

    def _is_named(self, name: str) -> bool:
        """Tell whether policy names a destination of this name that an agent here may use."""
        policy = self._services.policy
        if policy.mode == "observe":
            return True  # its calls are recorded, and go through
        endpoints = policy.endpoints(name)
        return bool(endpoints) and any(self._may_reach(who, name, endpoints) for who in self._who())

    def _who(self) -> Iterator[AgentRef]:
        """Give the agents that may be asking: the jail's, else all that have a place."""
        jail, places = self._services.settings.jail, self._services.policy.places
        for name in (jail.agent,) if jail is not None else places.agents:
            agent = self._services.agents.live(name)
            if agent is not None:
                proof = "jail" if jail is not None else "socket_owner"
                yield AgentRef(agent.id, agent.tenant, tuple(agent.groups), proof)

    def _may_reach(self, who: AgentRef, name: str, endpoints: Sequence[tuple[str, int]]) -> bool:
        policy = self._services.policy
        try:
            return any(
                policy.decide(
                    stage="connect", agent=who, scheme=scheme, host=name, port=port
                ).effect
                is not Effect.DENY
                for scheme, port in endpoints
            )
        except EvaluationError:
            return True  # rules of the policy's own decide on the call

    def _refuse(self, name: str, question: Question) -> None:
        assert self._refusals is not None
        self._refusals.add(name, types.to_str(question.type))

    async def _stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer over TCP: each question with its length before it."""
        if self._streams >= MAX_STREAMS:
            writer.close()
            return
        self._streams += 1
        try:
            with suppress(TimeoutError, asyncio.IncompleteReadError, OSError):
                for _ in range(MAX_ASKED):
                    await self._one_of_stream(reader, writer)
        finally:
            self._streams -= 1
            writer.close()

    async def _one_of_stream(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        async with asyncio.timeout(STREAM_SECONDS):
            length = int.from_bytes(await reader.readexactly(2))
            if length > _LARGEST:
                raise ConnectionAbortedError
            reply = self.answer(await reader.readexactly(length))
            if reply is None:
                raise ConnectionAbortedError
            writer.write(len(reply).to_bytes(2) + reply)
            await writer.drain()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, dns: JailDns) -> None:
        self._dns = dns
        self._paused = False
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.DatagramTransport)
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        reply = self._dns.answer(data) if len(data) <= _LARGEST else None
        if reply is not None and self._transport is not None and not self._paused:
            self._transport.sendto(reply, addr)

    def pause_writing(self) -> None:
        # Who does not read loses answers rather than filling our memory.
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False


_KINDS = (socket.SOCK_DGRAM, socket.SOCK_STREAM)


def _places(port: int) -> list[tuple[socket.AddressFamily, str, int]]:
    """Give where redirected questions arrive: the loopback address of their own version."""
    places = [(socket.AF_INET, "127.0.0.1", port)]
    return [*places, (socket.AF_INET6, "::1", port)] if socket.has_dualstack_ipv6() else places


def _at(
    kind: socket.SocketKind, family: socket.AddressFamily, host: str, port: int
) -> socket.socket:
    opened = socket.socket(family, kind)
    if family == socket.AF_INET6:
        opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    # Workers share it, and connections of a firewall that was killed do not keep it.
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    opened.bind((host, port))
    opened.setblocking(False)
    return opened


def _opened(descriptor: int) -> socket.socket:
    opened = socket.socket(fileno=descriptor)
    opened.setblocking(False)
    return opened


def _name_in(question: Question) -> str:
    """Give the canonical name that is asked for, "" when it is none of a host."""
    try:
        name = canonical_host(question.name)
    except HostError:
        return ""
    return "" if parse_address(name) is not None else name
