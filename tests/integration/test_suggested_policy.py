"""From observing to a policy of the agent's own: recorded, suggested, replayed, enforced."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
import yaml

from control.cli import main
from tests.integration.conftest import World
from tests.integration.test_boundary import connect, raw
from tests.integration.test_exchange import client
from tests.support.firewall import Firewall

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def aegis(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    def call(*arguments: str | Path) -> tuple[int, str, str]:
        capfd.readouterr()
        monkeypatch.setattr(sys, "argv", ["aegis", *map(str, arguments)])
        code = main()
        said = capfd.readouterr()
        return code, said.out, said.err

    return call


@pytest.fixture(scope="module")
def observed(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firewall]:
    """A firewall in mode observe that an agent has worked behind."""
    folder = tmp_path_factory.mktemp("observed")
    with world.firewall(folder, world.policy(mode="observe")) as firewall:
        token = firewall.token("worker", groups=["crew"])
        with client(firewall, token) as http:
            work(http, world)
            # What no policy is to allow, observed all the same.
            http.post(f"{world.payments.url}/v1/payments", json={"amount": 9000})
        # Refused whatever the mode: it belongs in no policy.
        authority = f"{world.files.name}:{world.files.port}"
        odd = b"GET / HTTP/1.1\r\nHost: else.example.test\r\n\r\n"
        raw(firewall, connect(firewall, authority), odd, sni=world.files.name)
        yield firewall


def work(http: httpx.Client, world: World) -> list[int]:
    """Make the calls of an agent's working day; gives their statuses."""
    host, port = "evilfiles.example.test", world.plain.port
    calls = [
        http.get(f"{world.files.url}/echo"),
        http.get(f"{world.files.url}/echo?again"),
        http.put(f"{world.files.url}/echo", content=b"x"),
        http.post(f"{world.payments.url}/v1/payments", json={"amount": 40, "currency": "USD"}),
        http.post(f"{world.ehr.url}/notes", json={"note": "SSN 078-05-1120"}),
        http.get(f"http://{host}:{port}/echo"),  # which the policy does not name
    ]
    return [call.status_code for call in calls]


def test_what_was_observed_becomes_a_policy_that_allows_it_and_no_more(
    observed: Firewall, world: World, aegis: Command, tmp_path: Path
) -> None:
    suggested = tmp_path / "worker.yaml"
    home = ("--home", observed.home, "policy")
    code, _, said = aegis(*home, "suggest", "--agent", "worker", "-o", suggested)
    assert code == 0, said
    assert "6 of 6 recorded calls are allowed" in said
    assert "calls that a rule forbids, let through by mode observe (1)" in said
    document = yaml.safe_load(suggested.read_text("utf-8"))
    tools = {tool["id"]: tool for tool in document["tools"]}
    assert tools["payments.create"]["arguments"]["max_amount"] == 5000
    assert tools["files.get"]["http"] == {"methods": ["GET"], "path": "/{rest*}"}
    assert "mcp" not in suggested.read_text("utf-8")

    code, told, _ = aegis(*home, "replay", "--json", suggested)
    cells = {
        (cell["before"], tuple(cell["after"])): cell["count"] for cell in json.loads(told)["matrix"]
    }
    assert code == 0
    # The payment over the limit stays refused, the host that was unknown is allowed.
    assert cells == {
        ("allow", ("allow",)): 4,
        ("sanitize", ("sanitize",)): 1,
        ("deny", ("allow",)): 1,
        ("deny", ("deny",)): 1,
    }

    with world.firewall(tmp_path / "enforced", suggested) as enforced:
        token = enforced.token("worker", groups=["crew"])
        with client(enforced, token) as http:
            assert work(http, world) == [200, 200, 200, 201, 201, 200]
            refused = [
                http.delete(f"{world.files.url}/echo"),
                http.post(f"{world.payments.url}/v1/payments", json={"amount": 9000}),
            ]
        assert [answer.status_code for answer in refused] == [403, 403]
        with client(enforced) as other, pytest.raises(httpx.ProxyError):
            other.get(f"{world.files.url}/echo")


def test_the_policy_in_force_gives_its_own_log_again(observed: Firewall, aegis: Command) -> None:
    home = ("--home", observed.home, "policy")
    code, told, _ = aegis(*home, "replay", "--json", "--fail-on-change", observed.policy)
    result = json.loads(told)
    assert code == 0, result["matrix"]
    assert (result["replayed"], result["same"]) == (7, 7)
    assert sum(result["apart"].values()) == 1


def test_the_shadow_report_names_what_observing_let_through(
    observed: Firewall, aegis: Command
) -> None:
    code, told, _ = aegis("--home", observed.home, "policy", "shadow", "report", "--json")
    assert code == 0
    through = {drift["new"][1]: drift["count"] for drift in json.loads(told)["observed"]}
    assert through == {
        "destination-unknown": 1,
        "tool:payments.create/amount.max": 1,
        "records": 1,
    }
