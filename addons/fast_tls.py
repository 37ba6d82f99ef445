"""TLS with less work per connection: contexts kept by certificate, upstream sessions resumed."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from mitmproxy import certs, connection, ctx, tls
from mitmproxy.addons import tlsconfig
from mitmproxy.net import tls as net_tls
from mitmproxy.proxy.layers import modes
from OpenSSL import SSL

MAX_CONTEXTS = 512
MAX_SESSIONS = 1024

SessionKey = tuple[Any, ...]


class FastTls(tlsconfig.TlsConfig):
    """mitmproxy's TLS addon with a server context for each certificate and client sessions."""

    name = "tlsconfig"

    def __init__(self) -> None:
        self._contexts: OrderedDict[int, tuple[certs.CertStoreEntry, SSL.Context]] = OrderedDict()
        self._sessions: OrderedDict[SessionKey, SSL.Connection] = OrderedDict()

    def tls_start_client(self, tls_start: tls.TlsData) -> None:
        """Give a connection from an agent its TLS, the certificate already in the context."""
        if tls_start.ssl_conn is not None or tls_start.is_dtls or _customised():
            super().tls_start_client(tls_start)
            return
        context = tls_start.context
        client = context.client
        entry = self.get_cert(context)
        tls_start.ssl_conn = SSL.Connection(self._context(entry))
        # The connection to the proxy itself cannot be HTTP/2 with mitmproxy.
        outer = len(context.layers) == 2 and isinstance(context.layers[0], modes.HttpProxy)
        tls_start.ssl_conn.set_app_data(
            tlsconfig.AppData(
                client_alpn=b"http/1.1" if outer else client.alpn,
                server_alpn=context.server.alpn,
                http2=ctx.options.http2,
            )
        )
        tls_start.ssl_conn.set_accept_state()

    def _context(self, entry: certs.CertStoreEntry) -> SSL.Context:
        kept = self._contexts.get(id(entry))
        if kept is not None and kept[0] is entry:
            return kept[1]
        # The factory caches by its arguments; a context that holds a certificate must be its own.
        made = net_tls.create_client_proxy_context.__wrapped__(
            method=net_tls.Method.TLS_SERVER_METHOD,
            min_version=net_tls.Version[ctx.options.tls_version_client_min],
            max_version=net_tls.Version[ctx.options.tls_version_client_max],
            cipher_list=tuple(
                tlsconfig._default_ciphers(net_tls.Version[ctx.options.tls_version_client_min])
            ),
            ecdh_curve=net_tls.get_curve(ctx.options.tls_ecdh_curve_client),
            chain_file=entry.chain_file,
            request_client_cert=False,
            alpn_select_callback=tlsconfig.alpn_select_callback,
            extra_chain_certs=(),
            dhparams=self.certstore.dhparams,
        )
        made.use_certificate(entry.cert.to_cryptography())
        made.use_privatekey(entry.privatekey)
        if len(self._contexts) >= MAX_CONTEXTS:
            self._contexts.popitem(last=False)
        self._contexts[id(entry)] = (entry, made)
        return made

    def tls_start_server(self, tls_start: tls.TlsData) -> None:
        """Give a connection to an upstream its TLS, resuming the last session with it."""
        super().tls_start_server(tls_start)
        server = tls_start.conn
        if tls_start.ssl_conn is None or not isinstance(server, connection.Server):
            return
        earlier = self._sessions.get(_key(server))
        session = earlier.get_session() if earlier is not None else None
        if session is not None:
            tls_start.ssl_conn.set_session(session)

    def tls_established_server(self, data: tls.TlsData) -> None:
        """Keep the connection, whose session arrives later, for the next to the same upstream."""
        server = data.conn
        if data.is_dtls or data.ssl_conn is None or not isinstance(server, connection.Server):
            return
        key = _key(server)
        self._sessions[key] = data.ssl_conn
        self._sessions.move_to_end(key)
        if len(self._sessions) > MAX_SESSIONS:
            self._sessions.popitem(last=False)


def _key(server: connection.Server) -> SessionKey:
    """Name what a session may be resumed for: a resumed one is not verified again."""
    return (
        server.address,
        server.sni,
        tuple(server.alpn_offers),
        ctx.options.ssl_verify_upstream_trusted_ca,
        ctx.options.ssl_verify_upstream_trusted_confdir,
    )


def _customised() -> bool:
    """Say whether options are set that only mitmproxy's own way knows."""
    options = ctx.options
    return bool(
        options.ciphers_client
        or options.request_client_cert
        or options.add_upstream_certs_to_client_chain
    )
