"""TLS with agents with less work per connection: contexts kept by certificate."""

from __future__ import annotations

from collections import OrderedDict

from mitmproxy import certs, ctx, tls
from mitmproxy.addons import tlsconfig
from mitmproxy.net import tls as net_tls
from mitmproxy.proxy.layers import modes
from OpenSSL import SSL

MAX_CONTEXTS = 512


class FastTls(tlsconfig.TlsConfig):
    """mitmproxy's TLS addon with a context for each certificate."""

    name = "tlsconfig"

    def __init__(self) -> None:
        self._contexts: OrderedDict[int, tuple[certs.CertStoreEntry, SSL.Context]] = OrderedDict()

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
        """Leave connections to upstreams to the firewall's own step."""


def _customised() -> bool:
    """Say whether options are set that only mitmproxy's own way knows."""
    options = ctx.options
    return bool(
        options.ciphers_client
        or options.request_client_cert
        or options.add_upstream_certs_to_client_chain
    )
