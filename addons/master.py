"""The firewall's own mitmproxy master: only the addons that it needs."""

from __future__ import annotations

from mitmproxy import master, options
from mitmproxy.addons import core, errorcheck, next_layer, proxyserver, tlsconfig

from addons import fast_server, mitm_patches
from addons.fast_tls import FastTls
from addons.firewall import steps
from addons.table import TableAddonManager


class FirewallMaster(master.Master):
    """Runs the firewall with mitmproxy's proxy core and nothing else of mitmproxy."""

    def __init__(self, opts: options.Options) -> None:
        super().__init__(opts)
        self.options.changed.disconnect(self.addons._configure_all)
        self.addons = TableAddonManager(self)
        fitting = mitm_patches.fitting()
        if fitting:
            fast_server.install()
        self.addons.add(
            core.Core(),
            proxyserver.Proxyserver(),
            next_layer.NextLayer(),
            FastTls() if fitting else tlsconfig.TlsConfig(),
            *steps(),
            errorcheck.ErrorCheck(),
        )
