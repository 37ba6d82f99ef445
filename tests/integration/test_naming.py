"""One destination has one name, wherever in a request it stands; all others are refused."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import h2.config
import h2.connection
import h2.events
import httpx
import pytest

from tests.integration.conftest import World
from tests.integration.test_boundary import connect, credential, get, raw
from tests.integration.test_exchange import client
from tests.support.firewall import Firewall

ADDRESSES = (
    "127.0.0.1",
    "2130706433",
    "017700000001",
    "0x7f000001",
    "127.1",
    "0177.0.0.1",
    "0x7f.1",
    "127.0.0.1.",
    "0.0.0.0",
    "[::]",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[::127.0.0.1]",
    "[2002:7f00:1::]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b:1::7f00:1]",
    "[2001:0:7f00:1::]",
    "[2606:4700::5efe:7f00:1]",
    "[fe80::1%25lo]",
    "169.254.169.254",
    "localhost",
)

LOOK_ALIKES = (
    "xn--fils-uoa.example.test",
    "xn--iles-e5c.example.test",
    "files.example.test.evil.example",
    "evilfiles.example.test",
    "files.example.test@evil.example",
    "files.example.test%00.evil.example",
    "f" * 64 + ".example.test",
    "a." * 130 + "test",
)


@contextmanager
def inside(firewall: Firewall, authority: str, *protocols: str) -> Iterator[ssl.SSLSocket]:
    """Open a tunnel and speak TLS in it."""
    with socket.create_connection(firewall.address, timeout=10) as plain:
        plain.sendall(connect(firewall, authority))
        assert b" 200 " in plain.recv(65536).split(b"\r\n")[0]
        trust = ssl.create_default_context(cafile=str(firewall.ca_bundle))
        trust.set_alpn_protocols(list(protocols))
        with trust.wrap_socket(plain, server_hostname=authority.partition(":")[0]) as tls:
            yield tls


def streams(tls: ssl.SSLSocket, heads: Iterable[list[tuple[str, str]]]) -> list[str]:
    """Send requests as streams of one HTTP/2 connection; gives what became of each."""
    speaking = h2.connection.H2Connection(
        h2.config.H2Configuration(validate_outbound_headers=False, normalize_outbound_headers=False)
    )
    speaking.initiate_connection()
    became: dict[int, str] = {}
    for head in heads:
        stream = speaking.get_next_available_stream_id()
        speaking.send_headers(stream, head, end_stream=True)
        tls.sendall(speaking.data_to_send())
        while stream not in became:
            data = tls.recv(65536)
            if not data:
                became[stream] = "closed"
            for event in speaking.receive_data(data):
                if isinstance(event, h2.events.ResponseReceived):
                    status = dict(event.headers)[b":status"]
                    became[event.stream_id] = status.decode()
                elif isinstance(event, h2.events.StreamReset):
                    became[event.stream_id] = "reset"
                elif isinstance(event, h2.events.ConnectionTerminated):
                    became[stream] = "closed"
            if became.get(stream) != "closed":
                tls.sendall(speaking.data_to_send())
    return list(became.values())


def test_no_notation_of_an_address_gets_a_tunnel(firewall: Firewall, world: World) -> None:
    for host in (*ADDRESSES, *LOOK_ALIKES):
        answer = raw(firewall, connect(firewall, f"{host}:{world.files.port}"))
        assert answer.split(b" ")[1] in (b"400", b"403"), (host, answer[:80])
    assert world.touched == []


def test_nor_a_request_by_its_url(firewall: Firewall, world: World) -> None:
    for host in (*ADDRESSES, *LOOK_ALIKES):
        for claimed in (host, world.plain.name):
            lines = (
                f"GET http://{host}:{world.plain.port}/echo HTTP/1.1".encode(),
                f"Host: {claimed}:{world.plain.port}".encode(),
                credential(firewall),
            )
            answer = raw(firewall, b"\r\n".join(lines) + b"\r\n\r\n")
            assert answer.split(b" ")[1] in (b"400", b"403", b"421"), (host, answer[:80])
    assert world.touched == []


def test_ports_that_no_destination_names_get_no_tunnel(firewall: Firewall, world: World) -> None:
    for port in (0, 1, 22, 25, 80, 443, 8443, 65535, 65536, world.payments.port):
        answer = raw(firewall, connect(firewall, f"{world.files.name}:{port}"))
        assert answer.split(b" ")[1] in (b"400", b"403"), (port, answer[:80])
    assert world.touched == []


def test_other_names_inside_a_tunnel_are_refused_over_http1(
    firewall: Firewall, world: World
) -> None:
    place = f"{world.files.name}:{world.files.port}"
    others = [world.payments.name, "127.0.0.1", "[::1]", "xn--fils-uoa.example.test", "a b", ""]
    requests = [get(f"{host}:{world.files.port}") for host in others]
    requests += [
        get(place, f"https://{host}:{world.files.port}/echo") for host in others if " " not in host
    ]
    requests += [get(f"{world.files.name}:{port}") for port in (443, 80, 65536, "x")]
    for request in requests:
        with inside(firewall, place) as tls:
            tls.sendall(request)
            answer = tls.recv(65536)
            assert not answer or answer.split(b" ")[1] in (b"400", b"403", b"421"), request
    assert world.touched == []


def test_each_stream_of_http2_has_to_name_the_tunnels_destination(
    firewall: Firewall, world: World
) -> None:
    place = f"{world.files.name}:{world.files.port}"

    def head(authority: str, *more: tuple[str, str]) -> list[tuple[str, str]]:
        start = [(":method", "GET"), (":scheme", "https"), (":path", "/echo")]
        return [*start, (":authority", authority), *more]

    others = [
        f"{world.payments.name}:{world.files.port}",
        world.files.name,
        f"127.0.0.1:{world.files.port}",
        f"[::1]:{world.files.port}",
        f"xn--fils-uoa.example.test:{world.files.port}",
    ]
    with inside(firewall, place, "h2") as tls:
        good, *bad, last = streams(tls, [head(place), *map(head, others), head(place.upper())])
    assert (good, last) == ("200", "200")
    assert set(bad) <= {"400", "403", "421"}, bad
    assert len(world.files.requests) == 2
    wrong = head(place, ("host", f"{world.payments.name}:{world.files.port}"))
    with inside(firewall, place, "h2") as tls:
        (became,) = streams(tls, [wrong])
    assert became in ("400", "403", "421", "reset", "closed")
    assert len(world.files.requests) == 2
    assert world.touched == [world.files.name]


def test_the_certificate_shown_is_that_of_the_tunnel(firewall: Firewall, world: World) -> None:
    place = f"{world.files.name}:{world.files.port}"
    for sni, fits in ((world.files.name, True), (world.payments.name, False)):
        with socket.create_connection(firewall.address, timeout=10) as plain:
            plain.sendall(connect(firewall, place))
            plain.recv(65536)
            trust = ssl.create_default_context(cafile=str(firewall.ca_bundle))
            if fits:
                with trust.wrap_socket(plain, server_hostname=sni) as tls:
                    names = tls.getpeercert() or {}
                    assert ("DNS", world.files.name) in names["subjectAltName"]
            else:
                with pytest.raises(ssl.SSLCertVerificationError, match=r"[Hh]ostname mismatch"):
                    trust.wrap_socket(plain, server_hostname=sni)
    assert world.touched == []


def test_each_step_of_a_redirect_is_decided(firewall: Firewall, world: World) -> None:
    before = len(firewall.decisions())
    with client(firewall, follow_redirects=True) as http:
        there = http.get(f"{world.files.url}/redirect", params={"to": f"{world.llm.url}/v1/models"})
        assert there.status_code == 200
        with pytest.raises(httpx.ProxyError, match="403"):
            http.get(f"{world.files.url}/redirect", params={"to": "https://169.254.169.254/latest"})
    effects = [record["effect"] for record in firewall.decisions()[before:]]
    assert effects == ["allow", "allow", "allow", "deny"]
