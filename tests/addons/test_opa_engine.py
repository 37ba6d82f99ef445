"""The engine behind HTTP: a decision is believed when it is whole, in time and of our bundle."""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from mitmproxy import exceptions

from addons import options
from addons.opa_engine import MAX_ANSWER, OpaServerEngine
from rules import EvaluationError
from tests.support.authority import LocalCa

WHOLE: dict[str, Any] = {
    "effect": "allow", "rule": "r", "reason": "Allowed.", "destination": "d", "mode": "enforce",
    "dial": [], "redact": [], "throttle": [], "approve": [], "reserve": [], "route": {},
    "would": {"effect": "allow", "rule": "r"},
}  # fmt: skip
QUESTION = {"stage": "request"}


class FakeOpa:
    """A server that gives the answers it is told, and remembers what it was asked."""

    def __init__(self) -> None:
        self.answers: list[bytes | Callable[[], Any]] = []
        self.usual: bytes | Callable[[], Any] = answer({"result": WHOLE})
        self.asked: list[tuple[str, Any]] = []
        self.connections = 0
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                size = int(head.lower().split("content-length:")[1].split("\r\n")[0])
                body = await reader.readexactly(size)
                self.asked.append((head, json.loads(body)))
                said = self.answers.pop(0) if self.answers else self.usual
                if callable(said):
                    said = await said()
                if said is None:
                    return
                writer.write(said)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


def answer(document: Any, status: str = "200 OK", *, raw: bytes | None = None) -> bytes:
    body = raw if raw is not None else json.dumps(document).encode()
    head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


@asynccontextmanager
async def running(fake: FakeOpa, tls: ssl.SSLContext | None = None) -> AsyncIterator[FakeOpa]:
    server = await asyncio.start_server(fake.serve, "127.0.0.1", 0, ssl=tls)
    fake.port = server.sockets[0].getsockname()[1]
    try:
        yield fake
    finally:
        server.close()


@pytest.fixture
async def opa() -> AsyncIterator[FakeOpa]:
    async with running(FakeOpa()) as fake:
        yield fake


@asynccontextmanager
async def engine(opa: FakeOpa, **more: Any) -> AsyncIterator[OpaServerEngine]:
    made = OpaServerEngine(f"http://127.0.0.1:{opa.port}", **more)
    try:
        yield made
    finally:
        await made.close()


async def refusal(opa: FakeOpa, **more: Any) -> str:
    async with engine(opa, **more) as asked:
        with pytest.raises(EvaluationError) as refused:
            await asked.evaluate(QUESTION)
    return str(refused.value)


async def test_it_asks_as_opa_wants_it_and_gives_the_decision(opa: FakeOpa) -> None:
    async with engine(opa) as asked:
        assert await asked.evaluate(QUESTION) == WHOLE
    ((head, body),) = opa.asked
    line = head.split("\r\n", 1)[0]
    assert line.startswith("POST /v1/data/aegis/decision?strict-builtin-errors")
    assert body == {"input": QUESTION}


async def test_connections_are_kept_and_bounded(opa: FakeOpa) -> None:
    async def slowly() -> bytes:
        await asyncio.sleep(0.05)
        return answer({"result": WHOLE})

    async with engine(opa, timeout=20) as asked:
        for _ in range(20):
            await asked.evaluate(QUESTION)
        assert opa.connections == 1
        opa.usual = slowly
        await asyncio.gather(*(asked.evaluate(QUESTION) for _ in range(100)))
        assert 2 <= opa.connections <= 32


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (answer({}), "no decision"),
        (answer({"decision_id": "x"}), "no decision"),
        (answer([]), "no decision"),
        (answer({"result": None}), "no whole decision"),
        (answer({"result": True}), "no whole decision"),
        (answer(None, raw=b'{"result": {"effect"'), "no JSON"),
        (answer(None, raw=b""), "no JSON"),
        (answer({"result": WHOLE}, "500 Internal Server Error"), "status 500"),
        (answer({"result": WHOLE}, "401 Unauthorized"), "status 401"),
        (answer({"result": WHOLE}, "204 No Content", raw=b""), "status 204"),
        (b"HTTP/1.1 302 Found\r\nlocation: /x\r\ncontent-length: 0\r\n\r\n", "status 302"),
        (b"SSH-2.0-OpenSSH_9\r\n\r\n", "cannot be asked"),
        (answer({"result": WHOLE})[:-20], "within"),
        (answer({"result": {**WHOLE, "reason": "x" * MAX_ANSWER}}), "too large"),
    ],
)
async def test_anything_else_is_no_decision(opa: FakeOpa, said: bytes, why: str) -> None:
    opa.usual = said
    assert why in await refusal(opa, timeout=0.5)


@pytest.mark.parametrize("key", sorted(WHOLE))
async def test_a_decision_with_a_part_missing_or_wrong_is_none(opa: FakeOpa, key: str) -> None:
    for document in (
        {name: value for name, value in WHOLE.items() if name != key},
        {**WHOLE, key: 7},
        {**WHOLE, key: None},
    ):
        opa.usual = answer({"result": document})
        assert "no whole decision" in await refusal(opa)
    opa.usual = answer({"result": {**WHOLE, "effect": "permit"}})
    assert "no whole decision" in await refusal(opa)


