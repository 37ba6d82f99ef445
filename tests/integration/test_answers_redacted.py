"""Personal data taken out of what comes back, before an agent sees it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.integration.conftest import World
from tests.integration.test_exchange import client
from tests.support.echoing import PATHS, STREAMS, EchoApi
from tests.support.firewall import Firewall
from tests.support.mcp_api import McpServer
from tests.support.model_streams import events_of, said, sse
from tests.support.websocket_api import Refused as SocketRefused
from tests.support.websocket_api import SocketApi, SocketClient

POLICY = """\
apiVersion: aegis/v1
kind: Policy
metadata: {{name: answers}}
mode: {mode}
limits: {{max_body: 300KB}}
destinations:
  - {{id: echo, hosts: [{echo.name}], ports: [{echo.port}], addresses: [127.0.0.0/8]}}
  - {{id: old, hosts: [{old.name}], ports: [{old.port}], addresses: [127.0.0.0/8]}}
  - {{id: both, hosts: [{both.name}], ports: [{both.port}], addresses: [127.0.0.0/8]}}
  - {{id: loose, hosts: [{loose.name}], ports: [{loose.port}], addresses: [127.0.0.0/8]}}
  - {{id: pictures, hosts: [{pictures.name}], ports: [{pictures.port}], addresses: [127.0.0.0/8]}}
  - {{id: free, hosts: [{free.name}], ports: [{free.port}], addresses: [127.0.0.0/8]}}
  - {{id: mcp, hosts: [{mcp.name}], ports: [{mcp.port}], addresses: [127.0.0.0/8]}}
  - id: socket
    hosts: [{socket.name}]
    ports: [{socket.port}]
    addresses: [127.0.0.0/8]
    websocket: allow
tools:
  - {{id: notes.write, mcp: {{server: mcp, tool: write_note}}}}
rules:
  - id: all
    agents: ["*"]
    destinations: [echo, old, both, loose, pictures, free, socket]
    effect: allow
  - {{id: tools, agents: ["*"], tools: [notes.write], effect: allow}}
redaction:
  - id: answers
    destinations: [echo, old, mcp, socket]
    direction: response
    models: []
    entities: {{US_SSN: replace, EMAIL_ADDRESS: hash}}
  - id: answers-loose
    destinations: [loose]
    direction: response
    on_failure: pass
    models: []
    entities: {{US_SSN: replace}}
  - id: answers-with-pictures
    destinations: [pictures]
    direction: response
    images: pass
    models: []
    entities: {{US_SSN: replace}}
  - id: both-ways
    destinations: [both]
    direction: both
    models: []
    entities: {{EMAIL_ADDRESS: replace}}
  - id: stand-ins
    destinations: [both]
    models: []
    entities: {{US_SSN: surrogate}}
  - id: no-ssn-in-both
    destinations: [both]
    direction: response
    models: []
    entities: {{US_SSN: replace}}
