"""The policy file changes while the firewall runs: the new one is used, a wrong one is not."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from tests.integration.conftest import World
from tests.integration.test_exchange import client
from tests.integration.test_workers import plain
from tests.support.firewall import Firewall

SECONDS = 3.0
"""How soon a changed policy must be in force."""


@pytest.fixture(scope="module", params=["own", "mitmdump"])
def shared(
    world: World, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Firewall]:
    folder = tmp_path_factory.mktemp("reloading")
    with world.firewall(folder, plain(world), kind=request.param) as running:
        until(lambda: "Aegis decides" in running.output, 20)
        yield running


@pytest.fixture
def reloading(shared: Firewall, world: World) -> Iterator[Firewall]:
    """The firewall with the tests' policy in force, before and after."""
    yield shared
    shared.policy.write_text(plain(world), "utf-8")
    until(lambda: pay(shared, world, 5000) == 201 and pay(shared, world, 5001) == 403)


def until(true: Callable[[], bool], seconds: float = SECONDS) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def pay(firewall: Firewall, world: World, amount: int) -> int:
    with client(firewall) as http:
        answer = http.post(f"{world.payments.url}/v1/payments", json={"amount": amount})
    return answer.status_code


def limited(world: World, amount: int) -> str:
    return plain(world).replace("max_amount: 5000", f"max_amount: {amount}")


def notes(firewall: Firewall, what: str, after: int = 0) -> list[dict[str, object]]:
    return [r for r in firewall.records("policy", after) if r["what"] == what]


def test_a_changed_policy_is_used(reloading: Firewall, world: World) -> None:
    seq = reloading.records()[-1]["seq"]
    with client(reloading) as http:
        # A connection that is open already is decided on anew as well.
        url = f"{world.payments.url}/v1/payments"
        assert http.post(url, json={"amount": 600}).status_code == 201
        reloading.policy.write_text(limited(world, 500), "utf-8")
        until(lambda: http.post(url, json={"amount": 600}).status_code == 403)
        assert http.post(url, json={"amount": 500}).status_code == 201
    (activated,) = notes(reloading, "activated", seq)
    assert reloading.decisions()[-1]["revision"] == activated["revision"]
    assert reloading.verify().ok


@pytest.mark.parametrize(
    ("broken", "where"),
    [
        ("apiVersion: aegis/v1\nkind: [", "policy.yaml:"),
        ("", "policy.yaml"),
        ("max_amount: five", "policy.yaml:"),
        ("unknown_key: 1", "policy.yaml:"),
    ],
)
def test_a_broken_policy_is_not_used(
    reloading: Firewall, world: World, broken: str, where: str
) -> None:
    text = broken
    if broken.startswith("max_amount"):
        text = plain(world).replace("max_amount: 5000", broken)
    elif broken.startswith("unknown"):
        text = plain(world) + broken + "\n"
    seq, printed = reloading.records()[-1]["seq"], len(reloading.output)
    revision = reloading.decisions()[-1]["revision"] if reloading.decisions() else None
    reloading.policy.write_text(text, "utf-8")
    until(lambda: bool(notes(reloading, "refused", seq)))
    assert pay(reloading, world, 5000) == 201
    assert pay(reloading, world, 5001) == 403
    if revision is not None:
        assert reloading.decisions()[-1]["revision"] == revision
    (refused,) = notes(reloading, "refused", seq)
    assert where in str(refused["problem"])
    assert where in reloading.output[printed:]
    assert "Traceback" not in reloading.output


def test_a_file_that_is_gone_and_comes_back(reloading: Firewall, world: World) -> None:
    seq = reloading.records()[-1]["seq"]
    reloading.policy.unlink()
    until(lambda: bool(notes(reloading, "refused", seq)))
    assert pay(reloading, world, 5001) == 403
    assert pay(reloading, world, 5000) == 201
    reloading.policy.write_text(limited(world, 700), "utf-8")
    until(lambda: pay(reloading, world, 701) == 403)
    assert pay(reloading, world, 700) == 201


def test_a_file_replaced_by_rename(reloading: Firewall, world: World) -> None:
    seq = reloading.records()[-1]["seq"]
    for amount in (400, 300):
        draft = reloading.policy.with_name("draft.yaml")
        draft.write_text(limited(world, amount), "utf-8")
        draft.replace(reloading.policy)
        until(lambda amount=amount: pay(reloading, world, amount + 1) == 403)  # type: ignore[misc]
        assert pay(reloading, world, amount) == 201
    assert len(notes(reloading, "activated", seq)) >= 2


def test_the_same_policy_again_is_no_news(reloading: Firewall, world: World) -> None:
    seq = reloading.records()[-1]["seq"]
    reloading.policy.write_text(plain(world), "utf-8")
    time.sleep(1.5)
    assert notes(reloading, "activated", seq) == []
    assert notes(reloading, "refused", seq) == []


def test_a_new_host_opens_and_a_deleted_one_closes(reloading: Firewall, world: World) -> None:
    without = plain(world).replace("llm, files, plain", "llm, plain")
    with client(reloading) as http:
        assert http.get(f"{world.files.url}/echo").status_code == 200
        reloading.policy.write_text(without, "utf-8")
        until(lambda: http.get(f"{world.files.url}/echo").status_code == 403)
        reloading.policy.write_text(plain(world), "utf-8")
        until(lambda: http.get(f"{world.files.url}/echo").status_code == 200)


def test_no_request_is_lost_during_reloads(reloading: Firewall, world: World) -> None:
    seq, ended = reloading.records()[-1]["seq"], threading.Event()
    statuses: list[int] = []
    failures: list[Exception] = []

    def ask() -> None:
        with client(reloading) as http:
            while not ended.is_set():
                try:
                    answer = http.post(f"{world.payments.url}/v1/payments", json={"amount": 100})
                except Exception as error:
                    failures.append(error)
                else:
                    statuses.append(answer.status_code)

    asker = threading.Thread(target=ask)
    asker.start()
    for amount in (101, 102, 103, 104, 105):
        count = len(notes(reloading, "activated", seq))
        reloading.policy.write_text(limited(world, amount), "utf-8")
        until(lambda count=count: len(notes(reloading, "activated", seq)) > count)  # type: ignore[misc]
    ended.set()
    asker.join(20)
    assert not failures
    assert set(statuses) == {201}
    used = {d["revision"] for d in reloading.decisions(after=seq)}
    known = {str(n["revision"]) for n in notes(reloading, "activated")}
    known |= {str(n["revision"]) for n in reloading.records("start")}
    assert len(used) >= 5
    assert used <= known
    assert reloading.verify().ok
