"""The options of the firewall, as `mitmdump --set` and `python -m addons` know them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mitmproxy import exceptions
from mitmproxy.addonmanager import Loader

from addons import jail, policy_place
from addons.policy_place import Place
from addons.policy_source import SourceError
from addons.upstream_proxy import ProxyError, ProxyPlace, check_credential, parse_place
from addons.watch import Bounds
from ledger import Home, default_home
from redaction import RedactionError
from redaction.models import engine_settings

_PAST_THE_FIREWALL = (
    "ignore_hosts",
    "allow_hosts",
    "tcp_hosts",
    "udp_hosts",
    "map_remote",
    "map_local",
    "modify_body",
    "modify_headers",
    "stickyauth",
    "stickycookie",
    "server_replay",
    "client_replay",
    "proxyauth",
    "upstream_auth",
)
"""Options of mitmproxy's own addons that would undo what the firewall decided."""

MODES = ("regular", "transparent", "local")
"""Proxy modes of mitmproxy in which the firewall can say who calls and where to."""


_BOUNDS = (
    ("max_connections", 4096, 1_000_000, "Client connections of a process at a time."),
    ("max_connections_per_agent", 1024, 1_000_000, "Those of one agent."),
    ("head_timeout", 30, 3600, "Seconds a request's head or a TLS handshake may take to arrive."),
    ("body_timeout", 60, 3600, "Seconds in which a request's body must go on arriving."),
    ("idle_timeout", 300, 86400, "Seconds a connection may stay open unused."),
)
"""Options, in the order of `Bounds`: name, default, most, help."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the operator asked for, checked."""

    place: Place
    opa_url: str
    home: Path
    otlp_endpoint: str
    hosts_file: Path | None
    redaction_workers: int
    redaction_timeout: float
    redaction_models: Path | None
    labels: Mapping[str, str]
    bounds: Bounds
    upstream_proxy: ProxyPlace | None
    dns_port: int = 0
    """Where names are answered for redirected clients, 0 for nowhere."""
    jail: jail.Jail | None = None
    """The jail that this firewall is the way out of."""


def declare(loader: Loader) -> None:
    """Declare the options to mitmproxy."""
    loader.add_option(
        "aegis_policy",
        str,
        "",
        "Policy file, folder, OPA bundle, or URL of one. Default: what was applied, else the "
        "developer pack.",
    )
    loader.add_option("aegis_bundle_key", str, "", "File of the key that signs a server's bundles.")
    loader.add_option("aegis_bundle_ca", str, "", "PEM file of roots to trust the server by.")
    loader.add_option(
        "aegis_opa_url",
        str,
        "",
        "URL of an OPA server that has the bundle and decides. Default: the embedded engine.",
    )
    loader.add_option(
        "aegis_home", str, "", "Folder of the keys, the log and the agents. Default: ~/.aegis"
    )
    loader.add_option(
        "aegis_otlp_endpoint", str, "", "Base URL of an OTLP/HTTP collector to send spans to."
    )
    loader.add_option(
        "aegis_hosts_file", str, "", "Names and addresses that come before DNS, as in hosts(5)."
    )
    loader.add_option(
        "aegis_labels", str, "", "Labels of this environment, such as stage=production,site=eu."
    )
    loader.add_option(
        "aegis_upstream_proxy",
        str,
        "",
        "URL of the proxy that calls leave through, such as http://proxy.example.com:3128.",
    )
    loader.add_option(
        "aegis_upstream_proxy_auth_file",
        str,
        "",
        "File of its credential, USER:PASSWORD. Default: upstream-proxy.auth of the home folder.",
    )
    loader.add_option(
        "aegis_upstream_proxy_names",
        bool,
        False,
        "Give the proxy names instead of addresses; no address is judged then.",
    )
    loader.add_option("aegis_redaction_workers", int, 2, "Processes that look for personal data.")
    loader.add_option(
        "aegis_redaction_timeout",
        int,
        10,
        "Seconds a redaction may take before it is a denial; one more for each 20 KB.",
    )
    loader.add_option(
        "aegis_redaction_models",
        str,
        "",
        "File that names the spaCy model of each language, as Presidio's NLP engine settings do.",
    )
    loader.add_option(
        "aegis_dns_port",
        int,
        0,
        "Port of 127.0.0.1 on which names are answered by policy, for redirected clients.",
    )
    loader.add_option("aegis_jail", str, "", "The jail to serve, as `aegis run --jail` says it.")
    for name, default, _, text in _BOUNDS:
        loader.add_option(f"aegis_{name}", int, default, text)


