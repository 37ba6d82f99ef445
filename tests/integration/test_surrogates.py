"""Surrogates on their way out, and the values they stand for on their way back, to one agent alone."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from ledger import SqliteVault
from tests.integration.conftest import World
from tests.integration.test_exchange import client
from tests.support import sigv4
from tests.support.echoing import PATHS, EchoApi
from tests.support.firewall import Firewall
from tests.support.http2_client import Http2Client
from tests.support.model_streams import events_of, said
from tests.support.server import Reply, Request, Upstream, json_reply
from tests.support.websocket_api import SocketApi, SocketClient

POLICY = """\
apiVersion: aegis/v1
kind: Policy
metadata: {{name: surrogates}}
mode: {mode}
limits: {{max_body: 300KB}}
destinations:
  - {{id: echo, hosts: [{echo.name}], ports: [{echo.port}], addresses: [127.0.0.0/8]}}
  - {{id: old, hosts: [{old.name}], ports: [{old.port}], addresses: [127.0.0.0/8]}}
  - {{id: other, hosts: [{other.name}], ports: [{other.port}], addresses: [127.0.0.0/8]}}
  - {{id: signed, hosts: [{signed.name}], ports: [{signed.port}], addresses: [127.0.0.0/8]}}
  - id: socket
    hosts: [{socket.name}]
    ports: [{socket.port}]
    addresses: [127.0.0.0/8]
    websocket: allow
rules:
  - {{id: all, agents: ["*"], destinations: [echo, old, other, signed, socket], effect: allow}}
redaction:
  - id: stand-ins
    destinations: [echo, old, socket]
    models: []
    ttl: {ttl}
    entities:
      US_SSN: {{operator: surrogate, style: {style}}}
      EMAIL_ADDRESS: {{operator: surrogate, style: {style}}}
  - id: cut
    destinations: [signed]
    models: []
    entities: {{US_SSN: replace}}
"""
SSN, MAIL = "536-90-4399", "maria.nguyen@hospital.example"
PROMPT = f"Her SSN is {SSN} and her mail {MAIL}, said 536 people."


class SignedApi(Upstream):
    """Takes what is signed rightly by AWS's Signature Version 4, and right checksums."""

    names = ("signed.example.test",)

    async def handle(self, request: Request) -> Reply:
        headers = {name.lower(): value for name, value in request.headers}
        headers["host"] = headers.get("host") or headers[":authority"]
        right = "authorization" not in headers or sigv4.holds(
            request.method, request.target, headers, request.body
        )
        return json_reply({"right": right}, 200 if right else 403)


class Echoes:
    """The upstreams of these tests."""

    def __init__(self, world: World) -> None:
        self.echo = EchoApi(world.llm.ca, "echo.example.test")
        self.old = EchoApi(world.llm.ca, "old.example.test", http2=False)
        self.other = EchoApi(world.llm.ca, "other.example.test")
        self.signed = SignedApi(world.llm.ca)
        self.socket = SocketApi(world.llm.ca)

    @property
    def all(self) -> list[Any]:
        return list(vars(self).values())

    def policy(self, mode: str = "enforce", style: str = "token", ttl: str = "1h") -> str:
        return POLICY.format(mode=mode, style=style, ttl=ttl, **vars(self))


@pytest.fixture(scope="module")
def echoes(world: World) -> Iterator[Echoes]:
    made = Echoes(world)
    for upstream in made.all:
        upstream.start()
    yield made
    for upstream in made.all:
        upstream.stop()


@pytest.fixture(autouse=True)
def _forget(echoes: Echoes) -> None:
    for upstream in echoes.all:
        upstream.forget()


@pytest.fixture(scope="module", params=["own", "mitmdump"])
def front(
    echoes: Echoes, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Firewall]:
    folder = tmp_path_factory.mktemp("surrogates")
    with Firewall(folder, echoes.policy(), *echoes.all, kind=request.param) as running:
        yield running


@pytest.fixture(scope="module")
def lifelike(echoes: Echoes, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firewall]:
    folder = tmp_path_factory.mktemp("lifelike")
    with Firewall(folder, echoes.policy(style="realistic"), *echoes.all) as running:
        yield running


