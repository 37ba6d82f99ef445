"""Identify: which agent is calling, by its proxy credential, else by where it calls from."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from mitmproxy import connection, http
from mitmproxy.proxy.mode_specs import LocalMode, RegularMode, TransparentMode

from addons.exchange import Exchange, exchange_of
from addons.jail_server import JailMode
from addons.services import Services
from addons.socket_owner import socket_owner, user_ids
from ledger import Agent, AgentStore, LedgerError, TokenError, split_token
from rules import Places

HEADER = "proxy-authorization"
_HEADER = HEADER.encode()
TOKEN_PREFIX = "aegis_"  # noqa: S105


@dataclass(frozen=True, slots=True)
class _Known:
    agent: Agent
    token_id: str


class Identify:
    """Knows the agent of each connection and takes the credential off the request."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._known: WeakKeyDictionary[connection.Client, _Known] = WeakKeyDictionary()
        self._owners: WeakKeyDictionary[connection.Client, int | None] = WeakKeyDictionary()
        self._resolved: tuple[Places | None, dict[int, str]] = None, {}

    def client_connected(self, client: connection.Client) -> None:
        """Find out whose a local connection is, while its process still holds it."""
        if self._services.policy.places.users:
            self._owners[client] = socket_owner(client.peername[:2], client.sockname[:2])

    def http_connect(self, flow: http.HTTPFlow) -> None:
        """Identify the agent of a tunnel."""
        exchange = exchange_of(flow)
        known = self._authenticate(flow, exchange)
        if known is not None:
            self._known[flow.client_conn] = known

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Identify the agent of a request: that of its tunnel, else by its own credential."""
        exchange = exchange_of(flow)
        if flow.is_replay is not None:
            exchange.deny(
                "replay_refused",
                "Replayed requests have no agent behind them and are not sent.",
                rule="identify",
            )
            return
        known = self._known.get(flow.client_conn)
        if known is None:
            self._authenticate(flow, exchange)
            return
        # A credential inside the tunnel would go to the destination.
        if exchange.header(flow.request, _HEADER):
            del flow.request.headers[HEADER]
        if not self._services.agents.is_live(known.token_id):
            exchange.deny(
                "token_revoked",
                "The agent's token was revoked or has expired. Get a new one: aegis agents rotate.",
                rule="identify",
                status=407,
            )
            return
        exchange.agent, exchange.token_id = known.agent, known.token_id

    def _authenticate(self, flow: http.HTTPFlow, exchange: Exchange) -> _Known | None:
        values = exchange.header(flow.request, _HEADER)
        if values:
            del flow.request.headers[HEADER]
        mode = flow.client_conn.proxy_mode
        if not isinstance(mode, RegularMode | TransparentMode | LocalMode):
            exchange.deny(
                "mode_unsupported",
                "The firewall identifies no agents in this proxy mode.",
                rule="identify",
            )
            return None
        # Whoever is redirected to us knows of no proxy, so a credential is not meant for us.
        if not values or not isinstance(mode, RegularMode):
            self._by_place(flow.client_conn, exchange)
            return None
        token = _token(values[0]) if len(values) == 1 else None
        if token is None:
            exchange.deny(
                "credential_malformed",
                "The proxy credential holds no agent token (Basic or Bearer, aegis_<id>_<secret>).",
                rule="identify",
                status=407,
            )
            return None
        try:
            agent = self._services.agents.authenticate(token)
        except TokenError as error:
            exchange.deny("credential_refused", str(error), rule="identify", status=407)
            return None
        except LedgerError as error:
            exchange.deny("agents_unavailable", str(error), rule="identify", status=503)
            return None
        exchange.agent, exchange.token_id = agent, split_token(token)[0]
        return _Known(agent, exchange.token_id)

    def _by_place(self, client: connection.Client, exchange: Exchange) -> None:
        """Know the agent by its jail, else by who owns the connection, else by its address."""
        jail = self._services.settings.jail
        if isinstance(client.proxy_mode, JailMode) and jail is not None:
            if not self._services.agents.is_live(jail.token_id):
                exchange.deny(
                    "token_revoked",
                    "The jail is over: the token it was made with was revoked or has expired.",
                    rule="identify",
                )
                return
            exchange.token_id = jail.token_id
            place: tuple[str | None, str] = jail.agent, "jail"
        else:
            place = self._place(client)
        name, proof = place
        if name is None:
            if not isinstance(client.proxy_mode, RegularMode):
                exchange.deny(
                    "agent_unknown",
                    "The policy knows no agent that calls from here: it names them by `users` or "
                    "`sources` under `agents`.",
                    rule="identify",
                )
            else:
                exchange.deny(
                    "credential_missing",
                    "Say who is calling: put the agent's token into the proxy address, "
                    "http://aegis:TOKEN@HOST:PORT. `aegis agents rotate` gives an agent a new one.",
                    rule="identify",
                    status=407,
                )
            return
        try:
            agent = self._services.agents.live(name)
        except LedgerError as error:
            exchange.deny("agents_unavailable", str(error), rule="identify", status=503)
            return
        if agent is None:
            exchange.deny(
                "agent_unknown",
                f"The policy says that the agent '{name}' calls from here, and there is none, or "
                "it is disabled. `aegis agents` adds and enables agents.",
                rule="identify",
            )
            return
        exchange.agent, exchange.proof = agent, proof

    def _place(self, client: connection.Client) -> tuple[str | None, str]:
        places = self._services.policy.places
        if places.users:
            owner = self._owners.get(client)
            name = self._users(places).get(owner) if owner is not None else None
            if name is not None:
                return name, "socket_owner"
        return places.agent_from(client.peername[0]), "source_address"

    def _users(self, places: Places) -> dict[int, str]:
        """Give the agents by user id; names that this machine does not know are left out."""
        if self._resolved[0] is not places:
            self._resolved = places, user_ids(places.users)
        return self._resolved[1]


def may_call(agents: AgentStore, exchange: Exchange) -> bool:
    """Say whether the agent of an exchange that goes on may still call; raises `LedgerError`."""
    if exchange.token_id:
        return agents.is_live(exchange.token_id)
    return exchange.agent is not None and agents.live(exchange.agent.id) is not None


def _token(value: bytes) -> str | None:
    """Take the token out of a credential: Bearer, or Basic with it as user or password."""
    scheme, _, rest = value.decode("latin-1").strip().partition(" ")
    rest = rest.strip()
    if scheme.lower() == "bearer":
        return rest if rest.startswith(TOKEN_PREFIX) else None
    if scheme.lower() != "basic":
        return None
    try:
        user, _, password = base64.b64decode(rest, validate=True).decode("ascii").partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    for part in (password, user):
        if part.startswith(TOKEN_PREFIX):
            return part
    return None
