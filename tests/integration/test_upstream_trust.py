"""Upstreams with roots of their own, and those that want to know who calls."""

from __future__ import annotations

import os
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tests.integration.conftest import World
from tests.integration.test_exchange import client
from tests.support.authority import LocalCa
from tests.support.firewall import Firewall
from tests.support.server import Reply, Request, Upstream, json_reply
from tests.support.tls_client import tunnel

POLICY = """\
apiVersion: aegis/v1
kind: Policy
metadata: {{name: trust}}
destinations:
  - id: corporate
    hosts: [{corporate.name}]
    ports: [{corporate.port}]
    addresses: [127.0.0.0/8]
    trust: corporate
  - id: misnamed
    hosts: [misnamed.example.test]
    ports: [{corporate.port}]
    addresses: [127.0.0.0/8]
    trust: corporate
  - id: usual
    hosts: [{usual.name}]
    ports: [{usual.port}]
    addresses: [127.0.0.0/8]
    trust: corporate
  - id: mutual
    hosts: [{mutual.name}]
    ports: [{mutual.port}]
    addresses: [127.0.0.0/8]
    trust: corporate
    client_certificate: us
  - id: anonymous
    hosts: [anonymous.example.test]
    ports: [{mutual.port}]
    addresses: [127.0.0.0/8]
    trust: corporate
rules:
  - id: all
    agents: ["*"]
    destinations: [corporate, misnamed, usual, mutual, anonymous]
    effect: allow
"""


class Mutual(Upstream):
    """An upstream that lets in whom its CA knows."""

    names = ("mutual.example.test", "anonymous.example.test")

    def __init__(self, ca: LocalCa) -> None:
        super().__init__(ca, http2=False)
        assert self._tls is not None
        self._tls.verify_mode = ssl.CERT_REQUIRED
        self._tls.load_verify_locations(str(ca.pem))

    async def handle(self, request: Request) -> Reply:
        return json_reply({"welcome": True})


class Corporate(Upstream):
    """An upstream of a company's own CA."""

    names = ("corporate.example.test",)


class Upstreams:
    """Two CAs: the usual one that the firewall trusts, and that of the company."""

    def __init__(self, folder: Path, usual: Upstream) -> None:
        self.usual = usual
        self.ca = LocalCa(folder / "company")
        self.corporate, self.mutual = Corporate(self.ca), Mutual(self.ca)

    def certificate(self, *names: str) -> bytes:
        """Make a certificate of the company's with its key, as one PEM."""
        issued = self.ca._ca.issue_cert(*names)
        chain = b"".join(pem.bytes() for pem in issued.cert_chain_pems)
        return chain + issued.private_key_pem.bytes()


@pytest.fixture(scope="module")
def ups(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upstreams]:
    made = Upstreams(tmp_path_factory.mktemp("upstreams"), world.files)
    with made.corporate, made.mutual:
        yield made


