"""Naming: a destination has one name, that name is what is dialled, and no other is looked up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.attacks.conftest import Http2, Target, status
from tests.integration.conftest import World
from tests.integration.test_boundary import code, connect, credential, raw
from tests.integration.test_exchange import client
from tests.support.firewall import Firewall
from tests.support.resolver import DnsStub, possible, prefix

TUNNELS = [
    "0177.0.0.1:{port}",
    "0x7f000001:{port}",
    "127.1:{port}",
    "0.0.0.0:{port}",
    "0:{port}",
    "[::1]:{port}",
    "[::]:{port}",
    "[::ffff:7f00:1]:{port}",
    "[2002:7f00:1::]:{port}",
    "[64:ff9b::7f00:1]:{port}",
    "[2001:0:7f00:1::80ff:fffe]:{port}",
    "[fe80::1%25lo]:{port}",
    "[fd00:ec2::254]:80",
    "169.254.169.254.:80",
    "metadata.google.internal:80",
    "xn--fles-1na.example.test:{port}",
    "f\u0456les.example.test:{port}",
    "\uff46iles.example.test.evil.test:{port}",
    "files.example.test%00.evil.test:{port}",
    "files.example.test..:{port}",
    "files.example.test@evil.test:{port}",
    "old.example.test:22",
    "old.example.test:25",
    "old.example.test:53",
    "old.example.test:0",
    "old.example.test:65536",
    "old.example.test:-1",
    "old.example.test",
]


@pytest.mark.parametrize("authority", TUNNELS)
def test_refused_at_connect(target: Target, authority: str) -> None:
    before = target.recorded()
    answer = raw(target.firewall, connect(target.firewall, authority.format(port=target.old.port)))
    assert answer[9:12] in (b"400", b"403"), answer[:200]
    assert target.touched == []
    assert all(target.codes(before))


def test_each_http2_stream_is_held_to_its_tunnel(target: Target) -> None:
    other = f"{target.world.files.name}:{target.world.files.port}"
    with target.tunnel("h2") as tls:
        http = Http2(tls)
        for authority, answered in ((target.authority, 200), (other, 421), (target.authority, 200)):
            http.ask(
                [
                    (":method", "GET"),
                    (":scheme", "https"),
                    (":authority", authority),
                    (":path", "/echo"),
                ]
            )
            assert status(http.wait()) == answered
    assert target.touched == [target.old.name]
    assert len(target.old.requests) == 2


def test_no_server_name_takes_the_tunnels(target: Target) -> None:
    host = target.authority.encode()
    answer = raw(
        target.firewall,
        connect(target.firewall, target.authority),
        b"GET /echo HTTP/1.1\r\nHost: %s\r\n\r\n" % host,
        sni="",
    )
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert target.old.server_names == [target.old.name]


def test_a_redirect_is_a_request_of_its_own(target: Target) -> None:
    inside = f"https://inside.example.test:{target.world.files.port}/echo"
    with client(target.firewall, follow_redirects=True) as http:
        answer = http.get(f"{target.world.files.url}/redirect?to={inside}")
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "address_refused"
    assert len(target.world.files.requests) == 1


NAMES = {
    "looked.example.test": [["127.0.0.1"]],
    "mixed.example.test": [["127.0.0.1", "169.254.169.254"]],
    "rebind.example.test": [["127.0.0.1"], ["169.254.169.254"]],
    "denied.example.test": [["127.0.0.1"]],
}


@pytest.fixture(scope="module")
def dns() -> Iterator[DnsStub]:
    if not possible():
        pytest.skip("needs the right to mount")
    with DnsStub(NAMES) as stub:
        yield stub


@pytest.fixture(scope="module")
def asking(
    dns: DnsStub, world: World, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Firewall]:
    folder: Path = tmp_path_factory.mktemp("asking")
    text = world.policy().partition("redaction:")[0]
    names = "looked.example.test, mixed.example.test, rebind.example.test"
    text = text.replace(f"[{world.plain.name}]", f"[{names}]")
    with Firewall(folder, text, ca=world.files.ca, prefix=prefix(folder)) as running:
        yield running


def ask(firewall: Firewall, world: World, host: str, path: str = "/echo") -> bytes:
    authority = f"{host}:{world.plain.port}".encode()
    return raw(
        firewall,
        b"GET http://%s%s HTTP/1.1\r\nHost: %s\r\n%s\r\n\r\n"
        % (authority, path.encode(), authority, credential(firewall)),
    )


def test_a_denied_call_looks_nothing_up(asking: Firewall, world: World, dns: DnsStub) -> None:
    dns.asked.clear()
    assert code(ask(asking, world, "denied.example.test")) == "policy_denied"
    assert raw(asking, connect(asking, "denied.example.test:443")).startswith(b"HTTP/1.1 403 ")
    assert ask(asking, world, "looked.example.test", "/a/../b").startswith(b"HTTP/1.1 400 ")
    assert dns.asked == []
    assert world.touched == []
    assert ask(asking, world, "looked.example.test").startswith(b"HTTP/1.1 200 ")
    assert set(dns.asked) == {"looked.example.test"}


def test_one_bad_address_among_several_refuses(asking: Firewall, world: World) -> None:
    assert code(ask(asking, world, "mixed.example.test")) == "address_refused"
    assert world.touched == []


def test_a_rebound_name_is_judged_again(asking: Firewall, world: World) -> None:
    assert ask(asking, world, "rebind.example.test").startswith(b"HTTP/1.1 200 ")
    assert code(ask(asking, world, "rebind.example.test")) == "address_refused"
    assert len(world.plain.requests) == 1
