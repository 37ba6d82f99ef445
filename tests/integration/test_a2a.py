"""Other agents (A2A) behind the firewall."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.test_exchange import client
from tests.support.authority import LocalCa
from tests.support.firewall import Firewall
from tests.support.server import Reply, Request, Upstream, json_reply

POLICY = """\
apiVersion: aegis/v1
kind: Policy
metadata: {{name: a2a}}
mode: enforce
destinations:
  - {{id: peer, hosts: [{name}], ports: [{port}], addresses: [127.0.0.0/8]}}
tools:
  - id: peer.ask
    a2a: {{agent: peer, methods: [message/send, message/stream]}}
    arguments:
      call_back:
        from: /configuration/pushNotificationConfig/url
        pattern: "https://hooks[.]example[.]test/.*"
rules:
  - {{id: planners, agents: ["*"], tools: [peer.ask], effect: allow}}
"""


class Peer(Upstream):
    """An agent that answers each message, and streams when asked to."""

    names = ("peer.example.test",)

    async def handle(self, request: Request) -> Reply:
        """Answer a request."""
        if request.method == "GET":
            return json_reply({"name": "peer"})
        answer = {"jsonrpc": "2.0", "id": request.json()["id"], "result": {"kind": "message"}}
        return json_reply(answer)


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    with Peer(LocalCa(tmp_path_factory.mktemp("ca"))) as running:
        yield running


@pytest.fixture(scope="module", params=["own", "mitmdump"])
def a2a(
    peer: Peer, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Firewall]:
    text = POLICY.format(name=peer.name, port=peer.port)
    with Firewall(tmp_path_factory.mktemp("a2a"), text, peer, kind=request.param) as running:
        yield running


def message(method: str, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": "m-1", "method": method, "params": params}


def test_a_message_reaches_the_peer(a2a: Firewall, peer: Peer) -> None:
    with client(a2a) as http:
        assert http.get(f"{peer.url}/.well-known/agent-card.json").json() == {"name": "peer"}
        answer = http.post(peer.url, json=message("message/send", message={"parts": []}))
    assert answer.json()["result"] == {"kind": "message"}
    assert a2a.decisions()[-1]["tools"] == ["peer.ask"]


@pytest.mark.parametrize(
    ("method", "params", "rule"),
    [
        ("tasks/cancel", {"id": "t"}, "tool-unknown"),
        (
            "message/send",
            {"configuration": {"pushNotificationConfig": {"url": "https://evil.example"}}},
            "tool:peer.ask/call_back.pattern",
        ),
    ],
)
def test_a_refusal_is_an_error_of_json_rpc(
    a2a: Firewall, peer: Peer, method: str, params: dict[str, Any], rule: str
) -> None:
    peer.forget()
    with client(a2a) as http:
        answer = http.post(peer.url, json=message(method, **params))
    assert answer.status_code == 200
    error = answer.json()
    assert error["id"] == "m-1"
    assert error["error"]["code"] == -32003
    assert error["error"]["data"]["rule"] == rule
    assert "evil" not in answer.text
    assert peer.untouched


def test_what_is_no_a2a_is_refused(a2a: Firewall, peer: Peer) -> None:
    peer.forget()
    with client(a2a) as http:
        assert http.get(f"{peer.url}/anything").status_code == 400
        assert http.post(f"{peer.url}/v1/message:send", json={"message": {}}).status_code == 403
    assert peer.untouched