def check(options: Any) -> Settings:
    """Check the options and give them typed; raises `OptionsError` with one clear line."""
    values: Mapping[str, Any] = {
        name: getattr(options, f"aegis_{name}")
        for name in (
            "policy",
            "opa_url",
            "bundle_key",
            "bundle_ca",
            "home",
            "otlp_endpoint",
            "hosts_file",
            "redaction_workers",
            "redaction_timeout",
            "redaction_models",
            "dns_port",
            "labels",
            "upstream_proxy",
            "upstream_proxy_auth_file",
            "upstream_proxy_names",
            *(name for name, *_ in _BOUNDS),
        )
    }
    place = Place(values["policy"], _file(values["bundle_key"]), _file(values["bundle_ca"]))
    try:
        policy_place.check(place)
    except SourceError as error:
        raise exceptions.OptionsError(f"aegis_policy: {error}") from None
    endpoint = values["otlp_endpoint"]
    if endpoint:
        parts = urlsplit(endpoint)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise exceptions.OptionsError(
                "aegis_otlp_endpoint: give a URL such as http://127.0.0.1:4318."
            )
    hosts = _file(values["hosts_file"])
    if hosts is not None and not hosts.is_file():
        raise exceptions.OptionsError(f"aegis_hosts_file: there is no file {hosts}.")
    if not 1 <= values["redaction_workers"] <= 64:
        raise exceptions.OptionsError("aegis_redaction_workers: give a number from 1 to 64.")
    if not 1 <= values["redaction_timeout"] <= 600:
        raise exceptions.OptionsError("aegis_redaction_timeout: give 1 to 600 seconds.")
    models = _file(values["redaction_models"])
    if models is not None:
        try:
            engine_settings(models)
        except RedactionError as error:
            raise exceptions.OptionsError(f"aegis_redaction_models: {error}") from None
    if not 0 <= values["dns_port"] <= 65535:
        raise exceptions.OptionsError("aegis_dns_port: give a port from 1 to 65535, or 0 for none.")
    prison = _jail(options.aegis_jail)
    for name, _, most, _ in _BOUNDS:
        if not 1 <= values[name] <= most:
            raise exceptions.OptionsError(f"aegis_{name}: give a number from 1 to {most}.")
    for spec in options.mode:
        if re.split("[@:]", spec)[0] not in (("jail",) if prison else MODES):
            raise exceptions.OptionsError(
                f"mode: '{spec}' is not supported by the firewall; use one of {', '.join(MODES)}."
            )
    if options.ssl_insecure:
        raise exceptions.OptionsError(
            "ssl_insecure: the firewall always verifies upstream certificates; "
            "name your own CA with ssl_verify_upstream_trusted_ca instead."
        )
    if options.client_certs:
        raise exceptions.OptionsError(
            "client_certs: every destination would be shown it; name it in the policy instead, "
            "as the destination's `client_certificate`."
        )
    for name in _PAST_THE_FIREWALL:
        if name in options and getattr(options, name):
            raise exceptions.OptionsError(
                f"{name}: sends traffic past the firewall or changes it after the decision; "
                "say in the policy what may go where."
            )
    return Settings(
        place=place,
        opa_url=opa_url(values["opa_url"]),
        home=Path(values["home"]).expanduser() if values["home"] else default_home(),
        otlp_endpoint=endpoint,
        hosts_file=hosts,
        redaction_workers=values["redaction_workers"],
        redaction_timeout=float(values["redaction_timeout"]),
        redaction_models=models,
        labels=_labels(values["labels"]),
        dns_port=values["dns_port"],
        jail=prison,
        upstream_proxy=_proxy(values),
        bounds=Bounds(*(values[name] for name, *_ in _BOUNDS)),
    )


def _proxy(values: Mapping[str, Any]) -> ProxyPlace | None:
    if not values["upstream_proxy"]:
        return None
    try:
        place = parse_place(values["upstream_proxy"])
    except ProxyError as error:
        raise exceptions.OptionsError(f"aegis_upstream_proxy: {error}") from None
    return replace(
        place,
        names=values["upstream_proxy_names"],
        auth=_file(values["upstream_proxy_auth_file"]),
    )


def upstream_proxy(settings: Settings, home: Home) -> ProxyPlace | None:
    """Give the upstream proxy with the file of its credential; raises `OptionsError`."""
    place = settings.upstream_proxy
    if place is None:
        return None
    if place.auth is None and home.upstream_proxy_auth.exists():
        place = replace(place, auth=home.upstream_proxy_auth)
    if place.auth is not None:
        try:
            check_credential(place.auth)
        except ProxyError as error:
            raise exceptions.OptionsError(f"aegis_upstream_proxy_auth_file: {error}") from None
    return place


def opa_url(text: str) -> str:
    """Check the URL of an OPA server, which may be none; raises `OptionsError`."""
    if text and not _is_server(text):
        raise exceptions.OptionsError(
            "aegis_opa_url: give the URL of an OPA server, such as http://127.0.0.1:8181, "
            "without a name, a password or a query."
        )
    return text


def _is_server(text: str) -> bool:
    try:
        parts = urlsplit(text)
        # The port is read only when it is asked for, and may then be wrong.
        return (
            parts.scheme in ("http", "https")
            and bool(parts.hostname)
            and parts.port != 0
            and "@" not in parts.netloc
            and not any(mark in text for mark in "?# \\")
            and text.isprintable()
        )
    except ValueError:
        return False


def _labels(written: str) -> dict[str, str]:
    labels: dict[str, str] = {}
    for item in filter(None, (part.strip() for part in written.split(","))):
        name, _, value = item.partition("=")
        if not _LABEL.fullmatch(name) or not value or len(value) > 63:
            raise exceptions.OptionsError(
                f"aegis_labels: '{item}' is no label; write them like stage=production,site=eu."
            )
        labels[name] = value
    return labels


def _jail(text: str) -> jail.Jail | None:
    try:
        return jail.parse(text) if text else None
    except (ValueError, OSError):
        raise exceptions.OptionsError(
            "aegis_jail: this is for `aegis run --jail`, which makes the jail first."
        ) from None


_LABEL = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")


def _file(name: str) -> Path | None:
    return Path(name).expanduser() if name else None
