"""`scripts/transparent` and the firewall behind it, on the network of a machine."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from mitmproxy.dns import DNSMessage, Question
from mitmproxy.net.dns import classes, op_codes, response_codes, types

from tests.support.authority import LocalCa
from tests.support.firewall import Firewall
from tests.support.process import PROJECT, free_port
from tests.support.upstreams import FileApi

NOBODY = 65534
SOMEWHERE = "203.0.113.5"
"""An address of no machine: that it is dialled shows only that the name decides."""


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> LocalCa:
    return LocalCa(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def files(ca: LocalCa) -> Iterator[FileApi]:
    with FileApi(ca) as upstream:
        yield upstream


@pytest.fixture(scope="module")
def plain() -> Iterator[FileApi]:
    with FileApi(None, "plain.example.test") as upstream:
        yield upstream


@pytest.fixture(scope="module")
def caught(
    files: FileApi, plain: FileApi, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Firewall]:
    """A firewall that this machine's user `nobody` is redirected to."""
    port = free_port()
    policy = f"""
apiVersion: aegis/v1
kind: Policy
metadata: {{name: caught}}
agents: [{{id: default, users: [nobody]}}]
destinations:
  - {{id: files, hosts: [{files.name}], ports: [{files.port}], addresses: [127.0.0.0/8]}}
  - {{id: plain, hosts: [{plain.name}], ports: [{plain.port}], schemes: [http], addresses: [127.0.0.0/8]}}
rules: [{{id: all, agents: ["*"], destinations: [files, plain], effect: allow}}]
"""
    folder = tmp_path_factory.mktemp("caught")
    for command in (
        ["ip", "link", "set", "lo", "up"],
        ["ip", "route", "add", "local", "203.0.113.0/24", "dev", "lo"],
        ["ip", "-6", "route", "add", "local", "2001:db8::/64", "dev", "lo"],
    ):
        subprocess.run(command, check=True)
    dns = free_port()
    arguments = ["--transparent", str(port), "--set", f"aegis_dns_port={dns}"]
    with Firewall(folder, policy, files, plain, arguments=arguments) as running:
        ports = ("--port", str(port), "--dns-port", str(dns))
        transparent("up", "--user", "nobody", "--firewall-user", "root", *ports)
        yield running
        transparent("down")


@pytest.fixture(autouse=True)
def _fresh(files: FileApi, plain: FileApi) -> None:
    files.forget()
    plain.forget()


