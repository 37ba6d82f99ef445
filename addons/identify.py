"""Identify: which agent is calling, by the token in its proxy credential."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from mitmproxy import connection, http
from mitmproxy.proxy.mode_specs import RegularMode

from addons.exchange import Exchange, exchange_of
from addons.services import Services
from ledger import Agent, LedgerError, TokenError, split_token

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
        if not isinstance(flow.client_conn.proxy_mode, RegularMode):
            exchange.deny(
                "mode_unsupported",
                "Only the regular proxy mode identifies agents.",
                rule="identify",
            )
            return None
        if not values:
            exchange.deny(
                "credential_missing",
                "Say who is calling: put the agent's token into the proxy address, "
                "http://aegis:TOKEN@HOST:PORT. `aegis agents rotate` gives an agent a new one.",
                rule="identify",
                status=407,
            )
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