@pytest.fixture
def start(echoes: Echoes, tmp_path: Path) -> Iterator[Callable[..., Firewall]]:
    running: list[Firewall] = []

    def make(policy: str, **options: Any) -> Firewall:
        made = Firewall(tmp_path / f"firewall{len(running)}", policy, *echoes.all, **options)
        running.append(made)
        return made.start()

    yield make
    for one in running:
        one.stop()


def ask(
    firewall: Firewall, upstream: EchoApi, text: str = PROMPT, **options: Any
) -> httpx.Response:
    token = options.pop("token", None)
    headers = options.pop("headers", {})
    with client(firewall, token, **options) as http:
        return http.post(f"{upstream.url}/ask", json={"prompt": text}, headers=headers)


def sent(upstream: EchoApi) -> str:
    """Give what the prompt was that reached the upstream last."""
    return str(upstream.requests[-1].json()["prompt"])


def test_values_go_out_as_surrogates_and_come_back(front: Firewall, echoes: Echoes) -> None:
    answer = ask(front, echoes.echo)
    assert SSN not in sent(echoes.echo)
    assert MAIL not in sent(echoes.echo)
    assert "[[US_SSN_" in sent(echoes.echo)
    assert answer.json() == {"said": PROMPT, "n": 1}
    assert b"536-90" not in echoes.echo.everything()
    vault = b"".join(path.read_bytes() for path in front.home.glob("vault.db*"))
    assert vault
    assert SSN.encode() not in vault
    assert MAIL.encode() not in vault
    log = b"".join(path.read_bytes() for path in front.home.glob("ledger.db*"))
    assert SSN.encode() not in log
    assert SSN not in front.output


def test_the_same_value_has_the_same_surrogate_all_along(front: Firewall, echoes: Echoes) -> None:
    ask(front, echoes.echo)
    first = sent(echoes.echo)
    ask(front, echoes.echo)
    assert sent(echoes.echo) == first


def test_lifelike_surrogates(lifelike: Firewall, echoes: Echoes) -> None:
    answer = ask(lifelike, echoes.echo)
    assert SSN not in sent(echoes.echo)
    assert "[[" not in sent(echoes.echo)
    assert answer.json()["said"] == PROMPT


CUTS: dict[str, Callable[[str], list[str]]] = {
    "a sign": lambda text: list(text),
    "three": lambda text: [text[i : i + 3] for i in range(0, len(text), 3)],
    "words": lambda text: [word + " " for word in text.split(" ")[:-1]] + [text.split(" ")[-1]],
    "whole": lambda text: [text],
}


@pytest.mark.parametrize("upstream", ["echo", "old"])
@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize(
    "stream", ["chat", "responses", "messages", "gemini", "gemini array", "ollama"]
)
def test_streams_come_back_too(
    front: Firewall, echoes: Echoes, stream: str, cut: str, upstream: str
) -> None:
    api = getattr(echoes, upstream)
    api.stream, api.cut = stream, CUTS[cut]
    with client(front) as http:
        answer = http.post(
            api.url + PATHS.get(stream, "/stream"), json={"prompt": PROMPT, "stream": True}
        )
    assert answer.status_code == 200
    assert said(answer.content) == PROMPT
    assert SSN.encode() not in api.everything()


@pytest.mark.parametrize("stream", ["chat", "messages"])
def test_a_surrogate_cut_at_every_place(front: Firewall, echoes: Echoes, stream: str) -> None:
    echoes.echo.stream = stream
    with client(front) as http:
        http.post(echoes.echo.url + PATHS[stream], json={"prompt": PROMPT})
        size = len(sent(echoes.echo))
        for place in range(1, size):
            echoes.echo.cut = lambda text, place=place: [text[:place], text[place:]]
            answer = http.post(echoes.echo.url + PATHS[stream], json={"prompt": PROMPT})
            assert said(answer.content) == PROMPT, place


@pytest.mark.parametrize("stream", ["chat tool", "messages tool"])
def test_arguments_of_tools_stay_json(front: Firewall, echoes: Echoes, stream: str) -> None:
    echoes.echo.stream, echoes.echo.cut = stream, CUTS["three"]
    with client(front) as http:
        arguments = json.dumps({"who": SSN, "n": 9})
        answer = http.post(echoes.echo.url + PATHS[stream], json={"prompt": arguments})
    assert json.loads(said(answer.content)) == {"who": SSN, "n": 9}


