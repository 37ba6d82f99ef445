"""WebSockets through the firewall: opened by policy, each message decided before it goes on."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import wsproto.events as ws

from tests.integration.conftest import World
from tests.support.firewall import Firewall
from tests.support.upstreams import Upstream
from tests.support.websocket_api import Refused, SocketApi, SocketClient

SSN = "536-90-4399"

POLICY = """
apiVersion: aegis/v1
kind: Policy
metadata: {{name: sockets}}
mode: {mode}
limits: {{max_body: 100KB}}
destinations:
  - {{id: chat, hosts: [socket.example.test], ports: [{chat.port}], addresses: [127.0.0.0/8], websocket: allow}}
  - {{id: plain, hosts: [plain-socket.example.test], ports: [{plain.port}], schemes: [http], addresses: [127.0.0.0/8], websocket: allow}}
  - {{id: closed, hosts: [closed-socket.example.test], ports: [{closed.port}], addresses: [127.0.0.0/8]}}
tools:
  - id: orders.place
    destination: chat
    http: {{methods: [WEBSOCKET], path: /orders}}
    arguments: {{max_amount: 100}}
rules:
  - {{id: reach, agents: ["*"], destinations: [chat, plain, closed], effect: allow}}
redaction:
  - {{id: no-ssn, destinations: [chat], entities: {{US_SSN: replace}}}}
"""


@pytest.fixture(scope="module")
def chat(world: World) -> Iterator[SocketApi]:
    with SocketApi(world.files.ca) as upstream:
        yield upstream


@pytest.fixture(scope="module")
def plain() -> Iterator[SocketApi]:
    with SocketApi(None, "plain-socket.example.test") as upstream:
        yield upstream


@pytest.fixture(scope="module")
def closed(world: World) -> Iterator[SocketApi]:
    with SocketApi(world.files.ca, "closed-socket.example.test") as upstream:
        yield upstream


@pytest.fixture(autouse=True)
def _forget(chat: SocketApi, plain: SocketApi, closed: SocketApi) -> None:
    for upstream in (chat, plain, closed):
        upstream.forget()


@pytest.fixture(scope="module", params=["own", "mitmdump"])
def open_to_sockets(
    chat: SocketApi,
    plain: SocketApi,
    closed: SocketApi,
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Iterator[Firewall]:
    policy = POLICY.format(mode="enforce", chat=chat, plain=plain, closed=closed)
    folder = tmp_path_factory.mktemp("sockets")
    with Firewall(folder, policy, chat, plain, closed, kind=request.param) as running:
        yield running


Open = Callable[..., SocketClient]


@pytest.fixture
def socket(open_to_sockets: Firewall, chat: SocketApi) -> Iterator[Open]:
    """Open sockets of a test's own."""
    made: list[SocketClient] = []

    def make(path: str = "/chat", upstream: Upstream = chat, **options: Any) -> SocketClient:
        made.append(SocketClient(open_to_sockets, upstream, path, **options))
        return made[-1]

    yield make
    for one in made:
        one.__exit__()


def texts(chat: SocketApi) -> list[str]:
    """What the server was told; the end of another test's socket may arrive in between."""
    return [got for got in chat.got if isinstance(got, str)]


