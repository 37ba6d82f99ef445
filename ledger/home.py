"""The home folder: where everything that the firewall keeps lies, for all who look for it."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

CA_BUNDLE = "ca-bundle.pem"
WGETRC = "aegis.wgetrc"


def default_home() -> Path:
    """Give the home folder that is meant when none is named: `$AEGIS_HOME`, else `~/.aegis`."""
    return Path(os.environ.get("AEGIS_HOME") or "~/.aegis").expanduser()


@dataclass(frozen=True, slots=True)
class Home:
    """Where each thing lies in a home folder; nothing of it is made here."""

    folder: Path

    @property
    def ca(self) -> Path:
        """Folder of the CA that signs the certificates shown to agents."""
        return self.folder / "ca"

    @property
    def ca_certificate(self) -> Path:
        """The CA's certificate alone."""
        return self.folder / "ca.pem"

    @property
    def ca_bundle(self) -> Path:
        """What clients trust: the system's roots and the CA's certificate in one file."""
        return self.folder / CA_BUNDLE

    @property
    def wgetrc(self) -> Path:
        """Tells wget of the bundle; no variable of its own does."""
        return self.folder / WGETRC

    @property
    def log(self) -> Path:
        """The decision log."""
        return self.folder / "ledger.db"

    @property
    def log_key(self) -> Path:
        """The key that signs the log."""
        return self.folder / "log.key"

    @property
    def log_public_key(self) -> Path:
        """The key that the log is verified with."""
        return self.folder / "log.pub"

    @property
    def policy_key(self) -> Path:
        """The key that signs policy bundles."""
        return self.folder / "policy.key"

    @property
    def policy_public_key(self) -> Path:
        """The key that policy bundles are verified with."""
        return self.folder / "policy.pub"

    @property
    def agents(self) -> Path:
        """Agents and the hashes of their tokens."""
        return self.folder / "agents.db"

    @property
    def tool_pins(self) -> Path:
        """The descriptions of MCP tools that were seen first, as fingerprints."""
        return self.folder / "tools.db"

    @property
    def vault(self) -> Path:
        """Which values surrogates stand for, sealed."""
        return self.folder / "vault.db"

    @property
    def policies(self) -> Path:
        """Applied policies, their history and the candidate beside."""
        return self.folder / "policies.db"

    def last_bundle(self, url: str) -> Path:
        """Give where the last good policy of a bundle server is kept for a start without it."""
        name = hashlib.sha256(url.encode()).hexdigest()[:16]
        return self.folder / f"last-bundle-{name}.tar.gz"

    @property
    def trust(self) -> Path:
        """Folder of the roots that destinations of a policy are verified with, NAME.pem each."""
        return self.folder / "trust"

    @property
    def client_certificates(self) -> Path:
        """Folder of the certificates, with keys, that are shown to destinations, NAME.pem each."""
        return self.folder / "client-certificates"

    @property
    def upstream_proxy_auth(self) -> Path:
        """The credential for the upstream proxy, USER:PASSWORD."""
        return self.folder / "upstream-proxy.auth"

    @property
    def secret(self) -> Path:
        """The key of hashes that stand for personal values."""
        return self.folder / "hash.key"

    @property
    def default_token(self) -> Path:
        """The token of the default agent."""
        return self.folder / "default.token"

    @property
    def running(self) -> Path:
        """Where the running firewall says its address."""
        return self.folder / "proxy.json"
