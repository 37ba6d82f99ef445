"""Which address of a name is dialled: one that was judged, in order, and none when one is bad."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.conftest import World
from tests.integration.test_exchange import client
from tests.support.firewall import Firewall

POLICY = """\
apiVersion: aegis/v1
kind: Policy
metadata: {{name: addresses}}
destinations:
  - id: files
    hosts: [{files.name}, bad.files.example.test, gone.files.example.test]
    ports: [{files.port}]
    addresses: [127.0.0.0/8, "fd00::/8"]
rules:
  - {{id: all, agents: ["*"], destinations: [files], effect: allow}}
"""


@pytest.fixture(scope="module", params=["own", "mitmdump"])
def firewall(
    world: World, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Firewall]:
    """A firewall whose names lead to several addresses each."""
    folder = tmp_path_factory.mktemp("addresses")
    made = Firewall(folder, POLICY.format(**vars(world)), world.files, kind=request.param)
    (folder / "hosts").write_text(
        # The first has no route or nobody who listens, as IPv6 often has.
        f"fd00::1 {world.files.name}\n127.0.0.1 {world.files.name}\n127.0.0.2 {world.files.name}\n"
        "127.0.0.1 bad.files.example.test\n10.0.0.1 bad.files.example.test\n"
        "127.0.0.2 gone.files.example.test\n127.0.0.3 gone.files.example.test\n"
    )
    with made as running:
        yield running


def test_the_next_judged_address_is_dialled_where_the_first_does_not_answer(
    firewall: Firewall, world: World
) -> None:
    before = len(firewall.outcomes())
    with client(firewall) as http:
        for _ in range(2):
            assert http.get(f"{world.files.url}/echo").status_code == 200
    assert len(world.files.connections) == 1
    assert world.files.server_names == [world.files.name]
    assert firewall.decisions()[-1]["destination"]["address"] == "fd00::1"
    dialled = [outcome["address"] for outcome in firewall.wait_for("outcome", before + 2)[before:]]
    assert dialled == ["127.0.0.1", "127.0.0.1"]


def test_one_bad_address_among_several_refuses_them_all(firewall: Firewall, world: World) -> None:
    with client(firewall) as http:
        answer = http.get(f"https://bad.files.example.test:{world.files.port}/echo")
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "address_refused"
    assert world.touched == []


def test_an_answer_says_that_nobody_listens_and_no_address(
    firewall: Firewall, world: World
) -> None:
    before = len(firewall.outcomes())
    with client(firewall) as http:
        answer = http.get(f"https://gone.files.example.test:{world.files.port}/echo")
    assert answer.status_code == 502
    assert "cannot be reached" in answer.text
    assert "127.0.0" not in answer.text
    assert firewall.wait_for("outcome", before + 1)[-1]["error"] == "upstream_unreachable"
