"""`aegis policy serve` as a process of its own, asked as OPA asks a bundle server."""

from __future__ import annotations

import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from rules import DEFAULT_POLICY, Bundle, compile_policy, load_bundle, load_policy
from rules.signature import new_signing_key, public_key_of, verify
from tests.control.conftest import POLICY, Aegis
from tests.support.process import free_port, listens
from tests.support.upstreams import LocalCa

TOKEN = "a-token-of-the-test"
WAIT = {"Prefer": "modes=snapshot,delta;wait=20"}
TENANT = """\
apiVersion: aegis/v1
kind: Policy
metadata: {name: of-acme, tenant: acme}
rules:
  - {id: none, agents: ["*"], destinations: [files], effect: deny}
"""

type Serve = Callable[..., Server]


class Server:
    """A running bundle server."""

    def __init__(self, process: subprocess.Popen[str], url: str, said: list[str]) -> None:
        self.process, self.url, self.said = process, url, said

    def get(self, name: str = "aegis", **headers: str) -> httpx.Response:
        return httpx.get(
            f"{self.url}/bundles/{name}.tar.gz",
            headers={key.replace("_", "-"): value for key, value in headers.items()},
            timeout=30,
            verify=False,
        )

    def until_said(self, text: str) -> None:
        end = time.monotonic() + 10
        while not any(text in line for line in self.said):
            assert time.monotonic() < end, self.said
            time.sleep(0.02)


def written(tmp_path: Path, port: int = 443) -> Path:
    file = tmp_path / "policy.yaml"
    file.write_text(POLICY.format(name="pay.example.test", port=port))
    return file


@pytest.fixture
def serve(spawn: Callable[..., subprocess.Popen[str]]) -> Serve:
    def start(*arguments: str | Path, scheme: str = "http", **env: str) -> Server:
        port = free_port()
        process = spawn("policy", "serve", "--port", str(port), *arguments, env=env)
        said: list[str] = []
        assert process.stderr is not None
        reader = threading.Thread(target=lambda: said.extend(process.stderr), daemon=True)
        reader.start()
        end = time.monotonic() + 20
        while not listens(port):
            assert process.poll() is None, said
            assert time.monotonic() < end
            time.sleep(0.02)
        return Server(process, f"{scheme}://127.0.0.1:{port}", said)

    return start


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return written(tmp_path)


def test_it_gives_the_bundle_once(serve: Serve, file: Path) -> None:
    server = serve("--policy", file)
    answer = server.get()
    bundle = load_bundle(file)
    assert answer.status_code == 200
    assert Bundle.from_bytes(answer.content) == bundle
    assert answer.headers["ETag"] == f'"{bundle.revision}"'
    for tags in (answer.headers["ETag"], f'"x", {answer.headers["ETag"]}'):
        again = server.get(If_None_Match=tags)
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["ETag"] == answer.headers["ETag"]
    assert server.get(If_None_Match='"other"').status_code == 200


def test_what_is_not_there_is_said_in_json(serve: Serve, file: Path) -> None:
    server = serve("--policy", file)
    for path in ("/", "/bundles/none.tar.gz", "/bundles/aegis", "/bundles/..%2fpolicy.yaml"):
        answer = httpx.get(server.url + path)
        assert answer.status_code == 404
        assert answer.json()["code"] == "resource_not_found"
    posted = httpx.post(f"{server.url}/bundles/aegis.tar.gz", content=b"x")
    assert (posted.status_code, posted.json()["code"]) == (405, "method_not_allowed")
    assert server.get(If_None_Match='"x"', Prefer="wait=soon").status_code == 200


def test_who_waits_gets_a_change_at_once(serve: Serve, file: Path, tmp_path: Path) -> None:
    server = serve("--policy", file)
    tag = server.get().headers["ETag"]
    answers: list[tuple[float, httpx.Response]] = []

    def ask() -> None:
        answer = server.get(If_None_Match=tag, **WAIT)
        answers.append((time.monotonic(), answer))

    asking = [threading.Thread(target=ask) for _ in range(5)]
    for one in asking:
        one.start()
    time.sleep(0.7)
    assert not answers
    changed = time.monotonic()
    revision = load_bundle(written(tmp_path, 8443)).revision
    for one in asking:
        one.join(10)
    assert len(answers) == 5
    for at, answer in answers:
        assert at - changed < 1
        assert answer.headers["ETag"] == f'"{revision}"'
        assert Bundle.from_bytes(answer.content).revision == revision
        assert answer.headers["Content-Type"] == "application/vnd.openpolicyagent.bundles"


def test_who_waits_in_vain_is_told_so_in_time(serve: Serve, file: Path) -> None:
    server = serve("--policy", file)
    tag = server.get().headers["ETag"]
    asked = time.monotonic()
    assert server.get(If_None_Match=tag, Prefer="wait=1").status_code == 304
    assert 0.9 < time.monotonic() - asked < 3


