"""The clients that agents use, told of the firewall by environment variables alone."""

from __future__ import annotations

import json
import os
import subprocess
import textwrap
from pathlib import Path

import pytest

from tests.integration.conftest import World
from tests.support.firewall import Firewall
from tests.support.process import beside_python


def run(firewall: Firewall, *command: str | Path) -> str:
    """Run a client; gives what it printed."""
    done = subprocess.run(
        [str(part) for part in command],
        env={**os.environ, **firewall.environment(), "GIT_CONFIG_GLOBAL": os.devnull},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def python(firewall: Firewall, script: str, *arguments: str) -> str:
    return run(firewall, beside_python("python"), "-c", textwrap.dedent(script), *arguments)


@pytest.mark.parametrize("version", ["1.1", "2"])
def test_curl(firewall: Firewall, world: World, version: str) -> None:
    form = ("-sS", f"--http{version}", "-w", "\n%{http_version} %{http_code}")
    said = run(firewall, "curl", *form, "-d", "hello", f"{world.files.url}/echo")
    body, _, status = said.rpartition("\n")
    assert status == f"{version} 200"
    assert json.loads(body)["body"] == "hello"
    assert json.loads(body)["protocol"] == ("HTTP/2" if version == "2" else "HTTP/1.1")
    world.forget()
    said = run(
        firewall, "curl", *form, "--json", '{"amount": 9000}', f"{world.payments.url}/v1/payments"
    )
    body, _, status = said.rpartition("\n")
    assert status == f"{version} 403"
    assert "5000" in json.loads(body)["error"]["message"]
    assert world.touched == []


def test_curl_is_told_why_a_tunnel_is_refused(firewall: Firewall, world: World) -> None:
    done = subprocess.run(
        ["curl", "-sS", "-v", f"https://evilfiles.example.test:{world.files.port}/"],
        env={**os.environ, **firewall.environment()},
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert done.returncode != 0
    assert "403 Refused by Aegis: policy_denied (destination-unknown)" in done.stderr, done.stderr
    assert world.touched == []


REQUESTS = """
    import sys, {module}
    with {module}.{session}() as http:
        print(http.get(sys.argv[1] + "/echo").status_code)
        print(http.get(sys.argv[1] + "/gzip").json()["ok"])
        denied = http.post(sys.argv[2] + "/v1/payments", json={{"amount": 5001}})
        print(denied.status_code, denied.json()["error"]["code"])
        print(http.post(sys.argv[2] + "/v1/payments", json={{"amount": 5000}}).status_code)
        print(http.get(sys.argv[3] + "/echo").status_code)
"""


@pytest.mark.parametrize(("module", "session"), [("requests", "Session"), ("httpx", "Client")])
def test_python_clients(firewall: Firewall, world: World, module: str, session: str) -> None:
    script = REQUESTS.format(module=module, session=session)
    said = python(firewall, script, world.files.url, world.payments.url, world.plain.url)
    assert said.split() == ["200", "True", "403", "policy_denied", "201", "200"]
    assert [request.json() for request in world.payments.requests] == [{"amount": 5000}]


def test_a_client_that_leaves_empty_passwords_out(firewall: Firewall, world: World) -> None:
    # urllib sends no credential when its password is empty; the token may stand there too.
    script = """
        import sys, urllib.request
        handler = urllib.request.ProxyHandler({"https": sys.argv[2]})
        print(urllib.request.build_opener(handler).open(sys.argv[1] + "/echo").status)
    """
    token = (firewall.home / "default.token").read_text("ascii").strip()
    proxy = f"http://aegis:{token}@{firewall.host}:{firewall.port}"
    assert python(firewall, script, world.files.url, proxy) == "200\n"


def test_git_clone(firewall: Firewall, world: World, tmp_path: Path) -> None:
    run(firewall, "git", "clone", "-q", world.git.clone_url, tmp_path / "clone")
    assert (tmp_path / "clone" / "README.md").is_file()
    assert any(d["destination"]["id"] == "git" for d in firewall.decisions(effect="allow"))


def test_openai_sdk(firewall: Firewall, world: World) -> None:
    script = """
        import sys, openai
        client = openai.OpenAI(base_url=sys.argv[1] + "/v1", api_key="sk-test", max_retries=0)
        ask = dict(model="m", messages=[{"role": "user", "content": "hi"}])
        print(client.chat.completions.create(**ask).choices[0].message.content)
        chunks = client.chat.completions.create(**ask, stream=True)
        print("".join(c.choices[0].delta.content or "" for c in chunks if c.choices))
        try:
            openai.OpenAI(base_url=sys.argv[2] + "/v1", api_key="k", max_retries=0).models.list()
        except openai.PermissionDeniedError as error:
            print(error.status_code, error.body["code"])
    """
    said = python(firewall, script, world.llm.url, world.payments.url)
    assert said.splitlines() == [world.llm.reply, world.llm.reply, "403 policy_denied"]
    # The destination's own credential is not the firewall's business.
    assert world.llm.requests[0].header("authorization") == "Bearer sk-test"
    assert world.payments.untouched


def test_anthropic_sdk(firewall: Firewall, world: World) -> None:
    script = """
        import sys, anthropic
        client = anthropic.Anthropic(base_url=sys.argv[1], api_key="k", max_retries=0)
        ask = dict(model="m", max_tokens=9, messages=[{"role": "user", "content": "hi"}])
        print(client.messages.create(**ask).content[0].text)
        with client.messages.stream(**ask) as stream:
            print("".join(stream.text_stream))
        try:
            anthropic.Anthropic(
                base_url=sys.argv[2], api_key="k", max_retries=0
            ).messages.create(**ask)
        except anthropic.PermissionDeniedError as error:
            print(error.status_code, error.body["error"]["code"])
    """
    said = python(firewall, script, world.llm.url, world.payments.url)
    assert said.splitlines() == [world.llm.reply, world.llm.reply, "403 policy_denied"]
    assert world.payments.untouched


def test_mcp_sdk(firewall: Firewall, world: World) -> None:
    script = """
        import asyncio, json, sys
        from mcp import ClientSession, McpError
        from mcp.client.streamable_http import streamablehttp_client

        async def call(session, tool, **arguments):
            try:
                result = await session.call_tool(tool, arguments)
            except McpError as error:
                return {"code": error.error.code, "message": error.error.message,
                        "data": error.error.data}
            return result.content[0].text

        async def main():
            async with (
                streamablehttp_client(sys.argv[1]) as (read, write, _),
                ClientSession(read, write) as session,
            ):
                await session.initialize()
                tools = sorted(tool.name for tool in (await session.list_tools()).tools)
                print(json.dumps([
                    tools,
                    await call(session, "write_note", text="hello"),
                    await call(session, "add", a=2, b=3),
                    await call(session, "pay", amount=101, to="x"),
                    await call(session, "pay", amount=100, to="x"),
                    await call(session, "pay", amount="100", to="x"),
                ]))

        asyncio.run(main())
    """
    world.mcp.calls.clear()
    said = python(firewall, script, world.mcp.mcp_url)
    tools, noted, unlisted, over, paid, mistyped = json.loads(said)
    assert tools == ["pay", "write_note"]
    assert noted == "noted 5 characters"
    assert paid == "paid"
    for denied in (unlisted, over, mistyped):
        assert denied["code"] == -32003
        assert denied["data"]["decision_id"]
    assert "100" in over["message"]
    assert over["data"]["code"] == "policy_denied"
    assert "notes.pay" in over["data"]["rule"]
    assert world.mcp.calls == [
        ("write_note", {"text": "hello"}),
        ("pay", {"amount": 100.0, "to": "x"}),
    ]
    record = next(d for d in firewall.decisions() if d["id"] == over["data"]["decision_id"])
    assert record["tools"] == ["notes.pay"]
    assert record["effect"] == "deny"
