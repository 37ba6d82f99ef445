"""The variables by which a command's runtime goes through the firewall and trusts it."""

from __future__ import annotations

import os
import pwd
from collections.abc import Mapping
from pathlib import Path

from control.home import Running
from ledger import CA_BUNDLE, WGETRC, Home

CA_CERTIFICATE = "ca.pem"
JAIL_FILES = Path("/run/aegis")
"""Where a jail has what its programs are to trust."""

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
REMOVED_IN_JAIL = (
    # There is no proxy in there, and nothing that these lead to can be reached.
    *(form for name in PROXY for form in (name, name.lower())),
    "grpc_proxy",
    "NODE_USE_ENV_PROXY",
    "SSH_AUTH_SOCK",
    "SSH_AGENT_PID",
    "GPG_AGENT_INFO",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "XAUTHORITY",
    "TMUX",
    "STY",
    "DOCKER_HOST",
    "CONTAINER_HOST",
    "XDG_RUNTIME_DIR",
    "NOTIFY_SOCKET",
)
REMOVED = ("NO_PROXY", "no_proxy", "SSL_CERT_DIR", "NODE_TLS_REJECT_UNAUTHORIZED")


def agent_environment(
    inherited: Mapping[str, str], home: Home, running: Running, token: str
) -> dict[str, str]:
    """Give the environment of a command that runs as an agent.

    What would lead around the firewall is removed, and so is what belongs to the firewall itself.
    """
    environment = _kept(inherited)
    url = running.proxy_url(token)
    for name in PROXY:
        environment[name] = environment[name.lower()] = url
    environment["grpc_proxy"] = url
    environment["NODE_USE_ENV_PROXY"] = "1"
    files = home.ca_bundle, home.ca_certificate, home.wgetrc
    return environment | _trust(environment, *(file.absolute() for file in files))


def jail_environment(
    inherited: Mapping[str, str], user: pwd.struct_passwd | None
) -> dict[str, str]:
    """Give the environment of a command in a jail, where everything is caught without its help.

    `user` is whom the command becomes, when that is not who calls.
    """
    environment = {
        name: value
        for name, value in _kept(inherited).items()
        if name not in REMOVED_IN_JAIL and not name.startswith("DBUS_")
    }
    if user is not None:
        environment |= {
            "HOME": user.pw_dir,
            "SHELL": user.pw_shell,
            "USER": user.pw_name,
            "LOGNAME": user.pw_name,
        }
    files = JAIL_FILES / CA_BUNDLE, JAIL_FILES / CA_CERTIFICATE, JAIL_FILES / WGETRC
    return environment | _trust(environment, *files)


def _kept(inherited: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value
        for name, value in inherited.items()
        if name not in REMOVED and not name.startswith("AEGIS_")
    }


def _trust(environment: Mapping[str, str], bundle: Path, own: Path, wgetrc: Path) -> dict[str, str]:
    trust = dict.fromkeys(BUNDLE, os.fspath(bundle)) | dict.fromkeys(OWN_CA, os.fspath(own))
    # wget reads one such file only: the person's own settings are not taken away.
    named = environment.get("WGETRC")
    if named is None or Path(named).name == WGETRC:
        mine = Path(environment.get("HOME", "/"), ".wgetrc")
        if not os.path.lexists(mine):
            trust["WGETRC"] = os.fspath(wgetrc)
    return trust