def test_an_event_that_holds_nothing_passes_at_once(front: Firewall, echoes: Echoes) -> None:
    echoes.echo.stream, echoes.echo.delay = "chat", 0.3
    echoes.echo.cut = lambda text: ["one ", "two ", text, " four"]
    arrived = []
    begun = time.monotonic()
    with (
        client(front) as http,
        http.stream(
            "POST", echoes.echo.url + PATHS["chat"], json={"prompt": PROMPT, "stream": True}
        ) as answer,
    ):
        for line in answer.iter_lines():
            if '"content": "one' in line or '"content": "two' in line:
                arrived.append(time.monotonic() - begun)
    assert len(arrived) == 2
    assert arrived[0] < 0.6
    assert 0.2 < arrived[1] - arrived[0] < 0.45


def test_what_is_held_back_goes_on_when_the_server_is_silent(
    front: Firewall, echoes: Echoes
) -> None:
    echoes.echo.stream, echoes.echo.delay = "gemini", 3.0
    echoes.echo.cut = lambda text: [text.replace(".", ""), "end"]
    begun = time.monotonic()
    with (
        client(front) as http,
        http.stream(
            "POST", echoes.echo.url + PATHS["gemini"], json={"prompt": f"It is {SSN}"}
        ) as answer,
    ):
        first = next(line for line in answer.iter_lines() if line)
        waited = time.monotonic() - begun
    assert SSN in first
    assert waited < 2.5


@pytest.mark.parametrize("encoding", ["gzip", "br", "zstd"])
@pytest.mark.parametrize("stream", ["", "chat"])
def test_an_encoding_that_nobody_asked_for(
    front: Firewall, echoes: Echoes, encoding: str, stream: str
) -> None:
    echoes.echo.encoding, echoes.echo.stream = encoding, stream
    echoes.echo.cut = CUTS["three"]
    answer = ask(front, echoes.echo)
    assert echoes.echo.requests[-1].header("accept-encoding") == "identity"
    text = said(answer.content) if stream else answer.json()["said"]
    assert text == PROMPT
    assert "content-encoding" not in answer.headers


def test_other_documents(front: Firewall, echoes: Echoes) -> None:
    ask(front, echoes.echo)
    surrogate = next(word for word in sent(echoes.echo).split() if word.startswith("[[US_SSN"))
    bodies = {
        "text/plain": "it is {}",
        "text/csv": "name,ssn\nx,{}\n",
        "application/xml": '<a b="{}">{}</a>',
        "application/x-www-form-urlencoded": "ssn={}&n=1",
        "text/html": "<p>{}</p>",
        "application/fhir+json": '{{"resourceType": "Patient", "text": "{}"}}',
        "": "{}",
    }
    for kind, body in bodies.items():
        for sized in (True, False):
            echoes.echo.kind, echoes.echo.sized = kind, sized
            echoes.echo.body = body.format(surrogate, surrogate).encode()
            answer = ask(front, echoes.echo)
            assert answer.text == body.format(SSN, SSN), kind


def test_a_header_that_says_where_it_is(front: Firewall, echoes: Echoes) -> None:
    ask(front, echoes.echo)
    surrogate = next(word for word in sent(echoes.echo).split() if word.startswith("[[US_SSN"))
    echoes.echo.status = 201
    echoes.echo.headers = [
        ("location", f"/people/{surrogate}?again={surrogate}"),
        ("x-as", surrogate),
    ]
    answer = ask(front, echoes.echo)
    assert answer.headers["location"] == f"/people/{SSN}?again={SSN}"
    assert answer.headers["x-as"] == surrogate


def test_a_large_answer_is_restored_on_its_way(front: Firewall, echoes: Echoes) -> None:
    ask(front, echoes.echo)
    surrogate = next(word for word in sent(echoes.echo).split() if word.startswith("[[US_SSN"))
    items = [f"{number} {surrogate}" for number in range(20_000)]
    for sized in (True, False):
        echoes.echo.body, echoes.echo.sized = json.dumps(items).encode(), sized
        answer = ask(front, echoes.echo)
        assert answer.json() == [f"{number} {SSN}" for number in range(20_000)]


