"""Where policies come from, against real files, a real store and a real bundle server."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

from addons import bundle_server
from addons.bundle_server import BundleServerSource
from addons.policy_place import Place, check, open_source
from addons.policy_source import (
    CandidateSource,
    FileSource,
    FolderSource,
    PolicySource,
    SourceError,
    StoreSource,
)
from ledger import Home, SqlitePolicies, StoredPolicy
from rules import DEFAULT_POLICY, Bundle, PolicyError, load_bundle, parse_policy
from rules.compiler import compile_policy
from tests.support.authority import LocalCa
from tests.support.process import free_port

POLICY = """\
apiVersion: aegis/v1
kind: Policy
metadata: {name: test}
destinations:
  - {id: files, hosts: [files.example.test], ports: [%s]}
rules:
  - {id: files, agents: ["*"], destinations: [files], effect: allow}
"""
MORE = """\
apiVersion: aegis/v1
kind: Policy
metadata: {name: more}
rules:
  - {id: %s, agents: ["*"], destinations: [files], effect: deny}
"""
TOKEN = "AEGIS_BUNDLE_TOKEN"


def bundle(port: int = 443) -> Bundle:
    return compile_policy(parse_policy(POLICY % port, "policy.yaml"))


async def soon(waiting: Awaitable[Bundle | None], seconds: float = 3) -> Bundle | None:
    return await asyncio.wait_for(asyncio.ensure_future(waiting), seconds)


async def nothing(source: PolicySource | CandidateSource, seconds: float = 0.8) -> None:
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(source.changed(), seconds)


# Files and folders --------------------------------------------------------------------------


async def test_a_file_and_each_change_of_it(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(POLICY % 443)
    source = FileSource(file)
    assert source.load() == load_bundle(file)
    await nothing(source)
    file.write_text(POLICY % 8443)
    assert await soon(source.changed()) == load_bundle(file)
    file.unlink()
    with pytest.raises(PolicyError, match="no such file"):
        await soon(source.changed())
    await nothing(source)
    file.write_text(POLICY % 443)
    assert await soon(source.changed()) == load_bundle(file)


async def test_something_wrong_is_told_once(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(POLICY % 443)
    source = FileSource(file)
    source.load()
    file.write_text("kind: [")
    with pytest.raises(PolicyError, match=r"policy\.yaml"):
        await soon(source.changed())
    await nothing(source)


async def test_a_folder_has_changed_when_any_of_its_files_has(tmp_path: Path) -> None:
    folder = tmp_path / "policies"
    (folder / "teams").mkdir(parents=True)
    (folder / "a.yaml").write_text(POLICY % 443)
    source = open_source(Place(str(folder)), Home(tmp_path))
    assert isinstance(source, FolderSource)
    seen = [source.load()]
    steps: list[Callable[[], object]] = [
        lambda: (folder / "teams" / "b.yaml").write_text(MORE % "one"),
        lambda: (folder / "teams" / "b.yaml").write_text(MORE % "two"),
        lambda: (folder / "a.yaml").write_text(POLICY % 8443),
        lambda: (folder / "teams" / "b.yaml").unlink(),
    ]
    for step in steps:
        step()
        changed = await soon(source.changed())
        assert changed == load_bundle(folder)
        assert changed not in seen
        seen.append(changed)
    (folder / "notes.txt").write_text("no policy")
    await nothing(source)


async def test_a_change_is_read_only_once_it_has_come_to_rest(tmp_path: Path) -> None:
    folder = tmp_path / "policies"
    folder.mkdir()
    (folder / "a.yaml").write_text(POLICY % 443)
    source = FolderSource(folder)
    source.load()
    waiting = asyncio.ensure_future(source.changed())
    (folder / "a.yaml").write_text(POLICY % 8443)
    for step in range(8):
        await asyncio.sleep(0.1)
        (folder / "b.yaml").write_text(MORE % f"step{step}")
        assert not waiting.done()
    assert await soon(waiting) == load_bundle(folder)


# What was applied -----------------------------------------------------------------------------


def put(store: SqlitePolicies, port: int, candidate: bool = False) -> Bundle:
    made = bundle(port)
    stored = StoredPolicy(made.revision, "test", made.to_bytes())
    if candidate:
        store.start_candidate(stored, who="ann")
    else:
        store.apply(stored, who="ann", why="a test")
    return made


async def test_what_is_applied_and_rolled_back_is_used_else_the_default(tmp_path: Path) -> None:
    source = open_source(Place(), Home(tmp_path))
    assert isinstance(source, StoreSource)
    assert source.load() == load_bundle(DEFAULT_POLICY)
    store = SqlitePolicies(tmp_path / "policies.db")
    one = put(store, 443)
    assert await soon(source.changed()) == one
    two = put(store, 8443)
    assert await soon(source.changed()) == two
    store.roll_back(who="ann", why="worse")
    assert await soon(source.changed()) == one
    await nothing(source)
    again = StoreSource(tmp_path / "policies.db")
    assert again.load() == one
    for each in (source, again):
        await each.close()


async def test_a_stored_bundle_that_is_none_is_refused(tmp_path: Path) -> None:
    source = StoreSource(tmp_path / "policies.db")
    source.load()
    store = SqlitePolicies(tmp_path / "policies.db")
    store.apply(StoredPolicy("ab" * 8, "bad", b"no bundle"), who="ann", why="x")
    with pytest.raises(PolicyError, match="applied policy abab"):
        await soon(source.changed())
    await nothing(source)


async def test_a_candidate_comes_and_goes(tmp_path: Path) -> None:
    source = CandidateSource(tmp_path / "policies.db")
    store = SqlitePolicies(tmp_path / "policies.db")
    await nothing(source)
    first = put(store, 443, candidate=True)
    assert await soon(source.changed()) == first
    second = put(store, 8443, candidate=True)
    assert await soon(source.changed()) == second
    store.stop_candidate()
    assert await soon(source.changed()) is None
    await nothing(source)


# A bundle server ------------------------------------------------------------------------------


class FakeServer:
    """A bundle server of the tests' own: what it gives, and what it was asked."""

    def __init__(self) -> None:
        self.port = free_port()
        self.content, self.etag, self.code = b"", "", 200
        self.headers: dict[str, str] = {}
        self.asked: list[dict[str, str]] = []
        self.long_polling = True
        self.hold = 0.0
        self.changed = asyncio.Event()
        self._server: HTTPServer | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/bundles/aegis.tar.gz"

    def give(self, content: bytes, etag: str | None = None) -> None:
        self.content = content
        self.etag = f'"{len(self.asked)}-{hash(content)}"' if etag is None else etag
        self.changed.set()
        self.changed = asyncio.Event()

    def start(self, tls: ssl.SSLContext | None = None) -> None:
        outer = self

        class Handler(RequestHandler):
            def compute_etag(self) -> None:
                return None

            async def get(self, _: str) -> None:
                asked = {name.lower(): value for name, value in self.request.headers.items()}
                outer.asked.append(asked)
                if outer.hold:
                    await asyncio.sleep(outer.hold)
                if asked.get("if-none-match") == outer.etag and outer.etag and outer.long_polling:
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(outer.changed.wait(), 20)
                for name, value in outer.headers.items():
                    self.set_header(name, value)
                if outer.etag:
                    self.set_header("ETag", outer.etag)
                if asked.get("if-none-match") == outer.etag and outer.etag:
                    self.set_status(304)
                    return
                self.set_status(outer.code)
                self.finish(outer.content)

        self._server = HTTPServer(Application([(r"/(.*)", Handler)]), ssl_options=tls)
        self._server.add_sockets(bind_sockets(self.port, "127.0.0.1"))

    async def stop(self) -> None:
        if self._server is not None:
            self._server.stop()
            await self._server.close_all_connections()
            self._server = None


