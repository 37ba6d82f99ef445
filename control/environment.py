"""The variables by which a command's runtime goes through the firewall and trusts it."""

from __future__ import annotations

import os
from collections.abc import Mapping

from control.home import Running
from ledger import Home

PROXY = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
BUNDLE = (
    "SSL_CERT_FILE",  # OpenSSL, Python, Go, Rust
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "AWS_CA_BUNDLE",
    "PIP_CERT",
    "GIT_SSL_CAINFO",
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
    "CODEX_CA_CERTIFICATE",
    "npm_config_cafile",
    "CARGO_HTTP_CAINFO",
    "HTTPLIB2_CA_CERTS",
    "CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE",
    "NIX_SSL_CERT_FILE",
)
OWN_CA = ("NODE_EXTRA_CA_CERTS", "DENO_CERT")
REMOVED = ("NO_PROXY", "no_proxy", "SSL_CERT_DIR", "NODE_TLS_REJECT_UNAUTHORIZED")


def agent_environment(
    inherited: Mapping[str, str], home: Home, running: Running, token: str
) -> dict[str, str]:
    """Give the environment of a command that runs as an agent.

    What would lead around the firewall is removed, and so is what belongs to the firewall itself.
    """
    environment = {
        name: value
        for name, value in inherited.items()
        if name not in REMOVED and not name.startswith("AEGIS_")
    }
    url = running.proxy_url(token)
    for name in PROXY:
        environment[name] = environment[name.lower()] = url
    environment["grpc_proxy"] = url
    environment.update(dict.fromkeys(BUNDLE, os.fspath(home.ca_bundle.absolute())))
    environment.update(dict.fromkeys(OWN_CA, os.fspath(home.ca_certificate.absolute())))
    environment["NODE_USE_ENV_PROXY"] = "1"
    return environment
