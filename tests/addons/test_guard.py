"""A step that fails in any hook ends in a denial; nothing it was about goes on."""

import asyncio
from typing import Any

import orjson
import pytest
from mitmproxy import http
from mitmproxy.hooks import all_hooks
from mitmproxy.proxy import server_hooks
from mitmproxy.test import tflow

from addons import guard
from addons.exchange import exchange_of
from addons.guard import Guard


def step(hook: str, body: Any, **attributes: Any) -> Any:
    return Guard([type("Step", (), {hook: body, **attributes})()])


def fails(self: Any, data: Any) -> None:
    raise RuntimeError("secret 123-45-6789")


async def fails_later(self: Any, data: Any) -> None:
    await asyncio.sleep(0)
    raise RuntimeError("secret 123-45-6789")


@pytest.mark.parametrize("hook", ["http_connect", "requestheaders", "request"])
def test_a_failing_step_refuses_the_request(hook: str, caplog: pytest.LogCaptureFixture) -> None:
    flow = tflow.tflow()
    getattr(step(hook, fails), hook)(flow)
    assert flow.response is not None
    assert flow.response.status_code == 503
    error = orjson.loads(flow.response.content or b"")["error"]
    assert error["rule"] == "fail-closed:step"
    assert error["decision_id"] == exchange_of(flow).id
    assert "123-45-6789" not in flow.response.text + caplog.text


async def test_a_failing_coroutine_refuses_the_request() -> None:
    flow = tflow.tflow()
    await step("request", fails_later).request(flow)
    assert flow.response is not None
    assert flow.response.status_code == 503


async def test_a_step_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    async def hangs(self: Any, data: Any) -> None:
        await asyncio.sleep(60)

    monkeypatch.setattr(guard, "STEP_SECONDS", 0.02)
    flow = tflow.tflow()
    await step("request", hangs).request(flow)
    assert exchange_of(flow).denial is not None
    assert exchange_of(flow).denial.code == "step_timeout"


@pytest.mark.parametrize("hook", ["responseheaders", "response"])
def test_a_failure_after_the_answer_came_cuts_the_connection(hook: str) -> None:
    flow = tflow.tflow(resp=True)
    flow.live = True
    getattr(step(hook, fails), hook)(flow)
    assert flow.error is not None
    assert flow.error.msg == flow.error.KILLED_MESSAGE


def test_a_failure_before_a_dial_refuses_the_dial() -> None:
    data = server_hooks.ServerConnectionHookData(
        server=tflow.tserver_conn(), client=tflow.tclient_conn()
    )
    data.server.error = None
    step("server_connect", fails).server_connect(data)
    assert "refused" in (data.server.error or "")


def test_later_steps_do_not_see_a_refused_exchange_unless_they_ask() -> None:
    seen: list[str] = []

    def notes(self: Any, flow: http.HTTPFlow) -> None:
        seen.append(self.label)

    flow = tflow.tflow()
    exchange_of(flow).deny("no", "No.", rule="test")
    step("request", notes, label="usual").request(flow)
    step("request", notes, label="evidence", after_denial=True).request(flow)
    assert seen == ["evidence"]


def test_time_is_counted_by_step() -> None:
    flow = tflow.tflow()
    step("request", lambda self, flow: None).request(flow)
    assert exchange_of(flow).timings["step"] > 0


def test_steps_run_in_their_order_also_when_one_has_to_wait() -> None:
    order: list[str] = []

    def plain(self: Any, flow: http.HTTPFlow) -> None:
        order.append(self.label)

    async def waits(self: Any, flow: http.HTTPFlow) -> None:
        await asyncio.sleep(0.01)
        order.append(self.label)

    steps = [
        type("Step", (), {"request": hook, "label": label})()
        for label, hook in (("one", plain), ("two", waits), ("three", plain), ("four", waits))
    ]
    asyncio.run(Guard(steps).request(tflow.tflow()))  # type: ignore[attr-defined]
    assert order == ["one", "two", "three", "four"]


def test_every_hook_of_a_step_is_behind_the_guard() -> None:
    hooks = {name: fails for name in all_hooks if name not in guard.LIFECYCLE}
    whole = Guard([type("Step", (), hooks)()])
    for name in hooks:
        getattr(whole, name)(tflow.tflow())