def transparent(*arguments: str, code: int = 0) -> str:
    done = subprocess.run(
        [PROJECT / "scripts" / "transparent", *arguments], capture_output=True, text=True
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def as_nobody(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, user=NOBODY, group=NOBODY, extra_groups=[], capture_output=True, text=True,
        timeout=20, cwd="/", env={"PATH": os.environ["PATH"]},
    )  # fmt: skip


@pytest.fixture
def curl(caught: Firewall) -> Iterator[object]:
    """Call as the user `nobody`, whose client knows of no proxy."""
    roots = Path("/tmp") / f"aegis-test-{os.getpid()}.pem"
    shutil.copy(caught.ca_bundle, roots)
    roots.chmod(0o644)

    def call(url: str, *options: str, address: str = SOMEWHERE) -> tuple[int, str]:
        name, _, port = url.split("/")[2].partition(":")
        done = as_nobody(
            *("curl", "-sS", "--max-time", "10", "--cacert", str(roots)),
            *("-o", "-", "-w", "\n%{http_code}", "--resolve", f"{name}:{port}:{address}"),
            *(*options, url),
        )
        body, _, status = done.stdout.rpartition("\n")
        return int(status or 0), body + done.stderr

    yield call
    roots.unlink()


@pytest.mark.parametrize("address", [SOMEWHERE, "[2001:db8::5]"])
def test_a_client_that_knows_of_no_proxy_is_let_through(curl, files, caught, address) -> None:  # type: ignore[no-untyped-def]
    status, body = curl(f"{files.url}/bytes/5", address=address)
    assert (status, len(body)) == (200, 5)
    record = caught.decisions()[-1]
    assert (record["proof"], record["agent"].rpartition("/")[2]) == ("socket_owner", "default")
    assert record["destination"]["host"] == files.name
    assert files.connections[-1].sni == files.name


def test_plain_http_goes_by_its_host(curl, plain, caught) -> None:  # type: ignore[no-untyped-def]
    assert curl(f"{plain.url}/bytes/5")[0] == 200
    status, body = curl(f"{plain.url}/bytes/5", "-H", "Host: other.example.test")
    assert (status, "destination_mismatch" in body) == (421, True) or status == 403
    assert len(plain.requests) == 1


def test_names_that_policy_does_not_know_are_refused(curl, files, caught) -> None:  # type: ignore[no-untyped-def]
    status, body = curl(f"https://evil.example.test:{files.port}/")
    assert status == 403
    assert "destination-unknown" in body
    status, body = curl(f"{files.url}/bytes/5", "-H", "Host: evil.example.test")
    assert status == 421
    # Without a name there is only the address, which policy does not know.
    status, _ = curl(f"https://{SOMEWHERE}:{files.port}/", "-k")
    assert status == 403
    assert files.untouched


def test_what_is_no_http_goes_nowhere(caught, files) -> None:  # type: ignore[no-untyped-def]
    script = f"""
import socket
s = socket.create_connection(("{SOMEWHERE}", {files.port}), 5)
s.sendall(b"SSH-2.0-x\\r\\n\\r\\n")
print(s.recv(100))
"""
    done = as_nobody("python3", "-c", script)
    assert "HTTP/1.1 400" in done.stdout or "b''" in done.stdout, done.stderr
    assert files.untouched


ASK = """
import socket, sys
family, target, packet, stream = sys.argv[1:]
kind = socket.SOCK_STREAM if stream == "yes" else socket.SOCK_DGRAM
s = socket.socket(getattr(socket, family), kind)
s.settimeout(5)
s.connect((target, 53))
data = bytes.fromhex(packet)
s.send(len(data).to_bytes(2) + data if stream == "yes" else data)
answer = s.recv(512)
print(answer[2:].hex() if stream == "yes" else answer.hex())
"""


@pytest.mark.parametrize("stream", ["no", "yes"])
@pytest.mark.parametrize(
    ("family", "target"), [("AF_INET", SOMEWHERE), ("AF_INET6", "2001:db8::5")]
)
def test_names_are_answered_by_policy(caught, files, family, target, stream) -> None:  # type: ignore[no-untyped-def]
    def ask(name: str) -> DNSMessage:
        question = Question(name, types.A, classes.IN)
        packet = DNSMessage(
            id=7,
            query=True,
            op_code=op_codes.QUERY,
            authoritative_answer=False,
            truncation=False,
            recursion_desired=True,
            recursion_available=False,
            reserved=0,
            response_code=response_codes.NOERROR,
            questions=[question],
            answers=[],
            authorities=[],
            additionals=[],
        ).packed
        done = as_nobody("python3", "-c", ASK, family, target, packet.hex(), stream)
        assert done.returncode == 0, done.stderr
        return DNSMessage.unpack(bytes.fromhex(done.stdout))

    assert str(ask(files.name).answers[0]).startswith("198.1")
    secret = f"{family.lower().replace('_', '-')}-{stream}.evil.example.test"
    assert ask(secret).response_code == response_codes.NXDOMAIN
    assert secret in [record["name"] for record in caught.wait_for("name")]


@pytest.mark.parametrize("family", ["AF_INET", "AF_INET6"])
@pytest.mark.parametrize("port", [123, 443])
def test_datagrams_are_refused_at_once(caught, family: str, port: int) -> None:  # type: ignore[no-untyped-def]
    target = SOMEWHERE if family == "AF_INET" else "2001:db8::5"
    script = f"""
import socket
s = socket.socket(socket.{family}, socket.SOCK_DGRAM)
s.settimeout(5)
try:
    s.connect(("{target}", {port}))
    s.send(b"x" * 1200)
    s.recv(10)
except OSError as error:
    print(type(error).__name__)
"""
    assert as_nobody("python3", "-c", script).stdout.strip() in (
        "ConnectionRefusedError", "PermissionError", "OSError",
    )  # fmt: skip


def test_other_users_are_let_alone(caught, files) -> None:  # type: ignore[no-untyped-def]
    with socket.create_connection(("127.0.0.1", files.port), 5):
        pass


def test_an_unknown_user_is_refused(curl, files, caught) -> None:  # type: ignore[no-untyped-def]
    """A user that is redirected, and that policy does not name."""
    before = caught.policy.read_text()
    caught.policy.write_text(before.replace("users: [nobody]", "users: [daemon]"))
    try:
        caught.wait_for("policy")
        status, body = curl(f"{files.url}/bytes/5")
        assert status == 403
        assert "agent_unknown" in body
        assert not files.requests
    finally:
        caught.policy.write_text(before)
        caught.wait_for("policy", 2)


def test_rules_are_put_up_once_and_taken_away_whole(caught) -> None:  # type: ignore[no-untyped-def]
    other = ("--user", "daemon", "--firewall-user", "root", "--port", "9")
    rules = transparent("status")
    said = transparent("up", *other)
    assert "nobody listens there yet" in said
    assert rules.count("chain") == transparent("status").count("chain")
    assert transparent("up", "--user", "nobody", "--firewall-user", "nobody", code=2)
    assert "skuid" in transparent("status"), "a mistake takes nothing away"
    transparent("down")
    assert "nothing is redirected" in transparent("status", code=1)
    transparent("down")
    assert (
        "aegis"
        not in subprocess.run(["nft", "list", "ruleset"], capture_output=True, text=True).stdout
    )


def test_rules_stay_when_the_firewall_is_gone(caught, files, curl) -> None:  # type: ignore[no-untyped-def]
    transparent("up", "--user", "nobody", "--firewall-user", "root", "--port", str(free_port()))
    assert curl(f"{files.url}/bytes/5")[0] == 0
    assert files.untouched
