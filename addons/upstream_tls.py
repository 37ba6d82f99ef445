"""TLS to upstreams: verified by the destination's roots and name, sessions resumed."""

from __future__ import annotations

import ipaddress
import logging
from collections import OrderedDict
from typing import Any

from mitmproxy import connection, ctx, tls
from mitmproxy.addons import tlsconfig
from mitmproxy.net import tls as net_tls
from OpenSSL import SSL

from addons.openings import Openings
from addons.services import Services
from addons.upstream_trust import Stamp, TrustError
from rules import DestinationOptions

logger = logging.getLogger(__name__)

MAX_CONTEXTS = 256
MAX_SESSIONS = 1024

Key = tuple[Any, ...]


class UpstreamTls:
    """Gives each connection to an upstream the TLS that its destination asks for.

    It does what mitmproxy's own addon does, under any master, and replaces what that has made:
    mitmproxy knows one set of roots for all, and takes the address that was pinned for the name.
    """

    after_denial = True

    def __init__(self, services: Services, openings: Openings) -> None:
        self._services = services
        self._openings = openings
        self._contexts: OrderedDict[Key, SSL.Context] = OrderedDict()
        self._sessions: OrderedDict[Key, SSL.Connection] = OrderedDict()
        self._keys: OrderedDict[str, Key] = OrderedDict()

    def tls_start_server(self, data: tls.TlsData) -> None:
        """Give a connection to an upstream its TLS; where none is right, one that nothing passes.

        It is never left to mitmproxy's own addon, which may come after this step.
        """
        server, data.ssl_conn = data.conn, _nothing()
        if data.is_dtls or not isinstance(server, connection.Server):
            return
        found = self._wanted(data.context.client, server)
        if found is None:
            return
        try:
            data.ssl_conn = self._made(data.context.client, server, *found)
        except Exception as error:
            # What a file of the operator's holds is no secret, but what OpenSSL says of it is none
            # of the agent's business.
            said = str(error) if isinstance(error, TrustError) else type(error).__name__
            logger.warning("No TLS to the destination: %s.", said)

    def _made(
        self,
        client: connection.Client,
        server: connection.Server,
        name: str,
        options: DestinationOptions,
    ) -> SSL.Connection:
        server.sni = name
        if not server.alpn_offers:
            offers = client.alpn_offers
            server.alpn_offers = tuple(x for x in offers if ctx.options.http2 or x != b"h2")
        trust = self._services.trust
        context_key = (trust.roots(options), trust.certificate(options), *_settings())
        made = SSL.Connection(self._context(context_key))
        _expect(made, name)
        if server.alpn_offers:
            made.set_alpn_protos(list(server.alpn_offers))
        made.set_connect_state()
        # A resumed session is not verified again: all that it hangs on is in the key.
        key = (server.address, server.via, name, tuple(server.alpn_offers), context_key)
        earlier = self._sessions.get(key)
        session = earlier.get_session() if earlier is not None else None
        if session is not None:
            made.set_session(session)
        self._keys[server.id] = key
        if len(self._keys) > MAX_SESSIONS:
            self._keys.popitem(last=False)
        return made

    def tls_established_server(self, data: tls.TlsData) -> None:
        """Keep the connection, whose session arrives later, for the next to the same upstream."""
        key = self._keys.pop(data.conn.id, None)
        if key is None or data.ssl_conn is None:
            return
        self._sessions[key] = data.ssl_conn
        self._sessions.move_to_end(key)
        if len(self._sessions) > MAX_SESSIONS:
            self._sessions.popitem(last=False)

    def tls_failed_server(self, data: tls.TlsData) -> None:
        """Forget a session with which no connection came about."""
        key = self._keys.pop(data.conn.id, None)
        if key is not None:
            self._sessions.pop(key, None)

    def _wanted(
        self, client: connection.Client, server: connection.Server
    ) -> tuple[str, DestinationOptions] | None:
        """Find which name a server has to prove, and how; None when nothing opened it."""
        opening = self._openings.find(client, server.address)
        if opening is not None and opening.via == server.via:
            return opening.host, opening.options
        proxy = self._openings.proxy(client, server.address)
        return (proxy.place.host, DestinationOptions()) if proxy is not None else None

    def _context(self, key: Key) -> SSL.Context:
        kept = self._contexts.get(key)
        if kept is not None:
            self._contexts.move_to_end(key)
            return kept
        roots: Stamp | None = key[0]
        certificate: Stamp | None = key[1]
        options = ctx.options
        # mitmproxy's own cache goes by the names of files, whose content may have changed.
        made = net_tls.create_proxy_server_context.__wrapped__(
            method=net_tls.Method.TLS_CLIENT_METHOD,
            min_version=net_tls.Version[options.tls_version_server_min],
            max_version=net_tls.Version[options.tls_version_server_max],
            cipher_list=_ciphers(),
            ecdh_curve=net_tls.get_curve(options.tls_ecdh_curve_server),
            verify=net_tls.Verify.VERIFY_PEER,
            ca_path=None if roots else options.ssl_verify_upstream_trusted_confdir,
            ca_pemfile=roots[0] if roots else options.ssl_verify_upstream_trusted_ca,
            client_cert=certificate[0] if certificate else None,
            legacy_server_connect=False,
        )
        self._contexts[key] = made
        if len(self._contexts) > MAX_CONTEXTS:
            self._contexts.popitem(last=False)
        return made


def _nothing() -> SSL.Connection:
    """Make a connection that trusts nobody, so that its handshake fails."""
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_verify(SSL.VERIFY_PEER)
    made = SSL.Connection(context)
    made.set_connect_state()
    return made


def _expect(made: SSL.Connection, name: str) -> None:
    """Ask for a server by its name, and let no certificate of another name pass."""
    parameters = SSL._lib.SSL_get0_param(made._ssl)  # type: ignore[attr-defined]
    SSL._lib.X509_VERIFY_PARAM_set_hostflags(  # type: ignore[attr-defined]
        parameters, tlsconfig.DEFAULT_HOSTFLAGS
    )
    try:
        packed = ipaddress.ip_address(name).packed
    except ValueError:
        host = name.encode("ascii")
        made.set_tlsext_host_name(host)
        done = SSL._lib.X509_VERIFY_PARAM_set1_host(  # type: ignore[attr-defined]
            parameters, host, len(host)
        )
    else:
        done = SSL._lib.X509_VERIFY_PARAM_set1_ip(  # type: ignore[attr-defined]
            parameters, packed, len(packed)
        )
    if done != 1:
        raise RuntimeError("OpenSSL did not take the name to verify")


def _ciphers() -> tuple[str, ...]:
    options = ctx.options
    if options.ciphers_server:
        return tuple(options.ciphers_server.split(":"))
    return tuple(tlsconfig._default_ciphers(net_tls.Version[options.tls_version_server_min]))


def _settings() -> Key:
    """Give the options that a context hangs on beside the destination's own files."""
    options = ctx.options
    return (
        options.tls_version_server_min,
        options.tls_version_server_max,
        options.tls_ecdh_curve_server,
        options.ciphers_server,
        options.ssl_verify_upstream_trusted_ca,
        options.ssl_verify_upstream_trusted_confdir,
    )
