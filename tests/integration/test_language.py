"""What the policy language asks of the proxy: labels, regions, delegation, obligations, own Rego."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.integration.conftest import World
from tests.integration.test_exchange import client, last
from tests.support.firewall import Firewall

SSN = "536-90-4399"

EXTRA = """
agents:
  - {id: default, labels: {site: lab}}
  - {id: planner, groups: [office]}
delegation:
  - {agents: [default], for: [planner]}
data:
  - {id: phi, entities: [US_SSN]}
regions:
  - {id: phi-in-eu, data: [phi], allow: [eu]}
"""


@pytest.fixture(scope="module", params=["own", "mitmdump"])
def fenced(
    world: World, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Firewall]:
    """A firewall that keeps what holds an SSN in the EU."""
    policy = world.policy(larger="pass").replace(
        f'hosts: [{world.files.name}, "*.files.example.test"]',
        f'hosts: [{world.files.name}, "*.files.example.test"]\n    region: us\n'
        "    endpoints: {eu: a.files.example.test}",
    )
    policy = policy.replace("    region: us\n", "    region: us\n", 1)
    folder = tmp_path_factory.mktemp("fenced")
    policy = (
        policy.partition("redaction:")[0]
        + EXTRA
        + """
redaction:
  - {id: cards, entities: [CREDIT_CARD]}
"""
    )
    policy = policy.replace(
        '  - id: payments\n    agents: ["*"]\n    tools: [payments.create, payments.list]',
        "  - {id: planner-does-not-pay, agents: [planner], tools: [payments.create], effect: deny}\n"
        '  - id: lab-asks\n    agents: ["*"]\n    tools: [payments.list]\n'
        "    when: {labels: {site: [lab], stage: [production]}}\n    effect: require_approval\n"
        '  - {id: try-it, agents: ["*"], destinations: [plain], effect: deny, mode: observe}\n'
        '  - id: payments\n    agents: ["*"]\n    tools: [payments.create, payments.list]',
    )
    options = {"aegis_labels": "stage=production"}
    with world.firewall(folder, policy, kind=request.param, options=options) as running:
        running.token("planner")
        yield running


def test_a_call_goes_to_the_region_where_its_data_may_be(fenced: Firewall, world: World) -> None:
    with client(fenced) as http:
        assert http.post(f"{world.files.url}/echo", json={"note": "hello"}).status_code == 200
    assert world.files.connections[-1].sni == world.files.name
    with client(fenced) as http:
        answer = http.post(f"{world.files.url}/echo", json={"note": f"SSN {SSN}"})
    assert answer.status_code == 200
    assert world.files.connections[-1].sni == "a.files.example.test"
    request = world.files.requests[-1]
    host = request.header("host") or request.header(":authority")
    assert host == f"a.files.example.test:{world.files.port}"
    record = fenced.decisions()[-1]
    assert record["data"] == ["phi"]
    assert record["destination"]["routed"] == "a.files.example.test"
    assert record["destination"]["host"] == world.files.name


def test_one_connection_serves_one_region(fenced: Firewall, world: World) -> None:
    with client(fenced) as http:
        assert http.post(f"{world.files.url}/echo", json={"note": "hello"}).status_code == 200
        moved = http.post(f"{world.files.url}/echo", json={"note": f"SSN {SSN}"})
        assert moved.status_code == 421
        assert moved.json()["error"]["code"] == "route_changed"
    assert len(world.files.requests) == 1


def test_data_does_not_leave_its_region(fenced: Firewall, world: World) -> None:
    with client(fenced) as http:
        answer = http.post(f"{world.ehr.url}/notes", json={"note": f"SSN {SSN}"})
    assert answer.status_code == 403
    assert answer.json()["error"]["rule"] == "phi-in-eu"
    assert world.touched == []
    assert SSN not in str(fenced.records())
    with client(fenced) as http:
        assert http.post(f"{world.ehr.url}/notes", json={"note": "x"}).status_code < 400


def test_a_body_nobody_reads_may_hold_anything(fenced: Firewall, world: World) -> None:
    with client(fenced) as http:
        try:
            answer = http.post(f"{world.ehr.url}/notes", content=b"x" * 2_000_000)
        except httpx.TransportError:
            answer = None
    assert answer is None or answer.status_code in (403, 413)
    assert world.touched == []


def test_on_behalf_of_needs_the_rights_of_both(fenced: Firewall, world: World) -> None:
    url = f"{world.payments.url}/v1/payments"
    with client(fenced) as http:
        assert http.post(url, json={"amount": 40}).status_code == 201
        for_planner = {"Aegis-On-Behalf-Of": "planner"}
        refused = http.post(url, json={"amount": 41}, headers=for_planner)
        assert refused.status_code == 403
        assert refused.json()["error"]["rule"] == "planner-does-not-pay"
        unknown = http.post(url, json={"amount": 42}, headers={"aegis-on-behalf-of": "nobody"})
        assert unknown.json()["error"]["code"] == "on_behalf_of_refused"
        echoed = http.get(f"{world.files.url}/echo", headers=for_planner)
        assert echoed.status_code == 200
    assert last(fenced, refused)["on_behalf_of"][0]["id"] == "planner"
    assert len(world.payments.requests) == 1
    assert b"on-behalf-of" not in world.files.everything().lower()


def test_who_may_not_act_for_another_is_refused(fenced: Firewall, world: World) -> None:
    with client(fenced, fenced.token("planner")) as http:
        headers = {"Aegis-On-Behalf-Of": "default"}
        answer = http.get(f"{world.files.url}/echo", headers=headers)
    assert answer.json()["error"]["rule"] == "delegation-unknown"
    assert world.files.requests == []


def test_environment_labels_decide(fenced: Firewall, world: World) -> None:
    with client(fenced) as http:
        asked = http.get(f"{world.payments.url}/v1/payments")
        assert asked.json()["error"]["code"] == "approval_required"
    assert last(fenced, asked)["environment"] == {"stage": "production"}
    with client(fenced, fenced.token("planner")) as http:
        # The planner has no site: it may be the lab.
        assert http.get(f"{world.payments.url}/v1/payments").status_code == 403


def test_a_rule_that_observes_changes_nothing_and_is_recorded(
    fenced: Firewall, world: World
) -> None:
    with client(fenced) as http:
        assert http.get(f"{world.plain.url}/echo").status_code == 200
    record = fenced.decisions()[-1]
    assert record["effect"] == "sanitize"
    assert record["would"] == {"effect": "deny", "rule": "try-it"}


def test_a_budget_that_nobody_keeps_is_not_met(world: World, tmp_path: object) -> None:
    from pathlib import Path

    assert isinstance(tmp_path, Path)
    policy = world.policy() + (
        "budgets:\n  - {id: daily, destinations: [files], scope: agent, unit: calls, limit: 5,"
        " window: 1d}\n"
    )
    with world.firewall(tmp_path / "budget", policy) as firewall, client(firewall) as http:
        refused = http.get(f"{world.files.url}/echo")
        assert refused.status_code == 403
        assert refused.json()["error"]["code"] == "obligation_unmet"
        assert last(firewall, refused)["reserve"] == [{"id": "daily", "key": "agent:default"}]
        assert world.touched == []
        assert http.get(f"{world.plain.url}/echo").status_code == 200