async def test_the_time_is_bounded_however_slowly_it_comes(opa: FakeOpa) -> None:
    async def silent() -> bytes:
        await asyncio.sleep(30)
        return b""

    opa.usual = silent
    started = time.monotonic()
    assert "within 0.3 seconds" in await refusal(opa, timeout=0.3)
    assert time.monotonic() - started < 2


async def test_drops_of_an_answer_do_not_stretch_the_time(opa: FakeOpa) -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
        try:
            for _ in range(1000):
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.05)
        except ConnectionError:
            pass
        writer.close()

    opa.serve = drip  # type: ignore[method-assign]
    async with running(opa):
        started = time.monotonic()
        assert "within 0.3 seconds" in await refusal(opa, timeout=0.3)
    assert time.monotonic() - started < 2


async def test_a_connection_closed_while_idle_costs_no_decision(opa: FakeOpa) -> None:
    async def leave() -> None:
        return None

    async with engine(opa) as asked:
        await asked.evaluate(QUESTION)
        opa.answers = [leave]
        assert await asked.evaluate(QUESTION) == WHOLE
        opa.answers = [leave, leave]
        with pytest.raises(EvaluationError, match="cannot be asked"):
            await asked.evaluate(QUESTION)


async def test_nobody_there_is_an_error_at_once() -> None:
    opa = FakeOpa()
    async with running(opa):
        pass
    assert "cannot be asked" in await refusal(opa)


async def test_another_revision_is_not_believed(opa: FakeOpa) -> None:
    assert "revision abc" in await refusal(opa, revision="abc")
    for provenance in ({"bundles": {"x": {"revision": "old"}}}, {"bundles": []}, [], None):
        opa.usual = answer({"result": WHOLE, "provenance": provenance})
        assert "revision abc" in await refusal(opa, revision="abc")
    for provenance in ({"bundles": {"x": {"revision": "abc"}}}, {"revision": "abc"}):
        opa.usual = answer({"result": WHOLE, "provenance": provenance})
        async with engine(opa, revision="abc") as asked:
            assert await asked.evaluate(QUESTION) == WHOLE
            await asked.check()


async def test_a_proxy_of_the_environment_is_not_used(
    opa: FakeOpa, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with engine(opa) as asked:
        assert await asked.evaluate(QUESTION) == WHOLE


@pytest.mark.parametrize("question", [{"x": object()}, {"x": 2**70}, {1: 2}])
async def test_a_question_that_is_no_json_is_not_asked(opa: FakeOpa, question: Any) -> None:
    async with engine(opa) as asked:
        with pytest.raises(EvaluationError, match="no JSON"):
            await asked.evaluate(question)
    assert not opa.asked


async def test_over_tls_only_to_whom_it_trusts(tmp_path: Path) -> None:
    ca = LocalCa(tmp_path)
    async with running(FakeOpa(), ca.server_context("localhost")) as opa:
        url = f"https://localhost:{opa.port}"
        trusted = OpaServerEngine(url, trust=ssl.create_default_context(cafile=str(ca.pem)))
        assert await trusted.evaluate(QUESTION) == WHOLE
        await trusted.close()
        stranger = OpaServerEngine(url)
        with pytest.raises(EvaluationError, match="cannot be asked"):
            await stranger.evaluate(QUESTION)
        await stranger.close()


@pytest.mark.parametrize(
    ("url", "right"),
    [
        ("", True),
        ("http://127.0.0.1:8181", True),
        ("https://opa.internal/policy/", True),
        ("http://[::1]:8181", True),
        ("ftp://opa.internal", False),
        ("opa.internal:8181", False),
        ("http://", False),
        ("http://opa.internal:99999", False),
        ("http://opa.internal:x", False),
        ("http://name:secret@opa.internal", False),
        ("http://opa.internal/?x=1", False),
        ("http://opa.internal/#x", False),
        ("http://opa internal", False),
        ("http://[::1", False),
    ],
)
def test_the_option_takes_the_url_of_a_server(url: str, right: bool) -> None:
    if right:
        assert options.opa_url(url) == url
        return
    with pytest.raises(exceptions.OptionsError, match="aegis_opa_url") as refused:
        options.opa_url(url)
    assert "secret" not in str(refused.value)


def test_the_option_is_declared_and_read() -> None:
    declared: dict[str, Any] = {}
    options.declare(
        SimpleNamespace(add_option=lambda name, kind, value, _: declared.update({name: value}))  # type: ignore[arg-type]
    )
    assert declared["aegis_opa_url"] == ""

    class Opts(SimpleNamespace):
        def __contains__(self, name: str) -> bool:
            return name in vars(self)

    given = Opts(
        **{**declared, "aegis_opa_url": "http://127.0.0.1:8181"},
        mode=[],
        ssl_insecure=False,
        client_certs=None,
    )
    assert options.check(given).opa_url == "http://127.0.0.1:8181"