def test_pictures_pass_untouched(front: Firewall, echoes: Echoes) -> None:
    echoes.echo.kind, echoes.echo.body = "image/png", bytes(range(256)) * 100
    assert ask(front, echoes.echo).content == echoes.echo.body


# To one agent, in one conversation, alone --------------------------------------------------


def surrogate_of(front: Firewall, echoes: Echoes, **options: Any) -> str:
    ask(front, echoes.echo, f"it is {SSN}", **options)
    return sent(echoes.echo).removeprefix("it is ")


def test_another_agent_gets_nothing_back(front: Firewall, echoes: Echoes) -> None:
    surrogate = surrogate_of(front, echoes)
    others = [front.token("mallory"), front.token("eve", tenant="globex")]
    for token in others:
        echoes.echo.answer = f"{surrogate} and {MAIL}"
        answer = ask(front, echoes.echo, "her mail is olga@clinic.example", token=token)
        assert answer.json()["said"] == f"{surrogate} and {MAIL}"
        assert SSN not in answer.text


def test_conversations_are_kept_apart(front: Firewall, echoes: Echoes) -> None:
    first = surrogate_of(front, echoes, headers={"Aegis-Session": "chat-1"})
    second = surrogate_of(front, echoes, headers={"Aegis-Session": "chat-2"})
    assert first != second
    echoes.echo.answer = f"{first} {second}"
    answer = ask(front, echoes.echo, f"it is {SSN}", headers={"Aegis-Session": "chat-2"})
    assert answer.json()["said"] == f"{first} {SSN}"
    assert b"aegis-session" not in echoes.echo.everything().lower()


@pytest.mark.parametrize("name", ["a b", "x" * 65, "", "a/b", "ä"])
def test_a_conversation_with_a_bad_name(front: Firewall, echoes: Echoes, name: str) -> None:
    answer = ask(front, echoes.echo, headers={"Aegis-Session": name.encode()})
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "session_malformed"
    assert echoes.echo.untouched


def test_nothing_is_restored_on_its_way_out(front: Firewall, echoes: Echoes) -> None:
    surrogate = surrogate_of(front, echoes)
    answer = ask(front, echoes.other, f"tell them {surrogate}")
    assert sent(echoes.other) == f"tell them {surrogate}"
    assert SSN.encode() not in echoes.other.everything()
    assert answer.json()["said"] == f"tell them {surrogate}"
    # Back to where it came from it stays what it is.
    ask(front, echoes.echo, f"again {surrogate}")
    assert sent(echoes.echo) == f"again {surrogate}"


def test_a_value_is_forgotten_in_time(echoes: Echoes, start: Callable[..., Firewall]) -> None:
    firewall = start(echoes.policy(ttl="2s"))
    surrogate = surrogate_of(firewall, echoes)
    time.sleep(2.5)
    echoes.echo.answer = surrogate
    answer = ask(firewall, echoes.echo, "her mail is olga@clinic.example")
    assert answer.json()["said"] == surrogate


def test_it_works_after_a_restart(echoes: Echoes, start: Callable[..., Firewall]) -> None:
    firewall = start(echoes.policy())
    surrogate = surrogate_of(firewall, echoes)
    firewall.stop()
    firewall.start()
    echoes.echo.answer = surrogate
    answer = ask(firewall, echoes.echo, "her mail is olga@clinic.example")
    assert answer.json()["said"] == SSN


def test_without_its_vault_nothing_is_sent(echoes: Echoes, start: Callable[..., Firewall]) -> None:
    firewall = start(echoes.policy())
    surrogate_of(firewall, echoes)
    echoes.echo.forget()
    # Somebody else's key: what is kept cannot be read.
    (firewall.home / "vault.db").unlink()
    for path in firewall.home.glob("vault.db-*"):
        path.unlink()
    firewall.stop()
    other = SqliteVault(firewall.home / "vault.db", b"x" * 32)
    session = "spiffe://aegis.local/tenant/default/agent/default#"
    other.put("default", session, {"[[US_SSN_00000000]]": ("d", "v")}, time.time() + 3600)
    other.close()
    firewall.start()
    answer = ask(firewall, echoes.echo)
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "redaction_failed"
    assert echoes.echo.untouched