@pytest.fixture
async def server() -> AsyncIterator[FakeServer]:
    made = FakeServer()
    made.start()
    yield made
    await made.stop()


def source_of(server: FakeServer, home: Path, **options: object) -> BundleServerSource:
    return BundleServerSource(server.url, home / "kept.tar.gz", **options)  # type: ignore[arg-type]


async def load(source: PolicySource) -> Bundle:
    # The server runs on this loop, which the firewall's own start would hold up.
    return await asyncio.to_thread(source.load)


async def test_a_server_is_followed_and_not_asked_in_vain(
    server: FakeServer, tmp_path: Path
) -> None:
    server.give(bundle().to_bytes())
    source = source_of(server, tmp_path, token="secret")
    assert await load(source) == bundle()
    waiting = asyncio.ensure_future(source.changed())
    await asyncio.sleep(0.5)
    assert len(server.asked) == 2
    first, second = server.asked
    assert "if-none-match" not in first
    assert "prefer" not in first
    assert second["if-none-match"] == server.etag
    assert second["prefer"] == "modes=snapshot;wait=30"
    assert {asked["authorization"] for asked in server.asked} == {"Bearer secret"}
    server.give(bundle(8443).to_bytes())
    began = time.monotonic()
    assert await soon(waiting) == bundle(8443)
    assert time.monotonic() - began < 0.5
    await source.close()