def wait_for(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize("deflate", [False, True])
def test_messages_pass_both_ways_and_are_recorded(
    socket: Open, chat: SocketApi, open_to_sockets: Firewall, deflate: bool
) -> None:
    opened = len(open_to_sockets.decisions())
    talk = socket(deflate=deflate)
    for text in ("hello", "wörld ✓", json.dumps({"a": 1})):
        talk.say(text)
        assert talk.text() == text
    talk.send(ws.CloseConnection(1000, "my own words"))
    assert talk.closed()[0] == 1000
    # A close frame has room for words; the agent's go no further.
    wait_for(lambda: ("close", 1000, "") in chat.got)
    assert "my own words" not in str(chat.got)
    handshake, *messages = open_to_sockets.decisions()[opened:]
    assert [m["session"] for m in messages] == [handshake["id"]] * 3
    assert {m["request"]["method"] for m in messages} == {"WEBSOCKET"}
    assert [m["request"]["body"] for m in messages] == ["text", "text", "json"]
    wait_for(lambda: any(o["decision"] == handshake["id"] for o in open_to_sockets.outcomes()))
    outcome = next(o for o in open_to_sockets.outcomes() if o["decision"] == handshake["id"])
    assert (outcome["messages"], outcome["answers"], outcome["close_code"]) == (3, 3, 1000)


def test_a_plain_one(socket: Open, plain: SocketApi) -> None:
    talk = socket(upstream=plain)
    talk.say("hello")
    assert talk.text() == "hello"


def test_one_that_policy_does_not_allow_is_refused(socket: Open, closed: SocketApi) -> None:
    with pytest.raises(Refused) as refused:
        socket(upstream=closed)
    assert json.loads(refused.value.body)["error"]["code"] == "upgrade_refused"
    assert "websocket: allow" in json.loads(refused.value.body)["error"]["message"]
    assert closed.untouched


@pytest.mark.parametrize("header", [("Upgrade", "other"), ("Sec-WebSocket-Version", "12")])
def test_another_protocol_is_refused(socket: Open, chat: SocketApi, header: Any) -> None:
    with pytest.raises(Refused) as refused:
        socket(headers=(header,))
    assert b"upgrade_refused" in refused.value.body
    assert chat.untouched


def test_an_upstream_that_changes_to_another_protocol_is_cut_off(
    socket: Open, chat: SocketApi
) -> None:
    with pytest.raises(Refused) as refused:
        socket("/unasked")
    assert b" 101 " not in refused.value.head


def test_a_tool_in_a_message_keeps_to_its_constraints(
    socket: Open, chat: SocketApi, open_to_sockets: Firewall
) -> None:
    talk = socket("/orders")
    talk.say({"amount": 100})
    assert json.loads(talk.text()) == {"amount": 100}
    talk.say({"amount": 101})
    code, reason = talk.closed()
    assert code == 1008
    assert reason.startswith("policy_denied (tool:orders.place")
    wait_for(lambda: ("close", 1001, "") in chat.got)
    assert texts(chat) == ['{"amount": 100}']
    record = open_to_sockets.decisions()[-1]
    assert (record["effect"], record["tools"]) == ("deny", ["orders.place"])


@pytest.mark.parametrize("hidden", ["fragments", "frames", "deflate", "escapes", "text"])
def test_an_amount_cannot_hide(socket: Open, chat: SocketApi, hidden: str) -> None:
    talk = socket("/orders", deflate=hidden == "deflate")
    text = json.dumps({"amount": 5000})
    if hidden == "fragments":
        for index, character in enumerate(text):
            talk.send(ws.TextMessage(character, message_finished=index == len(text) - 1))
    elif hidden == "frames":
        talk.send(ws.TextMessage(text[:5], message_finished=False), ws.Ping(b"x"))
        talk.send(ws.TextMessage(text[5:]))
    elif hidden == "escapes":
        talk.say('{"\\u0061mount": 5000}')
    elif hidden == "text":
        talk.say('  \n{"amount": 5000}')
    else:
        talk.say(text)
    assert talk.closed()[0] == 1008
    assert not texts(chat)


@pytest.mark.parametrize("deflate", [False, True])
def test_personal_data_is_taken_out_of_messages(
    socket: Open, chat: SocketApi, open_to_sockets: Firewall, deflate: bool
) -> None:
    talk = socket(deflate=deflate)
    talk.say({"note": f"her number is {SSN}, ✓ " + "x" * 9000})
    assert SSN not in talk.text()
    talk.send(
        ws.TextMessage(f"plain {SSN[:6]}", message_finished=False), ws.TextMessage(SSN[6:] + " ✓")
    )
    assert SSN not in talk.text()
    first, second = texts(chat)
    assert SSN not in str(chat.got)
    assert "✓" in first
    assert "✓" in second
    assert json.loads(first)["note"].startswith("her number is ")
    records = open_to_sockets.decisions()[-2:]
    assert [record["redacted"] for record in records] == [{"US_SSN": 1}] * 2
    assert SSN not in str(records)


def test_binary_where_personal_data_must_be_taken_out_is_refused(
    socket: Open, chat: SocketApi
) -> None:
    talk = socket()
    talk.send(ws.BytesMessage(bytes(range(256))))
    assert talk.closed()[0] == 1008
    assert not [got for got in chat.got if got[0] == "BytesMessage"]


def test_binary_passes_elsewhere(socket: Open, plain: SocketApi) -> None:
    talk = socket(upstream=plain)
    talk.send(ws.BytesMessage(b"\x00\xff"))
    wait_for(lambda: ("BytesMessage", b"\x00\xff") in plain.got)


def test_pings_carry_nothing_out(socket: Open, chat: SocketApi) -> None:
    talk = socket()
    talk.send(ws.Ping(SSN.encode()))
    pong = talk.receive()
    assert isinstance(pong, ws.Pong)
    assert bytes(pong.payload) == SSN.encode()
    talk.send(ws.Pong(SSN.encode()))
    talk.say("ping")
    ping = talk.receive()
    assert isinstance(ping, ws.Ping)
    talk.send(ws.Pong(b"something else"), ping.response())
    talk.say("end")
    assert talk.text() == "end"
    assert texts(chat) == ["ping", "end"]
    assert [got for got in chat.got if got[0] in ("Ping", "Pong")] == [("Pong", b"are you there")]


@pytest.mark.parametrize("how", ["long", "bomb", "fragments", "header"])
def test_a_message_beyond_the_bound_ends_the_socket(
    socket: Open, chat: SocketApi, open_to_sockets: Firewall, how: str
) -> None:
    talk = socket(deflate=how == "bomb")
    try:
        if how == "long":
            talk.say("x" * 150_000)
        elif how == "bomb":
            talk.say("x" * 20_000_000)
        elif how == "fragments":
            for _ in range(5000):
                talk.send(ws.TextMessage("", message_finished=False))
        else:
            # The head of a frame that says it is a terabyte long, and then what there is of it.
            talk.send_raw(b"\x81\xff" + (1 << 40).to_bytes(8, "big") + b"mask" + b"x" * 200_000)
        assert talk.closed()[0] == 1009
    except (BrokenPipeError, ConnectionResetError):
        pass
    assert not texts(chat)


def test_what_is_no_frame_ends_the_socket(socket: Open, chat: SocketApi) -> None:
    talk = socket()
    talk.send_raw(b"GET /other HTTP/1.1\r\nHost: evil.example.test\r\n\r\n")
    assert talk.closed()[0] in (1002, 1006)
    assert len(chat.requests) == 1


def test_who_may_call_no_more_may_say_no_more(
    socket: Open, chat: SocketApi, open_to_sockets: Firewall
) -> None:
    from contextlib import closing

    from ledger import SqliteAgents, split_token

    token = open_to_sockets.token("talker")
    talk = socket(token=token)
    talk.say("one")
    assert talk.text() == "one"
    with closing(SqliteAgents(open_to_sockets.home / "agents.db")) as agents:
        agents.revoke(split_token(token)[0])
    time.sleep(0.3)
    talk.say("two")
    code, reason = talk.closed()
    assert (code, reason) == (1008, "token_revoked (identify)")
    assert "two" not in chat.got


def test_a_changed_policy_holds_for_open_sockets(
    socket: Open, chat: SocketApi, open_to_sockets: Firewall
) -> None:
    talk = socket("/orders")
    talk.say({"amount": 90})
    assert talk.text()
    before, count = open_to_sockets.policy.read_text(), len(open_to_sockets.records("policy"))
    open_to_sockets.policy.write_text(before.replace("max_amount: 100", "max_amount: 50"))
    try:
        open_to_sockets.wait_for("policy", count + 1)
        talk.say({"amount": 90})
        assert talk.closed()[0] == 1008
    finally:
        open_to_sockets.policy.write_text(before)
        open_to_sockets.wait_for("policy", count + 2)


def test_when_one_side_goes_the_other_is_told(socket: Open, chat: SocketApi) -> None:
    talk = socket()
    talk.say("close")
    assert talk.closed() == (4001, "as asked")
    talk = socket()
    talk.say("hello")
    talk.text()
    talk.__exit__()
    wait_for(lambda: chat.connections[-1].closed)


def test_a_message_without_a_decision_does_not_pass(
    socket: Open, chat: SocketApi, open_to_sockets: Firewall
) -> None:
    """The log cannot be written: fail closed, and say that it is not the agent's fault."""
    import apsw

    talk = socket()
    talk.say("one")
    assert talk.text() == "one"
    locking = apsw.Connection(str(open_to_sockets.log))
    locking.execute("BEGIN IMMEDIATE")
    try:
        talk.say("two")
        assert talk.closed(15)[0] == 1011
    finally:
        locking.execute("ROLLBACK")
        locking.close()
    assert "two" not in chat.got


def test_observing_changes_nothing(
    chat: SocketApi, plain: SocketApi, closed: SocketApi, tmp_path: Path
) -> None:
    policy = POLICY.format(mode="observe", chat=chat, plain=plain, closed=closed)
    with Firewall(tmp_path / "observing", policy, chat, plain, closed) as firewall:
        with SocketClient(firewall, chat, "/orders") as talk:
            talk.say({"amount": 5000, "note": SSN})
            assert SSN in talk.text()
            talk.send(ws.Ping(b"mine"))
            pong = talk.receive()
            assert isinstance(pong, ws.Pong)
            assert ("Ping", b"mine") in chat.got
        with SocketClient(firewall, closed) as talk:
            talk.say("hello")
            assert talk.text() == "hello"
        records = firewall.decisions(effect="deny")
        assert [record["enforced"] for record in records] == [False]


def test_many_messages_in_flat_memory(
    open_to_sockets: Firewall, plain: SocketApi, socket: Open
) -> None:
    talk = socket(upstream=plain)

    def memory() -> int:
        pages = Path(f"/proc/{open_to_sockets.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGESIZE")

    def burst(count: int) -> None:
        for _ in range(count):
            talk.say("x" * 20_000)
            talk.text()

    burst(100)
    before = memory()
    burst(400)
    talk.say("many 2000 10000")
    for _ in range(2000):
        talk.text()
    assert memory() - before < 5_000_000


def test_a_silent_socket_stays_open(
    chat: SocketApi, plain: SocketApi, closed: SocketApi, tmp_path: Path
) -> None:
    policy = POLICY.format(mode="enforce", chat=chat, plain=plain, closed=closed)
    options = {"aegis_head_timeout": "1", "aegis_idle_timeout": "1", "aegis_body_timeout": "1"}
    with (
        Firewall(tmp_path / "short", policy, chat, plain, closed, options=options) as firewall,
        SocketClient(firewall, chat) as talk,
    ):
        time.sleep(2.6)
        talk.say("still here")
        assert talk.text() == "still here"
