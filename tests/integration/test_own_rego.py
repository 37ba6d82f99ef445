"""Rules of a policy's own, in Rego, in front of real calls; and an OPA server that decides."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from rules import compile_policy, load_policy
from tests.integration.conftest import World
from tests.integration.test_exchange import client, last
from tests.integration.test_faults import mended
from tests.support.firewall import Firewall
from tests.support.opa_server import OpaServer

RUSH = """\
package aegis.user.rush

deny contains {"id": "no-tips", "reason": "Tips are not paid from here."} if {
	input.tool.arguments.memo == "tip"
}

approve contains "round-sums" if {
	input.tool.name == "payments.create"
	input.tool.arguments.amount == 1000
}

redact contains "no-ssn-in-records" if input.destination.host == "HOST"

deny contains "endless" if {
	input.tool.arguments.memo == "endless"
	count([1 | some a in numbers.range(1, 100000); some b in numbers.range(1, 100000); a == b]) > 0
}
"""


@pytest.fixture
def folder(world: World, tmp_path: Path) -> Path:
    """A policy in a folder, with Rego of its own."""
    made = tmp_path / "policy"
    made.mkdir()
    (made / "policy.yaml").write_text(world.policy(), "utf-8")
    (made / "rush.rego").write_text(RUSH.replace("HOST", world.files.name), "utf-8")
    return made


@pytest.mark.parametrize("kind", ["own", "mitmdump"])
def test_own_rules_take_rights_away(world: World, folder: Path, tmp_path: Path, kind: str) -> None:
    with world.firewall(tmp_path / "fw", folder, kind=kind) as firewall, client(firewall) as http:
        # mitmdump listens before everything stands; until then all is refused.
        mended(lambda: "Aegis decides" in firewall.output)
        url = f"{world.payments.url}/v1/payments"
        assert http.post(url, json={"amount": 40, "memo": "rent"}).status_code == 201
        refused = http.post(url, json={"amount": 40, "memo": "tip"})
        assert refused.status_code == 403
        assert refused.json()["error"]["rule"] == "user:no-tips"
        assert refused.json()["error"]["message"] == "Tips are not paid from here."
        asked = http.post(url, json={"amount": 1000})
        assert asked.json()["error"]["code"] == "approval_required"
        assert last(firewall, asked)["approve"] == [{"id": "", "rule": "user:round-sums"}]
        note = http.post(f"{world.files.url}/echo", json={"note": "SSN 536-90-4399"})
        assert note.status_code == 200
        assert "536-90" not in str(world.files.requests[-1].body)
        assert len(world.payments.requests) == 1


def test_own_rules_that_run_away_refuse_and_hold_nobody_up(
    world: World, folder: Path, tmp_path: Path
) -> None:
    with world.firewall(tmp_path / "fw", folder) as firewall, client(firewall) as http:
        url = f"{world.payments.url}/v1/payments"
        endless = http.post(url, json={"amount": 40, "memo": "endless"})
        assert endless.status_code == 503
        assert endless.json()["error"]["code"] == "policy_error"
        assert world.payments.requests == []
        mended(lambda: http.post(url, json={"amount": 40}).status_code == 201)


def test_own_rules_are_reloaded(world: World, folder: Path, tmp_path: Path) -> None:
    with world.firewall(tmp_path / "fw", folder) as firewall, client(firewall) as http:
        url = f"{world.payments.url}/v1/payments"
        assert http.post(url, json={"amount": 40, "memo": "tip"}).status_code == 403
        rego = folder / "rush.rego"
        rego.write_text(rego.read_text().replace('"tip"', '"gift"'), "utf-8")
        mended(lambda: http.post(url, json={"amount": 40, "memo": "tip"}).status_code == 201)
        assert http.post(url, json={"amount": 40, "memo": "gift"}).status_code == 403
        rego.write_text("package aegis.user.rush\n\nallow := true\n", "utf-8")
        mended(lambda: "refused" in str(firewall.records("policy")[-1:]))
        assert http.post(url, json={"amount": 40, "memo": "gift"}).status_code == 403


def test_an_opa_server_decides(
    start: Callable[..., Firewall], world: World, tmp_path: Path
) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(world.policy(), "utf-8")
    bundle = compile_policy(load_policy(policy))
    url = f"{world.payments.url}/v1/payments"
    with OpaServer(bundle, tmp_path) as opa:
        firewall = start(policy=policy, options={"aegis_opa_url": opa.url})
        with client(firewall) as http:
            assert http.post(url, json={"amount": 40}).status_code == 201
            refused = http.post(url, json={"amount": 9000})
            assert refused.json()["error"]["rule"] == "tool:payments.create/amount.max"
    world.forget()
    with client(firewall) as http:
        gone = http.post(url, json={"amount": 41})
    assert gone.status_code in (502, 503)
    assert world.touched == []