async def test_a_server_without_long_polling_is_asked_now_and_then(
    server: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundle_server, "IDLE_SECONDS", 0.3)
    server.long_polling = False
    for etag in ("", None):
        server.give(bundle().to_bytes(), etag)
        source = source_of(server, tmp_path)
        await load(source)
        server.asked.clear()
        await nothing(source, 1.0)
        assert 2 <= len(server.asked) <= 4
        server.give(bundle(8443).to_bytes(), etag)
        assert await soon(source.changed()) == bundle(8443)


async def test_the_last_good_one_is_used_while_the_server_is_away(
    server: FakeServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server.give(bundle().to_bytes())
    source = source_of(server, tmp_path)
    await load(source)
    assert not (tmp_path / "kept.tar.gz").exists()
    await source.accepted()
    assert (tmp_path / "kept.tar.gz").stat().st_mode & 0o777 == 0o600
    await server.stop()
    cold = source_of(server, tmp_path)
    assert await load(cold) == bundle()
    assert "cannot be reached" in caplog.text
    waiting = asyncio.ensure_future(cold.changed())
    await asyncio.sleep(0.5)
    server.give(bundle(8443).to_bytes())
    server.start()
    assert await soon(waiting, 5) == bundle(8443)
    await cold.accepted()
    await server.stop()
    assert await load(source_of(server, tmp_path)) == bundle(8443)


async def test_without_server_and_without_last_good_one_there_is_no_start(
    server: FakeServer, tmp_path: Path
) -> None:
    await server.stop()
    with pytest.raises(SourceError, match="no earlier bundle"):
        await load(source_of(server, tmp_path))


async def test_an_outage_is_told_once_and_changes_nothing(
    server: FakeServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    server.give(bundle().to_bytes())
    source = source_of(server, tmp_path)
    await load(source)
    await server.stop()
    waiting = asyncio.ensure_future(source.changed())
    await asyncio.sleep(2)
    assert caplog.text.count("stays until it answers") == 1
    assert not waiting.done()
    server.give(bundle(8443).to_bytes())
    server.start()
    assert await soon(waiting, 5) == bundle(8443)
    assert caplog.text.count("answers again") == 1


async def test_a_wrong_bundle_is_refused_once_and_not_kept(
    server: FakeServer, tmp_path: Path
) -> None:
    server.give(bundle().to_bytes())
    source = source_of(server, tmp_path)
    await load(source)
    await source.accepted()
    kept = (tmp_path / "kept.tar.gz").read_bytes()
    server.give(b"no bundle")
    with pytest.raises(PolicyError, match="no policy bundle"):
        await soon(source.changed())
    await nothing(source, 0.5)
    assert (tmp_path / "kept.tar.gz").read_bytes() == kept
    assert await load(source_of(server, tmp_path)) == bundle()
    server.give(bundle(8443).to_bytes())
    assert await soon(source.changed()) == bundle(8443)


@pytest.mark.parametrize(
    ("code", "said"),
    [(401, TOKEN), (403, TOKEN), (404, "no such bundle"), (302, "302"), (500, "500")],
)
async def test_what_the_server_answers_instead_is_said(
    server: FakeServer, tmp_path: Path, code: int, said: str
) -> None:
    server.code, server.headers = code, {"Location": server.url}
    with pytest.raises(SourceError, match=said):
        await load(source_of(server, tmp_path))
    assert len(server.asked) == 1


async def test_sizes_and_times_are_bounded(
    server: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundle_server, "MAX_BYTES", 1000)
    monkeypatch.setattr(bundle_server, "ANSWER_SECONDS", 0.5)
    server.give(b"x" * 200_000)
    with pytest.raises(SourceError, match="does not answer"):
        await load(source_of(server, tmp_path))
    server.give(b"x" * 10)
    server.hold = 5
    began = time.monotonic()
    with pytest.raises(SourceError, match="does not answer"):
        await load(source_of(server, tmp_path))
    assert time.monotonic() - began < 2


async def test_a_signature_is_verified_on_all_that_comes_and_was_kept(
    server: FakeServer, tmp_path: Path
) -> None:
    good = bundle().to_bytes()

    def verify(content: bytes) -> None:
        if content != good:
            raise ValueError("signed by nobody")

    server.give(good)
    source = source_of(server, tmp_path, verify=verify)
    assert await load(source) == bundle()
    await source.accepted()
    server.give(bundle(8443).to_bytes())
    with pytest.raises(SourceError, match="signed by nobody"):
        await soon(source.changed())
    assert await load(source_of(server, tmp_path, verify=verify)) == bundle()
    (tmp_path / "kept.tar.gz").write_bytes(bundle(8443).to_bytes())
    with pytest.raises(SourceError, match="signed by nobody"):
        await load(source_of(server, tmp_path, verify=verify))


async def test_over_tls_only_a_trusted_server_is_believed(tmp_path: Path) -> None:
    ca = LocalCa(tmp_path / "ca")
    server = FakeServer()
    server.start(ca.server_context("localhost"))
    server.give(bundle().to_bytes())
    url = server.url.replace("http://127.0.0.1", "https://localhost")
    trusting = BundleServerSource(url, tmp_path / "kept", roots=ca.pem)
    assert await load(trusting) == bundle()
    for wrong, roots in ((url, None), (url.replace("localhost", "127.0.0.1"), ca.pem)):
        with pytest.raises(SourceError, match="not trusted"):
            await load(BundleServerSource(wrong, tmp_path / "none", roots=roots))
    await server.stop()


async def test_following_does_not_hold_the_event_loop_up(
    server: FakeServer, tmp_path: Path
) -> None:
    server.give(bundle().to_bytes())
    source = source_of(server, tmp_path)
    await load(source)
    await server.stop()
    waiting = asyncio.ensure_future(source.changed())
    worst = 0.0
    for _ in range(100):
        began = time.monotonic()
        await asyncio.sleep(0.01)
        worst = max(worst, time.monotonic() - began - 0.01)
    assert worst < 0.1
    waiting.cancel()


# Places ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ("none.yaml", "no file none.yaml"),
        ("ftp://policies.example.test/x", "give a path, or a URL"),
        ("https://", "give a path, or a URL"),
        ("https://[::1", "no URL"),
        ("https://h:99999/x", "no URL"),
        ("https://me:secret@policies.example.test/x", "leave the credential out"),
        ("http://policies.example.test/x", "not on this machine"),
    ],
)
def test_a_place_that_cannot_be_used_is_one_clear_line(policy: str, said: str) -> None:
    with pytest.raises(SourceError, match=said) as caught:
        check(Place(policy))
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_places_that_can_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN, "good-token")
    for policy in (
        "",
        str(DEFAULT_POLICY),
        str(tmp_path),
        "http://localhost:1/x",
        "https://h.test",
    ):
        check(Place(policy))
    assert Place("https://h.test").name == "https://h.test/bundles/aegis.tar.gz"
    assert Place("https://h.test/a/b.tar.gz").name == "https://h.test/a/b.tar.gz"
    monkeypatch.setenv(TOKEN, "two words")
    with pytest.raises(SourceError, match="AEGIS_BUNDLE_TOKEN"):
        check(Place("https://h.test"))


def test_files_that_are_not_there_are_named(tmp_path: Path) -> None:
    for place in (Place("", key=tmp_path / "none.key"), Place("", ca=tmp_path / "none.pem")):
        with pytest.raises(SourceError, match="none"):
            check(place)
