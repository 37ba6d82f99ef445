"""Behind a corporate proxy: all calls leave through it, judged as they are without it."""

from __future__ import annotations

import base64
import ssl
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.conftest import World
from tests.integration.test_exchange import client
from tests.support.authority import LocalCa
from tests.support.connect_proxy import ConnectProxy
from tests.support.firewall import Firewall
from tests.support.process import PROJECT
from tests.support.tls_client import pinned, tunnel

SECRET = "carol:correct horse"
POLICY = """\
apiVersion: aegis/v1
kind: Policy
metadata: {{name: proxied}}
destinations:
  - id: files
    hosts: [{files.name}, inside.example.test, "127.0.0.1"]
    ports: [{files.port}]
    addresses: [127.0.0.0/8]
  - id: plain
    hosts: [{plain.name}]
    ports: [{plain.port}]
    schemes: [http]
    addresses: [127.0.0.0/8]
  - id: straight
    hosts: [{payments.name}]
    ports: [{payments.port}]
    addresses: [127.0.0.0/8]
    via: direct
  - id: six
    hosts: [six.example.test]
    ports: [{ehr.port}]
  - id: pinned
    hosts: [{mcp.name}]
    ports: [{mcp.port}]
    addresses: [127.0.0.0/8]
    tls: passthrough
rules:
  - {{id: all, agents: ["*"], destinations: [files, plain, straight, six, pinned], effect: allow}}
"""


@dataclass
class Behind:
    """A firewall behind a proxy, of which it was given the credential."""

    firewall: Firewall
    proxy: ConnectProxy

    def last(self) -> str | None:
        """Wait for the outcome of the newest decision; gives its error."""
        wanted = self.firewall.decisions()[-1]["id"]
        while True:
            for outcome in self.firewall.wait_for("outcome"):
                if outcome["decision"] == wanted:
                    error: str | None = outcome["error"]
                    return error


def behind(
    world: World, folder: Path, proxy: ConnectProxy, kind: str, **options: str
) -> Iterator[Behind]:
    folder.mkdir(exist_ok=True)
    auth = folder / "auth"
    auth.write_text(SECRET + "\n")
    auth.chmod(0o600)
    settings = {
        "aegis_upstream_proxy": proxy.url,
        "aegis_upstream_proxy_auth_file": str(auth),
        **options,
    }
    hosts = {
        proxy.name: "127.0.0.1",
        "inside.example.test": "10.0.0.1",
        "six.example.test": "2606:4700::1111",
    }
    with Firewall(
        folder, POLICY.format(**vars(world)), *world.upstreams,
        kind="own" if kind == "own" else "mitmdump", hosts=hosts, options=settings,
    ) as firewall:  # fmt: skip
        yield Behind(firewall, proxy)


@pytest.fixture(scope="module")
def proxies(world: World) -> Iterator[dict[str, ConnectProxy]]:
    # The upstreams' CA signs for the proxy too, as a corporate one does.
    assert world.files.ca is not None
    with (
        ConnectProxy(credential=SECRET) as plain,
        ConnectProxy(world.files.ca, credential=SECRET) as secure,
    ):
        yield {"http": plain, "https": secure}