def test_clients_that_go_away_while_they_wait_do_no_harm(serve: Serve, file: Path) -> None:
    server = serve("--policy", file)
    tag = server.get().headers["ETag"]
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2]))) as raw:
            raw.sendall(
                b"GET /bundles/aegis.tar.gz HTTP/1.1\r\nHost: x\r\nPrefer: wait=20\r\n"
                b"If-None-Match: " + tag.encode() + b"\r\n\r\n"
            )
            time.sleep(0.01)
    assert server.get(If_None_Match=tag).status_code == 304
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(10) == 0
    assert len(server.said) == 1, server.said


def test_a_wrong_policy_leaves_the_last_good_one(serve: Serve, file: Path, tmp_path: Path) -> None:
    server = serve("--policy", file)
    tag = server.get().headers["ETag"]
    file.write_text(file.read_text().replace("effect: allow", "effect: alow"))
    server.until_said("policy.yaml:10:")
    assert server.get().headers["ETag"] == tag
    revision = load_bundle(written(tmp_path, 8443)).revision
    server.until_said(revision)
    assert server.get().headers["ETag"] == f'"{revision}"'
    assert not any("Traceback" in line for line in server.said)


def test_each_tenant_has_a_bundle(serve: Serve, tmp_path: Path) -> None:
    folder = tmp_path / "policies"
    folder.mkdir()
    written(tmp_path).rename(folder / "policy.yaml")
    (folder / "acme.yaml").write_text(TENANT)
    server = serve("--policy", folder)
    policy = load_policy(folder)
    revisions = {
        "aegis": compile_policy(policy).revision,
        "aegis-acme": compile_policy(policy, tenant="acme").revision,
    }
    assert len(set(revisions.values())) == 2
    for name, revision in revisions.items():
        assert Bundle.from_bytes(server.get(name).content).revision == revision
    assert server.get("aegis-other").status_code == 404
    (folder / "acme.yaml").unlink()
    assert (
        server.get("aegis-acme", If_None_Match=f'"{revisions["aegis-acme"]}"', **WAIT).status_code
        == 404
    )


def test_what_was_applied_is_served_and_followed(
    serve: Serve, aegis: Aegis, file: Path, tmp_path: Path
) -> None:
    server = serve()
    default = server.get().headers["ETag"]
    assert default == f'"{load_bundle(DEFAULT_POLICY).revision}"'
    assert aegis("policy", "apply", file, "--why", "x").code == 0
    answer = server.get(If_None_Match=default, **WAIT)
    assert answer.headers["ETag"] == f'"{load_bundle(file).revision}"'


def test_a_token_is_asked_for_everywhere(serve: Serve, file: Path) -> None:
    server = serve("--policy", file, AEGIS_BUNDLE_TOKEN=TOKEN)
    for authorization in ("", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer é"):
        answer = httpx.get(
            f"{server.url}/bundles/aegis.tar.gz",
            headers={"Authorization": authorization.encode()},
        )
        assert answer.status_code == 401, authorization
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert answer.json()["code"] == "unauthorized"
        assert "ETag" not in answer.headers
    assert httpx.get(f"{server.url}/none").status_code == 401
    assert server.get(Authorization=f"Bearer {TOKEN}").status_code == 200
    assert TOKEN not in "".join(server.said)


def test_who_signed_is_in_the_tag(serve: Serve, file: Path, tmp_path: Path) -> None:
    tags = {serve("--policy", file).get().headers["ETag"]}
    for name in ("one", "two"):
        key = tmp_path / f"{name}.key"
        key.write_bytes(new_signing_key())
        answer = serve("--policy", file, "--signing-key", key).get()
        verify(answer.content, public_key_of(key.read_bytes()))
        tags.add(answer.headers["ETag"])
    assert len(tags) == 3


def test_over_tls(serve: Serve, file: Path, tmp_path: Path) -> None:
    certificate, key = LocalCa(tmp_path / "ca").write_key_pair(tmp_path, "localhost", "127.0.0.1")
    server = serve("--policy", file, "--certificate", certificate, "--key", key, scheme="https")
    assert server.get().status_code == 200


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_cleanly_while_somebody_waits(serve: Serve, file: Path, number: int) -> None:
    server = serve("--policy", file)
    tag = server.get().headers["ETag"]
    ended: list[Exception] = []

    def ask() -> None:
        try:
            server.get(If_None_Match=tag, **WAIT)
        except httpx.TransportError as error:
            ended.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    time.sleep(0.3)
    server.process.send_signal(number)
    assert server.process.wait(5) == 0
    asking.join(5)
    assert len(ended) == 1
    assert len(server.said) == 1, server.said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--host", "0.0.0.0"), "AEGIS_BUNDLE_TOKEN"),
        (("--policy", "none.yaml"), "none.yaml"),
        (("--certificate", "none.pem"), "none.pem"),
        (("--key", "none.pem"), "--certificate"),
    ],
)
def test_bad_input_is_one_line(
    aegis: Aegis, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], said: str
) -> None:
    monkeypatch.delenv("AEGIS_BUNDLE_TOKEN", raising=False)
    done = aegis("policy", "serve", *arguments)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert done.err.count("\n") == 1


def test_a_port_that_is_taken_is_said(aegis: Aegis, file: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = aegis("policy", "serve", "--policy", file, "--port", str(port))
    assert done.code == 2
    assert "--port" in done.err
