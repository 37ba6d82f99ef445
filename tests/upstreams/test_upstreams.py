"""The local upstreams speak as the real services do, to the real clients, and count truly."""

import asyncio
import os
import socket
import subprocess
import time
from pathlib import Path

import anthropic
import httpx
import httpx2
import openai
import pytest
from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from tests.support.upstreams import (
    Collector,
    EhrApi,
    FileApi,
    GitServer,
    LlmApi,
    LocalCa,
    McpServer,
    PaymentsApi,
)


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    return LocalCa(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def client(ca):
    with httpx.Client(verify=ca.client_context, trust_env=False) as client:
        yield client


def test_counts_connections_names_and_bytes(ca, client):
    with PaymentsApi(ca) as pay:
        socket.create_connection(("127.0.0.1", pay.port)).close()
        for amount in (1, 2):
            reply = client.post(pay.local_url + "/v1/payments", json={"amount": amount})
            assert reply.status_code == 201
        assert len(pay.connections) == 2
        assert pay.server_names == [None, "localhost"]
        assert [r.json()["amount"] for r in pay.requests] == [1, 2]
        assert pay.bytes_received > 200
        assert b'{"amount":2}' in pay.everything()
        assert not pay.untouched


def test_speaks_http2_and_sends_more_than_a_window(ca):
    with (
        FileApi(ca) as files,
        httpx.Client(verify=ca.client_context, http2=True, trust_env=False) as client,
    ):
        reply = client.get(files.local_url + "/bytes/300000")
        assert reply.http_version == "HTTP/2"
        assert len(reply.content) == 300_000
        assert client.post(files.local_url + "/upload", content=b"x" * 200_000).json() == {
            "bytes": 200_000
        }
        assert b":path: /bytes/300000" in files.everything()


def test_events_come_one_by_one_and_a_client_that_leaves_is_noticed(ca, client):
    with FileApi(ca) as files:
        with client.stream("GET", files.local_url + "/sse?n=3&delay=0.2") as reply:
            times = [time.monotonic() for _ in reply.iter_text()]
        assert len(times) == 3
        assert times[-1] - times[0] > 0.3
        with httpx.Client(verify=ca.client_context, trust_env=False) as other:  # noqa: SIM117
            with other.stream("GET", files.local_url + "/sse?n=1000&delay=5") as reply:
                next(reply.iter_text())
        end = time.monotonic() + 3
        while not files.connections[-1].closed and time.monotonic() < end:
            time.sleep(0.02)
        assert files.connections[-1].closed


def test_compressed_echoed_and_cut_off_answers(ca, client):
    with FileApi(ca) as files:
        assert client.get(files.local_url + "/gzip").json()["ok"]
        echoed = client.post(files.local_url + "/echo?a=1", content=b"\x00\xff").json()
        assert (echoed["target"], echoed["body"]) == ("/echo?a=1", "\x00\xff")
        with pytest.raises(httpx.RemoteProtocolError):
            client.get(files.local_url + "/hangup")


def test_a_plain_upstream_needs_no_tls(ca):
    with FileApi(None) as files:
        assert httpx.get(files.local_url + "/echo", trust_env=False).json()["method"] == "GET"


def test_openai_client_understands_it(ca):
    with LlmApi(ca, delay=0) as llm:
        client = openai.OpenAI(
            base_url=llm.local_url + "/v1",
            api_key="k",
            http_client=httpx2.Client(verify=ca.client_context, trust_env=False),
        )
        asked = [{"role": "user", "content": "hi"}]
        whole = client.chat.completions.create(model="m", messages=asked)
        assert whole.choices[0].message.content == llm.reply
        chunks = list(
            client.chat.completions.create(
                model="m", messages=asked, stream=True, stream_options={"include_usage": True}
            )
        )
        text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
        assert text == llm.reply
        assert chunks[-1].usage.total_tokens > 0
        assert client.responses.create(model="m", input="hi").output_text == llm.reply
        with client.responses.stream(model="m", input="hi") as stream:
            assert stream.get_final_response().output_text == llm.reply


def test_anthropic_client_understands_it(ca):
    with LlmApi(ca, delay=0) as llm:
        module = anthropic._base_client
        http = getattr(module, "httpx2", None) or httpx
        client = anthropic.Anthropic(
            base_url=llm.local_url,
            api_key="k",
            http_client=http.Client(verify=ca.client_context, trust_env=False),
        )
        asked = [{"role": "user", "content": "hi"}]
        whole = client.messages.create(model="m", max_tokens=9, messages=asked)
        assert whole.content[0].text == llm.reply
        with client.messages.stream(model="m", max_tokens=9, messages=asked) as stream:
            assert "".join(stream.text_stream) == llm.reply


def test_fhir_resources_come_back(ca, client):
    with EhrApi(ca) as ehr:
        base = ehr.local_url + "/fhir/Patient"
        made = client.post(base, json={"resourceType": "Patient", "gender": "female"})
        assert made.headers["content-type"] == "application/fhir+json"
        assert client.get(ehr.local_url + made.headers["location"]).json()["gender"] == "female"
        assert client.get(base).json()["total"] == 1
        assert client.post(base, json={"resourceType": "Observation"}).status_code == 400
        client.post(ehr.local_url + "/notes", content="Zoë")
        assert ehr.notes == ["Zoë"]


def test_a_collector_takes_spans_of_the_real_exporter():
    with Collector() as collector:
        exporter = OTLPSpanExporter(endpoint=collector.endpoint + "/v1/traces")
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        provider.get_tracer("t").start_span("call", attributes={"n": 3, "s": "x"}).end()
        provider.shutdown()
        assert collector.spans == [("call", {"n": 3, "s": "x"})]


def test_git_clones_from_it(ca, tmp_path: Path):
    with GitServer(ca, tmp_path / "served", "localhost") as git:
        environment = {"PATH": os.environ["PATH"], "GIT_SSL_CAINFO": str(ca.pem)}
        environment |= {"GIT_CONFIG_GLOBAL": os.devnull}
        target = tmp_path / "clone"
        subprocess.run(["git", "clone", "-q", git.clone_url, target], env=environment, check=True)
        assert (target / "README.md").exists()


def test_mcp_client_calls_its_tools(ca, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(ca.pem))
    with McpServer(ca, "localhost") as server:

        async def call() -> str:
            async with (
                streamablehttp_client(server.mcp_url) as (read, write, _),
                ClientSession(read, write) as session,
            ):
                await session.initialize()
                result = await session.call_tool("add", {"a": 2, "b": 3})
                return result.content[0].text

        assert asyncio.run(call()) == "5"
        assert server.calls == [("add", {"a": 2, "b": 3})]