@pytest.fixture(scope="module", params=["own-http", "own-https", "mitmdump-http"])
def place(
    world: World,
    proxies: dict[str, ConnectProxy],
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Iterator[Behind]:
    kind, _, scheme = request.param.partition("-")
    yield from behind(world, tmp_path_factory.mktemp("behind"), proxies[scheme], kind)


@pytest.fixture(scope="module")
def names(
    world: World, proxies: dict[str, ConnectProxy], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Behind]:
    folder = tmp_path_factory.mktemp("names")
    names = {"aegis_upstream_proxy_names": "true"}
    yield from behind(world, folder, proxies["http"], "own", **names)


@pytest.fixture(autouse=True)
def _anew(proxies: dict[str, ConnectProxy]) -> None:
    for proxy in proxies.values():
        proxy.forget()


def test_calls_leave_through_the_proxy_to_the_judged_address(place: Behind, world: World) -> None:
    with client(place.firewall) as http:
        for _ in range(2):
            assert http.get(f"{world.files.url}/echo").status_code == 200
        assert http.get(f"{world.plain.url}/echo").status_code == 200
    asked = [one.authority for one in place.proxy.asked]
    assert asked == [f"127.0.0.1:{world.files.port}", f"127.0.0.1:{world.plain.port}"]
    assert place.proxy.connections == 2
    assert world.files.server_names == [world.files.name]
    assert world.files.requests[0].header("host") == f"{world.files.name}:{world.files.port}"
    record = place.firewall.decisions()[-1]["destination"]
    assert (record["via"], record["address"]) == ("proxy", "127.0.0.1")


def test_the_credential_reaches_the_proxy_and_nobody_else(place: Behind, world: World) -> None:
    with client(place.firewall) as http:
        answers = [http.get(f"{world.files.url}/echo"), http.get(f"{world.plain.url}/echo")]
    encoded = base64.b64encode(SECRET.encode())
    assert [one.headers["proxy-authorization"] for one in place.proxy.asked] == [
        f"Basic {encoded.decode()}"
    ] * 2
    seen = world.files.everything() + world.plain.everything()
    seen += b"".join(str(answer.headers).encode() + answer.content for answer in answers)
    seen += place.firewall.output.encode() + place.firewall.log.read_bytes()
    command = Path(f"/proc/{place.firewall.pid}/cmdline").read_bytes()
    for secret in (SECRET.encode(), SECRET.split(":")[1].encode(), encoded):
        assert secret not in seen + command


def test_policy_says_what_goes_straight(place: Behind, world: World) -> None:
    with client(place.firewall) as http:
        assert http.get(f"{world.payments.url}/v1/payments").status_code == 200
    assert place.proxy.connections == 0
    assert "via" not in place.firewall.decisions()[-1]["destination"]


def test_what_is_refused_does_not_reach_the_proxy(place: Behind, world: World) -> None:
    with client(place.firewall) as http:
        inside = http.get(f"https://inside.example.test:{world.files.port}/echo")
    assert inside.json()["error"]["code"] == "address_refused"
    assert place.proxy.connections == 0


def test_an_ipv6_address_is_asked_for_as_one(place: Behind, world: World) -> None:
    with client(place.firewall) as http:
        http.get(f"https://six.example.test:{world.ehr.port}/")
    assert [one.authority for one in place.proxy.asked] == [f"[2606:4700::1111]:{world.ehr.port}"]


def test_what_passes_through_unread_leaves_through_the_proxy_too(
    place: Behind, world: World
) -> None:
    assert world.mcp.ca is not None
    ca, name = world.mcp.ca.pem, world.mcp.name
    with pinned(tunnel(place.firewall, f"{name}:{world.mcp.port}"), ca, name) as tls:
        tls.sendall(b"GET /nothing HTTP/1.1\r\nHost: %s\r\n\r\n" % name.encode())
        assert tls.recv(65536).startswith(b"HTTP/1.1 ")
    assert [one.authority for one in place.proxy.asked] == [f"127.0.0.1:{world.mcp.port}"]
    assert place.last() is None
    record = place.firewall.decisions()[-1]["destination"]
    assert (record["via"], record["tls"]) == ("proxy", "passthrough")
    place.proxy.answer = b"HTTP/1.1 403 No\r\n\r\n"
    with pytest.raises((ssl.SSLError, OSError)):
        pinned(tunnel(place.firewall, f"{name}:{world.mcp.port}"), ca, name)
    assert place.last() == "upstream_proxy_refused"


@pytest.mark.parametrize(
    ("answer", "error", "says"),
    [
        (b"HTTP/1.1 403 No\r\nX: internal-host\r\n\r\n", "upstream_proxy_refused", "(403)"),
        (b"HTTP/1.1 407 Who internal-host\r\n\r\n", "upstream_proxy_refused", "credential"),
        (b"HTTP/1.1 502 internal-host\r\nContent-Length: 4\r\n\r\nbody", "upstream_proxy_refused", "(502)"),
        (b"internal-host is no HTTP\r\n\r\n", "upstream_proxy_failed", "no answer"),
        (b"HTTP/1.1 200", "upstream_proxy_failed", "no answer"),
        (b"\0" * 100_000, "upstream_proxy_failed", "no answer"),
    ],
)  # fmt: skip
def test_a_proxy_that_does_not_tunnel_is_told_of(
    place: Behind, world: World, answer: bytes, error: str, says: str
) -> None:
    place.proxy.answer = answer
    with client(place.firewall) as http:
        told = http.get(f"{world.files.url}/echo")
    assert told.status_code == 502
    assert says in told.text
    assert "internal-host" not in told.text
    assert "127.0.0.1" not in told.text
    assert place.last() == error
    assert world.touched == []


def test_a_proxy_that_wants_names_gets_names(names: Behind, world: World) -> None:
    with client(names.firewall) as http:
        assert http.get(f"{world.files.url}/echo").status_code == 200
        # Nothing is looked up: the name may mean anything to the proxy.
        http.get(f"https://inside.example.test:{world.files.port}/echo")
        record = names.firewall.decisions()[-1]["destination"]
        assert (record["judged"], record["address"]) == ("name", "")
        literal = http.get(f"https://127.0.0.1:{world.files.port}/echo")
        assert literal.status_code == 200
        assert names.firewall.decisions()[-1]["destination"]["address"] == "127.0.0.1"
    assert [one.authority for one in names.proxy.asked] == [
        f"{world.files.name}:{world.files.port}",
        f"inside.example.test:{world.files.port}",
        f"127.0.0.1:{world.files.port}",
    ]
    assert world.files.server_names[0] == world.files.name


def test_a_proxy_that_is_away_is_told_of(place: Behind, world: World) -> None:
    with place.proxy.away(), client(place.firewall) as http:
        told = http.get(f"{world.files.url}/echo")
    assert told.status_code == 502
    assert "upstream proxy cannot be reached" in told.text
    assert place.last() == "upstream_proxy_failed"


def test_a_proxy_with_another_certificate_gets_nothing(
    place: Behind, world: World, tmp_path: Path
) -> None:
    if not place.proxy.url.startswith("https"):
        return
    with place.proxy.away(LocalCa(tmp_path / "other")), client(place.firewall) as http:
        told = http.get(f"{world.files.url}/echo")
    assert told.status_code == 502
    assert "not trusted" in told.text
    assert place.proxy.asked == []


def test_a_wrong_proxy_stops_the_start(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "addons", "--home", str(tmp_path / "home"), "--port", "0"]
    command += ["--upstream-proxy", "http://carol:horse@proxy.test:1"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "out of the URL" in done.stderr
    assert "horse" not in done.stderr