"""
SSN, MAIL = "536-90-4399", "maria.nguyen@hospital.example"
TEXT = (
    f"We have found her. Her SSN is {SSN}, as it says in the file; write to {MAIL} please. Thanks."
)


class Servers:
    """The upstreams of these tests."""

    def __init__(self, world: World) -> None:
        ca = world.llm.ca
        self.echo = EchoApi(ca, "echo.example.test")
        self.old = EchoApi(ca, "old.example.test", http2=False)
        self.both = EchoApi(ca, "both.example.test")
        self.loose = EchoApi(ca, "loose.example.test")
        self.pictures = EchoApi(ca, "pictures.example.test")
        self.free = EchoApi(ca, "free.example.test")
        self.mcp = McpServer(ca, "mcp2.example.test", stateless=True)
        self.socket = SocketApi(ca)

    @property
    def all(self) -> list[Any]:
        return list(vars(self).values())

    def policy(self, mode: str = "enforce") -> str:
        return POLICY.format(mode=mode, **vars(self))


@pytest.fixture(scope="module")
def servers(world: World) -> Iterator[Servers]:
    made = Servers(world)
    for upstream in made.all:
        upstream.start()
    yield made
    for upstream in made.all:
        upstream.stop()


@pytest.fixture(autouse=True)
def _forget(servers: Servers) -> None:
    for upstream in servers.all:
        upstream.forget()


@pytest.fixture(scope="module", params=["own", "mitmdump"])
def front(
    servers: Servers, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Firewall]:
    folder = tmp_path_factory.mktemp("answers")
    with Firewall(folder, servers.policy(), *servers.all, kind=request.param) as running:
        yield running


@pytest.fixture
def start(servers: Servers, tmp_path: Path) -> Iterator[Callable[..., Firewall]]:
    running: list[Firewall] = []

    def make(policy: str, **options: Any) -> Firewall:
        made = Firewall(tmp_path / f"firewall{len(running)}", policy, *servers.all, **options)
        running.append(made)
        return made.start()

    yield make
    for one in running:
        one.stop()


def ask(
    front: Firewall, upstream: EchoApi, text: str = TEXT, path: str = "/ask", **headers: str
) -> httpx.Response:
    with client(front) as http:
        return http.post(upstream.url + path, json={"prompt": text}, headers=headers)


def outcome(front: Firewall) -> dict[str, Any]:
    """Give what came of the last call."""
    decision = front.decisions()[-1]["id"]
    end = time.monotonic() + 10
    while time.monotonic() < end:
        for found in front.outcomes():
            if found["decision"] == decision:
                return found
        time.sleep(0.02)
    raise TimeoutError(decision)


def clean(text: str) -> bool:
    """Say whether a text is without personal data, and otherwise what it was."""
    return (
        SSN not in text
        and MAIL not in text
        and "Her SSN is <US_SSN>, as it says" in text
        and "<EMAIL_ADDRESS:" in text
        and text.startswith("We have found her.")
        and text.endswith("please. Thanks.")
    )


@pytest.mark.parametrize("sized", [True, False])
@pytest.mark.parametrize("upstream", ["echo", "old"])
def test_an_answer_loses_personal_data(
    front: Firewall, servers: Servers, upstream: str, sized: bool
) -> None:
    api = getattr(servers, upstream)
    api.sized = sized
    answer = ask(front, api)
    assert answer.status_code == 200
    assert clean(answer.json()["said"])
    assert answer.json()["n"] == 1
    # Nothing was taken out of the request.
    assert api.requests[-1].json()["prompt"] == TEXT
    found = outcome(front)
    assert found["redacted_answer"] == {"US_SSN": 1, "EMAIL_ADDRESS": 1}
    assert found["error"] is None
    assert front.decisions()[-1]["redacted"] == {}
    assert SSN.encode() not in front.log.read_bytes()


CUTS: dict[str, Callable[[str], list[str]]] = {
    "a sign": lambda text: list(text),
    "three": lambda text: [text[i : i + 3] for i in range(0, len(text), 3)],
    "words": lambda text: [word + " " for word in text.split(" ")[:-1]] + [text.split(" ")[-1]],
    "whole": lambda text: [text],
}


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize(
    "stream", ["chat", "responses", "messages", "gemini", "gemini array", "ollama"]
)
def test_a_stream_loses_personal_data(
    front: Firewall, servers: Servers, stream: str, cut: str
) -> None:
    servers.echo.stream, servers.echo.cut = stream, CUTS[cut]
    answer = ask(front, servers.echo, path=PATHS.get(stream, "/stream"))
    assert clean(said(answer.content)), said(answer.content)
    assert SSN not in answer.text
    count = len(STREAMS[stream][0](CUTS[cut](TEXT)))
    events = events_of(answer.content)
    assert count - 2 <= len(events) <= count
    assert outcome(front)["redacted_answer"]["US_SSN"] >= 1


@pytest.mark.parametrize("stream", ["chat tool", "messages tool"])
def test_arguments_of_tools_stay_json(front: Firewall, servers: Servers, stream: str) -> None:
    servers.echo.stream, servers.echo.cut = stream, CUTS["three"]
    answer = ask(front, servers.echo, json.dumps({"who": SSN, "n": 9}), path=PATHS[stream])
    assert json.loads(said(answer.content)) == {"who": "<US_SSN>", "n": 9}


def test_a_sentence_goes_on_when_it_ends(front: Firewall, servers: Servers) -> None:
    servers.echo.stream, servers.echo.delay = "chat", 0.5
    servers.echo.cut = lambda text: [
        "This is a sentence of some length that ends.",
        " And this is",
        " another",
        " one.",
    ]
    seen: list[tuple[float, str]] = []
    with (
        client(front) as http,
        http.stream("POST", servers.echo.url + PATHS["chat"], json={"prompt": "x"}) as answer,
    ):
        begun = time.monotonic()
        for line in answer.iter_lines():
            if '"content": "' in line:
                seen.append((time.monotonic() - begun, line))
    sentence = next(at for at, line in seen if "This is a sentence" in line)
    last = next(at for at, line in seen if " one." in line)
    assert last - sentence > 0.8
    assert len(seen) == 5


def test_what_is_held_goes_on_when_the_server_is_silent(front: Firewall, servers: Servers) -> None:
    servers.echo.stream, servers.echo.delay = "gemini", 3.0
    servers.echo.cut = lambda text: [f"It is {SSN}", "end"]
    begun = time.monotonic()
    with (
        client(front) as http,
        http.stream("POST", servers.echo.url + PATHS["gemini"], json={"prompt": ""}) as answer,
    ):
        first = next(line for line in answer.iter_lines() if line)
        waited = time.monotonic() - begun
    assert "It is <US_SSN>" in first
    assert waited < 2.7


BODIES = {
    "text/plain": (f"it is {SSN}", "it is <US_SSN>"),
    "text/csv": (f"name,ssn\nx,{SSN}\n", "name,ssn\nx,<US_SSN>\n"),
    "application/xml": (f"<a>{SSN}</a>", "<a>&lt;US_SSN&gt;</a>"),
    "application/x-ndjson": (f'{{"a": "{SSN}"}}\n{{"b": 1}}\n', '{"a": "<US_SSN>"}\n{"b": 1}\n'),
    "text/html": (f"<p>{SSN}</p>", "<p>&lt;US_SSN&gt;</p>"),
    "": (f"it is {SSN}", "it is <US_SSN>"),
}


@pytest.mark.parametrize("kind", BODIES)
def test_other_documents(front: Firewall, servers: Servers, kind: str) -> None:
    body, expected = BODIES[kind]
    servers.echo.kind, servers.echo.body = kind, body.encode()
    assert ask(front, servers.echo).text == expected


@pytest.mark.parametrize("encoding", ["gzip", "br", "zstd"])
@pytest.mark.parametrize("stream", ["", "chat"])
def test_an_encoding_that_nobody_asked_for(
    front: Firewall, servers: Servers, encoding: str, stream: str
) -> None:
    servers.echo.encoding, servers.echo.stream, servers.echo.cut = encoding, stream, CUTS["three"]
    answer = ask(front, servers.echo)
    assert servers.echo.requests[-1].header("accept-encoding") == "identity"
    assert clean(said(answer.content) if stream else answer.json()["said"])


def test_a_range_is_not_asked_for(front: Firewall, servers: Servers) -> None:
    ask(front, servers.echo, range="bytes=0-10")
    assert servers.echo.requests[-1].header("range") is None


def test_a_header_that_says_where_it_is(front: Firewall, servers: Servers) -> None:
    servers.echo.headers = [("location", f"/people?ssn={SSN}"), ("etag", '"x"')]
    answer = ask(front, servers.echo)
    assert SSN not in answer.headers["location"]
    assert answer.headers["etag"] == '"x"'


def test_checksums_of_another_body_are_left_out(front: Firewall, servers: Servers) -> None:
    servers.echo.headers = [("content-md5", "AAAA"), ("content-digest", "sha-256=:AA==:")]
    answer = ask(front, servers.echo)
    assert "content-md5" not in answer.headers
    assert "content-digest" not in answer.headers


# What cannot be searched ------------------------------------------------------------------


def large(servers: Servers, api: EchoApi) -> None:
    api.body = json.dumps(["x" * 1000] * 400).encode()


UNREADABLE: dict[str, Callable[[EchoApi], None]] = {}


def unreadable(function: Callable[[EchoApi], None]) -> Callable[[EchoApi], None]:
    UNREADABLE[function.__name__] = function
    return function


@unreadable
def picture(api: EchoApi) -> None:
    api.kind, api.body = "image/png", b"\x89PNG" + bytes(range(256)) * 8


@unreadable
def too_large(api: EchoApi) -> None:
    api.body = json.dumps(["x" * 1000] * 400).encode()


@unreadable
def too_large_without_length(api: EchoApi) -> None:
    api.body, api.sized = json.dumps(["x" * 1000] * 400).encode(), False


@unreadable
def no_json(api: EchoApi) -> None:
    api.body = b'{"a": '


@unreadable
def binary_text(api: EchoApi) -> None:
    api.kind, api.body = "text/plain", b"a\0b"


@unreadable
def unknown_encoding(api: EchoApi) -> None:
    api.headers, api.body = [("content-encoding", "compress")], b"xxxx"


@pytest.mark.parametrize("case", UNREADABLE)
@pytest.mark.parametrize("upstream", ["echo", "old"])
def test_what_cannot_be_searched_does_not_arrive(
    front: Firewall, servers: Servers, case: str, upstream: str
) -> None:
    api = getattr(servers, upstream)
    UNREADABLE[case](api)
    answer = ask(front, api)
    assert answer.status_code == 403
    error = answer.json()["error"]
    assert error["code"] == "answer_unreadable"
    assert error["rule"] == "answers"
    assert "carried out" in error["message"]
    found = outcome(front)
    assert found["error"] == "answer_unreadable"
    assert found["status"] == 200
    # The connection, and others, go on.
    api.forget()
    assert clean(ask(front, api).json()["said"])


@pytest.mark.parametrize("case", UNREADABLE)
def test_or_it_passes_where_policy_says_so(front: Firewall, servers: Servers, case: str) -> None:
    UNREADABLE[case](servers.loose)
    with (
        client(front) as http,
        http.stream("POST", servers.loose.url + "/ask", json={"prompt": ""}) as answer,
    ):
        content = b"".join(answer.iter_raw())
    assert answer.status_code == 200
    assert content == servers.loose.body
    assert outcome(front)["answer_problem"]
    assert outcome(front)["error"] is None


def test_pictures_may_pass(front: Firewall, servers: Servers) -> None:
    picture(servers.pictures)
    assert ask(front, servers.pictures).content == servers.pictures.body
    servers.pictures.forget()
    assert "<US_SSN>" in ask(front, servers.pictures).json()["said"]


def test_a_part_of_a_whole_does_not_arrive(front: Firewall, servers: Servers) -> None:
    servers.echo.status, servers.echo.headers = 206, [("content-range", "bytes 0-5/9")]
    answer = ask(front, servers.echo)
    assert answer.status_code == 403
    assert outcome(front)["answer_problem"] == "partial"
    assert outcome(front)["status"] == 206


def test_with_another_mitmproxy_streams_are_read_whole(
    servers: Servers, start: Callable[..., Firewall], tmp_path: Path
) -> None:
    """What is changed inside of mitmproxy is left out of versions that it was not written for."""
    (tmp_path / "sitecustomize.py").write_text(
        "import mitmproxy.version\nmitmproxy.version.VERSION = '12.2.99'\n"
    )
    firewall = start(servers.policy(), environment={**os.environ, "PYTHONPATH": str(tmp_path)})
    servers.echo.stream, servers.echo.cut = "messages", CUTS["three"]
    answer = ask(firewall, servers.echo, path=PATHS["messages"])
    assert clean(said(answer.content))
    servers.echo.stream = ""
    assert clean(ask(firewall, servers.echo).json()["said"])
    picture(servers.echo)
    assert ask(firewall, servers.echo).status_code == 403
    servers.echo.forget()
    servers.echo.stream, servers.echo.delay = "gemini", 0.4
    servers.echo.cut = lambda text: ["This is a sentence of some length that ends.", " Not this."]
    begun = time.monotonic()
    with (
        client(firewall) as http,
        http.stream("POST", servers.echo.url + PATHS["gemini"], json={"prompt": ""}) as answer,
    ):
        next(answer.iter_raw())
        assert time.monotonic() - begun > 0.35


def test_a_refusal_in_the_clients_dialect(front: Firewall, servers: Servers) -> None:
    picture(servers.echo)
    answer = ask(front, servers.echo, path="/v1/messages", **{"anthropic-version": "2023-06-01"})
    assert answer.json()["type"] == "error"
    assert answer.headers["x-should-retry"] == "false"


def test_a_stream_that_cannot_be_searched_ends_with_an_error(
    front: Firewall, servers: Servers
) -> None:
    servers.echo.stream = "bedrock"
    servers.echo.kind = "application/vnd.amazon.eventstream"
    answer = ask(front, servers.echo)
    assert answer.status_code == 200
    servers.echo.stream = ""
    servers.echo.kind = "text/event-stream"
    good = sse({"note": "x" * 990}) * 3
    servers.echo.body, servers.echo.sized = good + b"data: \xff\xfe\0\n\n" + good, False
    answer = ask(front, servers.echo, path=PATHS["chat"])
    *before, last = events_of(answer.content)
    assert last["error"]["code"] == "answer_unreadable"
    assert len(before) <= 3
    assert outcome(front)["error"] == "answer_unreadable"


def workers_of(front: Firewall) -> list[int]:
    listed = subprocess.run(
        ["pgrep", "-f", "-P", str(front.pid), "redaction.worker"], capture_output=True, text=True
    )
    return [int(line) for line in listed.stdout.split()]


def test_a_search_that_fails(servers: Servers, start: Callable[..., Firewall]) -> None:
    firewall = start(servers.policy(), options={"aegis_redaction_timeout": "1"})
    workers = workers_of(firewall)
    assert workers
    for pid in workers:
        os.kill(pid, signal.SIGSTOP)
    try:
        answer = ask(firewall, servers.echo)
        assert answer.status_code == 503
        assert answer.json()["error"]["code"] == "redaction_failed"
        assert outcome(firewall)["error"] == "redaction_failed"
    finally:
        for pid in workers_of(firewall):
            os.kill(pid, signal.SIGCONT)


# Both ways --------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", ["", "chat", "messages"])
@pytest.mark.parametrize("cut", ["three", "words", "whole"])
def test_own_surrogates_come_back_and_others_values_do_not(
    front: Firewall, servers: Servers, stream: str, cut: str
) -> None:
    servers.both.stream, servers.both.cut = stream, CUTS[cut]
    ask(front, servers.both, f"it is {SSN}")
    surrogate = str(servers.both.requests[-1].json()["prompt"]).removeprefix("it is ")
    assert surrogate.startswith("[[US_SSN_")
    servers.both.answer = f"Yes, {surrogate} is hers. His is 524-71-8876, mail {MAIL} about it."
    answer = ask(front, servers.both, f"it is {SSN}", path=PATHS.get(stream, "/ask"))
    text = said(answer.content) if stream else answer.json()["said"]
    assert text == f"Yes, {SSN} is hers. His is <US_SSN>, mail <EMAIL_ADDRESS> about it."


# MCP, sockets, observing ------------------------------------------------------------------


def test_answers_of_tools(front: Firewall, servers: Servers) -> None:
    call = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "write_note", "arguments": {"text": f"it is {SSN}"}},
    }
    headers = {"accept": "application/json, text/event-stream"}
    with client(front) as http:
        answer = http.post(servers.mcp.url + "/mcp", json=call, headers=headers)
    assert answer.status_code == 200
    assert SSN not in answer.text


def test_a_socket_that_cannot_be_searched_is_not_opened(front: Firewall, servers: Servers) -> None:
    with pytest.raises(SocketRefused) as refused:
        SocketClient(front, servers.socket)
    assert b"answer_unsearchable" in refused.value.body
    assert servers.socket.untouched


def test_answers_that_nobody_wants_searched_stream_as_ever(
    front: Firewall, servers: Servers
) -> None:
    servers.free.body = os.urandom(1_000_000)
    servers.free.kind = "application/octet-stream"
    answer = ask(front, servers.free)
    assert answer.content == servers.free.body
    assert servers.free.requests[-1].header("accept-encoding") != "identity"
    assert "redacted_answer" not in outcome(front)


@pytest.mark.parametrize("stream", ["", "chat"])
def test_observing_changes_nothing_and_says_what_would(
    servers: Servers, start: Callable[..., Firewall], stream: str
) -> None:
    firewall = start(servers.policy(mode="observe"))
    servers.echo.stream, servers.echo.cut = stream, CUTS["three"]
    answer = ask(firewall, servers.echo)
    text = said(answer.content) if stream else answer.json()["said"]
    assert text == TEXT
    assert outcome(firewall)["redacted_answer"] == {"US_SSN": 1, "EMAIL_ADDRESS": 1}
