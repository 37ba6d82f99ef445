"""The first message of a tunnel: what it takes to open one, and what it takes to read it."""

from __future__ import annotations

import pytest
from mitmproxy import options
from mitmproxy.proxy import commands, context, events
from mitmproxy.test import tflow

from addons.guard import Guard
from addons.passthrough_layer import MAX_HELLO, PassthroughHook, PassthroughLayer, read_hello
from tests.support.tls_client import client_hello


class Broken:
    """A step that fails when it should judge."""

    def passthrough(self, begun: PassthroughLayer) -> None:
        raise RuntimeError("boom")


def test_a_broken_passthrough_opens_nothing() -> None:
    made = context.Context(tflow.tclient_conn(), options.Options())
    layer = PassthroughLayer(made)
    assert list(layer.handle_event(events.Start())) == []
    data = events.DataReceived(made.client, client_hello("api.example.test"))
    (hook,) = layer.handle_event(data)
    assert isinstance(hook, PassthroughHook)
    Guard([Broken()]).passthrough(hook.data)  # type: ignore[attr-defined]
    told = list(layer.handle_event(events.HookCompleted(hook)))
    assert [type(command) for command in told] == [commands.SendData, commands.CloseConnection]
    assert told[0].data == bytes((21, 3, 3, 0, 2, 2, 49))
    assert list(layer.handle_event(data)) == []


def test_a_hello_is_read_when_it_is_whole() -> None:
    hello = client_hello("api.example.test")
    for end in range(len(hello)):
        assert read_hello(hello[:end]) is None
    whole = read_hello(hello + b"early data")
    assert whole is not None
    assert whole.sni == "api.example.test"


def test_a_hello_may_be_cut_into_records() -> None:
    body = client_hello("api.example.test")[5:]
    pieces = [body[at : at + 100] for at in range(0, len(body), 100)]
    data = b"".join(b"\x16\x03\x01" + len(piece).to_bytes(2) + piece for piece in pieces)
    whole = read_hello(data)
    assert whole is not None
    assert whole.sni == "api.example.test"


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x02",
        b"\x15\x03\x01\x00\x02\x02\x28",
        b"\x16\x03\x01\x00\x10\x02" + b"\0" * 15,
        b"\x16\x03\x01\xff\xff\x01\xff\xff\xff" + b"\0" * MAX_HELLO,
        b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00" + b"\x17\x03\x03\x00\x01\x00",
    ],
)
def test_what_is_no_hello_is_told_at_once(data: bytes) -> None:
    with pytest.raises(ValueError):
        read_hello(data)