@pytest.fixture(scope="module", params=["own", "mitmdump"])
def firewall(
    world: World,
    ups: Upstreams,
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Iterator[Firewall]:
    folder = tmp_path_factory.mktemp("trust")
    made = Firewall(
        folder, POLICY.format(**vars(ups)), world.files, ups.corporate, ups.mutual,
        kind=request.param, ca=world.files.ca, hosts={"misnamed.example.test": "127.0.0.1"},
    )  # fmt: skip
    put(made.home / "trust" / "corporate.pem", ups.ca.pem.read_bytes(), 0o644)
    put(made.home / "client-certificates" / "us.pem", ups.certificate("us@example.test"), 0o600)
    with made as running:
        yield running


@pytest.fixture(autouse=True)
def _anew(ups: Upstreams) -> None:
    ups.corporate.forget()
    ups.mutual.forget()


def put(path: Path, content: bytes, mode: int) -> None:
    """Write a file so that it changes as a whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".new")
    draft.write_bytes(content)
    draft.chmod(mode)
    draft.replace(path)


def get(firewall: Firewall, url: str) -> int:
    """Call on a new connection; gives the status."""
    with client(firewall) as http:
        return http.get(url).status_code


def test_a_destination_is_verified_by_its_own_roots_and_no_others(
    firewall: Firewall, ups: Upstreams
) -> None:
    for _ in range(2):
        assert get(firewall, f"{ups.corporate.url}/") == 200
    assert get(firewall, f"{ups.usual.url}/echo") == 502
    assert ups.usual.requests == []
    assert firewall.wait_for("outcome", 3)[-1]["error"] == "upstream_untrusted"


def test_a_certificate_of_another_name_is_refused(firewall: Firewall, ups: Upstreams) -> None:
    assert get(firewall, f"https://misnamed.example.test:{ups.corporate.port}/") == 502
    assert ups.corporate.requests == []


def test_a_destination_that_asks_is_shown_the_certificate_that_policy_names(
    firewall: Firewall, ups: Upstreams
) -> None:
    for _ in range(2):
        assert get(firewall, f"{ups.mutual.url}/") == 200
    # The same address and port under another name is another destination: no session is shared.
    assert get(firewall, f"https://anonymous.example.test:{ups.mutual.port}/") == 502
    assert len(ups.mutual.requests) == 2


def test_changed_files_hold_for_new_connections(firewall: Firewall, ups: Upstreams) -> None:
    roots = firewall.home / "trust" / "corporate.pem"
    before = roots.read_bytes()
    assert get(firewall, f"{ups.corporate.url}/") == 200
    try:
        put(roots, trustme.CA().cert_pem.bytes(), 0o644)
        assert get(firewall, f"{ups.corporate.url}/") == 502
        put(roots, b"no certificates", 0o644)
        assert get(firewall, f"{ups.corporate.url}/") == 503
        roots.unlink()
        assert get(firewall, f"{ups.corporate.url}/") == 503
        assert firewall.decisions()[-1]["code"] == "trust_unavailable"
        assert len(ups.corporate.requests) == 1
    finally:
        put(roots, before, 0o644)
    assert get(firewall, f"{ups.corporate.url}/") == 200
    key = firewall.home / "client-certificates" / "us.pem"
    os.chmod(key, 0o644)
    assert get(firewall, f"{ups.mutual.url}/") == 503
    os.chmod(key, 0o600)
    assert get(firewall, f"{ups.mutual.url}/") == 200


def test_a_changed_policy_with_a_missing_file_is_not_used(
    firewall: Firewall, ups: Upstreams
) -> None:
    text, count = firewall.policy.read_text(), len(firewall.records("policy"))
    try:
        firewall.policy.write_text(
            text.replace("client_certificate: us", "client_certificate: gone")
        )
        refused = firewall.wait_for("policy", count + 1)[-1]
        assert refused["what"] == "refused"
        assert "'mutual'" in refused["problem"]
        assert "client-certificates/gone.pem: the file cannot be read" in refused["problem"]
        assert get(firewall, f"{ups.mutual.url}/") == 200
    finally:
        firewall.policy.write_text(text)
        firewall.wait_for("policy", count + 2)


def test_a_client_that_refuses_our_certificate_is_told_of(
    firewall: Firewall, ups: Upstreams
) -> None:
    place = f"{ups.corporate.name}:{ups.corporate.port}"
    for _ in range(2):
        with tunnel(firewall, place) as plain:
            pinned = ssl.create_default_context(cafile=str(ups.ca.pem))
            with pytest.raises(ssl.SSLCertVerificationError):
                pinned.wrap_socket(plain, server_hostname=ups.corporate.name)
    (told,) = firewall.wait_for("client_refused_certificate")
    time.sleep(0.1)
    assert len(firewall.records("client_refused_certificate")) == 1
    assert told["destination"] == {
        "id": "corporate",
        "host": ups.corporate.name,
        "port": ups.corporate.port,
    }
    assert told["agent"].endswith("/agent/default")
    assert "tls: passthrough" in told["mend"]
    assert "does not trust the firewall's certificate" in firewall.output
    assert ups.corporate.untouched