def test_observing_changes_nothing(echoes: Echoes, start: Callable[..., Firewall]) -> None:
    firewall = start(echoes.policy(mode="observe"))
    echoes.echo.answer = "[[US_SSN_00000000]]"
    answer = ask(firewall, echoes.echo)
    assert sent(echoes.echo) == PROMPT
    assert answer.json()["said"] == "[[US_SSN_00000000]]"


def test_http2_streams(front: Firewall, echoes: Echoes) -> None:
    echoes.echo.stream, echoes.echo.cut = "messages", CUTS["three"]
    api = echoes.echo
    with Http2Client(front.proxy_url(), api.name, api.port, front.ca_bundle) as http:
        body = json.dumps({"prompt": PROMPT}).encode()
        streams = []
        for _ in range(5):
            stream = http.open(
                PATHS["messages"],
                ("content-type", "application/json"),
                ("content-length", str(len(body))),
                method="POST",
                end=False,
            )
            http.send(stream, body, end=True)
            streams.append(stream)
        http.finish(*streams)
    for stream in streams:
        assert said(bytes(stream.data)) == PROMPT
        assert events_of(bytes(stream.data))[-1] == {"type": "message_stop"}


# WebSockets -------------------------------------------------------------------------------


@pytest.mark.parametrize("deflate", [False, True])
def test_what_a_server_says_through_a_socket(
    front: Firewall, echoes: Echoes, deflate: bool
) -> None:
    with SocketClient(front, echoes.socket, deflate=deflate) as socket:
        socket.say("hello")
        assert socket.text() == "hello"
        socket.say({"said": PROMPT})
        assert json.loads(socket.text()) == {"said": PROMPT}
        socket.say(f"it is {SSN}")
        assert socket.text() == f"it is {SSN}"
    assert all(SSN not in str(message) for message in echoes.socket.got)
    assert "[[US_SSN_" in echoes.socket.got[-2]


def test_deltas_through_a_socket(front: Firewall, echoes: Echoes) -> None:
    surrogate = surrogate_of(front, echoes)

    def delta(text: str) -> dict[str, str]:
        return {"type": "response.audio_transcript.delta", "item_id": "i1", "delta": text}

    with SocketClient(front, echoes.socket) as socket:
        # Until the agent has said something that needs it nothing is looked at.
        socket.say({"said": SSN})
        socket.text()
        socket.say(delta(f"it is {surrogate[:9]}"))
        socket.say(delta(surrogate[9:] + "."))
        texts = [json.loads(socket.text())["delta"] for _ in range(2)]
        assert "".join(texts) == f"it is {SSN}."
        # What waits for more goes on by itself.
        socket.say(delta(f"and {surrogate[:9]}"))
        assert json.loads(socket.text(3))["delta"] == f"and {surrogate[:9]}"


# Signed requests --------------------------------------------------------------------------


def signed_post(front: Firewall, echoes: Echoes, body: bytes, **headers: str) -> httpx.Response:
    api = echoes.signed
    authority = f"{api.name}:{api.port}"
    fields = sigv4.sign("POST", "/notes?a=1", {"host": authority}, body)
    with client(front) as http:
        return http.post(f"{api.url}/notes?a=1", content=body, headers={**fields, **headers})


def test_a_signed_request_without_personal_data_passes(front: Firewall, echoes: Echoes) -> None:
    answer = signed_post(front, echoes, b'{"note": "nothing"}')
    assert answer.json() == {"right": True}


def test_a_signed_request_is_not_broken(front: Firewall, echoes: Echoes) -> None:
    answer = signed_post(front, echoes, json.dumps({"note": SSN}).encode())
    assert answer.status_code == 422
    assert "signature_broken" in answer.text
    assert "before the request is signed" in answer.text
    assert echoes.signed.untouched


def test_a_checksum_is_made_anew(front: Firewall, echoes: Echoes) -> None:
    import base64
    import hashlib

    body = json.dumps({"note": SSN}).encode()
    digest = base64.b64encode(hashlib.md5(body).digest()).decode()
    with client(front) as http:
        http.post(f"{echoes.signed.url}/notes", content=body, headers={"Content-MD5": digest})
    (request,) = echoes.signed.requests
    assert SSN.encode() not in request.body
    expected = base64.b64encode(hashlib.md5(request.body).digest()).decode()
    assert request.header("content-md5") == expected
