"""The variables of a command that runs as an agent."""

from pathlib import Path

import pytest

from control.environment import agent_environment
from control.home import Running
from ledger import Home

HOME = Home(Path("/home/of/aegis"))
BUNDLE, OWN = "/home/of/aegis/ca-bundle.pem", "/home/of/aegis/ca.pem"


def environment(host="127.0.0.1", **inherited):
    return agent_environment(inherited, HOME, Running(host, 8080, 1), "aegis_id_secret")


@pytest.mark.parametrize(
    "name",
    ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"]
    + ["grpc_proxy"],
)
def test_proxy(name):
    assert environment()[name] == "http://aegis:aegis_id_secret@127.0.0.1:8080"


def test_an_ipv6_address_stands_in_brackets():
    assert environment("::1")["HTTPS_PROXY"].endswith("@[::1]:8080")


@pytest.mark.parametrize(
    "name",
    ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "AWS_CA_BUNDLE", "PIP_CERT"]
    + ["GIT_SSL_CAINFO", "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", "CODEX_CA_CERTIFICATE"]
    + ["npm_config_cafile", "CARGO_HTTP_CAINFO"],
)
def test_the_bundle_also_where_another_was_named(name):
    assert environment(**{name: "/etc/other.pem"})[name] == BUNDLE


@pytest.mark.parametrize("name", ["NODE_EXTRA_CA_CERTS", "DENO_CERT"])
def test_our_ca_alone_where_it_is_added_to_the_roots(name):
    assert environment()[name] == OWN


def test_node_uses_the_proxy():
    assert environment()["NODE_USE_ENV_PROXY"] == "1"


@pytest.mark.parametrize(
    "name",
    ["NO_PROXY", "no_proxy", "SSL_CERT_DIR", "NODE_TLS_REJECT_UNAUTHORIZED"]
    + ["AEGIS_HOME", "AEGIS_WORKER", "AEGIS_DEBUG"],
)
def test_what_leads_around_the_firewall_or_to_its_secrets_is_removed(name):
    assert name not in environment(**{name: "1"})


def test_the_rest_stays():
    assert environment(TERM="xterm", MY_KEY="1") | {"TERM": "xterm", "MY_KEY": "1"} == environment(
        TERM="xterm", MY_KEY="1"
    )


def test_wget_is_told_of_the_bundle_unless_that_took_its_own_settings_away(tmp_path):
    ours = "/home/of/aegis/aegis.wgetrc"
    assert environment(HOME=str(tmp_path))["WGETRC"] == ours
    assert environment(HOME=str(tmp_path), WGETRC="/other/home/aegis.wgetrc")["WGETRC"] == ours
    assert environment(HOME=str(tmp_path), WGETRC="/my/wgetrc")["WGETRC"] == "/my/wgetrc"
    (tmp_path / ".wgetrc").write_text("tries = 1\n")
    assert "WGETRC" not in environment(HOME=str(tmp_path))
