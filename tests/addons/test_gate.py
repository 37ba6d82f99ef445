"""The last look before a dial: what no recorded exchange opened stays shut."""

from __future__ import annotations

import pytest
from mitmproxy import connection
from mitmproxy.proxy.server_hooks import ServerConnectionHookData
from mitmproxy.test import tflow

from addons.exchange import Destination, exchange_of
from addons.gate import Gate

ADDRESS = ("192.0.2.7", 443)


def dial(gate: Gate, client: connection.Client, address: tuple[str, int] | None) -> str | None:
    """Ask for a dial; gives why it is refused, or None."""
    data = ServerConnectionHookData(connection.Server(address=address), client)
    gate.server_connect(data)
    if data.server.error is None:
        assert data.server.sni == "api.example.test"
    return data.server.error


@pytest.fixture
def gate() -> Gate:
    return Gate()


def passed(gate: Gate, *, recorded: bool = True, refused: bool = False) -> connection.Client:
    """Send an exchange through the gate; gives its client."""
    flow = tflow.tflow()
    exchange = exchange_of(flow)
    exchange.destination = Destination("https", "api.example.test", ADDRESS[1])
    exchange.address, exchange.addresses = ADDRESS[0], (ADDRESS[0],)
    exchange.recorded = recorded
    if refused:
        exchange.deny("policy_denied", "no", rule="test")
    gate.requestheaders(flow)
    gate.request(flow)
    return flow.client_conn


def test_a_recorded_exchange_opens_its_address_and_no_other(gate: Gate) -> None:
    client = passed(gate)
    assert dial(gate, client, ADDRESS) is None
    for other in (("192.0.2.8", 443), ("192.0.2.7", 80), ("api.example.test", 443), None):
        assert "no recorded decision" in (dial(gate, client, other) or "")


def test_it_opens_for_its_own_client_only(gate: Gate) -> None:
    passed(gate)
    assert dial(gate, tflow.tclient_conn(), ADDRESS) is not None


@pytest.mark.parametrize("how", [{"recorded": False}, {"refused": True}])
def test_what_is_not_recorded_or_refused_opens_nothing(gate: Gate, how: dict[str, bool]) -> None:
    assert dial(gate, passed(gate, **how), ADDRESS) is not None


def test_what_is_no_http_is_cut_off(gate: Gate) -> None:
    for hook, flow in (
        (gate.tcp_start, tflow.ttcpflow()),
        (gate.udp_start, tflow.tudpflow()),
        (gate.dns_request, tflow.tdnsflow()),
    ):
        hook(flow)
        assert flow.error is not None
