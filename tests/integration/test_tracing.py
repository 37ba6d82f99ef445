"""Spans: one for each decision, in the agent's own trace, without a value of the request."""

from __future__ import annotations

import gzip
import time
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

from tests.integration.conftest import World
from tests.integration.test_exchange import client
from tests.support.firewall import Firewall
from tests.support.process import free_port
from tests.support.server import Reply, Request, Upstream

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"
CONTEXT = {
    "traceparent": f"00-{TRACE}-{PARENT}-01",
    "tracestate": "vendor=1",
    "baggage": "patient=jane.roe",
}
FAST = {"OTEL_BSP_SCHEDULE_DELAY": "100"}


class Sink(Upstream):
    """An OTLP/HTTP collector that keeps spans and bytes as they came."""

    names = ("sink.example.test",)

    def __init__(self) -> None:
        super().__init__(None)
        self.spans: list[Any] = []
        self.payload = b""

    async def handle(self, request: Request) -> Reply:
        assert request.path == "/v1/traces"
        packed = request.header("content-encoding") == "gzip"
        body = gzip.decompress(request.body) if packed else request.body
        self.payload += body
        sent = trace_service_pb2.ExportTraceServiceRequest.FromString(body)
        for resource in sent.resource_spans:
            for scope in resource.scope_spans:
                self.spans += scope.spans
        return Reply(200, [("content-type", "application/x-protobuf")])

    def of(self, decision: str, seconds: float = 10) -> Any:
        """Wait for the one span of a decision."""
        end = time.monotonic() + seconds
        while True:
            found = [s for s in list(self.spans) if told(s).get("aegis.decision.id") == decision]
            if found:
                (span,) = found
                return span
            assert time.monotonic() < end, f"no span of {decision}"
            time.sleep(0.05)


def told(span: Any) -> dict[str, Any]:
    return {a.key: getattr(a.value, a.value.WhichOneof("value")) for a in span.attributes}


@pytest.fixture(scope="module")
def sink() -> Iterator[Sink]:
    with Sink() as running:
        yield running


@pytest.fixture(scope="module", params=["own", "mitmdump"])
def traced(
    world: World,
    sink: Sink,
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Iterator[Firewall]:
    folder = tmp_path_factory.mktemp("traced")
    options: dict[str, Any] = {"kind": request.param, "environment": FAST}
    with world.firewall(folder, otlp_endpoint=sink.local_url, **options) as running:
        yield running


def test_a_decision_is_one_span_in_the_agents_trace(
    traced: Firewall, world: World, sink: Sink
) -> None:
    with client(traced) as http:
        url = f"{world.payments.url}/v1/payments"
        assert http.post(url, json={"amount": 41}, headers=CONTEXT).status_code == 201
        assert http.post(url, json={"amount": 9000}, headers=CONTEXT).status_code == 403
    allowed, denied = traced.decisions()[-2:]
    for record in (allowed, denied):
        span = sink.of(record["id"])
        attributes = told(span)
        assert span.trace_id.hex() == TRACE == record["trace_id"]
        assert span.parent_span_id.hex() == PARENT
        assert attributes["aegis.effect"] == record["effect"]
        assert attributes["aegis.rule"] == record["rule"]
        assert attributes["aegis.policy.revision"] == record["revision"]
        assert attributes["gen_ai.agent.id"] == record["agent"]
        assert attributes["gen_ai.tool.name"] == "payments.create"
        assert attributes["server.address"] == "pay.example.test"
        assert span.end_time_unix_nano >= span.start_time_unix_nano
    assert sink.of(denied["id"]).status.code == 2
    assert sink.of(allowed["id"]).status.code != 2


def test_trace_headers_are_not_handed_on(traced: Firewall, world: World) -> None:
    with client(traced) as http:
        http.get(f"{world.files.url}/echo", headers=CONTEXT)
        http.get(f"{world.plain.url}/echo", headers=CONTEXT)
    for upstream in (world.files, world.plain):
        seen = upstream.everything().lower()
        for name in (*CONTEXT, TRACE):
            assert name.encode() not in seen


def test_a_request_without_a_trace_gets_one(traced: Firewall, world: World, sink: Sink) -> None:
    with client(traced) as http:
        http.get(f"{world.files.url}/echo")
        http.get(f"{world.files.url}/echo", headers={"traceparent": "00-xyz-1-01"})
    for record in traced.decisions()[-2:]:
        span = sink.of(record["id"])
        assert span.trace_id.hex() == record["trace_id"] != TRACE
        assert not span.parent_span_id


def test_no_value_of_a_request_is_in_a_span(traced: Firewall, world: World, sink: Sink) -> None:
    with client(traced) as http:
        answer = http.post(
            f"{world.ehr.url}/notes?ssn=536-90-4399",
            content="Patient SSN 078-05-1120, mail jane.roe@example.com",
            headers={"content-type": "text/plain", "x-note": "536-90-4399", **CONTEXT},
        )
        assert answer.status_code == 201
        http.post(f"{world.payments.url}/v1/payments/078-05-1120", json={"memo": "078-05-1120"})
        http.get(f"{world.plain.url}/echo/078-05-1120?q=078-05-1120")
        http.get(f"http://078-05-1120.example.test:{world.plain.port}/078-05-1120")
    for record in traced.decisions()[-4:]:
        sink.of(record["id"])
    redacted = told(sink.of(traced.decisions(effect="sanitize")[-1]["id"]))
    assert redacted["aegis.redacted.US_SSN"] >= 2
    token = (traced.home / "default.token").read_text("ascii").strip()
    for value in ("078-05-1120", "536-90-4399", "jane.roe", token):
        assert value.encode() not in sink.payload
        assert value not in traced.output + str(traced.records())


def test_each_decision_has_one_span(traced: Firewall, sink: Sink) -> None:
    for record in traced.decisions():
        sink.of(record["id"])


def hung() -> Upstream:
    class Hung(Upstream):
        async def handle(self, request: Request) -> Reply:
            import asyncio

            await asyncio.sleep(3600)
            return Reply()

    return Hung(None, "hung.example.test")


@pytest.mark.parametrize("trouble", ["closed", "hung"])
def test_a_collector_in_trouble_changes_nothing(
    world: World, tmp_path_factory: pytest.TempPathFactory, trouble: str
) -> None:
    folder = tmp_path_factory.mktemp("troubled")
    with hung() as collector:
        closed = f"http://127.0.0.1:{free_port()}"
        endpoint = collector.local_url if trouble == "hung" else closed
        with world.firewall(folder, otlp_endpoint=endpoint, environment=FAST) as firewall:
            with client(firewall) as http:
                http.get(f"{world.files.url}/echo")
                begun = time.monotonic()
                for _ in range(30):
                    assert http.get(f"{world.files.url}/echo").status_code == 200
                assert time.monotonic() - begun < 3
            begun = time.monotonic()
            assert firewall.stop() == 0
            assert time.monotonic() - begun < 12
        assert firewall.records("stop")
        assert "Traceback" not in firewall.output
